"""What binds the course's files together: its rooms, who imports whom, versions and commands that two files name."""

import ast
import re
import shlex
import shutil
import subprocess
import sys
from importlib.util import resolve_name

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from tests.course.lab import COURSE, Lab, labs

ROOMS = {"labs", "data", "utils", "tests", "requirements.txt", "environment.yml", "README.md"}
CONFIGURATION = {"pyproject.toml", ".ci", ".github", ".devcontainer", ".gitattributes", ".gitignore", "LICENSE"}
MAY_IMPORT = {  # a room: the rooms of utils and tests that it may import
    "utils.runtime": set(),
    "utils.data": {"utils.runtime"},
    "utils.plots": {"utils.runtime", "utils.data"},
    "utils.checks": {"utils.runtime", "utils.data"},
    "utils.widgets": {"utils.runtime", "utils.data"},
    "tests.course": set(),
    "tests.site": {"tests.course"},
    "tests.commands": {"tests.course", "tests.site", "utils.data", "utils.checks"},
}
README = (COURSE / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (COURSE / "CONTRIBUTING.md").read_text(encoding="utf-8")
TEACHING = (COURSE / "TEACHING.md").read_text(encoding="utf-8")
DOCKERFILE = (COURSE / ".devcontainer" / "Dockerfile").read_text(encoding="utf-8")
WORKFLOWS = {path.stem: path.read_text(encoding="utf-8") for path in (COURSE / ".github" / "workflows").glob("*.yml")}
MATRIX = yaml.safe_load(WORKFLOWS["tests"])["jobs"]["tests"]["strategy"]["matrix"]["include"]
ENVIRONMENT = yaml.safe_load((COURSE / "environment.yml").read_text(encoding="utf-8"))["dependencies"]


def test_only_the_rooms_stand_at_the_top_lines_end_as_on_unix_and_data_stay_small():
    if not (COURSE / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a checkout, or no git: what belongs to the repository is not known")
    command = ["git", "-c", "safe.directory=*", "ls-files", "--eol", "-z"]
    files = subprocess.run(command, cwd=COURSE, capture_output=True, check=True, encoding="utf-8").stdout
    tracked = {line.partition("\t")[2]: line.split()[0] for line in files.split("\0") if line}  # name: its line endings
    assert (
        ROOMS <= {name.split("/")[0] for name in tracked} <= ROOMS | CONFIGURATION | {"CONTRIBUTING.md", "TEACHING.md"}
    )
    assert {name: ends for name, ends in tracked.items() if ends not in ("i/lf", "i/-text", "i/none")} == {}
    samples = [COURSE / name for name in tracked if name.startswith("data/")]
    assert sum(path.stat().st_size for path in samples if path.exists()) < 26e6


def wrong_imports(root):
    """What the rooms below a folder import against the order, also within functions: ["utils.a imports utils.b"]."""
    found = set()
    for path in sorted(root.glob("*/**/*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        here = ".".join(parts[:2])
        if here not in MAY_IMPORT:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                start = resolve_name("." * node.level + (node.module or ""), ".".join(parts[:-1]))
                names = [f"{start}.{alias.name}" for alias in node.names]
            else:
                continue
            rooms = {".".join(name.split(".")[:2]) for name in names if name.startswith(("utils", "tests"))}
            found |= {f"{here} imports {one}" for one in rooms - MAY_IMPORT[here] - {here}}
    return sorted(found)


def test_imports_go_one_way():
    assert wrong_imports(COURSE) == []


def test_a_wrong_import_is_seen(tmp_path):
    for name, source in (
        ("utils/plots.py", "from utils import runtime, data\nfrom utils.checks import claim"),
        ("utils/checks.py", "def f():\n    from . import widgets"),
        ("utils/data/sets.py", "import utils.data.files\nfrom .. import plots\nfrom ..runtime import COURSE"),
        ("tests/course/lab.py", "import os.path, tests.commands.execute"),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(source, encoding="utf-8")
    wrong = ["course imports tests.commands", "checks imports utils.widgets"]
    wrong += ["data imports utils.plots", "plots imports utils.checks"]
    assert [one.partition(".")[2] for one in wrong_imports(tmp_path)] == wrong


def test_utils_import_without_tensorflow():
    """Importing it would take seconds; the labs' first cell should not."""
    rooms = ", ".join(name for name in MAY_IMPORT if name.startswith("utils"))
    code = f"import sys, {rooms}\nprint({{'tensorflow', 'keras'}} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], cwd=COURSE, capture_output=True, encoding="utf-8")
    assert result.stdout == "set()\n", result.stderr


def requirements(name):
    """{(package, marker): Requirement} of a file of requirements or constraints."""
    lines = [line.partition("#")[0].strip() for line in (COURSE / name).read_text(encoding="utf-8").splitlines()]
    found = [Requirement(line) for line in lines if line]
    return {(one.name, str(one.marker)): one for one in found}


def pythons():
    """The Pythons that environment.yml admits, such as 3.10, from the oldest."""
    [python] = [Requirement(one) for one in ENVIRONMENT if str(one).startswith("python>")]
    return [f"3.{minor}" for minor in range(50) if python.specifier.contains(f"3.{minor}.0")]


def test_the_conda_environment_equals_the_requirements():
    [pip] = [one["pip"] for one in ENVIRONMENT if isinstance(one, dict)]
    twins = [Requirement(one) for one in [*ENVIRONMENT, *pip] if isinstance(one, str)]
    found = {(one.name, str(one.marker)): one for one in twins if one.name not in ("python", "pip")}
    assert found == requirements("requirements.txt")


def test_requirements_are_ranges_that_say_who_needs_them():
    for line in (COURSE / "requirements.txt").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            requirement, _, comment = line.partition("#")
            operators = {specifier.operator for specifier in Requirement(requirement).specifier}
            assert ">=" in operators and operators <= {">=", "<"}, line
            assert re.match(r" (all labs|\d\d|tests)\b", comment), f"which labs need it? {line}"


@pytest.mark.parametrize("name", ["oldest", "colab", "prerelease"])
def test_what_is_tried_is_admitted_and_the_oldest_is_the_lowest(name):
    for pin in requirements(f".github/{name}-constraints.txt").values():
        [version] = [part.version for part in pin.specifier]
        ranges = [one.specifier for one in requirements("requirements.txt").values() if one.name == pin.name]
        assert not ranges or any(one.contains(version, prereleases=True) for one in ranges), pin
        lowest = [Version(part.version) for one in ranges for part in one if part.operator == ">="]
        assert name != "oldest" or str(pin.specifier) == f"=={min(lowest)}", pin


def test_the_matrix_tries_the_pythons_and_packages_that_it_says():
    rows = {row["packages"]: row for row in MATRIX}
    assert (rows["oldest"]["python"], rows["prerelease"]["python"]) == (pythons()[0], pythons()[-1])
    constraints = {name: f".github/{name}-constraints.txt" for name in rows if name != "newest"}
    assert {name: row["constraints"] for name, row in rows.items() if "constraints" in row} == constraints
    named = [row["python"] for row in MATRIX] + re.findall(r"^FROM python:(\S+)", DOCKERFILE, re.M)
    named += [found for text in WORKFLOWS.values() for found in re.findall(r'python-version: "(.+)"', text)]
    assert set(named) <= set(pythons())
    assert f"3.10 to {pythons()[-1]}" in README


def test_an_environment_is_made_everywhere_as_the_readme_says():
    [install] = re.findall(r"^(python3 -m venv .*) && \.venv/bin/python -m pytest$", README, re.M)  # .ci/run cuts it so
    assert f"{install} && .venv/bin/python -m jupyter lab labs/" in README
    assert f"RUN {install}\n" in DOCKERFILE
    assert f"run: {install}\n" in WORKFLOWS["full-data"]
    lines = re.findall(r"^COPY --chown=learner (.+) \S+$", DOCKERFILE, re.M)
    assert [name for line in lines for name in line.split() if not (COURSE / name).exists()] == []


@pytest.mark.parametrize(
    "text", [README, CONTRIBUTING, TEACHING, *WORKFLOWS.values()], ids=["README", "GUIDE", "TEACHING", *WORKFLOWS]
)
def test_commands_and_files_that_are_named_exist(text):
    for name in re.findall(r"-m tests (\w+)", text):
        assert (COURSE / "tests" / "commands" / f"{name}.py").is_file(), name
    words = [word for line in re.findall(r"-m (?:tests|pytest) ([^`\n]+)", text) for word in shlex.split(line)]
    paths = [word for word in words if re.match(r"(labs|tests|utils)(/|$)", word)]
    paths += [target for target in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in target]
    assert [path for path in paths if not (COURSE / path).exists()] == []


def test_the_readme_lists_every_lab_by_its_title_and_time():
    rows = re.findall(r"^\| \[(.+?)\]\((labs/.+?)\) \| (.+?) \| (.+?) \|$", README, re.M)
    assert [COURSE / name for _, name, _, _ in rows] == labs()
    for (title, name, question, time), lab in zip(rows, map(Lab, labs())):
        assert f"{title}: {question}" == lab.title, name
        assert lab.card["Time"].startswith(f"{time} to work through"), name
