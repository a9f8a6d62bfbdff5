"""The class pack: students get no solution and everything else, teachers get all, and both run to the end."""

import json
import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tests import class_pack, exercises
from tests.class_pack import code_of, main, student, teacher
from tests.execute import COURSE, code_cells, normalise, read, text_of
from tests.form import Lab
from tests.kernel import LabKernel
from utils import checks

LABS = exercises.LABS
FIRST = COURSE / "labs" / "01_loss_play.ipynb"
SECOND = COURSE / "labs" / "02_gradient_descent.ipynb"
TRAINING = {"03_single_neuron", "05_fashion_mnist", "07_cifar10"}  # what stands before the exercises takes its time
TAUGHT = {  # lines of solutions that stand elsewhere too: in the section that an exercise asks to write anew, in hints
    ("07_cifar10", "parts=np.array_split(np.argsort(confidence),groups)"),
    ("07_cifar10", "width+=1"),
    ("08_cats_vs_dogs", "called=probabilities>=threshold"),
}

every_lab = pytest.mark.parametrize("path", LABS, ids=lambda path: path.stem)
quick_labs = pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=pytest.mark.slow if path.stem in TRAINING else ()) for path in LABS],
    ids=lambda path: path.stem,
)


@pytest.fixture(scope="module")
def packed():
    """A function: a lab's file to (the lab, its exercises), made once."""
    known = {}

    def of(path):
        if path not in known:
            lab = Lab(path)
            known[path] = lab, class_pack.exercises_of(lab)
        return known[path]

    return of


@pytest.fixture(scope="module")
def students(packed):
    """A function: a lab's file and options to the students' edition, made once; the caller gets a copy."""
    known = {}

    def of(path, **options):
        key = path, *sorted(options.items())
        if key not in known:
            known[key] = student(*packed(path), **options)
        return nbformat.from_dict(known[key])

    return of


def tagged(notebook, tag):
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]


def dense(text):
    return re.sub(r"\s", "", text)


def everything(notebook):
    """All text of a notebook, without white space."""
    texts = []

    def walk(value):
        if isinstance(value, dict):
            for key, inner in value.items():
                if not key.startswith("image/") or key == "image/svg+xml":
                    walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)
        elif isinstance(value, str):
            texts.append(value)

    walk(notebook)
    return dense("\n".join(texts))


@every_lab
@pytest.mark.parametrize("keep_outputs", [False, True], ids=["cleared", "kept"])
def test_nothing_of_a_solution_is_left_for_students(packed, students, path, keep_outputs):
    lab, found = packed(path)
    given = students(path, **({"keep_outputs": True} if keep_outputs else {}))
    text = everything(given)
    solutions = tagged(lab.notebook, "solution")
    assert solutions
    assert not tagged(given, "solution")
    lines = [dense(line.partition("#")[0]) for cell in solutions for line in cell.source.splitlines()]
    assert {(path.stem, line) for line in lines if line and line in text} == {
        taught for taught in TAUGHT if taught[0] == path.stem
    }
    for words in ("@titleSolution", "solution_", "foldedsolution", "ownversion"):
        assert words not in text
    for exercise in found:
        assert f"solution_{exercise.name}" in everything(lab.notebook)


@every_lab
def test_checks_tell_students_what_they_tell_with_the_solution(packed, students, path):
    """Each stub, each known mistake and the solution, given to the student's check."""
    lab, _ = packed(path)
    originals, said, left = [], [], []

    def original(attempt, solution, cases, mistakes=()):
        originals.append((attempt, solution, mistakes))
        return solution

    def told(attempt, solution, cases, mistakes):
        stub, right, wrong = originals[len(left)]
        assert solution is None
        assert [hint for _, hint in mistakes] == [hint for _, hint in wrong]
        said.append(f"== {attempt.__name__}\n")
        for function in [stub, *(function for function, _ in wrong), right]:
            exercises._told(said, exercises._named(function, attempt.__name__), None, cases, mistakes)
        left.append(attempt)
        return right

    run = class_pack._up_to_the_checks(lab.notebook.cells)
    exercises.perform(path, exercises.needed(run, class_pack.ROLES), original)
    run = class_pack._up_to_the_checks(students(path).cells)
    exercises.perform(path, exercises.needed(run, class_pack.ROLES), told)
    stored = exercises.stored(path).read_text(encoding="utf-8")
    assert "".join(said) == stored.replace("The lab goes on with its own version", "What builds on it waits")


