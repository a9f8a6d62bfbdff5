"""One builder of tiny labs for all tests: single cells, and a whole lab that keeps every rule and runs in a second."""

import os
import shutil
import subprocess
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook, new_output
from nbformat.v4 import new_markdown_cell as markdown

from tests.commands.mutants import AWAY
from tests.course.lab import COURSE, FOLDED, Lab, labs, normalise, text_of

FULL_CARD = "# T\n\n| | |\n|---|---|\n| **Time** | at most 45 seconds to run |\n"
FULL_CARD += "| **Hardware and data** | `LABS_DATA=full` |"
ALT = "Line chart of the loss: it falls from 3.1 to 0.25."
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsJ0gJwAAAABJRU5ErkJggg==\n"


def code(source, *outputs, tags=(), count=None, **metadata):
    """A code cell; `count` is its execution count."""
    metadata |= {"tags": list(tags)} if tags else {}
    return new_code_cell(source, outputs=list(outputs), metadata=metadata, execution_count=count)


def printed(text, name="stdout"):
    return new_output("stream", name=name, text=text)


def result(**data):
    """What a cell's last line gives; `text_plain` for text/plain."""
    return new_output("execute_result", {kind.replace("_", "/"): value for kind, value in data.items()})


def figure(text=ALT, content=PIXEL):
    data = {"image/png": content, "text/plain": text}
    return new_output("display_data", data, metadata={"image/png": {"alt": text}})


def save(path: Path, *cells, run=True) -> Path:
    """Writes a notebook in normal form; `run` gives its code cells the counts of one run from top to bottom."""
    notebook = normalise(new_notebook(cells=nbformat.from_dict(list(cells))))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text_of(notebook), encoding="utf-8")
    if run:
        lab = Lab(path)
        for one in lab.code:
            one.cell.execution_count = one.cell.execution_count or one.number
        path.write_text(text_of(normalise(lab.notebook)), encoding="utf-8")
    return path


def exercise(name, number, factor):
    """The cells of one exercise: multiply by a factor."""
    solution = f"# @title Solution {number}\ndef solution_{name}(x):\n    return {factor} * x"
    check = f"""# @title Check {number}
cases = [((1.0,), {factor}.0), ((2.0,), {2 * factor}.0)]
mistakes = [(lambda x: x + {factor}, "Multiply, do not add."), (lambda x: x, "That is x itself.")]
{name}_used = checks.exercise({name}, solution_{name}, cases, mistakes)"""
    said = f"✎ {name}: not written yet. The lab goes on with its own version.\n"
    return [
        markdown(f"### Exercise {number}: {name}"),
        code(f"def {name}(x):\n    raise NotImplementedError", tags=["exercise"]),
        markdown("<details><summary>Hint</summary>\n\nMultiply.\n\n</details>"),
        code(solution, tags=["solution"], **FOLDED),
        code(check, printed(said), tags=["check"], **FOLDED),
    ]


def whole_lab(number="99"):
    """The cells of a lab that keeps every rule, with the outputs that they give: a claim, two exercises, a figure, a
    widget, a definition, a formula. Its setup cell is that of all labs, so it needs a course around it to run."""
    setup = Lab(labs()[0]).setup.cell
    return [
        markdown(
            f"# {number} · Tiny: does it all hold?\n\nA lab made for a test.\n\n| | |\n|---|---|\n"
            "| **You will be able to** | double |\n"
            f"| **Before you start** | [01]({labs()[0].name}) |\n"
            "| **Time** | 5 minutes to work through, at most 45 seconds to run |\n"
            "| **Hardware and data** | any laptop; eight houses in `data/house_prices.csv` |"
        ),
        code(setup.source, *setup.outputs, tags=["setup"], **FOLDED),
        code("from utils import checks, data, plots, widgets"),
        code("factor = 2.0  # of the line", tags=["parameters"]),
        markdown("## 1. A line\n\nA ***line*** doubles. *Predict*: twice three quarters? It is 1.5."),
        code("print(f'{len(data.house_prices()[0])} houses, {factor * 0.75:.1f}')", printed("8 houses, 1.5\n")),
        code("checks.claim('twice', factor * 0.5, equals=1)", printed("✔ twice: 1 (exactly 1)\n")),
        code("axes = plots.curves(None, {'line': [0, factor]}, title='It rises', xlabel='x', ylabel='y')", figure()),
        code("explorer = widgets.explore(lambda axes, a: axes.plot([0, a]), [{'a': 1}, {'a': 2}], a=(0, 3, 1))"),
        markdown("## Exercises"),
        *exercise("double", 1, 2),
        *exercise("triple", 2, 3),
        markdown("## Change one thing\n\nThe factor.\n\n## When it goes wrong\n\nIt does not."),
        markdown("## What you learned\n\nA ***line*** doubles.\n\n| Name | Formula |\n|---|---|\n| line | $y = 2x$ |"),
        markdown("## References\n\n1. None.\n\nBack: [the first lab](" + labs()[0].name + ")"),
    ]


def copy_of_course(folder: Path) -> Path:
    """A copy of the course without its history and caches, in which commands and labs run."""
    return Path(shutil.copytree(COURSE, folder / "course", ignore=shutil.ignore_patterns(*AWAY)))


def committed(folder: Path) -> Path:
    """The folder, made a repository of git with all that it holds."""
    who = ["-c", "user.name=anyone", "-c", "user.email=anyone@localhost", "-c", "commit.gpgsign=false"]
    for command in (["init"], ["add", "--all"], [*who, "commit", "--message=The course"]):
        subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True)
    return folder


def environment(**more: str) -> dict[str, str]:
    """The variables of a process that sees nothing of the run of pytest that starts it."""
    own = ("PYTEST", "PYTHONPATH", "LABS_")
    return {name: value for name, value in os.environ.items() if not name.startswith(own)} | more
