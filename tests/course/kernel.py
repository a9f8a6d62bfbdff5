"""One fresh kernel per lab: every output that is stored or compared comes from here.

nbclient runs the cells as JupyterLab does. The kernel is this Python's, works in the notebook's folder, needs no HOME
and sees none of the user's settings, so that a stored output and a compared one differ only if the lab differs.
"""

import atexit
import contextlib
import copy
import functools
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from nbval.kernel import CURRENT_ENV_KERNEL_NAME, NbvalKernelspecManager

from tests.course.compare import COLOUR, shown
from tests.course.lab import CellStopped, CodeCell, Lab, normalise_outputs

DRAWS = re.compile(r"\b(?:matplotlib|utils)\b")
USER_SETTINGS = ("COLUMNS", "LINES", "MATPLOTLIBRC", "MPLBACKEND", "PYTHONSTARTUP", "PYTHONWARNINGS")
USER_SETTINGS += ("OMP_NUM_THREADS", "TF_ENABLE_ONEDNN_OPTS", "TF_NUM_INTRAOP_THREADS", "TF_XLA_FLAGS", "XLA_FLAGS")

USAGE = """
def used(resource, Path):
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    memory = usage[0].ru_maxrss / 1e6  # bytes on macOS; on Linux what the process inherited counts in it
    if Path("/proc/self/status").exists():
        [peak] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
        memory = int(peak.split()[1]) * 1024 / 1e6
    print(sum(one.ru_utime + one.ru_stime for one in usage), memory)
used(__import__("resource"), __import__("pathlib").Path)
del used
"""
KEEP_CALLS = """
def keep_calls(checks):
    exercise, checks.calls = checks.exercise, []
    def kept(attempt, solution, cases, mistakes=()):
        checks.calls.append((exercise, attempt, solution, cases, mistakes))
        return exercise(attempt, solution, cases, mistakes)
    checks.exercise = kept
keep_calls(__import__("utils.checks", fromlist=["exercise"]))
del keep_calls
"""
REPLAY = """
def replay(calls, copy, plain):
    def given(function, arguments):
        try:
            return plain(function(*copy.deepcopy(arguments)))
        except Exception as error:
            return type(error).__name__
    for exercise, attempt, solution, cases, mistakes in calls:
        print("==", attempt.__name__)
        for function in [attempt, *(wrong for wrong, _ in mistakes), solution]:
            def learner(*arguments, function=function):
                return function(*arguments)
            learner.__name__ = attempt.__name__
            if (exercise(learner, solution, cases, mistakes) is learner) != (function is solution):
                print("and the lab goes on with the wrong version")
            print("  case by case:", "; ".join(given(function, arguments) for arguments, _ in cases))
replay(
    __import__("utils.checks", fromlist=["calls"]).calls,
    __import__("copy"),
    __import__("utils.checks.exercises", fromlist=["_plain"])._plain,
)
"""


