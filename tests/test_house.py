"""The repository's rooms and the rules between them."""

import ast
import re
import shutil
import subprocess
import sys

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from tests.execute import COURSE

ROOMS = {"labs", "data", "utils", "tests", "requirements.txt", "environment.yml", "README.md"}
CONFIGURATION = {
    "pyproject.toml",
    ".ci",
    ".github",
    ".devcontainer",
    ".gitattributes",
    ".gitignore",
    "LICENSE",
    "CONTRIBUTING.md",
}
MAY_IMPORT = {  # a module of utils: those it may import
    "runtime": set(),
    "data": {"runtime"},
    "plots": {"runtime", "data"},
    "checks": {"runtime", "data"},
    "widgets": {"runtime", "data"},
}


def test_the_rooms_are_there():
    assert [name for name in sorted(ROOMS) if not (COURSE / name).exists()] == []


def test_nothing_else_stands_at_the_top():
    if not (COURSE / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a checkout, or no git: what belongs to the repository is not known")
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    files = subprocess.run(command, cwd=COURSE, stdout=subprocess.PIPE, check=True, encoding="utf-8").stdout
    assert {name.split("/")[0] for name in files.split("\0") if name} <= ROOMS | CONFIGURATION


def requirement_lines():
    lines = (COURSE / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


def as_pairs(requirements):
    """{(name, versions)} of lines like numpy>=2,<3."""
    return {(requirement.name, requirement.specifier) for requirement in map(Requirement, requirements)}


def test_the_conda_environment_equals_the_requirements():
    text = (COURSE / "environment.yml").read_text(encoding="utf-8")
    entries = re.findall(r"^ +- ([^\s:]+)$", text.partition("\ndependencies:\n")[2], re.M)
    assert "pip" in entries
    python = Requirement(next(entry for entry in entries if entry.startswith("python>")))
    allowed = [minor for minor in range(8, 18) if python.specifier.contains(Version(f"3.{minor}.0"))]
    assert allowed == [10, 11, 12, 13]
    packages = [entry for entry in entries if entry != "pip" and not entry.startswith("python>")]
    assert len(packages) == len(requirement_lines())
    assert as_pairs(packages) == as_pairs(line.partition("#")[0] for line in requirement_lines())
    assert re.findall(r"^  - (\S+)$", text.partition("\nchannels:\n")[2].partition("\ndependencies")[0], re.M) == [
        "conda-forge",
        "nodefaults",
    ]


def test_requirements_are_ranges_that_say_who_needs_them():
    for line in requirement_lines():
        requirement, _, comment = line.partition("#")
        operators = {specifier.operator for specifier in Requirement(requirement).specifier}
        assert ">=" in operators, line
        assert operators <= {">=", "<"}, line
        assert re.match(r" (all labs|\d\d|tests)\b", comment), f"which labs need it? {line}"


@pytest.mark.parametrize("version", ["2.19.0", "2.21.1"])
def test_the_supported_tensorflows_are_admitted(version):
    (tensorflow,) = (
        Requirement(line.partition("#")[0]) for line in requirement_lines() if line.startswith("tensorflow")
    )
    assert tensorflow.specifier.contains(version)
    assert not tensorflow.specifier.contains("2.18.1")
    assert not tensorflow.specifier.contains("2.22.0")


def modules_of(folder):
    """{module: its Python files}; a module is a file or a folder of utils."""
    paths = [path for path in folder.iterdir() if path.name not in ("__init__.py", "__pycache__")]
    return {path.stem: sorted(path.rglob("*.py")) if path.is_dir() else [path] for path in paths}


def forbidden_imports(folder):
    """What modules of a utils folder import against the order, also within functions: ["plots imports checks", ...]."""
    found = set()
    for module, paths in modules_of(folder).items():
        for path in paths:
            for name in imported(ast.parse(path.read_text(encoding="utf-8")), path.relative_to(folder).parts):
                if name not in MAY_IMPORT[module] | {module}:
                    found.add(f"{module} imports {name}")
    return sorted(found)


def imported(tree, place):
    """The modules of utils that a file at this place within it, like ("data", "sets.py"), imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parent = ["utils", *place[:-1]]
            base = ".".join(parent[: len(parent) - node.level + 1]) if node.level else ""
            start = f"{base}.{node.module or ''}".strip(".")
            names = [f"{start}.{alias.name}" for alias in node.names]
        else:
            continue
        for parts in (name.split(".") for name in names):
            if parts[0] in ("utils", "tests") and len(parts) > 1:
                yield parts[1] if parts[0] == "utils" else parts[0]


def test_utils_has_five_modules():
    assert set(modules_of(COURSE / "utils")) == set(MAY_IMPORT)


def test_utils_import_in_one_direction():
    assert forbidden_imports(COURSE / "utils") == []


def test_a_wrong_import_is_caught(tmp_path):
    sources = {
        "__init__.py": "",
        "runtime.py": "import utils.data.sets\nimport os.path",
        "plots.py": "from utils import runtime, data\nfrom utils.checks import claim",
        "checks.py": "def f():\n    from . import widgets",
        "widgets.py": "from .runtime import x\nfrom tests import form",
        "data/__init__.py": "from .sets import load\nfrom ..runtime import COURSE",
        "data/sets.py": "from .. import plots\nfrom utils.data import files\nfrom ..checks import claim",
    }
    for name, source in sources.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(source, encoding="utf-8")
    assert forbidden_imports(tmp_path) == [
        "checks imports widgets",
        "data imports checks",
        "data imports plots",
        "plots imports checks",
        "runtime imports data",
        "widgets imports tests",
    ]


def test_utils_import_without_tensorflow():
    """Importing it would take seconds; the labs' first cell should not."""
    modules = ["utils", *(f"utils.{name}" for name in MAY_IMPORT)]
    code = "import importlib, sys\n" + "".join(
        f"importlib.import_module({name!r}); print({name!r}, *({{'tensorflow', 'keras'}} & set(sys.modules)))\n"
        for name in modules
    )
    process = subprocess.run(
        [sys.executable, "-c", code], cwd=COURSE, stdout=subprocess.PIPE, check=True, encoding="utf-8"
    )
    assert process.stdout.split("\n") == [*modules, ""]
