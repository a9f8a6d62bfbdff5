"""Claims that hold a lab's text to its results, checks of the reader's exercises, progress, and why a run differs."""

from utils.checks.claims import ClaimError, agree, claim
from utils.checks.exercises import exercise
from utils.checks.recorded import why
from utils.checks.solved import progress

__all__ = ["ClaimError", "agree", "claim", "exercise", "progress", "why"]
