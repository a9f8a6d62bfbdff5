"""Makes nbval run and compare the labs as this course needs it; loaded by labs/conftest.py and tests/conftest.py.

Each code cell is a test. It fails if it stops with an error, if it was never executed, or if its outputs differ from
the stored ones beyond the tolerances that its tags declare (tests/course/compare.py says what that means). No cell can
opt out: a tag that is not known, and nbval's own marks, are errors. A last test replays the lab's exercises in its
kernel and compares what their checks say with tests/records/exercises. With --nbval-lax only errors count.

`--record=FOLDER` also writes, for each lab that ran, the executed notebook and NAME.json: what it took.
"""

import json
import os
import time
from pathlib import Path
from typing import NoReturn

import nbformat
import pytest
from nbval.plugin import IPyNbCell, IPyNbFile, find_comment_markers

from tests.course import loopback
from tests.course.compare import Tolerance, differences
from tests.course.kernel import CellStopped, LabKernel
from tests.course.lab import CodeCell, Lab, normalise, text_of, write

MOST_WORKERS = 4  # a lab takes up to 1.5 GB and two cores


def pytest_addoption(parser):
    parser.addoption("--record", metavar="FOLDER", type=Path, help="write there what each lab took, and its outputs")


def pytest_configure(config):
    loopback.put_up()  # kernels talk over it


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path, parent):
    found = yield
    return [LabFile.from_parent(parent, path=file_path) if isinstance(one, IPyNbFile) else one for one in found]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config):
    """As many processes as there are cores, within reason; none beside this one for a single file."""
    if len(config.args) == 1 and Path(config.args[0].partition("::")[0]).is_file():
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(cores, MOST_WORKERS)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Keeps a notebook's cells in one process, and the files in the order of the tests."""
    if config.getvalue("dist") != "load":
        return None
    from xdist.scheduler import LoadFileScheduling

    config.option.loadscopereorder = False
    return LoadFileScheduling(config, log)


def pytest_collection_modifyitems(config, items):
    """In several processes the labs begin, the one with the longest time on its card first: none is left at the end."""
    if hasattr(config, "workerinput"):
        labs = [item for item in items if isinstance(item.parent, LabFile)]
        labs.sort(key=lambda item: -(item.parent.lab.limits("sample") or 0))
        items[:] = labs + [item for item in items if not isinstance(item.parent, LabFile)]


class LabFile(IPyNbFile):
    """A lab, its kernel while its tests run, and the outputs that its cells have given so far."""

    kernel: LabKernel | None = None

    def collect(self):
        try:
            self.lab = Lab(self.path)
            self.nb = normalise(self.lab.notebook)
        except (ValueError, nbformat.ValidationError) as error:
            raise self.CollectError(str(error)) from None
        problems = []
        for code in self.lab.code:
            try:
                tolerance = _tolerance(code)
            except ValueError as error:
                problems.append(f"{self.path.name}, {code}: {error}")
                continue
            own = {"cell_num": code.number, "cell": code.cell, "options": {"check": self.compare_outputs}}
            yield LabCell.from_parent(self, name=f"Cell {code.number}", code=code, tolerance=tolerance, **own)
        if problems:
            raise self.CollectError("\n".join(problems))
        if self.transcript.parent.is_dir() and self.lab.tagged("check") and self.compare_outputs:
            yield Exercises.from_parent(self, name="Exercises")

    @property
    def transcript(self) -> Path:
        """Where what the checks of the exercises say is stored."""
        return self.path.parents[1] / "tests" / "records" / "exercises" / f"{self.path.stem}.txt"

    def setup(self):
        self.outputs = {}
        self.stopped = self.reason = None
        self.took = {}
        option = self.config.option
        self.began = time.monotonic()
        self.kernel = LabKernel(self.lab, None, option.nbval_cell_timeout, option.nbval_kernel_startup_timeout)

    def teardown(self):
        if not self.kernel:
            return
        folder = self.config.getoption("record", None)
        try:
            if folder and (self.stopped or len(self.outputs) == len(self.lab.code)):
                self.record(folder)
        finally:
            self.kernel.stop()

    def run(self, code: CodeCell) -> list[nbformat.NotebookNode]:
        """The outputs of a code cell. Cells before it that have not run yet, because they were not selected, run first.

        CellStopped: this cell or one before it did not reach its end; `self.stopped` is that cell.
        """
        for earlier in self.lab.code[len(self.outputs) : code.number]:
            try:
                self.outputs[earlier.number] = self.kernel.run(earlier)
            except CellStopped as stop:
                self.stopped, self.reason = earlier, stop
                raise
            if earlier is self.lab.code[-1]:
                self.took = {"seconds": time.monotonic() - self.began, **self.kernel.used()}
        return self.outputs[code.number]

    def record(self, folder: Path):
        """Writes the executed notebook and what it took: seconds of the clock, CPU-seconds, megabytes at most."""
        notebook = nbformat.from_dict(self.kernel.client.nb)
        for code in self.lab.code:
            cell, ran = notebook.cells[code.place], code.number <= len(self.outputs) + (self.stopped is not None)
            cell.execution_count = code.number if ran else None
            cell.outputs = cell.outputs if ran else []
        folder.mkdir(parents=True, exist_ok=True)
        write(folder / self.path.name, text_of(normalise(notebook)))
        facts = {"stopped": f"{self.stopped} stopped: {self.reason}" if self.stopped else "", **self.took}
        write(folder / f"{self.path.stem}.json", json.dumps(facts, indent=1) + "\n")


