"""Claims that hold a lab's text to its results, checks of the reader's exercises, and why a run differs."""

from utils.checks.claims import ClaimError, claim
from utils.checks.exercises import Unsolved, exercise, solved
from utils.checks.stored import why

__all__ = ["ClaimError", "Unsolved", "claim", "exercise", "solved", "why"]
