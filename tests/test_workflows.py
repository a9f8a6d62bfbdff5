"""The workflows of GitHub Actions run what a maintainer runs by hand, on versions that the course admits."""

import os
import re
import shlex
import shutil
import subprocess

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from utils.runtime import COURSE

FOLDER = COURSE / ".github" / "workflows"
NAMES = ["full-data", "gpu", "site", "tests"]
REPORTING = ["full-data", "gpu", "tests"]  # those that execute labs


def load(name):
    """A workflow; YAML reads its key `on` as True."""
    content = yaml.safe_load((FOLDER / f"{name}.yml").read_text(encoding="utf-8"))
    return {"on" if key is True else key: value for key, value in content.items()}


def steps(name):
    return [step for job in load(name)["jobs"].values() for step in job["steps"]]


def commands(name):
    return [step["run"] for step in steps(name) if "run" in step]


def rows():
    """{packages: row} of the matrix of tests.yml."""
    return {row["packages"]: row for row in load("tests")["jobs"]["tests"]["strategy"]["matrix"]["include"]}


def requirements():
    lines = (COURSE / "requirements.txt").read_text(encoding="utf-8").splitlines()
    parsed = [Requirement(line.partition("#")[0]) for line in lines if line.partition("#")[0].strip()]
    return {requirement.name: requirement.specifier for requirement in parsed}


def pins(name):
    """{package: version} of a file of constraints, in which every line is a pin."""
    lines = (COURSE / name).read_text(encoding="utf-8").splitlines()
    found = [line.split("==") for line in lines if not line.startswith("#")]
    assert all(len(pair) == 2 for pair in found)
    return {package: Version(version) for package, version in found}


def pythons():
    """The minor versions of Python 3 that environment.yml admits, which requirements.txt cannot say."""
    text = (COURSE / "environment.yml").read_text(encoding="utf-8")
    admitted = Requirement(re.search(r"python>=\S+", text)[0]).specifier
    return [minor for minor in range(30) if admitted.contains(f"3.{minor}.0")]


def test_there_are_no_other_workflows():
    assert sorted(path.name for path in FOLDER.iterdir()) == [f"{name}.yml" for name in NAMES]


@pytest.mark.parametrize("name", NAMES)
def test_jobs_are_bounded_and_may_only_read(name):
    workflow = load(name)
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]
    for title, job in workflow["jobs"].items():
        assert job["timeout-minutes"] <= 120
        if (name, title) == ("site", "pages"):  # runs nothing of the course, and only where somebody asked for it
            assert job["permissions"] == {"pages": "write", "id-token": "write"}
            assert job["if"] == "${{ vars.PAGES == 'true' }}"
            assert not [step for step in job["steps"] if "run" in step]
        else:
            assert "permissions" not in job


@pytest.mark.parametrize("name", NAMES)
def test_actions_are_pinned_by_their_major_version(name):
    used = [step["uses"] for step in steps(name) if "uses" in step]
    assert used
    for action in used:
        assert re.fullmatch(r"actions/[a-z-]+@v\d+", action), action


def test_all_workflows_use_the_same_versions_of_actions():
    used = {step["uses"] for name in NAMES for step in steps(name) if "uses" in step}
    assert len(used) == len({action.partition("@")[0] for action in used})


@pytest.mark.parametrize("name", NAMES)
def test_no_workflow_keeps_a_token_in_the_checkout(name):
    for step in steps(name):
        if step.get("uses", "").startswith("actions/checkout"):
            assert step["with"]["persist-credentials"] is False


def test_events():
    assert load("tests")["on"] == ["push", "pull_request"]
    assert load("site")["on"] == {"push": {"branches": ["main"]}, "workflow_dispatch": None}
    for name in ("full-data", "gpu"):  # a stranger's pull request must not reach a runner of one's own
        events = load(name)["on"]
        assert set(events) == {"schedule", "workflow_dispatch"}
        [when] = events["schedule"]
        assert re.fullmatch(r"\d+ \d+ \* \* [0-6]", when["cron"])  # once a week


