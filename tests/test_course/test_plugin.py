"""What `pytest --nbval labs` lets pass and what it catches, on small notebooks in a copy of the course's folders."""

import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest

from tests.commands.execute import execute
from tests.course.lab import COURSE, WIDGET_VIEW, Lab
from tests.course.plugin import pytest_xdist_auto_num_workers
from tests.test_course.test_compare import picture
from tests.tiny_labs import code, environment, markdown, printed, result
from tests.tiny_labs import save as save_cells

REPORT = "Python 3.{0}, TensorFlow 2.{0}, Keras 3.{0} on tensorflow, NumPy 2.{0}\nDevice: {1}. Seed: 0\nData: sample\n"
SHOW = 'from IPython.display import display; display({{"image/png": "{}", "text/plain": "{}"}}, raw=True)'
PICTURE, OTHER = picture().strip(), picture(curves=1).strip()
OPTIONS = ["--color=no", "-p", "no:cacheprovider"]


def shown(text, **data):
    return {"output_type": "display_data", "data": {"text/plain": text, **data}, "metadata": {}}


WHERE = """import os, tempfile
print(os.listdir('.').count('same.ipynb'), os.environ.get('MPLBACKEND'), os.environ.get('PYTHONWARNINGS'))"""
HOMES = """homes = [os.environ[name] for name in ('IPYTHONDIR', 'KERAS_HOME', 'MPLCONFIGDIR')]
print({os.path.dirname(os.path.dirname(home)) == tempfile.gettempdir() for home in homes})"""
# (what, source, stored outputs, tags); test_compare.py has every kind of difference
EQUAL = [
    ("a number within the tolerance", "loss = 0.5\nprint('loss', loss)", [printed("loss 0.51\n")], ["tolerance-0.01"]),
    ("a trailing semicolon", "loss;", [], []),
    ("the setup report", f"print({REPORT.format(9, 'GPU')!r})", [printed(REPORT.format(8, "CPU"))], ["setup"]),
    ("a figure", SHOW.format(PICTURE, "two"), [shown("two", **{"image/png": picture(shift=1)})], []),
    ("progress", "for i in range(3): print('\\r', i, end='', flush=True)", [printed(" 2")], []),
    ("a widget", f"display({{{WIDGET_VIEW!r}: {{}}, 'text/plain': 'a slider'}}, raw=True)", [shown("a slider")], []),
    ("where it runs", WHERE, [printed("1 module://matplotlib_inline.backend_inline None\n")], []),
    ("its own settings", HOMES, [printed("{True}\n")], []),
    ("an empty cell", "", [], []),
]
# (what, source, stored outputs, tags, what the message says)
DIFFERENT = [
    ("a number", "loss = 0.5\nprint('loss', loss)", [printed("loss 0.52\n")], ["tolerance-0.01"], ["tolerance 0.01"]),
    ("another figure", SHOW.format(OTHER, "two"), [shown("two", **{"image/png": PICTURE})], [], ["of the ink", "0.03"]),
    ("a warning", "import warnings\nwarnings.warn('overflow')", [], [], ["unexpected output (stderr)", "overflow"]),
]


EXERCISE = """def exercise(attempt, solution, cases, mistakes=()):
    right = [attempt(*given) == expected for given, expected in cases]
    print(attempt.__name__, right)
    return attempt if all(right) else solution
"""


def cell(source, outputs=(), tags=(), executed=True):
    return code(source, *outputs, tags=tags, count=9 if executed else None)


def save(path, *cells, card=""):
    save_cells(path, markdown(f"# A lab\n{card}"), *cells, run=False)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course of its own: this one's configuration and plugin, other labs."""
    root = tmp_path_factory.mktemp("course")
    for name in ["pyproject.toml", "labs/conftest.py", "tests/__init__.py"]:
        (root / name).parent.mkdir(exist_ok=True)
        shutil.copy(COURSE / name, root / name)
    shutil.copytree(COURSE / "tests" / "course", root / "tests" / "course")
    return root


def run(course, *arguments, folder="."):
    """Runs pytest in a folder of the course, in this process; returns its status, report and the cells' outcomes."""
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as report:
        for name in os.environ.keys() - environment():
            patch.delenv(name)
        patch.chdir(course / folder)
        status = pytest.main([*OPTIONS, "-n", "0", f"--junitxml={course / 'report.xml'}", *arguments])
    print(report.getvalue())
    return status, report.getvalue(), read_outcomes(course / "report.xml")


