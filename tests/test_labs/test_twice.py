"""Readers run cells twice: the second time each gives what it gave the first time."""

import pytest

from tests.course.compare import Tolerance, differences
from tests.course.kernel import LabKernel
from tests.course.lab import Lab, labs


@pytest.mark.slow
@pytest.mark.parametrize("path", labs(), ids=lambda path: path.stem)
def test_each_cell_gives_the_same_when_it_runs_twice(path):
    others = []
    with LabKernel(Lab(path)) as kernel:
        for code in kernel.lab.code:
            kernel.run(code)
            found = differences(code.cell.outputs, kernel.run(code), Tolerance.from_tags(code.tags))
            others += [f"{code}: {difference}" for difference in found]
    assert others == []
