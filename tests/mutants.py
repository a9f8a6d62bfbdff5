"""Plant faults in the labs and in utils, one at a time, and see whether the tests turn red.

    python -m tests.mutants                     the sample that test_mutants.py holds to its share
    python -m tests.mutants labs/01_loss_play.ipynb utils/checks/claims.py --each 20 --seed 1

A fault is a changed number, operator, name or word, a dropped call, or two swapped arguments. It is planted in a copy
of the course in a temporary folder. Survivors are printed; EXCUSED says why some may survive.
"""

import argparse
import ast
import concurrent.futures
import io
import os
import queue
import random
import re
import shutil
import subprocess
import sys
import tempfile
import tokenize
from dataclasses import dataclass
from pathlib import Path

import nbformat

from utils.runtime import COURSE

OPERATORS = {
    "+": "-",
    "-": "+",
    "*": "/",
    "/": "*",
    "**": "*",
    "<": ">",
    ">": "<",
    "<=": "<",
    ">=": ">",
    "==": "!=",
    "!=": "==",
    "+=": "-=",
    "-=": "+=",
}
NAMES = {
    "True": "False",
    "False": "True",
    "and": "or",
    "or": "and",
    "min": "max",
    "max": "min",
    "argmin": "argmax",
    "argmax": "argmin",
    "mean": "sum",
    "sum": "mean",
}
WORD = re.compile(r"[A-Za-z]{4,}")
TARGETS = {  # file: how many faults; and the tests that go first for it, before all labs
    "labs/01_loss_play.ipynb": (24, []),
    "labs/02_gradient_descent.ipynb": (24, []),
    "labs/03_single_neuron.ipynb": (24, []),
    "labs/04_mnist.ipynb": (24, []),
    "labs/05_fashion_mnist.ipynb": (24, []),
    "labs/06_convolutions.ipynb": (24, []),
    "labs/07_cifar10.ipynb": (24, []),
    "labs/08_cats_vs_dogs.ipynb": (24, []),
    "labs/apps/cats_or_dogs.py": (12, ["tests/test_cats_or_dogs_app.py"]),
    "labs/apps/house_price.py": (10, ["tests/test_house_price_app.py"]),
    "utils/runtime.py": (10, ["tests/test_runtime.py"]),
    "utils/checks/claims.py": (12, ["tests/test_checks.py"]),
    "utils/checks/exercises.py": (12, ["tests/test_checks.py"]),
    "utils/checks/stored.py": (12, ["tests/test_checks_stored.py"]),
    "utils/widgets/explorer.py": (8, ["tests/test_widgets.py"]),
    "utils/widgets/live.py": (4, ["tests/test_widgets.py", "tests/test_widgets_canvas.py"]),
    "utils/widgets/canvas.py": (10, ["tests/test_widgets_canvas.py"]),
    "utils/plots/describe.py": (10, ["tests/test_plots.py"]),
    "utils/plots/figures.py": (10, ["tests/test_plots.py"]),
    "utils/plots/pictures.py": (10, ["tests/test_plots_pictures.py"]),
    "utils/plots/animation.py": (4, ["tests/test_plots.py"]),
    "utils/plots/style.py": (5, ["tests/test_plots.py"]),
    "utils/data/__init__.py": (6, ["tests/test_samples.py", "tests/test_data_pictures.py"]),
    "utils/data/fetch.py": (8, ["tests/test_data_fetch.py"]),
    "utils/data/files.py": (6, ["tests/test_data_fetch.py", "tests/test_samples.py"]),
    "utils/data/formats.py": (6, ["tests/test_data_formats.py"]),
    "utils/data/pictures.py": (6, ["tests/test_data_pictures.py"]),
}
EXCUSED = {  # survivors that no test can or should tell apart, by how they are printed
    "labs/01_loss_play.ipynb a0e15075 at 36: 'sizes, w' -> 'w, sizes' in: "
    "guess_losses = [mse(prices, predict(sizes, w, b)) for w, b in guesses]": "a product has no order",
    "labs/01_loss_play.ipynb 117a3448 at 140: 'sizes, w' -> 'w, sizes' in: "
    "along_weight = np.array([mse(prices, predict(sizes, w, best_guess[1])) for w in house_weights])": (
        "a product has no order"
    ),
    "labs/01_loss_play.ipynb 77014e9f at 179: '2' -> '3' in: "
    'checks.claim("times faster", loop_seconds / fast_seconds, at_least=5, digits=2, clock=True)': (
        "a number that depends on the clock is not compared"
    ),
    "utils/plots/figures.py at 7802: '1.2' -> '1.5' in: axes.plot(ends, ends, color=GREY, linestyle=\"--\", "
    'linewidth=1.2, label="equal")': "a matter of looks, below what the comparison of pictures sees",
    "utils/data/files.py at 2668: 'True' -> 'False' in: print(notice, flush=True)": "the same text, a little later",
    "utils/widgets/canvas.py at 1657: '1' -> '2' in: reach = radius + 1  # no pixel further away has ink": (
        "the same picture, from more pixels than needed"
    ),
    "labs/04_mnist.ipynb 878867e3 at 69: '20' -> '21' in: def new_model(*layers, optimizer=\"adam\", seed=0, "
    "steps_per_execution=20):  # 20: see section 7": "the same steps, in other portions",
    "labs/05_fashion_mnist.ipynb 42804231 at 396: '2' -> '3' in: "
    'checks.claim("mistakes within the four tops, as a share of all", among_tops, at_least=0.5, digits=2)': (
        "a third digit, below what this number is known to"
    ),
    "labs/06_convolutions.ipynb 85789786 at 198: '+' -> '-' in: "
    "products = neighbours * first_filter + 0.0  # (3, 3) + 0.0 makes 0 of -0": (
        "the comparison takes 0 and -0 for one number"
    ),
    "labs/02_gradient_descent.ipynb 12b529c7 at 167: 'output, variable' -> 'variable, output' in: "
    "print(tape.gradient(output, variable))": "the gradient is None either way, which is the lesson",
}


