"""What `pytest --nbval labs` lets pass and what it catches, on small notebooks in a copy of the course's folders."""

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.execute import COURSE, execute
from tests.test_compare import picture

SETUP_REPORT = """Python {}, TensorFlow {}, Keras {} on tensorflow, NumPy {}
Device: {}. Seed: 0
Data: sample (ships with the course)
"""
SHOW = 'from IPython.display import display; display({{"image/png": "{}", "text/plain": "{}"}}, raw=True)'


PICTURE, OTHER = picture().strip(), picture(curves=1).strip()
MODULES = ["__init__", "compare", "execute", "kernel", "nbval_plugin", "loopback"]
OPTIONS = ["--color=no", "-p", "no:cacheprovider"]
SHORT = ["a = 1", "b = 2", "a + b;"]
OWN = ("PYTEST", "PYTHONPATH", "LABS_")


def out(text, name="stdout"):
    return new_output("stream", name=name, text=text)


def result(**data):
    return new_output("execute_result", {kind.replace("_", "/"): value for kind, value in data.items()})


def shown(content, text="two falling curves"):
    return new_output("display_data", {"image/png": content, "text/plain": text})


# (what, source, stored outputs, tags)
EQUAL = [
    ("a number within the tolerance", "loss = 0.5\nprint('loss', loss)", [out("loss 0.51\n")], ["tolerance-0.01"]),
    ("a relative tolerance", "print(200.0)", [out("209.0\n")], ["rtol-0.05"]),
    ("the default tolerance", "loss", [result(text_plain="0.500004")], []),
    ("no output", "wait = 1", [], []),
    ("a trailing semicolon", "loss;", [], []),
    ("times", "import time\nprint(f'~{time.time() - 9e8:.1f} ms', 3, '12.5 ms')", [out("~7 s 3 99.9 ms\n")], []),
    (
        "the setup report",
        f"print({SETUP_REPORT.format('3.12.1', '2.21.0', '3.15.1', '2.5.5', 'GPU NVIDIA H200')!r}, end='')",
        [out(SETUP_REPORT.format("3.10.2", "2.19.0", "3.10.0", "2.1.3", "CPU, 2 cores"))],
        ["setup"],
    ),
    ("a figure", SHOW.format(PICTURE, "two falling curves"), [shown(picture(shift=1))], []),
    ("progress", "for i in range(3): print('\\r', i, end='', flush=True)", [out(" 2")], []),
    (
        "a widget",
        "display({'application/vnd.jupyter.widget-view+json': {'model_id': 'x'}, 'text/plain': 'a slider'}, raw=True)",
        [new_output("display_data", {"text/plain": "a slider"})],
        [],
    ),
    (
        "where it runs",
        "import os\nfrom os import environ\n"
        "print(os.listdir('.').count('same.ipynb'), environ.get('MPLBACKEND'), environ.get('PYTHONWARNINGS'))",
        [out("1 module://matplotlib_inline.backend_inline None\n")],
        [],
    ),
    (
        "its own settings",
        "import tempfile\nhomes = [environ[name] for name in ('IPYTHONDIR', 'KERAS_HOME', 'MPLCONFIGDIR')]\n"
        "print({os.path.dirname(os.path.dirname(home)) == tempfile.gettempdir() for home in homes})",
        [out("{True}\n")],
        [],
    ),
    ("an empty cell", "", [], []),
]
# (what, source, stored outputs, tags, what the message says)
DIFFERENT = [
    ("a number", "loss = 0.5\nprint('loss', loss)", [out("loss 0.52\n")], ["tolerance-0.01"], ["tolerance", "0.01"]),
    ("a number, by default", "loss", [result(text_plain="0.50001")], [], ["0.50001 became 0.5, off by 0.00001"]),
    ("a word", "print('test', loss)", [out("train 0.5\n")], ["tolerance-9"], ["expected: train", "got:      test"]),
    ("a missing output", "print('a')", [out("a\n"), result(text_plain="7")], [], ["missing output (text/plain)"]),
    ("an extra output", "print('a')\nloss", [out("a\n")], [], ["unexpected output (text/plain)"]),
    ("an output where none was", "loss", [], [], ["unexpected output (text/plain)"]),
    ("a missing figure", "'no picture'", [shown(PICTURE)], [], ["missing output (image/png, text/plain)"]),
    (
        "a different figure",
        SHOW.format(OTHER, "two"),
        [shown(PICTURE, "two")],
        [],
        ["of the ink", "0.03"],
    ),
    ("a figure's text", SHOW.format(PICTURE, "a curve"), [shown(PICTURE)], [], ["text/plain: "]),
    (
        "a warning",
        "import warnings\nwarnings.warn('overflow')\nloss",
        [result(text_plain="0.5")],
        [],
        ["unexpected output (stderr)", "UserWarning: overflow"],
    ),
    ("an output of the shell", "!echo hello", [out("goodbye\n")], [], ["expected: goodbye", "got:      hello"]),
]


