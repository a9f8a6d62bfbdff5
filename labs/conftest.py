"""Makes `pytest --nbval` compare the labs' outputs as tests/course/plugin.py says."""

from tests.course.plugin import (
    pytest_addoption,
    pytest_collect_file,
    pytest_configure,
    pytest_xdist_auto_num_workers,
    pytest_xdist_make_scheduler,
)

__all__ = [
    "pytest_addoption",
    "pytest_collect_file",
    "pytest_configure",
    "pytest_xdist_auto_num_workers",
    "pytest_xdist_make_scheduler",
]
