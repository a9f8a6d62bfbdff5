"""Executes labs from top to bottom and stores them in normal form.

A lab that stops with an error is left as it was. With the lab it stores what the checks of its exercises say
(tests/records/exercises/NAME.txt: read it when an exercise changed), what checks.why() knows of the stored runs
(utils/checks/recorded.json), and the README's picture, where the lab draws it.
"""

import base64
import json
import os
import re
from decimal import Decimal
from pathlib import Path

from tests.course.compare import Tolerance, differences
from tests.course.kernel import CellStopped, LabKernel
from tests.course.lab import COURSE, RECORDS, Lab, labs, normalise, text_of, write
from utils.checks.recorded import RECORD, fingerprint

EXACT = Tolerance(Decimal(0), Decimal(0), Decimal(0), 0.0)


def arguments(parser):
    parser.add_argument("labs", nargs="+", metavar="LAB", help="notebooks; labs/*.ipynb are all")


def main(options):
    if os.environ.get("LABS_DATA", "sample") != "sample":
        raise ValueError("the labs are stored as they run on the sample data: unset LABS_DATA")
    for path in options.labs:
        print(f"{path}: ", end="", flush=True)
        print("executed and stored" if execute(path) else "executed, its outputs are as they were")


def execute(path: Path) -> bool:
    """Executes a lab in a fresh kernel and stores it in normal form, with what else is stored of it.

    All outputs are those of one run. Where nothing but the clock differs, the stored ones stay, so that executing an
    unchanged lab again changes nothing in its file. Returns whether it changed. CellStopped: it is as it was.
    """
    lab, outputs = Lab(path), []
    normalise(lab.notebook)
    with LabKernel(lab) as kernel:
        for code in lab.code:
            try:
                outputs.append(kernel.run(code))
            except CellStopped as stop:
                raise CellStopped(f"{code} stopped: {stop}. The file is as it was.", stop.details) from None
        said = kernel.exercises() if lab.tagged("check") else ""
    if any(_is_new(code, got) for code, got in zip(lab.code, outputs)):
        for code, got in zip(lab.code, outputs):
            code.cell.outputs = got
    for code in lab.code:
        code.cell.execution_count = code.number
    changed = write(path, text_of(normalise(lab.notebook)))
    if path.resolve() in labs():
        if said:
            write(RECORDS / "exercises" / f"{path.stem}.txt", said)
        write(RECORD, recorded())
        take_picture(lab)
    return changed


def _is_new(code, outputs):
    """Whether a cell's outputs are others than those that are stored; the setup cell's tell which versions ran."""
    stored = code.cell.outputs
    if "setup" in code.tags and stored != outputs:
        return True
    return code.cell.execution_count is None or bool(differences(stored, outputs, EXACT))


def recorded() -> str:
    """What `checks.why` knows of the labs as they are stored, as its file's text."""
    known = {}
    for lab in map(Lab, labs()):
        report = "".join(output.get("text", "") for output in lab.setup.cell.outputs).splitlines()
        cells = [code for code in lab.code if code.place > lab.setup.place]
        exercises = {}
        for place, code in enumerate(cells):
            if "exercise" in code.tags:
                exercises |= dict.fromkeys(re.findall(r"^def (\w+)\(", code.cell.source, re.M), place)
        fingerprints = [fingerprint(code.cell.source) for code in cells]
        known[lab.path.stem] = {"report": report, "cells": fingerprints, "exercises": exercises}
    rows = (f"  {json.dumps(name)}: {json.dumps(facts, ensure_ascii=False)}" for name, facts in known.items())
    return '{\n "labs": {\n' + ",\n".join(rows) + "\n }\n}\n"


def take_picture(lab: Lab):
    """The README shows the animation of one lab: writes it anew if it is this one's. Its file has the lab's name."""
    picture = COURSE / ".github" / f"{lab.path.stem[3:]}.png"
    outputs = [output for code in lab.code for output in code.cell.outputs]
    animations = [output for output in outputs if "Animation" in output.get("data", {}).get("text/plain", "")]
    if picture.exists() and animations:
        picture.write_bytes(base64.b64decode(animations[0].data["image/png"]))
