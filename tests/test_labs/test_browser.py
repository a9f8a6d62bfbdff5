"""Each lab in a real JupyterLab and a real browser: run, moved, drawn on, given a picture. Slow.

Needs Node with the package playwright-core, found by NODE_PATH, and Chromium, on the path or named by CHROMIUM:
`npm install --prefix FOLDER playwright-core`, then
`NODE_PATH=FOLDER/node_modules pytest -m slow tests/test_labs/test_browser.py`.
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
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.course.lab import Lab, labs, text_of, text_of_output, write
from tests.tiny_labs import copy_of_course

SCRIPT = Path(__file__).with_name("browser.cjs")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
CONTROL = re.compile(r"a (slider|menu) '([^']+)'")
PHOTO = "mine.png"
FOLLOWS = 1.0  # seconds from the last of many inputs to its picture; about a third of it when nothing else runs

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
    copy = copy_of_course(tmp_path_factory.mktemp("new"))
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


def seen(address, *arguments):
    """What the browser says of a lab."""
    environment = {**os.environ, "CHROMIUM": CHROMIUM}
    command = [shutil.which("node"), SCRIPT, address, *arguments]
    result = subprocess.run([*map(str, command)], env=environment, capture_output=True, encoding="utf-8", timeout=900)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def controls_of(lab):
    """(kind, name) of each control that the stored outputs list beside a figure; the canvas stands apart."""
    texts = [text_of_output(output) for code in lab.code for output in code.cell.outputs]
    return sorted(control for text in texts if text.startswith("Live under") for control in CONTROL.findall(text))


def ask_for_photo(path):
    """Gives the lab's parameter my_photo, if it has one, the name of a picture beside it; whether it has."""
    lab = Lab(path)
    asking = [code.cell for code in lab.tagged("parameters") if 'my_photo = ""' in code.cell.source]
    for cell in asking:
        cell.source = cell.source.replace('my_photo = ""', f'my_photo = "{PHOTO}"')
    write(path, text_of(lab.notebook))
    return bool(asking)


@pytest.mark.parametrize("path", labs(), ids=lambda path: path.stem)
def test_lab_runs_and_every_control_changes_its_figure(path, jupyter, tmp_path):
    address, copy = jupyter
    arguments, lab = [path.name], Lab(path)
    if ask_for_photo(copy / "labs" / path.name):
        noise = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
        Image.fromarray(noise).save(tmp_path / PHOTO)
        arguments.append(tmp_path / PHOTO)
    said = seen(address, *arguments)
    assert said["ran"] and said["stopped"] == said["pageErrors"] == []
    assert sorted((one["kind"], one["name"]) for one in said["controls"]) == controls_of(lab)
    pictures = said["controls"]
    if any("widgets.sketch(" in code.cell.source for code in lab.code):
        pictures = [*pictures, {"name": "canvas", **said["canvas"]}]
        _, drawn, cleared = said["drawn"]
        assert "Nothing is drawn yet" in cleared and "Nothing is drawn yet" not in drawn
    for one in pictures:
        print(f"{path.stem}: {one['name']} is followed in {one['seconds']:.2f} s")
    assert [one for one in pictures if not one["changed"] or one["seconds"] > FOLLOWS] == []
    assert [one for one in pictures if one["blank"] or len(one["sizes"]) != 1] == []
    if len(arguments) == 2:
        assert (copy / "labs" / PHOTO).read_bytes() == (tmp_path / PHOTO).read_bytes()
        assert PHOTO in said["text"]
