"""Makes `pytest --nbval` compare the labs' outputs, by the hooks of tests/course/plugin.py."""

from tests.course.plugin import *  # noqa: F403