@quick_labs
def test_solved_exercises_go_on_as_in_the_lab(packed, students, path):
    lab, found = packed(path)
    given = students(path)
    for notebook in (given, original := nbformat.from_dict(lab.notebook)):
        answers = iter(tagged(lab.notebook, "solution"))
        for stub, exercise in zip(tagged(notebook, "exercise"), found, strict=True):
            stub.source = f"{next(answers).source}\n{exercise.name} = solution_{exercise.name}"
            stub.source += f"\n{exercise.name}.__name__ = {exercise.name!r}"
    printed = [exercises.perform(path, exercises.needed(one.cells), checks.exercise)[0] for one in (given, original)]
    assert printed[0].count("right on every case. The lab goes on with yours.") == len(found)
    assert without_clock(printed[0]) == without_clock(printed[1])


def without_clock(text):
    return re.sub(r"~ *\S+", "~", text)


@quick_labs
def test_untouched_exercises_let_what_builds_on_them_wait(packed, students, path):
    given = students(path)
    printed = exercises.perform(path, exercises.needed(given.cells), checks.exercise)[0]
    assert printed.count("not written yet. What builds on it waits.") == len(packed(path)[1])
    for exercise in packed(path)[1]:
        assert f"✎ {exercise.name}: not written yet." in printed
    waiting = sum("if checks.solved(" in cell.source for cell in code_of(given))
    assert printed.count("✎ This waits for ") == waiting >= 2


@every_lab
def test_students_keep_all_but_the_solutions(packed, students, path):
    lab, _ = packed(path)
    given = students(path)
    before = {cell.id: cell for cell in lab.notebook.cells}
    assert [cell.id for cell in given.cells if "exercise" in cell.metadata.get("tags", [])] == [
        cell.id for cell in tagged(lab.notebook, "exercise")
    ]
    changed = [cell for cell in given.cells if cell.source != before[cell.id].source]
    first = next(i for i, cell in enumerate(lab.notebook.cells) if "exercise" in cell.metadata.get("tags", []))
    after = {cell.id for cell in lab.notebook.cells[first:]}
    assert {cell.id for cell in changed if cell.cell_type == "code"} <= after
    assert {cell.id for cell in changed if cell.cell_type == "markdown"} == ({"cfabb8cb"} if path == FIRST else set())
    gone = [cell for cell in lab.notebook.cells if cell.id not in {kept.id for kept in given.cells}]
    assert all({"solution", "check"} & set(cell.metadata.tags) for cell in gone)
    assert given.cells == normalise(nbformat.from_dict(given)).cells


@every_lab
def test_outputs_are_cleared_or_kept_where_no_exercise_touches_them(packed, students, path):
    lab, _ = packed(path)
    assert not any(cell.outputs or cell.execution_count for cell in code_of(students(path)))
    given = students(path, keep_outputs=True)
    before = {cell.id: cell for cell in lab.notebook.cells}
    for number, cell in enumerate(code_of(given), 1):
        same = cell.source == before[cell.id].source
        assert cell.execution_count == (number if same else None)
        assert [o.get("data", o.get("text")) for o in cell.outputs] == (
            [o.get("data", o.get("text")) for o in before[cell.id].outputs] if same else []
        )
        assert same or "checks." in cell.source or cell in tagged(given, "check")
    assert sum(bool(cell.outputs) for cell in code_of(given)) > 10


def folds(notebook):
    return [summary for cell in notebook.cells for summary in re.findall(r"<summary>(.*?)</summary>", cell.source)]


@every_lab
def test_answers_stay_folded_or_go(packed, students, path):
    lab, found = packed(path)
    assert folds(students(path)) == folds(lab.notebook)
    given = students(path, without_answers=True)
    kept = [fold for fold in folds(lab.notebook) if fold.startswith("Hint") or fold == "Where these come from"]
    assert folds(given) == kept
    assert 2 * len(found) <= len(kept) < len(folds(lab.notebook))
    text = "".join(cell.source for cell in given.cells)
    assert text.count("<details>") == text.count("</details>") == len(kept)
    assert "unfold" not in text
    predictions = [sum(cell.source.count("**Predict:**") for cell in one.cells) for one in (given, lab.notebook)]
    assert predictions[0] == predictions[1] > 0


@every_lab
def test_teachers_get_all_with_solutions_unfolded(packed, path):
    lab, found = packed(path)
    edition = teacher(lab, found)
    top, *cells = edition.cells
    assert [cell.source for cell in cells] == [cell.source for cell in lab.notebook.cells]
    for cell, source in zip(cells, lab.notebook.cells, strict=True):
        assert cell.get("outputs") == source.get("outputs")
        assert cell.metadata.get("tags") == source.metadata.get("tags")
        assert not {"jupyter", "cellView"} & set(cell.metadata)
    assert re.search(r"\| \*\*Time\*\* \| \d+ minutes to work through", top.source)
    assert re.search(r"\| \*\*Measured\*\* \| \d+ s and", top.source)
    numbered = {number: cell for number, _, cell in code_cells(edition)}
    listed = re.findall(r"^\| \[(.*?)\]\(#(.*?)\) \| `(\w+)` \| code cell (\d+) \|$", top.source, re.M)
    assert [name for _, _, name, _ in listed] == [exercise.name for exercise in found]
    headings = [heading for level, heading in lab.headings() if level == 3 and heading.startswith("Exercise ")]
    assert [heading for heading, *_ in listed] == headings
    for heading, anchor, name, number in listed:
        assert anchor == heading.replace("`", "").replace(" ", "-")
        assert f"def solution_{name}(" in numbered[int(number)].source