def test_tests_run_exactly_the_script_of_continuous_integration():
    run, report = commands("tests")
    assert run == "bash .ci/run"
    assert report == ".venv/bin/python -m tests.report report"


def test_matrix_covers_the_newest_the_oldest_and_colabs_packages():
    found = rows()
    assert set(found) == {"newest", "oldest", "colab"}
    assert found["newest"]["python"] == found["colab"]["python"] == f"3.{pythons()[-1]}"
    assert found["oldest"]["python"] == f"3.{pythons()[0]}"
    assert "constraints" not in found["newest"]
    assert [found[name]["constraints"] for name in ("oldest", "colab")] == [
        ".github/oldest-constraints.txt",
        ".github/colab-constraints.txt",
    ]
    assert load("tests")["jobs"]["tests"]["env"] == {"PIP_CONSTRAINT": "${{ matrix.constraints }}"}
    assert load("tests")["jobs"]["tests"]["strategy"]["fail-fast"] is False


@pytest.mark.parametrize("name", NAMES)
def test_every_python_is_admitted(name):
    admitted = [f"3.{minor}" for minor in pythons()]
    for step in steps(name):
        if step.get("uses", "").startswith("actions/setup-python"):
            version = step["with"]["python-version"]
            assert version == "${{ matrix.python }}" or version in admitted
            assert isinstance(version, str)  # 3.10 without quotes is 3.1
    assert all(row["python"] in admitted for row in rows().values())


@pytest.mark.parametrize("name", ["oldest", "colab"])
def test_pins_are_admitted(name):
    admitted = requirements()
    for package, version in pins(f".github/{name}-constraints.txt").items():
        assert admitted.get(package, Requirement(package).specifier).contains(version), package


def test_oldest_pins_are_the_lowest_that_are_admitted():
    found = pins(".github/oldest-constraints.txt")
    assert set(found) == {"tensorflow", "keras", "numpy"}
    for package, version in found.items():
        [lowest] = [Version(part.version) for part in requirements()[package] if part.operator == ">="]
        assert version == lowest, package


def test_colabs_pins():
    found = pins(".github/colab-constraints.txt")
    wanted = {"tensorflow": "2.20", "keras": "3.13", "ipython": "7.34", "ipywidgets": "7.7"}
    assert {name: f"{found[name].major}.{found[name].minor}" for name in wanted} == wanted
    text = (COURSE / ".github" / "colab-constraints.txt").read_text(encoding="utf-8")
    assert "https://github.com/googlecolab/backend-info" in text


@pytest.mark.parametrize("name", NAMES)
def test_paths_exist(name):
    """Of files of the course; .venv, report and data/cache are made as the workflow runs."""
    made = (".venv/", "report", "data/cache")
    words = [word for command in commands(name) for word in shlex.split(command, comments=True)]
    for step in steps(name):
        given = step.get("with", {})
        words += [*given.get("cache-dependency-path", "").split(), *given.get("path", "").split()]
        words += re.findall(r"'([^']+)'", given.get("key", ""))
    words += [row["constraints"] for row in rows().values() if "constraints" in row]
    paths = [word for word in words if re.fullmatch(r"[\w.*/-]+(/[\w.*-]+|\.(txt|py|yml))|labs", word)]
    assert paths
    for path in paths:
        assert path.startswith(made) or list(COURSE.glob(path)), path
    modules = re.findall(r"-m (tests\.\w+)", "\n".join(commands(name)))
    assert modules == (["tests.report"] if name in REPORTING else ["tests.site"])


@pytest.mark.parametrize("name", NAMES)
def test_commands_are_read_by_the_shell(name):
    if shutil.which("bash") is None:
        pytest.skip("there is no bash here")
    for command in commands(name):
        subprocess.run(["bash", "-n", "-c", command], check=True)


@pytest.mark.parametrize("name", REPORTING)
def test_report_is_made_and_kept_after_a_failure_too(name):
    job = load(name)["jobs"][name]
    report, upload = job["steps"][-2:]
    assert report["run"].endswith("-m tests.report report")
    assert upload["uses"].startswith("actions/upload-artifact@")
    assert upload["with"]["path"] == "report"
    assert report["if"] == upload["if"] == "${{ !cancelled() }}"


