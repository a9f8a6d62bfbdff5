"""Executes labs and reports on them: `python -m tests.report FOLDER` runs every lab once and writes into the folder the
executed notebooks and index.html, a page that needs no other file: time, memory and every claim of each lab.

`python -m tests.report FOLDER labs/04_mnist.ipynb` takes one lab. The exit status is 1 if a lab stopped or went over
its budget. A budget is no number of seconds: it says how many times as much work as a fixed calibration, done right
before and after, a lab may cost. Work is counted in CPU-seconds of all cores together, which other programs hardly
change, so that a slow or busy machine is no failure. tests/budgets.json keeps the budgets for each data mode;
`--record` writes there those of the labs that it runs, and nothing else does.
"""

import argparse
import html
import json
import re
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import numpy as np

from tests.execute import COURSE, cell_name, code_cells, normalise, read, text_of
from tests.kernel import CellStopped, LabKernel
from tests.measure import megabytes_of_children
from utils.runtime import data_mode

BUDGETS = COURSE / "tests" / "budgets.json"
ROOM = 2  # a budget over the ratio that was measured
CELL_SECONDS = 600  # a cell that takes longer hangs
MARK = '<meta name="generator" content="python -m tests.report">'
HELD = re.compile(r"^✔ (.+): \S.* \((?:at least |at most |exactly |\S.* give or take ).*\)$", re.M)
BROKEN = re.compile(r"✘ (.+): \S.*, but the text says .*? data\)")
STATES = {"held": "✔", "failed": "✘", "not reached": "○"}


@dataclass
class Run:
    """What a lab did.

    seconds: of the clock, for the whole run
    work, calibration: CPU-seconds of the lab, and of the calibration around it
    megabytes: the most memory of its kernel; 0 if that is not known
    budget: for the ratio of work to calibration; None if there is none
    stopped, details: which cell stopped and why, and the traceback; empty if it ran through
    setup: what its first cell says of versions, device and data
    claims: what claims() found
    """

    lab: str
    title: str
    seconds: float
    work: float
    calibration: float
    megabytes: int
    budget: float | None
    stopped: str = ""
    details: str = ""
    setup: str = ""
    claims: list[tuple[str, str]] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        return self.work / self.calibration

    @property
    def over(self) -> bool:
        return self.budget is not None and self.ratio > self.budget

    @property
    def verdict(self) -> str:
        """In words, for the page and the terminal."""
        if self.stopped:
            return "stopped"
        return "over its budget" if self.over else "ran through"


def calibrate() -> float:
    """CPU-seconds that a fixed piece of work costs, about one: half of it Python, half NumPy."""
    begin = time.process_time()
    sum(number % 7 for number in range(10_000_000))
    matrix = np.random.default_rng(0).standard_normal((600, 600))
    for _ in range(25):
        matrix = np.tanh(matrix @ matrix / 600)
    return time.process_time() - begin


def run(path: Path, folder: Path, budget: float | None) -> Run:
    """Executes a lab in a process of its own and writes the executed notebook into the folder; the lab stays."""
    command = [sys.executable, "-m", "tests.report", "--child", str(folder.resolve()), str(path.resolve())]
    before = calibrate()
    result = subprocess.run(command, cwd=COURSE, capture_output=True, text=True, encoding="utf-8")
    calibration = (before + calibrate()) / 2
    stored = read(path)
    title = stored.cells[0].source.partition("\n")[0].lstrip("# ") if stored.cells else path.stem
    if result.returncode:
        (folder / path.name).unlink(missing_ok=True)
        reason = f"its process ended with status {result.returncode}"
        return Run(path.stem, title, 0.0, 0.0, calibration, 0, budget, reason, result.stderr.strip())
    told = json.loads(result.stdout.splitlines()[-1])
    executed = read(folder / path.name)
    setup = [cell for cell in executed.cells if "setup" in cell.metadata.get("tags", [])]
    return Run(
        path.stem,
        title,
        calibration=calibration,
        budget=budget,
        setup=printed(setup).strip(),
        claims=claims(stored, executed, stopped=bool(told["stopped"])),
        **told,
    )


def _child(path: Path, folder: Path) -> dict:
    """Executes a lab, writes the executed notebook into the folder, and returns what it took and why it stopped."""
    notebook, stopped, details = normalise(read(path)), "", ""
    cells = code_cells(notebook)
    for _, _, cell in cells:
        cell.outputs, cell.execution_count = [], None
    begin = time.monotonic()
    with LabKernel(notebook, path.parent, cell_timeout=CELL_SECONDS) as kernel:
        for number, place, cell in cells:
            try:
                kernel.run(place)
            except CellStopped as stop:
                stopped, details = f"{cell_name(number, cell)} stopped: {stop}", stop.details
            cell.outputs, cell.execution_count = kernel.client.nb.cells[place].outputs, number
            if stopped:
                break
        seconds = time.monotonic() - begin
    (folder / path.name).write_text(text_of(normalise(notebook)), encoding="utf-8")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)  # the kernel has ended, so it counts
    return {
        "seconds": seconds,
        "work": used.ru_utime + used.ru_stime,
        "megabytes": megabytes_of_children(),
        "stopped": stopped,
        "details": details,
    }


