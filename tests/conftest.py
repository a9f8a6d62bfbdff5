"""What several test modules share."""

import pytest
from IPython.core.formatters import DisplayFormatter
from IPython.core.interactiveshell import InteractiveShell
from matplotlib.figure import Figure

from utils import plots
from utils.widgets import live


@pytest.fixture
def shown(monkeypatch):
    """What is displayed: a list of (object, whether raw); a shell formats figures as in a notebook."""
    shell = type("Shell", (), {"display_formatter": DisplayFormatter()})()
    formatters = shell.display_formatter.formatters
    formatters["image/png"].for_type(Figure, plots.png)
    formatters["text/plain"].for_type(Figure, lambda figure, printer, cycle: printer.text(plots.describe(figure)))
    shell.display_formatter.active_types = ["image/png", "text/plain"]
    monkeypatch.setattr(live, "get_ipython", lambda: shell)
    displayed = []
    monkeypatch.setattr(live, "display", lambda thing, raw=False: displayed.append((thing, raw)))
    yield displayed
    InteractiveShell.clear_instance()