def run_as_typed(course, *arguments):
    """The same by the command that people type, with a home and settings that must not matter (-p tests saves time)."""
    own = environment(HOME=os.devnull, MPLBACKEND="no such", PYTHONWARNINGS="ignore", COLUMNS="80")
    command = [sys.executable, "-m", "pytest", "-p", "tests", *OPTIONS, "--junitxml=report.xml", *arguments]
    process = subprocess.run(command, cwd=course, env=own, stdout=subprocess.PIPE, encoding="utf-8")
    print(process.stdout)
    return process.returncode, process.stdout, read_outcomes(course / "report.xml")


def read_outcomes(path):
    """{(lab, cell): ("passed", "") or ("failed" or "skipped", message)} from a report, which is used up."""
    outcomes = {}
    for case in ElementTree.parse(path).iter("testcase"):
        problem = case.find("failure") if case.find("failure") is not None else case.find("skipped")
        state = "passed" if problem is None else {"failure": "failed"}.get(problem.tag, problem.tag)
        message = "" if problem is None else problem.text
        if case.find("error") is None:
            outcomes[re.search(r"(\w+)\.ipynb", case.get("classname"))[1], case.get("name")] = (state, message)
    path.unlink()
    return outcomes


def states(outcomes, lab):
    return [state for (name, _), (state, _) in outcomes.items() if name == lab]


@pytest.fixture(scope="module")
def compared(course):
    """One run of `pytest` in two processes over labs that are equal, different, that stop, that die, and executed."""
    labs = course / "labs"
    save(labs / "same.ipynb", *(cell(source, outputs, tags) for _, source, outputs, tags in EQUAL))
    more = [cell("'never executed'", executed=False), cell("loss", [result(text_plain="0.5")])]
    save(labs / "other.ipynb", *(cell(source, outputs, tags) for _, source, outputs, tags, _ in DIFFERENT), *more)
    stops = [cell("1", [result(text_plain="1")]), cell("# why\n1 / 0"), cell("2"), cell("3")]
    save(labs / "stops.ipynb", *stops, card="| **Time** | at most 90 seconds to run |")
    dies = [cell("import os, sys"), cell("sys.__stderr__.write('out of luck')\nos._exit(9)"), cell("2")]
    save(labs / "dies.ipynb", *dies)
    figure = "from PIL import Image\nImage.linear_gradient('L')"
    save(labs / "executed.ipynb", *(cell(source, executed=False) for source in ["0.1 + 0.2", figure, "2;"]))
    execute(labs / "executed.ipynb")
    assert "image/png" in (labs / "executed.ipynb").read_text(encoding="utf-8")
    stored = (labs / "same.ipynb").read_bytes()
    finished = run_as_typed(course, "-n", "2", "-v")
    assert (labs / "same.ipynb").read_bytes() == stored
    return finished


def test_what_is_equal_and_what_was_just_executed_passes(compared):
    said = {name: outcome for (lab, name), outcome in compared[2].items() if lab == "same"}
    assert said == {f"Cell {number}": ("passed", "") for number in range(1, len(EQUAL))}  # an empty cell is no test
    assert states(compared[2], "executed") == ["passed"] * 3


@pytest.mark.parametrize("number", range(1, len(DIFFERENT) + 1), ids=[case[0] for case in DIFFERENT])
def test_different_fails(compared, number):
    _, source, _, _, texts = DIFFERENT[number - 1]
    state, message = compared[2]["other", f"Cell {number}"]
    assert state == "failed" and "differs from its stored output" in message
    assert f"in other.ipynb, code cell {number} ({source.splitlines()[0][:60]})" in message
    assert [text for text in texts if text not in message] == []
    assert len(message) < 1000  # no flood of base64


def test_the_message_says_all(compared):
    status, report, outcomes = compared
    assert outcomes["other", "Cell 1"][1].splitlines() == [
        "differs from its stored output",
        "in other.ipynb, code cell 1 (loss = 0.5)",
        "stdout: ",
        "  line 1: 0.52 became 0.5, off by 0.02, tolerance 0.01",
        "    expected: loss 0.52",
        "    got:      loss 0.5",
        "Meant so? Then execute the lab (python -m tests execute other.ipynb), and read it. "
        "Has only a package's version changed? See CONTRIBUTING.md, What the tests compare.",
    ]
    assert re.search(r"^FAILED labs/other.ipynb::Cell 1 - Failed: differs from its", report, re.M)
    assert status == pytest.ExitCode.TESTS_FAILED


