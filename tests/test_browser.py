"""Each lab in a real JupyterLab and a real browser: run, moved, drawn on, given a picture. Slow.

Needs Node with the package playwright-core, found by NODE_PATH, and Chromium: `npm install --prefix FOLDER
playwright-core`, then `NODE_PATH=FOLDER/node_modules pytest -m slow tests/test_browser.py`.
"""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import numpy as np
import pytest
from PIL import Image

from tests.execute import code_cells, read
from utils.runtime import COURSE

LABS = sorted((COURSE / "labs").glob("*.ipynb"))
SCRIPT = COURSE / "tests" / "browser.cjs"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CONTROL = re.compile(r"a (slider|menu) '([^']+)'")
PHOTO = "mine.png"

pytestmark = pytest.mark.slow


def missing():
    """What is not installed, in words; None if all is."""
    node = shutil.which("node")
    if node is None:
        return "Node is not installed"
    if CHROMIUM is None:
        return "Chromium is not installed"
    found = subprocess.run([node, "-e", "require('playwright-core')"], capture_output=True)
    return "playwright-core is not found: set NODE_PATH to its folder" if found.returncode else None


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory):
    """A JupyterLab that runs on a copy of the course: its address, and the copy."""
    if reason := missing():
        pytest.skip(reason)
    copy = tmp_path_factory.mktemp("course")
    for part in ("labs", "utils", "data"):
        shutil.copytree(COURSE / part, copy / part, ignore=shutil.ignore_patterns("cache", "__pycache__"))
    home = tmp_path_factory.mktemp("home")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [f"--ServerApp.port={port}", "--ServerApp.token=", "--ServerApp.open_browser=False", "--allow-root"]
    environment = {**os.environ, "HOME": str(home), "JUPYTER_CONFIG_DIR": str(home), "JUPYTER_RUNTIME_DIR": str(home)}
    command = [sys.executable, "-m", "jupyterlab", *options, f"--ServerApp.root_dir={copy}"]
    with (home / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=copy, env=environment, stdout=log, stderr=log)
        try:
            wait_for(f"http://127.0.0.1:{port}/api", server)
            yield f"http://127.0.0.1:{port}", copy
        finally:
            server.terminate()
            server.wait(30)


def wait_for(address, server):
    for _ in range(300):
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=2):
            return
        assert server.poll() is None, "JupyterLab did not start"
        time.sleep(0.2)
    raise TimeoutError(address)


def seen(jupyter, lab, *picture):
    """What the browser says of a lab."""
    address, _ = jupyter
    environment = {**os.environ, "CHROMIUM": CHROMIUM}
    command = [shutil.which("node"), str(SCRIPT), address, lab.name, *picture]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, encoding="utf-8", timeout=900)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def controls_of(lab):
    """(kind, name) of each control that the stored outputs list beside a figure; the canvas stands apart."""
    texts = [
        output.get("text") or output.get("data", {}).get("text/plain", "")
        for _, _, cell in code_cells(read(lab))
        for output in cell.outputs
    ]
    return [control for text in texts if text.startswith("Live under") for control in CONTROL.findall(text)]


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.stem)
def test_lab_runs_and_every_control_changes_its_figure(lab, jupyter, tmp_path):
    arguments = []
    if lab.stem == "08_cats_vs_dogs":
        noise = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
        Image.fromarray(noise).save(tmp_path / PHOTO)
        arguments.append(str(tmp_path / PHOTO))
        copy = jupyter[1] / "labs" / lab.name
        text = copy.read_text(encoding="utf-8")
        assert text.count('my_photo = \\"\\"') == 1
        copy.write_text(text.replace('my_photo = \\"\\"', f'my_photo = \\"{PHOTO}\\"'), encoding="utf-8")
    said = seen(jupyter, lab, *arguments)
    assert said["ran"]
    assert said["stopped"] == []
    assert said["pageErrors"] == []
    assert sorted((one["kind"], one["name"]) for one in said["controls"]) == sorted(controls_of(lab))
    assert [one["name"] for one in said["controls"] if not one["changed"]] == []
    if lab.stem == "04_mnist":
        _, drawn, cleared = said["drawn"]
        assert "Nothing is drawn yet" in cleared
        assert "Nothing is drawn yet" not in drawn
    if arguments:
        assert (jupyter[1] / "labs" / PHOTO).read_bytes() == (tmp_path / PHOTO).read_bytes()
        assert PHOTO in said["text"]


def test_controls_are_found_in_the_stored_outputs():
    assert controls_of(LABS[0]) == [("slider", "weight"), ("slider", "bias")]
    assert all(controls_of(lab) for lab in LABS[:6])