def printed(cells: Sequence[nbformat.NotebookNode]) -> str:
    """All that the code cells among these print."""
    outputs = [output for cell in cells if cell.cell_type == "code" for output in cell.outputs]
    return "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stdout")


def claims(
    stored: nbformat.NotebookNode, executed: nbformat.NotebookNode, stopped: bool = False
) -> list[tuple[str, str]]:
    """Every claim of a lab as (state, line): those that held or failed when it was executed, in order, and if it
    stopped, the names of those stored in it that it did not reach."""
    found, names = [], Counter()
    for match in HELD.finditer(printed(executed.cells)):
        found.append(("held", match[0].removeprefix("✔ ")))
        names[match[1]] += 1
    errors = [output for cell in executed.cells for output in cell.get("outputs", []) if output.output_type == "error"]
    for match in filter(None, (BROKEN.search(error.evalue) for error in errors)):
        found.append(("failed", match[0].removeprefix("✘ ")))
        names[match[1]] += 1
    for match in HELD.finditer(printed(stored.cells)) if stopped else ():
        names[match[1]] -= 1
        if names[match[1]] < 0:
            found.append(("not reached", match[1]))
    return found


def page(runs: Sequence[Run], mode: str, waiting: int = 0) -> str:
    """The report as an HTML page; `waiting` labs have not run yet."""
    bad = sum(run.verdict != "ran through" for run in runs)
    states = Counter(state for run in runs for state, _ in run.claims)
    told = f"{len(runs)} labs ran on {mode} data, {bad or 'none'} of them with a failure."
    told += f" {states['held']} claims held, {states['failed']} failed, {states['not reached']} were not reached."
    if waiting:
        told += f" {waiting} labs have not run."
    setup = next((run.setup for run in runs if run.setup), "")
    rows = "".join(_row(run) for run in runs)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
{MARK}
<title>Report on the labs</title>
<style>{STYLE}</style>
</head>
<body>
<h1>Report on the labs</h1>
<p>{html.escape(told)}</p>
<pre>{html.escape(setup)}</pre>
{_chart(runs)}
<div class="wide"><table>
<thead><tr><th scope="col">Lab</th><th scope="col">Verdict</th><th scope="col">Seconds</th><th scope="col">Ratio</th>
<th scope="col">Budget</th><th scope="col">Memory</th></tr></thead>
<tbody>
{rows}</tbody>
</table></div>
<p>The ratio is a lab's work in CPU-seconds over that of a fixed calibration, done right before and after it. Memory
is the most that the lab's kernel took.</p>
{"".join(map(_section, runs))}</body>
</html>
"""


def _row(run: Run) -> str:
    budget = "none" if run.budget is None else f"{run.budget:g}"
    mark = STATES["held" if run.verdict == "ran through" else "failed"]
    numbers = (f"{run.seconds:.1f}", f"{run.ratio:.1f}", budget, f"{run.megabytes} MB")
    cells = "".join(f"<td>{text}</td>" for text in (f"{mark} {run.verdict}", *numbers))
    return f'<tr><th scope="row"><a href="#{html.escape(run.lab)}">{html.escape(run.lab)}</a></th>{cells}</tr>\n'


def _chart(runs: Sequence[Run]) -> str:
    """Bars of the ratios over their budgets, with the same in words as alternative text."""
    shares = [(run.lab, run.ratio / run.budget) for run in runs if run.budget]
    if not shares:
        return ""
    words = "Bar chart of the share of its budget that each lab took: "
    words += ", ".join(f"{lab} {share:.0%}" for lab, share in shares)
    bars = []
    for place, (lab, share) in enumerate(shares):
        top, kind = 34 * place, "failed" if share > 1 else "held"
        bars.append(
            f'<text x="0" y="{top + 12}">{html.escape(lab)}: {share:.0%}</text>'
            f'<rect class="{kind}" x="0" y="{top + 17}" width="{200 * min(share, 1.5):.1f}" height="10"/>'
        )
    height = 34 * len(shares)
    return f"""<figure>