def run(path, monkeypatch):
    """Execute a notebook where it lies, far from the course; returns what it printed."""
    monkeypatch.setenv("LABS_HOME", str(COURSE))
    monkeypatch.delenv("LABS_DATA", raising=False)
    notebook, printed = read(path), []
    with LabKernel(notebook, path.parent) as kernel:
        for _, place, _ in code_cells(notebook):
            for output in kernel.run(place):
                assert output.output_type != "error"
                assert output.get("name") != "stderr", output.text
                printed.append(output.get("text", ""))
    return "".join(printed)


@pytest.mark.parametrize(
    ("edition", "path"),
    [
        pytest.param(
            edition,
            path,
            id=f"{edition}-{path.stem}",
            marks=() if edition == "student" and path == FIRST else pytest.mark.slow,
        )
        for edition in ("student", "teacher")
        for path in LABS
    ],
)
def test_editions_run_to_their_end(packed, students, path, edition, tmp_path, monkeypatch):
    lab, found = packed(path)
    notebook = students(path) if edition == "student" else teacher(lab, found)
    file = tmp_path / path.name
    file.write_text(text_of(notebook), encoding="utf-8")
    printed = run(file, monkeypatch)
    waits = "What builds on it waits." if edition == "student" else "The lab goes on with its own version."
    assert printed.count(f"not written yet. {waits}") == len(found)


def waiting(*sources):
    """What `_let_wait` makes of code cells after an exercise whose function is `f`."""
    cells = [new_code_cell("f = checks.exercise(g, None, cases, mistakes)"), *map(new_code_cell, sources)]
    class_pack._let_wait(cells)
    assert cells[0].source == "f = checks.exercise(g, None, cases, mistakes)"
    return [cell.source for cell in cells[1:]]


def test_what_builds_on_an_exercise_waits_and_no_more():
    assert waiting("a = 1\nb = f(a)\nc = 2\nprint(b)\nprint(a)", "print(c)", "print(a)") == [
        "a = 1\nif checks.solved(f):\n    b = f(a)\n    c = 2\n    print(b)\nprint(a)",
        "if checks.solved(f):\n    print(c)",
        "print(a)",
    ]


def test_a_name_bound_anew_no_longer_waits():
    assert waiting("b = f(1)", "b = 2\nprint(b)", "for f in range(3):\n    print(f)") == [
        "if checks.solved(f):\n    b = f(1)",
        "b = 2\nprint(b)",
        "for f in range(3):\n    print(f)",
    ]


def test_use_inside_a_function_counts_and_comments_stay():
    assert waiting("# note\n\n\ndef use(x):\n    return f(x)  # here\n\n\nuse(1);", "use(2)")[0] == (
        "# note\n\n\nif checks.solved(f):\n    def use(x):\n        return f(x)  # here\n\n\n    use(1);"
    )


def test_a_text_of_several_lines_keeps_its_lines():
    assert waiting('f("""a\nb""")\ng(1, "x"\n  "y", f)') == [
        'if checks.solved(f):\n    f("""a\nb""")\n    g(1, "x"\n      "y", f)'
    ]


def test_two_exercises_are_both_named():
    cells = [new_code_cell(f"{name} = checks.exercise(g, None, cases, mistakes)") for name in "fh"]
    cells += [new_code_cell("y = h(1)"), new_code_cell("z = f(y)"), new_code_cell("print(z)")]
    class_pack._let_wait(cells)
    assert [cell.source.splitlines()[0] for cell in cells[2:]] == [
        "if checks.solved(h):",
        "if checks.solved(f, h):",
        "if checks.solved(f, h):",
    ]


def test_a_check_that_builds_on_another_exercise_is_refused():
    with pytest.raises(ValueError, match="builds on an exercise before it"):
        waiting("cases = [f(1)]\nk = checks.exercise(j, None, cases, mistakes)")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        (True, "1"),
        (1 / 3, "0.3333333333"),
        ((1.5, [2, float("inf")]), '[1.5, [2, float("inf")]]'),
        (float("nan"), 'float("nan")'),
    ],
)
def test_results_are_written_as_code(value, text):
    assert class_pack._literal(value) == text


def test_long_results_are_broken_after_commas():
    lines = class_pack._mistakes([([list(range(60))], "So."), ([1], 'Say "no".')])
    assert max(map(len, lines)) <= class_pack.WIDTH
    assert eval("\n".join(lines).removeprefix("mistakes = ")) == [([list(range(60))], "So."), ([1], 'Say "no".')]


