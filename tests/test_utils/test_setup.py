"""What every lab does first."""

import subprocess
import sys

from tests.course.lab import COURSE
from utils import plots, runtime, setup


def test_a_lab_is_prepared_and_its_figures_are(monkeypatch):
    done = []
    for module in (runtime, plots):
        monkeypatch.setattr(module, "setup", lambda module=module: done.append(module))
    setup.run()
    assert done == [runtime, plots]


def test_a_missing_package_is_told():
    code = "import sys; sys.modules['matplotlib'] = None; import utils.setup"
    said = subprocess.run([sys.executable, "-c", code], cwd=COURSE, capture_output=True, text=True).stderr
    assert said.splitlines()[-1].startswith("ModuleNotFoundError: The package 'matplotlib' is missing. Install")