def test_artifacts_of_one_run_have_names_of_their_own():
    [upload] = [step for step in steps("tests") if step.get("uses", "").startswith("actions/upload-artifact")]
    assert upload["with"]["name"] == "labs-${{ matrix.packages }}"


def test_full_data_are_kept_and_used():
    job = load("full-data")["jobs"]["full-data"]
    assert job["env"] == {"LABS_DATA": "full"}
    [cache] = [step for step in job["steps"] if step.get("uses", "").startswith("actions/cache")]
    assert cache["with"]["path"] == "data/cache"
    assert "hashFiles(" in cache["with"]["key"]
    assert ".venv/bin/python -m pytest --nbval-lax labs" in commands("full-data")
    uses = [step.get("uses", step.get("run")) for step in job["steps"]]
    assert uses.index(cache["uses"]) < uses.index(".venv/bin/python -m pytest --nbval-lax labs")


def test_environment_is_made_as_the_readme_says():
    readme = (COURSE / "README.md").read_text(encoding="utf-8")
    [command] = re.findall(r"^(python3 -m venv .*) && .*pytest$", readme, re.M)
    assert command in commands("full-data")


def test_gpu_or_a_plain_word_that_there_is_none(tmp_path):
    jobs = load("gpu")["jobs"]
    assert jobs["gpu"]["if"] == "${{ vars.GPU_RUNNER == 'true' }}"
    assert jobs["no-gpu"]["if"] == "${{ vars.GPU_RUNNER != 'true' }}"
    assert jobs["gpu"]["runs-on"] == ["self-hosted", "gpu"]
    assert jobs["no-gpu"]["runs-on"] == "ubuntu-latest"
    if shutil.which("bash") is None:
        pytest.skip("there is no bash here")
    [step] = jobs["no-gpu"]["steps"]
    summary = tmp_path / "summary"
    command = ["bash", "-e", "-c", step["run"]]
    result = subprocess.run(
        command, env=os.environ | {"GITHUB_STEP_SUMMARY": str(summary)}, check=True, capture_output=True, text=True
    )
    assert "Nothing was tested on a GPU" in summary.read_text()
    assert result.stdout.startswith("::notice title=No GPU::Nothing was tested on a GPU")


def test_updates_come_for_packages_and_for_actions():
    rules = yaml.safe_load((COURSE / ".github" / "dependabot.yml").read_text(encoding="utf-8"))
    assert rules["version"] == 2
    assert [(rule["package-ecosystem"], rule["directory"]) for rule in rules["updates"]] == [
        ("pip", "/"),
        ("github-actions", "/"),
    ]
    assert all(rule["schedule"] == {"interval": "monthly"} and len(rule["groups"]) == 1 for rule in rules["updates"])


def test_site_is_made_without_the_labs_packages_and_kept():
    job = load("site")["jobs"]["site"]
    install, make = commands("site")
    assert install == "python -m pip install -q -r .github/site-requirements.txt"
    assert make == 'python -m tests.site "$RUNNER_TEMP/site"'
    uploads = [step for step in job["steps"] if "/upload-" in step.get("uses", "")]
    assert [step["with"]["path"] for step in uploads] == ["${{ runner.temp }}/site"] * 2
    assert "if" not in uploads[0]
    assert uploads[1]["if"] == "${{ vars.PAGES == 'true' }}"
    assert load("site")["jobs"]["pages"]["needs"] == "site"


def test_site_packages_are_ranges():
    lines = (COURSE / ".github" / "site-requirements.txt").read_text(encoding="utf-8").splitlines()
    parsed = [Requirement(line.partition("#")[0]) for line in lines if line.partition("#")[0].strip()]
    assert {requirement.name for requirement in parsed} >= {"sphinx", "myst-nb"}
    for requirement in parsed:
        assert {specifier.operator for specifier in requirement.specifier} == {">=", "<"}, requirement
        assert requirement.name not in requirements(), requirement  # the course itself needs none of them