def test_a_cell_that_was_never_executed_fails_and_those_after_it_are_compared(compared):
    first, second = (compared[2]["other", f"Cell {len(DIFFERENT) + number}"] for number in (1, 2))
    assert (first[0], second[0]) == ("failed", "passed")
    assert "never executed: execute the notebook and save it" in first[1]


def test_after_an_error_the_first_cause_stands_alone(compared):
    _, report, outcomes = compared
    assert states(outcomes, "stops") == ["passed", "failed", "skipped", "skipped"]
    message = outcomes["stops", "Cell 2"][1]
    assert "stopped: ZeroDivisionError: division by zero\nin stops.ipynb, code cell 2 (# why)" in message
    assert "----> 2 1 / 0" in message
    assert "cell 2 did not reach its end" in outcomes["stops", "Cell 3"][1]
    assert "During handling" not in report


def test_a_dead_kernel_fails_at_once(compared):
    _, _, outcomes = compared
    assert states(outcomes, "dies") == ["passed", "failed", "skipped"]
    message = outcomes["dies", "Cell 2"][1]
    assert "stopped: the kernel died" in message and "out of luck" in message


def test_a_lab_stays_on_one_worker_and_the_longest_comes_first(compared):
    cells = re.findall(r"\[(gw\d)\].* labs/(\w+)\.ipynb::Cell 1?\d", compared[1])
    workers = {lab: {worker for worker, other in cells if other == lab} for _, lab in cells}
    assert all(len(some) == 1 for some in workers.values()) and len(set.union(*workers.values())) == 2
    begin = [lab for _, lab in cells].index
    assert begin("stops") < begin("same")


def test_lax_counts_errors_only(course, compared):
    save(course / "labs/slow.ipynb", cell("import time"), cell("time.sleep(60)"), cell("2"))
    lax = ["--nbval-lax", "--nbval-cell-timeout=2"]
    _, _, outcomes = run(course, *lax, "other.ipynb", "../labs/slow.ipynb", folder="labs")
    assert set(states(outcomes, "other")) == {"passed"}
    assert states(outcomes, "slow") == ["passed", "failed", "skipped"]
    assert "the cell did not end within 2 s" in outcomes["slow", "Cell 2"][1]


def test_one_cell_alone_runs_those_before_it(course, compared):
    (course / "elsewhere").mkdir()
    labs = course / "labs"
    names = [f"{labs}/same.ipynb::Cell 3", f"{labs}/stops.ipynb::Cell 3", f"{labs}/stops.ipynb::Cell 4"]
    _, _, outcomes = run(course, "--nbval", *names, folder="elsewhere")
    assert (states(outcomes, "same"), states(outcomes, "stops")) == (["passed"], ["failed", "skipped"])
    assert "cell 2, which runs before, stopped: ZeroDivisionError" in outcomes["stops", "Cell 3"][1]


@pytest.mark.parametrize("lax", [[], ["--nbval-lax"]], ids=["full", "lax"])
def test_no_cell_can_opt_out(course, lax):
    bad = course / "labs/bad"
    bad.mkdir(exist_ok=True)
    tags = ["nbval-ignore-output", "tolerance-0.1", "tolerance-wide", "raises-exception"]
    save(bad / "tags.ipynb", *(cell(str(number), tags=[tag]) for number, tag in enumerate(tags, 1)))
    marks = ["NBVAL_IGNORE_OUTPUT", "NBVAL_SKIP", "NBVAL_RAISES_EXCEPTION", "PYTEST_VALIDATE_IGNORE_OUTPUT"]
    save(bad / "marks.ipynb", *(cell(f"x = {number}\n  # {mark}") for number, mark in enumerate(marks, 1)))
    (bad / "broken.ipynb").write_text("{", encoding="utf-8")
    (bad / "old.ipynb").write_text('{"nbformat": 3, "worksheets": []}', encoding="utf-8")
    status, report, _ = run(course, *lax, "labs/bad")
    assert status == pytest.ExitCode.INTERRUPTED
    for line in [
        "tags.ipynb, code cell 1 (1): unknown tag 'nbval-ignore-output'; a cell may have: tolerance-<number>, rtol-",
        "tags.ipynb, code cell 3 (3): unknown tag 'tolerance-wide'",
        "tags.ipynb, code cell 4 (4): unknown tag 'raises-exception'",
        *(f"marks.ipynb, code cell {number} (x = {number}): a comment asks nbval for" for number in range(1, 5)),
        "broken.ipynb is not a notebook",
        "old.ipynb is not a notebook of format 4",
    ]:
        assert line in report
    assert "code cell 2 (2)" not in report
    shutil.rmtree(bad)


