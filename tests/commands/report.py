"""Makes a page of what the labs took and claimed in a recorded run.

`pytest --record=FOLDER` keeps of each lab the executed notebook and what it took. This makes FOLDER/index.html of them,
a page that needs no other file: verdict, seconds, CPU-seconds, memory and every claim of each lab. The exit status is 1
if a lab stopped, as it does when a claim fails, or went over its budget: the seconds on its card, which are for two
cores and so stand for twice as many CPU-seconds; and 1500 MB on the sample, on a computer without a GPU. CPU-seconds
are the work of all cores together, which hardly depends on what else the machine does.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from jinja2 import Environment

from tests.course.compare import COLOUR
from tests.course.lab import CodeCell, Lab, labs, write

CORES = 2
MEGABYTES = 1500
TEMPLATE = Path(__file__).with_suffix(".html")
HELD = re.compile(r"^✔ (.+: .+ \((?:at least|at most|exactly|.+ give or take|on) .+\)|.+ agree to within \S+)$", re.M)
FAILED = re.compile(r"^✘ (.+, but the text says .+? data\))")
NAME = re.compile(r"\bchecks\.(?:claim|agree)\(\s*f?([\"'])(.+?)\1")


class Run:
    """What the plugin recorded of a lab.

    lab: the executed notebook; cells that did not run have no outputs and no execution count
    took: "stopped", which says which cell stopped and why, and is empty if none did; then also seconds of the clock,
        cpu_seconds, and megabytes at most
    """

    def __init__(self, path: Path):
        self.lab = Lab(path)
        self.took = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))

    @cached_property
    def setup(self) -> str:
        """What the setup cell says of versions, device and data; empty if it says nothing."""
        return "".join(map(printed, self.lab.tagged("setup")))

    @property
    def mode(self) -> str:
        """Of the data, "sample" or "full"."""
        return "full" if re.search(r"^Data: full", self.setup, re.M) else "sample"

    @property
    def budget(self) -> dict[str, float]:
        """The most that it may take; infinite where nobody says."""
        seconds = self.lab.limits(self.mode) or self.lab.limits("sample") or math.inf
        laptop = self.mode == "sample" and "\nDevice: CPU" in self.setup
        return {"seconds": seconds, "cpu_seconds": CORES * seconds, "megabytes": MEGABYTES if laptop else math.inf}

    def over(self, *what: str) -> bool:
        """Did it take more of one of these than it may?"""
        return any(self.took.get(one, 0) > self.budget[one] for one in what)

    @property
    def verdict(self) -> str:
        if self.took["stopped"]:
            return "stopped"
        return "over its budget" if self.over("cpu_seconds", "megabytes") else "ran through"

    @property
    def details(self) -> str:
        """The traceback of the cell that stopped; empty if it has none."""
        lines = [line for code in self.lab.code for error in errors(code) for line in error.traceback]
        return COLOUR.sub("", "\n".join(lines))

    @cached_property
    def claims(self) -> list[tuple[str, str]]:
        """Each claim as (state, line): "held", "failed", or "not reached", of which only the name is known."""
        return [claim for code in self.lab.code for claim in claims(code)]


def printed(code: CodeCell) -> str:
    """What a code cell printed."""
    return "".join(output.text for output in code.cell.outputs if output.get("name") == "stdout")


def errors(code: CodeCell) -> list:
    """The errors among the outputs of a code cell."""
    return [output for output in code.cell.outputs if output.output_type == "error"]


def claims(code: CodeCell) -> Iterator[tuple[str, str]]:
    """The claims of one code cell, as `Run.claims`."""
    found = [("held", line) for line in HELD.findall(printed(code))]
    found += [("failed", match[1]) for error in errors(code) if (match := FAILED.search(error.evalue))]
    yield from found
    if errors(code) or code.cell.execution_count is None:
        for _, name in NAME.findall(code.cell.source):
            if not any(line.startswith((f"{name}: ", f"{name} agree ")) for _, line in found):
                yield "not reached", name


def page(runs: list[Run]) -> str:
    """The report as an HTML page."""
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    missing = {path.stem for path in labs()} - {run.lab.path.stem for run in runs}
    states = Counter(state for run in runs for state, _ in run.claims)
    return template.render(runs=runs, states=states, missing=sorted(missing), infinite=math.inf) + "\n"


def arguments(parser):
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where pytest --record=FOLDER put what it recorded")


def main(options):
    paths = [path for path in sorted(options.folder.glob("*.ipynb")) if path.with_suffix(".json").is_file()]
    if not paths:
        raise ValueError(f"{options.folder} holds no recorded lab: pytest --record={options.folder} puts them there")
    runs = [Run(path) for path in paths]
    for run in runs:
        amounts = [(name.replace("_", "-"), amount) for name, amount in run.took.items() if name != "stopped"]
        took = ", ".join(f"{amount:.0f} {name}" for name, amount in amounts)
        print(f"{run.lab.path.stem}: {run.verdict}, {took or run.took['stopped']}")
    write(options.folder / "index.html", page(runs))
    print(f"The report is {options.folder / 'index.html'}")
    return int(any(run.verdict != "ran through" for run in runs))
