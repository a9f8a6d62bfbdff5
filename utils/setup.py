"""What every lab does first, in its setup cell."""

from utils import runtime

try:
    from utils import plots
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(runtime.missing(error.name), name=error.name) from error


def run():
    """Print what the lab runs on, make its runs repeatable, and draw in the house style; see the two functions."""
    runtime.setup()
    plots.setup()