@dataclass(frozen=True)
class Mutant:
    """One fault: `old` at `offset` of a source (a module's, or that of a notebook's code cell) becomes `new`."""

    path: str
    cell: str  # the cell's id, empty for a module
    offset: int
    old: str
    new: str
    line: str

    def __str__(self):
        place = f"{self.path} {self.cell}".strip()
        return f"{place} at {self.offset}: {self.old!r} -> {self.new!r} in: {self.line.strip()}"


def faults(source):
    """Every fault that can be planted in Python `source`: tuples (offset, old, new)."""
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    tree = ast.parse(source)
    silent = _docstrings(tree)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        offset = starts[token.start[0] - 1] + token.start[1]
        kind = tokenize.tok_name[token.type]
        if kind == "NUMBER":
            yield offset, token.string, _number(token.string)
        elif kind == "OP" and token.string in OPERATORS:
            yield offset, token.string, OPERATORS[token.string]
        elif kind == "NAME" and token.string in NAMES:
            yield offset, token.string, NAMES[token.string]
        elif kind in ("STRING", "FSTRING_MIDDLE") and token.start[0] not in silent:
            for word in list(WORD.finditer(token.string))[:1]:
                yield offset + word.start(), word[0], word[0][::-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            yield (*_piece(source, starts, node), "pass")
        if isinstance(node, ast.Call) and len(node.args) >= 2 and not _starred(node):
            first, second = (_piece(source, starts, argument) for argument in node.args[:2])
            between = source[first[0] + len(first[1]) : second[0]]
            if first[1] != second[1]:
                yield first[0], first[1] + between + second[1], second[1] + between + first[1]


def _number(text):
    value = ast.literal_eval(text)
    if isinstance(value, int):
        return str(value + 1)
    return repr(value * 1.25 if value else 1.0)


def _starred(call):
    return any(isinstance(argument, ast.Starred) for argument in call.args)


def _docstrings(tree):
    lines = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines.update(range(node.lineno, node.end_lineno + 1))
    return lines


def _piece(source, starts, node):
    def offset(line, column):
        text = source[starts[line - 1] :]
        return starts[line - 1] + len(text.encode()[:column].decode())

    begin, end = offset(node.lineno, node.col_offset), offset(node.end_lineno, node.end_col_offset)
    return begin, source[begin:end]


def sources(path):
    """The Python sources in the file `path` of the course: pairs (cell id or "", text)."""
    if path.endswith(".ipynb"):
        cells = nbformat.read(COURSE / path, as_version=4).cells
        return [(cell.id, cell.source) for cell in cells if cell.cell_type == "code"]
    return [("", (COURSE / path).read_text(encoding="utf-8"))]


def sample(path, count, seed):
    """`count` different faults in the file `path`, drawn with `seed`."""
    every = []
    for cell, text in sources(path):
        for offset, old, new in faults(text):
            line = text[text.rfind("\n", 0, offset) + 1 :].split("\n", 1)[0]
            every.append(Mutant(path, cell, offset, old, new, line))
    return random.Random(f"{seed} {path}").sample(every, min(count, len(every)))


def plant(mutant, folder):
    """Plant the fault in the copy of the course in `folder`."""
    path = folder / mutant.path
    if not mutant.cell:
        path.write_text(_changed(path.read_text(encoding="utf-8"), mutant), encoding="utf-8")
        return
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.id == mutant.cell:
            cell.source = _changed(cell.source, mutant)
    nbformat.write(notebook, path)


def _changed(source, mutant):
    end = mutant.offset + len(mutant.old)
    assert source[mutant.offset : end] == mutant.old, mutant
    return source[: mutant.offset] + mutant.new + source[end:]


def caught(mutant, folder):
    """Whether the tests turn red with the fault planted in the copy in `folder`, which is clean again afterwards."""
    plant(mutant, folder)
    try:
        return any(_red(selection, folder) for selection in _selections(mutant.path))
    finally:
        shutil.copy(COURSE / mutant.path, folder / mutant.path)


def _selections(path):
    if path.endswith(".ipynb"):
        stem = Path(path).stem
        return [
            [path],
            ["tests/test_exercises.py", "tests/test_form.py", "-k", f"{stem} or all_labs"],
            ["tests/test_setup_cell.py", "tests/test_measure.py"],
        ]
    first = TARGETS.get(path, (0, ["tests"]))[1]
    return [first, ["labs", "tests/test_house.py"]]


def _red(selection, folder):
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *selection],
        cwd=folder,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=600,
    )
    return result.returncode not in (0, 5)  # 5: this selection has no test for it


