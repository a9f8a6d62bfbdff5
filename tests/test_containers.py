"""The container of .devcontainer, line by line: no container engine is needed to see that its parts fit."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests import loopback
from utils.runtime import COURSE

FOLDER = COURSE / ".devcontainer"
README = (COURSE / "README.md").read_text(encoding="utf-8")
HOME = "/home/learner"
PLACE = f"{HOME}/course"


def instructions():
    """[(instruction, what follows it)] of the Dockerfile."""
    lines = (FOLDER / "Dockerfile").read_text(encoding="utf-8").splitlines()
    return [tuple(line.split(" ", 1)) for line in lines if not line.startswith("#")]


def of(name):
    return [rest for instruction, rest in instructions() if instruction == name]


def configuration():
    return json.loads((FOLDER / "devcontainer.json").read_text(encoding="utf-8"))


def test_nothing_but_known_instructions():
    assert [instruction for instruction, _ in instructions()] == [
        *("FROM", "RUN", "USER", "WORKDIR", "RUN", "WORKDIR", "ENV", "COPY", "RUN"),
        *("COPY", "COPY", "COPY", "COPY", "EXPOSE", "CMD"),
    ]


def test_python_of_the_base_image_is_the_newest_that_is_admitted():
    [minor] = re.findall(r"^python:3\.(\d+)$", *of("FROM"))
    environment = (COURSE / "environment.yml").read_text(encoding="utf-8")
    admitted = Requirement(re.search(r"python>=\S+", environment)[0]).specifier
    assert admitted.contains(f"3.{minor}.0") and not admitted.contains(f"3.{int(minor) + 1}.0")


def test_user_is_made_first_and_is_not_root(tmp_path):
    making = "useradd --create-home --uid 1000 learner"
    assert instructions()[1:3] == [("RUN", making), ("USER", "learner")]
    assert of("USER") == ["learner"]
    if shutil.which("useradd") is None or os.name != "posix" or os.geteuid() != 0:
        pytest.skip("no user can be made here")
    (tmp_path / "etc").mkdir()
    for name in ("passwd", "group", "shadow"):
        (tmp_path / "etc" / name).touch()
    (tmp_path / "home").mkdir()
    subprocess.run([*shlex.split(making), "--prefix", str(tmp_path)], check=True)
    assert "learner:x:1000:" in (tmp_path / "etc" / "passwd").read_text()
    assert (tmp_path / HOME[1:]).is_dir()


def test_folder_is_made_by_the_user_who_works_in_it():
    """WORKDIR alone would make a folder that is root's."""
    assert instructions()[3:6] == [("WORKDIR", HOME), ("RUN", "mkdir course"), ("WORKDIR", PLACE)]


def test_packages_are_installed_as_the_readme_says(tmp_path):
    [command] = re.findall(r"^(python3 -m venv .*) && \S+ -m jupyter lab", README, re.M)
    assert of("RUN")[-1] == command
    names = [instruction for instruction, _ in instructions()]
    assert instructions()[names.index("COPY")][1] == "--chown=learner requirements.txt ./"  # a layer of its own
    assert names.index("COPY") < len(names) - names[::-1].index("RUN")
    environment, _, install = command.partition(" && ")
    if shutil.which("python3") is None:
        pytest.skip("there is no python3 here")
    subprocess.run([*shlex.split(environment), "--without-pip"], cwd=tmp_path, check=True)
    assert (tmp_path / ".venv" / "bin" / "python").exists()
    words = shlex.split(install)
    assert words[0] == ".venv/bin/python"
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True).returncode:
        pytest.skip("there is no pip here")
    shutil.copy(COURSE / "requirements.txt", tmp_path)
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    subprocess.run([sys.executable, *words[1:], "--dry-run", "--no-index"], cwd=tmp_path, env=plain, check=True)


def test_its_commands_are_the_environments():
    [variables] = of("ENV")
    values = dict(word.split("=", 1) for word in shlex.split(variables))
    assert values == {"PATH": f"{PLACE}/.venv/bin:$PATH", "PIP_NO_CACHE_DIR": "1"}


def copied():
    """[(source, target)] of all COPY lines."""
    pairs = []
    for line in of("COPY"):
        option, *sources, target = line.split()
        assert option == "--chown=learner"
        pairs += [(source, target) for source in sources]
    return pairs


