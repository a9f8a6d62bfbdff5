"""The labs keep the rules of form, and each rule catches what it should."""

import re

import nbformat
import pytest
from nbformat.v4 import new_output

from tests.course.lab import RECORDS, WIDGET_VIEW, Lab, labs, text_of
from tests.course.rules import RULES
from tests.tiny_labs import FOLDED, code, exercise, figure, markdown, printed
from tests.tiny_labs import save as save_cells

LABS = labs()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("path", LABS, ids=lambda path: path.stem)
def test_lab(path, rule):
    problems = list(rule(Lab(path)))
    assert not problems, "\n".join(problems)


def test_each_lab_has_a_number_of_its_own_and_the_setup_cell_of_all():
    assert len(LABS) == len({path.name[:3] for path in LABS}) >= 3
    assert len({Lab(path).setup.cell.source for path in LABS}) == 1


def test_no_record_outlives_its_lab():
    assert {path.stem for path in (RECORDS / "exercises").iterdir()} <= {path.stem for path in LABS}


@pytest.mark.parametrize("path", LABS, ids=lambda path: path.stem)
def test_each_exercise_knows_its_mistakes(path):
    stored = RECORDS / "exercises" / f"{path.stem}.txt"
    assert stored.is_file(), f"its exercises are not recorded yet: python -m tests execute labs/{path.name}"
    told = re.split("^== ", stored.read_text(encoding="utf-8"), flags=re.M)[1:]
    assert len(told) == len(Lab(path).tagged("exercise"))
    for replay in told:
        assert replay.count("✎") == replay.count("✔") == 1
        hints = re.findall(r"^  (.+) The lab goes on with its own version\.$", replay, re.M)
        assert len(hints) == replay.count("✘") and len(set(hints)) >= 2
        assert "Work the case out on paper" not in replay, "each mistake has a hint"


CARD = """\
| **You will be able to** | see |
| **Before you start** | nothing |
| **Time** | 30 minutes to work through, at most 45 seconds to run |
| **Hardware and data** | any laptop |
"""


def good_cells():
    """The cells of a lab that keeps all rules."""
    table = new_output("display_data", {"text/html": '<td width="7.5">0.125</td>', "text/plain": "a table"})
    return [
        markdown("# Lab\n\n| | |\n|---|---|\n" + CARD + "\n[Next](02_next.ipynb), [end](#What-you-learned)"),
        code("# @title Setup\nsetup()", printed("Seed: 0\n"), tags=["setup"], **FOLDED),
        code("rate = 0.1", tags=["parameters"]),
        markdown("## The loss falls\n\nIt falls from about 3.1 to 0.2, by `9.9` or 92 %, in 5 steps: $x = -1.5\\%$."),
        code("fit()", figure(), printed("change: -0.0149, 3.14159, 0.2468 in ~7.7 s\n")),
        code("claim()", printed("✔ accuracy: 0.9178 (at least 0.88)\n")),
        markdown("```python\nx = 4.4\n# not a heading\n```\n\n![a falling curve](loss.png)"),
        markdown("## A table\n\nA cell shows 0.13; accuracy reaches 0.92, at least 88%. See [7.7](https://x.org/8.8)."),
        code("table", table),
        markdown("## Exercises"),
        *exercise("scale", 1, 2),
        *exercise("shift", 2, 3),
        markdown("## Change one thing\n\n## When it goes wrong\n\n## What you learned"),
        markdown("## References\n\n1. A paper, arXiv 1412.6980, 9.9 %."),
    ]


def save(path, cells):
    """Saves cells as an executed lab in normal form, with what it links to."""
    for name in ("02_next.ipynb", "loss.png"):
        (path.parent / name).touch()
    return save_cells(path, *cells)


def test_a_good_lab_breaks_no_rule(tmp_path):
    lab = Lab(save(tmp_path / "01_lab.ipynb", good_cells()))
    assert {rule.__name__: list(rule(lab)) for rule in RULES} == {rule.__name__: [] for rule in RULES}


def edit(number, old, new):
    """Replaces a text in a cell's source."""

    def change(cells):
        assert old in cells[number].source
        cells[number].source = cells[number].source.replace(old, new)

    return change


def lengthen(lines, *numbers):
    return lambda cells: [cells[number].update(source="\n".join("1" * lines)) for number in numbers]


def attach(number, *outputs):
    return lambda cells: cells[number].outputs.extend(outputs)


def describe(number, **metadata):
    return lambda cells: cells[number].metadata.update(metadata)


def insert(number, *new):
    def change(cells):
        cells[number:number] = new

    return change


def delete(*numbers):
    def change(cells):
        for number in sorted(numbers, reverse=True):
            del cells[number]

    return change


def change_alt(cells):
    cells[4].outputs[0].metadata["image/png"].alt = "Another text."