def cell(source, outputs=(), tags=(), executed=True):
    metadata = {"tags": list(tags)} if tags else {}
    return new_code_cell(source, outputs=list(outputs), metadata=metadata, execution_count=9 if executed else None)


def save(path, *cells):
    path.write_text(nbformat.v4.writes(new_notebook(cells=[new_markdown_cell("# A lab"), *cells])), encoding="utf-8")


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course of its own: this one's configuration and plugin, other labs."""
    root = tmp_path_factory.mktemp("course")
    for name in ["pyproject.toml", "labs/conftest.py", *(f"tests/{name}.py" for name in MODULES)]:
        (root / name).parent.mkdir(exist_ok=True)
        shutil.copy(COURSE / name, root / name)
    return root


def run(course, *arguments, folder="."):
    """Runs pytest in a folder of the course, in this process; returns its status, report and the cells' outcomes."""
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as report:
        for name in [name for name in os.environ if name.startswith(OWN)]:
            patch.delenv(name)
        patch.chdir(course / folder)
        status = pytest.main([*OPTIONS, f"--junitxml={course / 'report.xml'}", *arguments])
    print(report.getvalue())
    return status, report.getvalue(), read_outcomes(course / "report.xml")


def run_as_typed(course, *arguments):
    """The same by the command that people type, with a home and settings that must not matter."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(OWN)}
    environment |= {"HOME": os.devnull, "MPLBACKEND": "no such", "PYTHONWARNINGS": "ignore", "COLUMNS": "80"}
    command = [sys.executable, "-m", "pytest", *OPTIONS, f"--junitxml={course / 'report.xml'}", *arguments]
    process = subprocess.run(command, cwd=course, env=environment, stdout=subprocess.PIPE, encoding="utf-8")
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
    """One run of `pytest` over labs that are equal, different, that stop and that die."""
    labs = course / "labs"
    save(labs / "same.ipynb", *(cell(source, outputs, tags) for _, source, outputs, tags in EQUAL))
    save(
        labs / "other.ipynb",
        *(cell(source, outputs, tags) for _, source, outputs, tags, _ in DIFFERENT),
        cell("'never executed'", executed=False),
        cell("loss", [result(text_plain="0.5")]),
    )
    save(labs / "stops.ipynb", cell("1", [result(text_plain="1")]), cell("# why\n1 / 0"), cell("2"), cell("3"))
    save(
        labs / "dies.ipynb", cell("import os, sys"), cell("sys.__stderr__.write('out of luck')\nos._exit(9)"), cell("2")
    )
    stored = (labs / "same.ipynb").read_bytes()
    finished = run_as_typed(course)
    assert (labs / "same.ipynb").read_bytes() == stored
    return finished


@pytest.mark.parametrize("number", range(1, len(EQUAL)), ids=[case[0] for case in EQUAL[:-1]])
def test_equal_passes(compared, number):
    _, _, outcomes = compared
    assert outcomes["same", f"Cell {number}"] == ("passed", "")


def test_an_empty_cell_is_no_test(compared):
    assert len(states(compared[2], "same")) == len(EQUAL) - 1


@pytest.mark.parametrize("number", range(1, len(DIFFERENT) + 1), ids=[case[0] for case in DIFFERENT])
def test_different_fails(compared, number):
    _, source, _, _, texts = DIFFERENT[number - 1]
    state, message = compared[2]["other", f"Cell {number}"]
    assert state == "failed"
    assert "differs from its stored output" in message
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
    ]
    assert re.search(r"^FAILED labs/other.ipynb::Cell 1 - Failed: differs from its", report, re.M)
    assert status == pytest.ExitCode.TESTS_FAILED


def test_a_cell_that_was_never_executed_fails(compared):
    state, message = compared[2]["other", f"Cell {len(DIFFERENT) + 1}"]
    assert state == "failed"
    assert "never executed: execute the notebook and save it" in message


def test_cells_after_a_difference_are_still_compared(compared):
    assert compared[2]["other", f"Cell {len(DIFFERENT) + 2}"][0] == "passed"


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
    assert "stopped: the kernel died" in message
    assert "out of luck" in message


def test_an_executed_lab_passes_unchanged_on_two_workers(course):
    """A long silence within a cell does no harm either."""
    again = "import time\nprint(f'~{time.time()}', 0.1 + 0.2)"
    figure = "from PIL import Image\nImage.linear_gradient('L')"
    save(course / "labs/executed.ipynb", *(cell(source, executed=False) for source in [again, figure, *SHORT]))
    execute(course / "labs/executed.ipynb")
    assert "image/png" in (course / "labs/executed.ipynb").read_text(encoding="utf-8")
    silence = "import time\nprint('a', flush=True); time.sleep(5.2); print('b')"
    save(course / "labs/pause.ipynb", cell(silence, [out("a\nb\n")]), *map(cell, SHORT))
    _, report, outcomes = run(course, "-n", "2", "-v", "labs/executed.ipynb", "labs/pause.ipynb")
    assert states(outcomes, "executed") + states(outcomes, "pause") == ["passed"] * 9
    workers = [set(re.findall(rf"\[(gw\d)\].* PASSED labs/{lab}.ipynb", report)) for lab in ("executed", "pause")]
    assert list(map(len, workers)) == [1, 1]
    assert workers[0] != workers[1]


def test_lax_counts_errors_only(course, compared):
    save(course / "labs/slow.ipynb", cell("import time"), cell("time.sleep(60)"), cell("2"))
    _, _, outcomes = run(
        course, "--nbval-lax", "--nbval-cell-timeout=2", "other.ipynb", "../labs/slow.ipynb", folder="labs"
    )
    assert set(states(outcomes, "other")) == {"passed"}
    assert states(outcomes, "slow") == ["passed", "failed", "skipped"]
    assert "the cell did not end within 2 s" in outcomes["slow", "Cell 2"][1]


def test_one_cell_alone_runs_those_before_it(course, compared):
    (course / "elsewhere").mkdir()
    labs = course / "labs"
    names = [f"{labs}/same.ipynb::Cell 3", f"{labs}/stops.ipynb::Cell 3", f"{labs}/stops.ipynb::Cell 4"]
    _, _, outcomes = run(course, "--nbval", *names, folder="elsewhere")
    assert states(outcomes, "same") == ["passed"]
    assert states(outcomes, "stops") == ["failed", "skipped"]
    message = outcomes["stops", "Cell 3"][1]
    assert "cell 2, which runs before, stopped: ZeroDivisionError" in message


@pytest.mark.parametrize("lax", [[], ["--nbval-lax"]], ids=["full", "lax"])
def test_no_cell_can_opt_out(course, lax):
    bad = course / "labs/bad"
    bad.mkdir(exist_ok=True)
    save(
        bad / "tags.ipynb",
        cell("1", tags=["nbval-ignore-output"]),
        cell("2", tags=["tolerance-0.1"]),
        cell("3", tags=["tolerance-wide"]),
        cell("4", tags=["raises-exception"]),
    )
    marks = ["NBVAL_IGNORE_OUTPUT", "NBVAL_SKIP", "NBVAL_RAISES_EXCEPTION", "PYTEST_VALIDATE_IGNORE_OUTPUT"]
    save(bad / "marks.ipynb", *(cell(f"x = {number}\n  # {mark}") for number, mark in enumerate(marks)))
    (bad / "broken.ipynb").write_text("{", encoding="utf-8")
    (bad / "old.ipynb").write_text('{"nbformat": 3, "worksheets": []}', encoding="utf-8")
    status, report, _ = run(course, *lax, "labs/bad")
    assert status == pytest.ExitCode.INTERRUPTED
    for line in [
        "tags.ipynb, code cell 1 (1): unknown tag 'nbval-ignore-output'; a cell may have: tolerance-<number>, rtol-",
        "tags.ipynb, code cell 3 (3): unknown tag 'tolerance-wide'",
        "tags.ipynb, code cell 4 (4): unknown tag 'raises-exception'",
        *(
            f"marks.ipynb, code cell {number} (x = {number - 1}): a comment asks nbval for another"
            for number in range(1, 5)
        ),
        "broken.ipynb is not a notebook",
        "old.ipynb is not a notebook of format 4",
    ]:
        assert line in report
    assert "code cell 2 (2)" not in report
    shutil.rmtree(bad)


def test_no_pattern_can_opt_out(course, compared):
    status, report, _ = run(course, "--nbval-sanitize-with=patterns", "labs/same.ipynb")
    assert status == pytest.ExitCode.INTERRUPTED
    assert "--nbval-sanitize-with is not for this course" in report


def test_the_course_uses_this_plugin():
    """The labs themselves are compared by it, without further flags."""
    settings = (COURSE / "pyproject.toml").read_text(encoding="utf-8")
    assert re.search(r'^testpaths = .*"labs"', settings, re.M)
    assert re.search(r"^addopts = .*--nbval\b(?!-lax)", settings, re.M)
    assert Path(COURSE / "labs/conftest.py").is_file()