def survivors(mutants, processes=2, tell=print):
    """Those of `mutants` that no test catches."""
    ignore = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".pytest_cache", ".ruff_cache", "cache")
    free, left = queue.Queue(), []
    with tempfile.TemporaryDirectory(prefix="mutants-") as top:
        for number in range(processes):
            folder = Path(top) / str(number)
            shutil.copytree(COURSE, folder, ignore=ignore)
            free.put(folder)

        def judge(mutant):
            folder = free.get()
            try:
                return caught(mutant, folder)
            finally:
                free.put(folder)

        with concurrent.futures.ThreadPoolExecutor(processes) as pool:
            for mutant, red in zip(mutants, pool.map(judge, mutants)):
                if not red:
                    left.append(mutant)
                tell(f"{'caught  ' if red else 'SURVIVED'} {mutant}", flush=True)
    return left


def main():
    """Run the command line above."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", default=list(TARGETS))
    parser.add_argument("--each", type=int, help="faults for each file")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for path in options.paths:
        if not (COURSE / path).is_file():
            parser.error(f"no such file: {path}")
        if not path.endswith((".ipynb", ".py")):
            parser.error(f"{path} is neither a notebook nor a program")
    drawn = [
        mutant for path in options.paths for mutant in sample(path, options.each or TARGETS[path][0], options.seed)
    ]
    left = survivors(drawn)
    print(f"{len(drawn) - len(left)} of {len(drawn)} faults caught")
    for mutant in left:
        print(f"survived: {mutant}\n          {EXCUSED.get(str(mutant), 'no reason known: a gap in the tests')}")


if __name__ == "__main__":
    main()
