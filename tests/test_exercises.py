"""Every exercise check tells each known mistake apart, and goes on with a right answer."""

import re

import pytest

from tests import exercises


@pytest.mark.parametrize("lab", exercises.LABS, ids=lambda lab: lab.stem)
def test_checks_tell_what_is_stored(lab):
    told = exercises.transcript(lab)
    assert told == exercises.stored(lab).read_text(encoding="utf-8")
    for exercise in told.split("== ")[1:]:
        assert exercise.count("✎") == exercise.count("✔") == 1
        hints = re.findall(r"^  (.+) The lab goes on with its own version\.$", exercise, re.M)
        assert len(hints) == len(set(hints)) == exercise.count("✘") >= 2, "each mistake has a hint of its own"