def test_what_is_copied_exists_and_keeps_its_name():
    for source, target in copied():
        assert (COURSE / source).exists(), source
        assert target == ("./" if (COURSE / source).is_file() else source)
    assert {source for source, _ in copied()} == {"requirements.txt", "data", "utils", "labs", "README.md", "LICENSE"}


def test_full_data_and_caches_stay_outside():
    lines = (FOLDER / "Dockerfile.dockerignore").read_text(encoding="utf-8").split()
    assert lines == ["**/__pycache__", "**/.ipynb_checkpoints", "data/cache"]


def test_its_heading_builds_and_runs_it():
    text = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
    build, run = (shlex.split(line) for line in re.findall(r"^#   (docker .*)$", text, re.M))
    assert build[:2] == ["docker", "build"] and (COURSE / build[build.index("-f") + 1]) == FOLDER / "Dockerfile"
    assert build[-1] == "." and build[build.index("-t") + 1] == run[-1]
    [port] = of("EXPOSE")
    assert run[run.index("-p") + 1] == f"127.0.0.1:{port}:{port}"  # not to the whole network
    [mount] = re.findall(r'-v "\$PWD/(\w+):(\S+)"', text)
    assert mount == ("labs", f"{PLACE}/labs")


def test_devcontainer_is_this_container():
    values = configuration()
    assert values["build"] == {"dockerfile": "Dockerfile", "context": ".."}
    assert [values["remoteUser"]] == of("USER")
    assert [str(port) for port in values["forwardPorts"]] == [*values["portsAttributes"]] == of("EXPOSE")
    settings = values["customizations"]["vscode"]["settings"]
    assert settings == {"python.defaultInterpreterPath": f"{PLACE}/.venv/bin/python"}


def jupyter(name):
    [command] = of("CMD") if name == "CMD" else [json.dumps(configuration()["postAttachCommand"])]
    return json.loads(command)


def test_outside_a_container_it_serves_this_machine_only():
    assert [word for word in jupyter("CMD") if word not in jupyter("devcontainer")] == ["--ip=0.0.0.0"]
    assert [word for word in jupyter("devcontainer") if word not in jupyter("CMD")] == []


def test_jupyterlab_starts(tmp_path):
    command = jupyter("CMD")
    assert f"--port={of('EXPOSE')[0]}" in command and command[:2] == ["jupyter", "lab"]
    [page] = [word.partition("=/lab/tree/")[2] for word in command if "default_url" in word]
    assert (COURSE / page).is_file()
    loopback.put_up()
    folders = {f"JUPYTER_{part}_DIR": str(tmp_path / part) for part in ("CONFIG", "DATA", "RUNTIME")}
    environment = os.environ | folders | {"HOME": str(tmp_path), "IPYTHONDIR": str(tmp_path / "ipython")}
    values = {"--ip=0.0.0.0": "--ip=127.0.0.1", "--port=8888": "--port=0"}  # for this machine: any port that is free
    words = [values.pop(word, word) for word in command] + ["--allow-root"]
    assert values == {}
    with (
        (tmp_path / "log").open("w") as log,
        subprocess.Popen(
            [sys.executable, "-m", *words], cwd=COURSE, env=environment, stdout=log, stderr=log
        ) as process,
    ):
        try:
            got = answer(process, tmp_path)
        finally:
            process.terminate()
    text = (tmp_path / "log").read_text(encoding="utf-8")
    assert "<title>JupyterLab</title>" in got, text
    assert "nrecognized" not in text
    assert f"/lab/tree/{page}?token=" in text


def answer(process, folder: Path) -> str:
    """The page that a Jupyter server, which keeps its address in the folder RUNTIME, gives."""
    for _ in range(300):
        for file in (folder / "RUNTIME").glob("jpserver-*.json"):
            try:
                server = json.loads(file.read_text(encoding="utf-8"))
                with urllib.request.urlopen(f"{server['url']}lab?token={server['token']}", timeout=20) as reply:
                    return reply.read().decode()
            except (OSError, ValueError):  # not yet
                pass
        if process.poll() is not None:
            break
        time.sleep(0.1)
    return "no answer"