def test_the_command_packs_the_labs_that_are_named(tmp_path, capsys, packed, students):
    folder = tmp_path / "new" / "pack"
    assert main([str(folder), str(SECOND)]) == 0
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    assert files == [f"student/{SECOND.name}", f"teacher/{SECOND.name}"]
    assert f"{folder}: 1 notebook in student/" in capsys.readouterr().out
    for edition, notebook in (("student", students(SECOND)), ("teacher", teacher(*packed(SECOND)))):
        text = (folder / edition / SECOND.name).read_text(encoding="utf-8")
        assert text == text_of(notebook) == text_of(normalise(read(folder / edition / SECOND.name)))


def test_without_names_all_labs_are_packed(tmp_path, monkeypatch, packed):
    monkeypatch.setattr(class_pack, "exercises_of", lambda lab: packed(lab.path)[1])
    assert main([str(tmp_path), "--keep-outputs", "--without-answers"]) == 0
    for path in LABS:
        given = read(tmp_path / "student" / path.name)
        assert any(cell.outputs for cell in code_of(given))
        assert "Answer" not in folds(given)
        assert read(tmp_path / "teacher" / path.name).cells[1].source == packed(path)[0].notebook.cells[0].source


def test_a_folder_with_content_is_refused_unless_forced(tmp_path, capsys):
    own = tmp_path / "student" / "notes.txt"
    own.parent.mkdir()
    own.write_text("mine")
    old = tmp_path / "student" / SECOND.name
    old.write_text("old")
    with pytest.raises(SystemExit) as stop:
        main([str(tmp_path), str(SECOND)])
    assert stop.value.code == 2
    assert "has content" in capsys.readouterr().err
    assert (own.read_text(), old.read_text(), sorted(tmp_path.iterdir())) == ("mine", "old", [own.parent])
    assert main([str(tmp_path), str(SECOND), "--force"]) == 0
    assert own.read_text() == "mine"
    assert json.loads(old.read_text(encoding="utf-8"))["nbformat"] == 4


def test_bad_names_are_refused_before_anything_is_written(tmp_path, capsys):
    (tmp_path / "file").touch()
    for arguments, words in [
        ([str(tmp_path / "file")], "is a file"),
        ([str(tmp_path / "pack"), str(tmp_path / "no.ipynb")], "no such file"),
    ]:
        with pytest.raises(SystemExit):
            main(arguments)
        assert words in capsys.readouterr().err
    assert main([str(tmp_path / "pack"), str(SECOND), str(SECOND)]) == 1
    assert "the same name" in capsys.readouterr().err
    assert not (tmp_path / "pack").exists()


def test_a_pack_is_no_source(tmp_path, capsys, students):
    made = tmp_path / SECOND.name
    made.write_text(text_of(students(SECOND)), encoding="utf-8")
    assert main([str(tmp_path / "pack"), str(FIRST), str(made)]) == 1
    assert f"{made} cannot be packed: " in capsys.readouterr().err
    assert not (tmp_path / "pack").exists()


def test_a_lab_is_not_written_over_itself(tmp_path, capsys):
    lab = tmp_path / "pack" / "teacher" / SECOND.name
    lab.parent.mkdir(parents=True)
    lab.write_bytes(SECOND.read_bytes())
    assert main([str(tmp_path / "pack"), str(lab), "--force"]) == 1
    assert "over itself" in capsys.readouterr().err
    assert lab.read_bytes() == SECOND.read_bytes()


def test_a_check_that_stops_is_told(tmp_path, capsys):
    notebook = read(SECOND)
    check = tagged(notebook, "check")[0]
    check.source = "missing_name\n" + check.source
    lab = tmp_path / "lab.ipynb"
    lab.write_text(text_of(notebook), encoding="utf-8")
    assert main([str(tmp_path / "pack"), str(lab)]) == 1
    assert "a check stops with NameError: name 'missing_name' is not defined" in capsys.readouterr().err


def test_a_solution_used_elsewhere_is_told(packed):
    lab, found = packed(SECOND)
    used = type("Used", (), {"path": lab.path, "notebook": nbformat.from_dict(lab.notebook)})
    used.notebook.cells.append(new_code_cell("solution_one_step(1.0, 2.0, x, y, 0.1)"))
    with pytest.raises(ValueError, match="a cell still uses solution_one_step"):
        student(used, found)


def test_not_a_notebook(tmp_path, capsys):
    for text in ("nothing", text_of(new_notebook())):
        lab = tmp_path / "lab.ipynb"
        Path(lab).write_text(text)
        assert main([str(tmp_path / "pack"), str(lab)]) == 1
        assert str(lab) in capsys.readouterr().err