STUB, HINT, SOLUTION, CHECK = 11, 12, 13, 14
ERROR = new_output("error", ename="ValueError", evalue="no", traceback=[])
BAD = [
    (
        "executed_in_order",
        lambda cells: cells[4].update(execution_count=7),
        "code cell 3 (fit()): execution count 7, not 3",
    ),
    ("executed_in_order", insert(22, code("")), "an empty code cell"),
    ("no_errors_or_warnings", attach(4, ERROR), "code cell 3 (fit()): stored with an error, ValueError: no"),
    ("no_errors_or_warnings", attach(4, printed("UserWarning: x", "stderr")), "text on stderr: UserWarning: x"),
    ("setup_comes_first", describe(1, tags=[]), "code cell 1 (# @title Setup): the first code cell and no other has"),
    ("setup_comes_first", edit(1, "# @title ", ""), "the setup cell is folded and has at most 10 lines"),
    ("setup_comes_first", edit(1, "setup()", "1\n" * 10), "the setup cell is folded and has at most 10 lines"),
    ("setup_comes_first", describe(2, jupyter={"source_hidden": True}), "parameters must be visible"),
    ("setup_comes_first", describe(4, tags=["parameters"]), "more than one cell has the tag parameters"),
    ("cells_are_short", lengthen(26, 4), "code cell 3 (1): 26 lines; 25 are allowed"),
    ("cells_are_short", lengthen(17, 4, 5), "2 of 6 code cells are longer than 16 lines; 1 in 10 may be: code cell 3"),
    ("cells_are_short", lengthen(7, 2, 4, 5, 8, 11), "the median code cell has 7 lines; 6 are allowed"),
    ("no_local_paths", edit(2, "rate = 0.1", "open('/home/ann/x')"), "an absolute path, /home/ann/x'), in the cell"),
    ("no_local_paths", edit(2, "rate = 0.1", r"open('C:\\Users\\x')"), r"C:\\Users"),
    ("pictures_have_alternative_text", attach(4, figure("<Figure with 1 Axes>")), "no alternative text as text/plain"),
    ("pictures_have_alternative_text", change_alt, "code cell 3 (fit()): the alt of image/png in the metadata is not"),
    ("pictures_have_alternative_text", edit(6, "a falling", "falling"), "the picture loss.png has no alternative"),
    ("pictures_have_alternative_text", edit(3, "It", "<img src='loss.png'> It"), "the picture loss.png has no alt"),
    ("prose_says_what_outputs_say", edit(3, "3.1 to", "3.2 to"), "3.2 in the prose of 'The loss falls': no output"),
    ("prose_says_what_outputs_say", edit(3, "92 %", "93 %"), "93 % in the prose"),
    ("prose_says_what_outputs_say", edit(3, "-1.5", "1.5"), r"1.5\% in the prose"),
    ("prose_says_what_outputs_say", edit(3, "`9.9`", "9.9"), "9.9 in the prose"),
    ("prose_says_what_outputs_say", edit(3, "5 steps", r"$\eta=2\times0.6$ steps"), "0.6 in the prose"),
    ("prose_says_what_outputs_say", edit(7, "0.13", "0.14"), "0.14 in the prose of 'A table'"),
    ("prose_says_what_outputs_say", edit(7, "0.13", "3.1"), "3.1 in the prose of 'A table'"),
    ("prose_says_what_outputs_say", edit(0, "30 minutes", "0.5 h"), "0.5 in the prose of 'Lab'"),
    ("prose_says_what_outputs_say", edit(HINT, "Multiply.", "Try 5.5."), "5.5 in the prose of 'Exercises'"),
    ("links_resolve", edit(0, "02_next.ipynb", "03_none.ipynb"), "the link 03_none.ipynb leads nowhere"),
    ("links_resolve", edit(0, "#What-you-learned", "#Nothing"), "the link #Nothing leads to no heading"),
    ("links_resolve", edit(0, "Lab", "Lab <a href='none.md'>x</a>"), "the link none.md leads nowhere"),
    ("links_resolve", edit(6, "loss.png", "none.png"), "the link none.png leads nowhere"),
    ("exercises_are_complete", edit(STUB, "raise NotImplementedError", "pass"), "the stub does not raise"),
    ("exercises_are_complete", delete(HINT), "code cell 7 (# @title Solution 1): no hint, <details>"),
    ("exercises_are_complete", delete(SOLUTION), "expected the exercise's solution, found its check"),
    ("exercises_are_complete", insert(10, code("1", tags=["check"])), "expected the exercise's exercise, found its"),
    ("exercises_are_complete", delete(CHECK + 5), "the last exercise has no check"),
    ("exercises_are_complete", edit(SOLUTION, "solution_scale", "scale"), "defines scale as the stub does"),
    ("exercises_are_complete", edit(SOLUTION, "# @title Solution 1\n", ""), "not folded in Jupyter"),
    ("exercises_are_complete", edit(CHECK, "Check 1", "Check 2"), "under '# @title Check 1'"),
    ("exercises_are_complete", describe(CHECK, jupyter={}), "not folded in Jupyter"),
    ("exercises_are_complete", insert(CHECK, code("cases = [1]", tags=["check"])), "expected the exercise's exercise"),
    ("exercises_are_complete", delete(*range(10, 15)), "1 exercises; a lab has 2 to 4"),
    (
        "exercises_keep_their_names",
        insert(CHECK + 1, code("for scale in (1, 2):\n    pass")),
        "(for scale in (1, 2):): binds scale, which is an exercise's name: take another",
    ),
    ("exercises_keep_their_names", insert(CHECK + 1, code("from math import pi as scale")), "binds scale, which is"),
    ("all_parts_are_there", edit(0, "# Lab", "Lab\n\n# Lab"), "the first cell does not begin with the title"),
    ("all_parts_are_there", edit(0, "| **Hardware and data** | any laptop |\n", ""), "no row Hardware and data"),
    ("all_parts_are_there", edit(0, "at most 45 seconds", "a minute"), "does not say `at most N seconds to run`"),
    ("all_parts_are_there", edit(3, "## The", "# The"), "not exactly one first-level heading"),
    ("all_parts_are_there", edit(9, "Exercises", "Tasks"), "found: Change one thing, When it goes wrong"),
    ("all_parts_are_there", edit(20, "## When it goes wrong", "When it goes wrong"), "found: Exercises, Change one"),
]