<svg viewBox="0 0 300 {height}" role="img" aria-label="{html.escape(words)}.">
{"".join(bars)}<line x1="200" y1="0" x2="200" y2="{height}"/></svg>
<figcaption>Share of its budget that each lab took; the line is the whole budget.</figcaption>
</figure>"""


def _section(run: Run) -> str:
    name = html.escape(run.lab)
    lines = [f'<section id="{name}">', f"<h2>{html.escape(run.title)}</h2>"]
    lines.append(f"<p>{run.verdict.capitalize()}: {_took(run)}. ")
    if run.megabytes:
        lines[-1] += f'<a href="{name}.ipynb">The executed notebook</a>'
    lines[-1] += "</p>"
    if run.stopped:
        lines.append(f'<p class="failed">{html.escape(run.stopped)}</p>')
        if run.details:
            lines.append(f"<details><summary>What it said</summary><pre>{html.escape(run.details)}</pre></details>")
    if run.claims:
        lines.append("<ul>")
        for state, line in run.claims:
            words = "" if state == "held" else f"{state}: "
            lines.append(f'<li class="{state.split()[0]}">{STATES[state]} {words}{html.escape(line)}</li>')
        lines.append("</ul>")
    else:
        lines.append("<p>It makes no claim.</p>")
    return "\n".join([*lines, "</section>", ""])


def _took(run: Run) -> str:
    budget = "no budget" if run.budget is None else f"its budget is {run.budget:g}"
    return (
        f"{run.seconds:.1f} s, {run.work:.1f} CPU-s, {run.ratio:.1f} times the calibration's {run.calibration:.2f}"
        f" ({budget}), {run.megabytes} MB"
    )


STYLE = """
:root { color-scheme: light dark; --faint: #8884;
  --text: #1b1b1b; --paper: #ffffff; --held: #1a7f37; --failed: #b42318; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e8e8e8; --paper: #16181c; --held: #57c27a; --failed: #ff8f85; }
}
body { color: var(--text); background: var(--paper); font: 1rem/1.5 system-ui, sans-serif; max-width: 48rem;
  margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
a { color: inherit; }
pre { white-space: pre-wrap; font-size: 0.85rem; border: 1px solid var(--faint); padding: 0.5rem; }
.wide { overflow-x: auto; overflow-wrap: normal; }
table { border-collapse: collapse; }
th, td { text-align: left; padding: 0.25rem 0.75rem 0.25rem 0; border-bottom: 1px solid var(--faint); }
figure { margin: 1rem 0; }
svg { width: 100%; max-width: 30rem; font-size: 12px; }
svg text { fill: var(--text); }
svg line { stroke: var(--text); stroke-dasharray: 3; }
rect.held { fill: var(--held); }
rect.failed { fill: var(--failed); }
ul { list-style: none; padding: 0; }
li.failed, p.failed { color: var(--failed); font-weight: bold; }
li.not { opacity: 0.8; }
"""


def problems(folder: Path, labs: Sequence[Path]) -> Iterator[str]:
    """Why this report cannot be made."""
    for path in labs:
        try:
            read(path)
        except (OSError, ValueError) as error:
            yield str(error)
    if twice := [name for name, times in Counter(path.name for path in labs).items() if times > 1]:
        yield f"labs of the same name would take each other's place: {', '.join(twice)}"
    index = folder / "index.html"
    if folder.exists() and not folder.is_dir():
        yield f"{folder} is a file: name a folder"
    elif index.is_file() and MARK in index.read_text(encoding="utf-8", errors="replace"):
        return
    elif folder.is_dir() and any(folder.iterdir()):
        yield f"{folder} holds other files: name a new folder, an empty one, or that of an earlier report"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns its exit status: 1 if a lab stopped or went over its budget."""
    parser = argparse.ArgumentParser(prog="python -m tests.report", description="Execute labs and report on them.")
    parser.add_argument("folder", type=Path, help="where the report goes")
    parser.add_argument("labs", nargs="*", type=Path, help="notebooks; all labs if none is named")
    parser.add_argument("--record", action="store_true", help="write the budgets of these labs from this run")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        print(json.dumps(_child(options.labs[0], options.folder)))
        return 0
    labs = options.labs or sorted((COURSE / "labs").glob("*.ipynb"))
    try:
        mode = data_mode()
    except ValueError as error:
        parser.error(str(error))
    if found := [*problems(options.folder, labs)]:
        parser.error("\n".join(found))
    budgets = json.loads(BUDGETS.read_text(encoding="utf-8"))
    options.folder.mkdir(parents=True, exist_ok=True)
    runs = []
    for path in labs:
        budget = None if options.record else budgets.get(mode, {}).get(path.stem)
        done = run(path, options.folder, budget)
        if options.record and not done.stopped:
            done.budget = budgets.setdefault(mode, {})[path.stem] = -int(-ROOM * done.ratio // 1)
            BUDGETS.write_text(json.dumps(budgets, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        runs.append(done)
        text = page(runs, mode, waiting=len(labs) - len(runs))  # after each lab: a run that is cut off tells this much
        (options.folder / "index.html").write_text(text, encoding="utf-8")
        print(f"{path.stem}: {done.verdict}, {_took(done)}", flush=True)
        if done.stopped:
            print(f"  {done.stopped}", flush=True)
    print(f"The report is {options.folder / 'index.html'}")
    return int(any(done.verdict != "ran through" for done in runs))


if __name__ == "__main__":
    sys.exit(main())
