"""One fresh kernel per notebook: every output that is stored or compared comes from here.

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
from pathlib import Path
from unittest import mock

from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbval.kernel import CURRENT_ENV_KERNEL_NAME, NbvalKernelspecManager

from tests.compare import COLOUR, shown

DRAWS = re.compile(r"\b(?:matplotlib|utils)\b")
USER_SETTINGS = ("COLUMNS", "LINES", "MATPLOTLIBRC", "MPLBACKEND", "PYTHONSTARTUP", "PYTHONWARNINGS")


class CellStopped(Exception):  # noqa: N818 (it tells what a cell did)
    """A cell did not reach its end. The message says why; `details` is the traceback or the kernel's log."""

    def __init__(self, reason: str, details: str = ""):
        super().__init__(reason)
        self.details = "\n".join(map(shown, COLOUR.sub("", details).strip().splitlines()))


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
    folder = settings_folder()
    names = {
        "IPYTHONDIR": "ipython",
        "JUPYTER_CONFIG_DIR": "jupyter-config",
        "JUPYTER_DATA_DIR": "jupyter-data",
        "JUPYTER_RUNTIME_DIR": "jupyter-runtime",
        "KERAS_HOME": "keras",
        "MPLCONFIGDIR": "matplotlib",
    }
    # ipykernel reads this variable: set, it leaves alone what processes write past Python's sys.stdout and sys.stderr,
    # which would otherwise arrive late and cut differently in every run.
    values = {"PYTEST_CURRENT_TEST": "labs"} | {name: str(folder / part) for name, part in names.items()}
    with mock.patch.dict(os.environ, values):
        for name in USER_SETTINGS:
            os.environ.pop(name, None)
        yield


class LabKernel:
    """The running kernel of one notebook. Use it in a `with`, or call `stop`.

    Args:
        notebook: It is copied, not changed.
        folder: Where the kernel works.
        cell_timeout: Seconds that one cell may take; None for no limit.
        startup_timeout: Seconds until the kernel must answer.

    Raises:
        RuntimeError: the kernel does not start.
    """

    def __init__(
        self, notebook: NotebookNode, folder: Path, cell_timeout: float | None = None, startup_timeout: float = 60
    ):
        self.cell_timeout = cell_timeout
        self.log = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 (open as long as the kernel runs)
        self.client = NotebookClient(
            copy.deepcopy(notebook),
            km=AsyncKernelManager(kernel_name=CURRENT_ENV_KERNEL_NAME, kernel_spec_manager=NbvalKernelspecManager()),
            resources={"metadata": {"path": str(folder)}},
            timeout=None if cell_timeout is None else math.ceil(cell_timeout),  # nbclient takes whole seconds
            startup_timeout=math.ceil(startup_timeout),
            iopub_timeout=60,
            raise_on_iopub_timeout=True,
            record_timing=False,
        )
        self.running = contextlib.ExitStack()
        with kernel_environment():
            if any(DRAWS.search(cell.source) for cell in notebook.cells):
                list_fonts()
            try:
                self.running.enter_context(self.client.setup_kernel(stdout=self.log, stderr=self.log, cleanup_kc=True))
            except RuntimeError as error:
                raise RuntimeError(f"The kernel did not start: {error}\n{self.last_words()}") from error

    def run(self, index: int) -> list[NotebookNode]:
        """Runs the cell at this place in `notebook.cells` and returns its outputs.

        Raises:
            CellStopped: the cell raised an error or took too long, or the kernel died.
        """
        cell = self.client.nb.cells[index]
        try:
            self.client.execute_cell(cell, index)
        except CellExecutionError as error:
            traceback = [line for output in cell.outputs for line in output.get("traceback", [])]
            raise CellStopped(f"{error.ename}: {error.evalue}", "\n".join(traceback)) from None
        except CellTimeoutError:
            raise CellStopped(f"the cell did not end within {self.cell_timeout:g} s") from None
        except DeadKernelError:
            raise CellStopped("the kernel died", self.last_words()) from None
        return cell.outputs

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