# Changes that keep a rule, though they look like others that break it.
FINE = [
    ("cells_are_short", insert(8, *map(code, "1234")), lengthen(17, 4)),
    ("setup_comes_first", insert(1, code("clone()", tags=["colab"]))),
    ("prose_says_what_outputs_say", edit(7, "0.13", "0.12")),
    ("prose_says_what_outputs_say", edit(7, "0.13", "3.12.1 or 0.88-0.92")),
    ("links_resolve", edit(0, "[Next](02_next.ipynb)", "`[Next](03_none.ipynb)`")),
    ("exercises_keep_their_names", insert(CHECK + 1, code("def f(scale):\n    return scale"))),
    ("exercises_are_complete", delete(HINT), edit(10, "###", "<details><summary>Hint</summary>Try.</details>\n\n###")),
]


def broken(rule, path):
    """What one rule says of a lab."""
    return list(next(function for function in RULES if function.__name__ == rule)(Lab(path)))


@pytest.mark.parametrize(("rule", "change", "message"), BAD, ids=[f"{case[0]}-{i}" for i, case in enumerate(BAD)])
def test_a_bad_lab_is_caught(tmp_path, rule, change, message):
    cells = good_cells()
    change(cells)
    assert message in "\n".join(broken(rule, save(tmp_path / "01_lab.ipynb", cells)))


@pytest.mark.parametrize(("rule", "changes"), [(rule, changes) for rule, *changes in FINE])
def test_a_good_lab_is_left_alone(tmp_path, rule, changes):
    cells = good_cells()
    for change in changes:
        change(cells)
    assert broken(rule, save(tmp_path / "01_lab.ipynb", cells)) == []


def test_a_badly_saved_lab_is_caught(tmp_path):
    for rule, change, message in [
        ("in_normal_form", lambda nb: nb.metadata.update(widgets={}), "not in normal form"),
        ("in_normal_form", lambda nb: nb.cells[3].metadata.update(tags=["check"]), "not in normal form: python -m "),
        ("in_normal_form", lambda nb: nb.cells[4].outputs[0].data.update({WIDGET_VIEW: {}}), "not in normal form"),
        ("in_normal_form", lambda nb: nb.cells[4].metadata.update(collapsed=True), "not in normal form"),
        ("small_enough", lambda nb: nb.cells[4].outputs[1].update(text="x" * 1_000_000), "a lab stays under 1,000,000"),
    ]:
        path = save(tmp_path / "01_lab.ipynb", good_cells())
        notebook = nbformat.v4.reads(path.read_text(encoding="utf-8"))
        change(notebook)
        path.write_text(text_of(notebook), encoding="utf-8")
        (found,) = broken(rule, path)
        assert message in found


def test_every_rule_has_a_bad_example():
    assert {case[0] for case in BAD} | {"in_normal_form", "small_enough"} == {rule.__name__ for rule in RULES}


def test_links_to_headings_of_other_labs(tmp_path):
    save(tmp_path / "01_other.ipynb", good_cells())
    cells = good_cells()
    cells[0].source = "# Lab\n\n[yes](01_other.ipynb#The-loss-falls) [no](01_other.ipynb#A-loss)"
    path = save(tmp_path / "01_lab.ipynb", cells)
    assert broken("links_resolve", path) == ["the link 01_other.ipynb#A-loss leads to no heading"]
