"""What several test modules share."""

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import matplotlib.pyplot as plt
import pytest
from IPython.core.formatters import DisplayFormatter
from IPython.core.interactiveshell import InteractiveShell
from matplotlib.figure import Figure

from tests.course.plugin import pytest_configure, pytest_xdist_auto_num_workers, pytest_xdist_make_scheduler
from utils import plots
from utils.data.folders import temporary_folder
from utils.plots import style
from utils.widgets import shown as showing

__all__ = ["pytest_configure", "pytest_xdist_auto_num_workers", "pytest_xdist_make_scheduler"]


@pytest.fixture
def house_style():
    with plt.rc_context(style.STYLE):
        yield
    plt.close("all")


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The labs' temporary folder stands in the test's own."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    temporary_folder.cache_clear()
    yield
    temporary_folder().cleanup()
    temporary_folder.cache_clear()


@pytest.fixture
def shown(monkeypatch):
    """What is displayed: a list of (object, whether raw); a shell formats figures as in a notebook."""
    shell = type("Shell", (), {"display_formatter": DisplayFormatter()})()
    formatters = shell.display_formatter.formatters
    formatters["image/png"].for_type(Figure, plots.png)
    formatters["text/plain"].for_type(Figure, lambda figure, printer, cycle: printer.text(plots.describe(figure)))
    shell.display_formatter.active_types = ["image/png", "text/plain"]
    monkeypatch.setattr(showing, "get_ipython", lambda: shell)
    displayed = []
    monkeypatch.setattr(showing, "display", lambda thing, raw=False: displayed.append((thing, raw)))
    yield displayed
    InteractiveShell.clear_instance()


@pytest.fixture
def server(monkeypatch):
    """A web server on this machine, at `address`. `requests` lists the paths asked for.

    `answer(handler)` says how to answer; `send(content, status, length)` makes such an answer, said to be `length`
    bytes long. `over` is set when the test has ended.
    """

    def send(content=b"", status=200, length=None):
        def answer(handler):
            handler.send_response(status)
            handler.send_header("Content-Length", str(len(content) if length is None else length))
            handler.end_headers()
            handler.wfile.write(content)

        return answer

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            state.requests.append(self.path)
            with contextlib.suppress(ConnectionError):  # the other end has had enough
                state.answer(self)

        def log_message(self, *_):
            pass

    monkeypatch.setenv("NO_PROXY", "*")
    state = SimpleNamespace(requests=[], send=send, answer=send(status=404), over=threading.Event())
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.daemon_threads = True
        state.address = f"http://127.0.0.1:{running.server_port}/"
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield state
        state.over.set()
        running.shutdown()
        thread.join()
