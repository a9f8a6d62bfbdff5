"""Tests of the labs, of utils and of themselves; the makers' library (course) and its commands (python -m tests)."""