def test_what_a_lab_took_is_recorded(course, compared):
    save(course / "labs/works.ipynb", cell("sum(range(10**6))", [result(text_plain="1")]), cell("print(2)"))
    run(course, "--record", "out", "labs/works.ipynb", "labs/stops.ipynb", "labs/dies.ipynb")
    took = {name: json.loads((course / "out" / f"{name}.json").read_text()) for name in ("works", "stops", "dies")}
    works = took["works"]
    assert works["stopped"] == "" and works["cpu_seconds"] > 0
    assert 0 < works["seconds"] < 60 and 30 < works["megabytes"] < 500
    assert took["stops"] == {"stopped": "code cell 2 (# why) stopped: ZeroDivisionError: division by zero"}
    assert took["dies"] == {"stopped": "code cell 2 (sys.__stderr__.write('out of luck')) stopped: the kernel died"}
    first, second = Lab(course / "out/works.ipynb").code
    assert (first.cell.outputs[0].data["text/plain"], second.cell.outputs[0].text) == ("499999500000", "2\n")
    stops = [one.cell for one in Lab(course / "out/stops.ipynb").code]
    assert [cell.execution_count for cell in stops] == [1, 2, None, None]
    assert stops[1].outputs[0].ename == "ZeroDivisionError"


@pytest.mark.parametrize(("words", "found"), [("stored", "passed"), ("other", "failed"), (None, "failed")])
def test_what_the_checks_of_exercises_say_is_compared(course, words, found):
    """The checks of a lab are called once more in its kernel, for the stub, each known mistake and the solution."""
    utils, stored = course / "utils/checks", course / "tests/records/exercises/learn.txt"
    utils.mkdir(parents=True, exist_ok=True)
    (utils / "exercises.py").write_text("_plain = str\n")
    (utils / "__init__.py").write_text(EXERCISE)
    stored.parent.mkdir(parents=True, exist_ok=True)
    stored.unlink(missing_ok=True)
    if words:
        wrong, right = ("half [{}]\n  case by case: {}\n".format(*result) for result in ((False, 0), (True, 2.0)))
        told = f"== half\n{wrong}{wrong.replace(': 0', ': 8')}{right}"
        stored.write_text(told if words == "stored" else told.replace("True", "False"))
    setup = cell("import sys\nsys.path.insert(0, '..')\nfrom utils import checks", tags=["setup"])
    check = "used = checks.exercise(half, lambda x: x / 2, [((4,), 2)], [(lambda x: 2 * x, 'no')])"
    cells = [cell("def half(x):\n    return 0", tags=["exercise"]), cell(check, [printed("half [False]\n")], ["check"])]
    save(course / "labs/learn.ipynb", setup, *cells)
    _, _, outcomes = run(course, "labs/learn.ipynb")
    assert states(outcomes, "learn") == ["passed"] * 3 + [found]
    if found == "failed":
        message = outcomes["learn", "Exercises"][1]
        assert message.startswith("learn.txt in tests/records/exercises is not what the checks say: execute the lab (")
        assert message.endswith("half [True]\n  case by case: 2.0")


def test_pytest_uses_the_cores_that_are_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.ipynb").touch()
    for cores, used in ((3, 3), (64, 4)):
        monkeypatch.setattr("os.sched_getaffinity", lambda _, cores=cores: set(range(cores)), raising=False)
        for arguments in (["a.ipynb"], ["a.ipynb::Cell 1"], ["a.ipynb", "a.ipynb"], ["."]):
            workers = pytest_xdist_auto_num_workers(type("Config", (), {"args": arguments}))
            assert workers == (used if arguments in (["a.ipynb", "a.ipynb"], ["."]) else 0)
