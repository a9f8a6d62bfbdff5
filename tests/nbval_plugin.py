"""Makes nbval run and compare the labs as this course needs it; loaded by labs/conftest.py.

Each code cell is a test. It fails if it stops with an error, if it was never executed, or if its outputs differ from
the stored ones beyond the tolerances that its tags declare (tests/compare.py says what that means). No cell can opt
out: a tag that is not known, and nbval's own marks, are errors. With --nbval-lax only errors count.
"""

import nbformat
import pytest
from nbval.plugin import IPyNbCell, IPyNbFile, find_comment_markers

from tests.compare import Tolerance, differences
from tests.execute import cell_name, code_cells, normalise, normalise_outputs, read
from tests.kernel import CellStopped, LabKernel


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path, parent):
    collected = yield
    return [
        LabFile.from_parent(parent, path=file_path) if isinstance(collector, IPyNbFile) else collector
        for collector in collected
    ]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Keeps a notebook's cells on one worker with plain `pytest -n 2` too."""
    if config.getvalue("dist") != "load":
        return None
    from xdist.scheduler import LoadFileScheduling

    return LoadFileScheduling(config, log)


class LabFile(IPyNbFile):
    """A lab, its kernel while its tests run, and the outputs that its cells have given so far."""

    kernel: LabKernel | None = None

    def collect(self):
        if self.config.option.nbval_sanitize_with:
            raise self.CollectError(
                "--nbval-sanitize-with is not for this course: tests/compare.py says what is masked"
            )
        try:
            self.nb = normalise(read(self.path))
        except (ValueError, nbformat.ValidationError) as error:
            raise self.CollectError(str(error)) from None
        self.cells = code_cells(self.nb)
        problems = []
        for number, _, cell in self.cells:
            try:
                tolerance = _tolerance(cell)
            except ValueError as error:
                problems.append(f"{self.path.name}, {cell_name(number, cell)}: {error}")
                continue
            yield LabCell.from_parent(
                self,
                name=f"Cell {number}",
                cell_num=number,
                cell=cell,
                options={"check": self.compare_outputs},
                tolerance=tolerance,
            )
        if problems:
            raise self.CollectError("\n".join(problems))

    def setup(self):
        self.outputs = {}
        self.stopped = None
        option = self.config.option
        self.kernel = LabKernel(
            self.nb, self.path.parent, option.nbval_cell_timeout, option.nbval_kernel_startup_timeout
        )

    def teardown(self):
        if self.kernel:
            self.kernel.stop()

    def run(self, number: int) -> list[nbformat.NotebookNode]:
        """The outputs of a code cell. Cells before it that have not run yet, because they were not selected, run first.

        Raises:
            CellStopped: this cell or one before it did not reach its end; `self.stopped` is that cell's number.
        """
        for earlier, place, _ in self.cells[len(self.outputs) : number]:
            try:
                self.outputs[earlier] = normalise_outputs(self.kernel.run(place))
            except CellStopped:
                self.stopped = earlier
                raise
        return self.outputs[number]


class LabCell(IPyNbCell):
    """The test of one code cell."""

    def __init__(self, *, tolerance: Tolerance, **arguments):
        super().__init__(**arguments)
        self.tolerance = tolerance

    def setup(self):
        pass

    def runtest(self):
        stopped = self.parent.stopped
        if stopped is not None and stopped < self.cell_num:
            pytest.skip(f"cell {stopped} did not reach its end")
        stop = None
        try:
            got = self.parent.run(self.cell_num)
        except CellStopped as error:
            stop = error
        if stop:
            where = "" if self.parent.stopped == self.cell_num else f"cell {self.parent.stopped}, which runs before, "
            self.fail(f"{where}stopped: {stop}", stop.details)
        if not self.options["check"]:
            return
        if self.cell.execution_count is None:
            self.fail("never executed: execute the notebook and save it (python -m tests.execute)")
        if found := differences(self.cell.outputs, got, self.tolerance):
            self.fail("differs from its stored output", *found)

    def fail(self, reason: str, *details: str):
        """Ends the test with a message that says what, where, and then the details."""
        where = f"in {self.parent.path.name}, {cell_name(self.cell_num, self.cell)}"
        pytest.fail("\n".join([reason, where, *details]), pytrace=False)

    def repr_failure(self, excinfo):
        return pytest.Item.repr_failure(self, excinfo)

    def reportinfo(self):
        return self.path, 0, f"{self.parent.path.name}, {self.name.lower()}"


def _tolerance(cell: nbformat.NotebookNode) -> Tolerance:
    if marks := [mark for mark, _ in find_comment_markers(cell.source)]:
        raise ValueError(f"a comment asks nbval for another treatment ({', '.join(marks)}): every cell is compared")
    return Tolerance.from_tags(cell.metadata.get("tags", []))