class LabCell(IPyNbCell):
    """The test of one code cell."""

    def __init__(self, *, code: CodeCell, tolerance: Tolerance, **arguments):
        super().__init__(**arguments)
        self.code, self.tolerance = code, tolerance

    def setup(self):
        pass

    def runtest(self):
        got = self.got()
        if not self.options["check"]:
            return
        if self.cell.execution_count is None:
            self.fail("never executed: execute the notebook and save it (python -m tests execute)")
        if found := differences(self.cell.outputs, got, self.tolerance):
            cure = f"Meant so? Then execute the lab (python -m tests execute {self.parent.path.name}), and read it."
            cure += " Has only a package's version changed? See CONTRIBUTING.md, What the tests compare."
            self.fail("differs from its stored output", *found, cure)

    def got(self) -> list[nbformat.NotebookNode]:
        """What the cell gives; a skip if a cell before it stopped, a failure if this one does."""
        stopped = self.parent.stopped
        if stopped and stopped.number < self.cell_num:
            pytest.skip(f"cell {stopped.number} did not reach its end")
        try:
            return self.parent.run(self.code)
        except CellStopped as stop:
            reason, details = str(stop), stop.details
        stopped = self.parent.stopped
        where = "" if stopped is self.code else f"cell {stopped.number}, which runs before, "
        return self.fail(f"{where}stopped: {reason}", details)

    def fail(self, reason: str, *details: str) -> NoReturn:
        """Ends the test with a message that says what, where, and then the details."""
        where = f"in {self.parent.path.name}, {self.code}"
        pytest.fail("\n".join([reason, where, *details]), pytrace=False)

    def repr_failure(self, excinfo):
        return pytest.Item.repr_failure(self, excinfo)

    def reportinfo(self):
        return self.path, 0, f"{self.parent.path.name}, {self.name.lower()}"


class Exercises(pytest.Item):
    """The test of what the checks of a lab's exercises say: of the stub, of each mistake they know, of the solution."""

    def runtest(self):
        if self.parent.stopped:
            pytest.skip(f"cell {self.parent.stopped.number} did not reach its end")
        self.parent.run(self.parent.lab.code[-1])
        said = self.parent.kernel.exercises()
        stored = self.parent.transcript
        if not stored.is_file() or stored.read_text(encoding="utf-8") != said:
            cure = f"execute the lab (python -m tests execute {self.path.name}) and read it"
            message = f"{stored.name} in tests/records/exercises is not what the checks say: {cure}\n{said}"
            pytest.fail(message, pytrace=False)

    def reportinfo(self):
        return self.path, 0, f"{self.path.name}, exercises"


def _tolerance(code: CodeCell) -> Tolerance:
    if marks := [mark for mark, _ in find_comment_markers(code.cell.source)]:
        raise ValueError(f"a comment asks nbval for another treatment ({', '.join(marks)}): every cell is compared")
    return Tolerance.from_tags(code.tags)
