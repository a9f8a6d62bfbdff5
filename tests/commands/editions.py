"""Makes editions of labs: students' with solutions packed away, teachers' with all unfolded.

FOLDER/student/ gets labs whose solutions and checks are packed: nobody reads them by chance, and they run as before, so
that every stored output stays true and is compared by the same tests. `--without-outputs` clears the outputs;
`--without-answers` takes the folded answers away, but not the hints.

FOLDER/teacher/ gets the whole labs with solutions unfolded, and at the top the time and a list of the exercises with
the places of their solutions.

The labs stay the only source: nothing is read from an edition. A folder with content is refused; `--force` overwrites
files of the same name in it and removes nothing.
"""

import re
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tests.course.lab import Lab, normalise, text_of, write
from tests.course.rules import defined, exercises_are_complete
from utils.checks.recorded import packed, unpacked

_ANSWER = re.compile(r"\n*<details><summary>(?!Hint|Where).*?</details>", re.S)


def arguments(parser):
    parser.add_argument("folder", type=Path, help="where student/ and teacher/ go; new or empty")
    parser.add_argument("labs", nargs="*", default=[], metavar="LAB", help="notebooks; all labs if none is named")
    parser.add_argument("--without-outputs", action="store_true", help="students get no outputs")
    parser.add_argument("--without-answers", action="store_true", help="students get no folded answers, only hints")
    parser.add_argument("--force", action="store_true", help="write into a folder with content")


def main(options):
    folder, files = options.folder, {}
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file: name a folder")
    if folder.is_dir() and any(folder.iterdir()) and not options.force:
        raise ValueError(f"{folder} has content: name another folder, or write over files of the same name: --force")
    for path in options.labs:
        lab = Lab(path)
        packed_cells = [code for code in lab.code if unpacked(code.cell.source) != code.cell.source]
        if broken := [*exercises_are_complete(lab), *(f"{code} is packed" for code in packed_cells)]:
            raise ValueError(f"{path}: {'; '.join(broken)}")
        students = student(lab, options.without_outputs, options.without_answers)
        for name, notebook in (("student", students), ("teacher", teacher(lab))):
            target = folder / name / path.name
            if target in files:
                raise ValueError(f"two labs have the name {path.name}: give each a folder of its own")
            if target.exists() and target.samefile(path):
                raise ValueError(f"{path} would be written over itself: name another folder")
            files[target] = text_of(normalise(notebook))
    for target, text in files.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        write(target, text)
    print(f"{folder}: in student/ solutions are packed away, in teacher/ they are unfolded.")
    print("Hand out the course's folder, without .git, .venv and data/cache,")
    print("with student's notebooks in place of those in its labs/.")


def student(lab: Lab, without_outputs: bool = False, without_answers: bool = False) -> NotebookNode:
    """The lab with its solutions and checks packed and folded, every other cell as it is."""
    notebook = nbformat.from_dict(lab.notebook)
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if not {"solution", "check"}.isdisjoint(tags):
            cell.source = packed(cell.source, cell.source.partition("\n")[0].removeprefix("# @title "))
        if without_outputs and cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        if without_answers and cell.cell_type == "markdown":
            cell.source = _ANSWER.sub("", cell.source)
    return notebook


def teacher(lab: Lab) -> NotebookNode:
    """The lab with its solutions unfolded, and a first cell for the teacher."""
    notebook = nbformat.from_dict(lab.notebook)
    lines = [
        "**Teacher's edition.** The solutions are unfolded; in the students' edition they are packed away.\n",
        f"**Time:** {lab.card.get('Time', 'not told')}.\n",
        "| Exercise | The function | Its solution |\n|---|---|---|",
    ]
    titles = [text for level, text in lab.headings() if level == 3 and text.startswith("Exercise ")]
    stubs, solutions = lab.tagged("exercise"), lab.tagged("solution")
    if len(titles) != len(stubs):
        raise ValueError(f"{lab.path}: {len(stubs)} exercises, but {len(titles)} headings like `### Exercise 1: ...`")
    for title, stub, solution in zip(titles, stubs, solutions):
        names = ", ".join(f"`{name}`" for name in sorted(defined(stub.cell.source)))
        anchor = title.replace("`", "").replace(" ", "-")
        lines.append(f"| [{title}](#{anchor}) | {names} | code cell {solution.number} |")
        notebook.cells[solution.place].metadata = nbformat.from_dict({"tags": solution.tags})
    notebook.cells.insert(0, nbformat.v4.new_markdown_cell("\n".join(lines), id="teacher"))
    return notebook
