"""Makes `pytest --nbval` compare the labs' outputs as tests/nbval_plugin.py says."""

from tests.nbval_plugin import pytest_collect_file, pytest_xdist_make_scheduler

__all__ = ["pytest_collect_file", "pytest_xdist_make_scheduler"]