@functools.cache
def settings_folder() -> Path:
    """A temporary folder in place of the user's settings, one for all kernels of this process."""
    folder = Path(tempfile.mkdtemp(prefix="labs-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@functools.cache
def list_fonts():
    """Makes Matplotlib's list of fonts ahead: made inside a cell, it would print a warning there on a slow machine."""
    subprocess.run([sys.executable, "-c", "import matplotlib.font_manager"], check=True)


@contextlib.contextmanager
def kernel_environment():
    """Within it, os.environ is what a lab's kernel inherits."""
    names = ("IPYTHONDIR", "KERAS_HOME", "MPLCONFIGDIR")
    names += ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
    # ipykernel reads this variable: set, it leaves alone what processes write past Python's sys.stdout and sys.stderr,
    # which would otherwise arrive late and cut differently in every run.
    values = {"PYTEST_CURRENT_TEST": "labs"} | {name: str(settings_folder() / name) for name in names}
    with mock.patch.dict(os.environ, values):
        for name in USER_SETTINGS:
            os.environ.pop(name, None)
        yield


class LabKernel:
    """The running kernel of one lab, whose notebook is copied, not changed. Use it in a `with`, or call `stop`.

    It works in `folder`, by default the lab's own; a cell may take `cell_timeout` seconds, None for no limit, and the
    kernel `startup_timeout` until it answers. RuntimeError: it does not start.
    """

    def __init__(self, lab: Lab, folder: Path | None = None, cell_timeout=None, startup_timeout=60.0):
        self.lab = lab
        self.cell_timeout = cell_timeout
        self.log = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 (open as long as the kernel runs)
        self.running = contextlib.ExitStack()
        with kernel_environment():
            if any(DRAWS.search(code.cell.source) for code in lab.code):
                list_fonts()
            for last in (False, False, True):
                self.client = NotebookClient(
                    copy.deepcopy(lab.notebook),
                    km=AsyncKernelManager(
                        kernel_name=CURRENT_ENV_KERNEL_NAME, kernel_spec_manager=NbvalKernelspecManager()
                    ),
                    resources={"metadata": {"path": str(folder or lab.path.resolve().parent)}},
                    timeout=None if cell_timeout is None else math.ceil(cell_timeout),  # nbclient takes whole seconds
                    startup_timeout=math.ceil(startup_timeout),
                    iopub_timeout=60,
                    raise_on_iopub_timeout=True,
                    record_timing=False,
                )
                try:
                    self.running.enter_context(
                        self.client.setup_kernel(stdout=self.log, stderr=self.log, cleanup_kc=True)
                    )
                    break
                except RuntimeError as error:
                    words = self.last_words()
                    if last or "Address already in use" not in words:  # another run chose the same free port
                        raise RuntimeError(f"The kernel did not start: {error}\n{words}") from error

    def run(self, code: CodeCell) -> list[NotebookNode]:
        """Runs a code cell of the lab and returns its outputs in normal form.

        CellStopped: the cell raised an error or took too long, or the kernel died.
        """
        outputs = self._run(self.client.nb.cells[code.place], code.place)
        if "setup" in code.tags and self.lab.tagged("check"):
            self.ask(KEEP_CALLS)
        return outputs

    def ask(self, source: str) -> str:
        """Runs code that is not the lab's, unseen by its history, and returns what it printed."""
        self.client.nb.cells.append(new_code_cell(source))
        try:
            outputs = self._run(self.client.nb.cells[-1], len(self.client.nb.cells) - 1, store_history=False)
        finally:
            self.client.nb.cells.pop()
        return "".join(output.text for output in outputs if output.get("name") == "stdout")

    def _run(self, cell: NotebookNode, place: int, **options) -> list[NotebookNode]:
        try:
            self.client.execute_cell(cell, place, **options)
        except CellExecutionError as error:
            traceback = [line for output in cell.outputs for line in output.get("traceback", [])]
            raise CellStopped(f"{error.ename}: {error.evalue}", _readable("\n".join(traceback))) from None
        except CellTimeoutError:
            raise CellStopped(f"the cell did not end within {self.cell_timeout:g} s") from None
        except DeadKernelError:
            raise CellStopped("the kernel died", _readable(self.last_words())) from None
        return normalise_outputs(cell.outputs)

    def exercises(self) -> str:
        """What the checks of the lab's exercises say: of the stub, of each mistake they know, of the solution."""
        return self.ask(REPLAY)

    def used(self) -> dict[str, float]:
        """What the kernel and its processes took so far: cpu_seconds of all cores together, and megabytes at most."""
        return dict(zip(("cpu_seconds", "megabytes"), map(float, self.ask(USAGE).split())))

    def last_words(self) -> str:
        """The end of what the kernel's process itself wrote."""
        self.log.seek(0)
        return "".join(self.log.readlines()[-20:])

    def stop(self):
        self.running.close()
        self.log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def _readable(log: str) -> str:
    """A traceback or a log without colours and overlong lines."""
    return "\n".join(map(shown, COLOUR.sub("", log).strip().splitlines()))


def run(lab: Lab, folder: Path | None = None) -> Iterator[tuple[CodeCell, list[NotebookNode]]]:
    """Runs a lab in a fresh kernel: each code cell, and its outputs in normal form. CellStopped names its cell."""
    with LabKernel(lab, folder) as kernel:
        for code in lab.code:
            try:
                yield code, kernel.run(code)
            except CellStopped as stop:
                raise CellStopped(f"{lab.path}, {code} stopped: {stop}", stop.details) from None
