"""Why is mine different? This run beside the one whose outputs the lab is stored with."""

import base64
import hashlib
import itertools
import json
import re
import zlib
from pathlib import Path

from IPython import get_ipython

from utils import runtime

RECORD = Path(__file__).with_name("recorded.json")
"""What is known of the stored runs, written by `python -m tests execute`.

{"report": the lines that runtime.setup() printed, "labs": {name: {"cells": a fingerprint of each code cell but the
setup cell, in their order, "exercises": {name of a function that the reader writes: place in `cells`}}}}
"""
_PACKED = re.compile(r'# @title (.*)\nexec\(.*b85decode\("([^"]*)".*')
_REPORT = re.compile(
    r"Python (?P<Python>\S+), (?:TensorFlow (?P<TensorFlow>\S+)|no TensorFlow), "
    r"Keras (?P<Keras>\S+) on (?P<backend>\S+), NumPy (?P<NumPy>\S+)\n"
    r"Device: (?P<device>.+)\. Seed: (?P<seed>\S+)\nData: (?P<data>\w+)"
)


def packed(source, title):
    """A cell's source made unreadable, which does the same: two lines, the title and one exec."""
    text = base64.b85encode(zlib.compress(source.encode(), 9)).decode()
    unpacked = f'__import__("zlib").decompress(__import__("base64").b85decode("{text}")).decode()'
    return f'# @title {title}\nexec(compile({unpacked}, "{title}", "exec"))'


def unpacked(source):
    """The source that packed() was given, or this one if it is not packed."""
    match = _PACKED.fullmatch(source.strip())
    return zlib.decompress(base64.b85decode(match[2])).decode() if match else source


def fingerprint(source):
    """Eight digits that tell one cell's source from another's, packed or not, whatever white space ends its lines."""
    lines = "\n".join(line.rstrip() for line in unpacked(source).strip().splitlines())
    return hashlib.sha256(lines.encode()).hexdigest()[:8]


def why():
    """Print in what this run differs from the stored one: edits, data, seed, versions, device. Checks each.

    A number that differs from the stored one comes from one of them. Call it in any cell after the setup cell.
    """
    lab, found = _compare()
    print(f"This run beside the stored one of {lab}:" if lab else "Which lab this is cannot be told from its cells.")
    for what, (same, said) in found.items():
        print(f"{'✔' if same else '✘'} {what:8} {said}")
    print(_advice(found))


def unlike():
    """The same in one sentence, for the message of a claim that does not hold."""
    others = [f"{what}: {said}" for what, (same, said) in _compare()[1].items() if not same]
    return f"Unlike the stored run, {'; '.join(others)}." if others else "All that is known is as in the stored run."


def _advice(found):
    other = {what for what, (same, _) in found.items() if not same}
    if "edits" in other:
        return "Start with the edits: they can change any number. Undo them, restart the kernel and run all cells."
    if other & {"data", "seed"}:
        return "Other pictures or other random numbers: the claims still hold, single numbers differ."
    if other:
        return "Versions and devices round differently: numbers differ by about what the cells' comments say."
    return "Nothing differs. If a number does, restart the kernel and run all cells from the top."


def _compare():
    """The lab's name, or None; and {what: (whether it is as stored, in words)}."""
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    ran, labs = _cells_run(), record["labs"]
    known = {fingerprint(cell) for _, cell in ran}
    lab = max(labs, key=lambda name: len(known & set(labs[name]["cells"])))
    lab = lab if known & set(labs[lab]["cells"]) else None
    found = {"edits": _edits(ran, labs[lab])} if lab else {}
    then, now = (_REPORT.match("\n".join(lines)) for lines in (record["report"], runtime.reported))
    if now is None:
        return lab, {**found, "setup": (False, "the setup cell has not run")}
    then, now = then.groupdict(), now.groupdict("none")
    now["data"] = runtime.data_mode()
    found |= {what: (now[what] == then[what], _beside(now[what], then[what])) for what in ("data", "seed")}
    names = ("Python", "TensorFlow", "Keras", "backend", "NumPy")
    others = [f"{name} {_beside(now[name], then[name])}" for name in names if now[name] != then[name]]
    found["versions"] = (not others, ", ".join(others) or "the same")
    found["device"] = (now["device"] == then["device"], _beside(now["device"], then["device"]))
    return lab, found


def _beside(now, then):
    return now if now == then else f"{now}, not {then}"


def _cells_run():
    """(number, source) of each cell that ran after the setup cell, as Jupyter counts them; none outside a notebook."""
    shell = get_ipython()
    cells = [] if shell is None else list(enumerate(shell.user_ns.get("In", [])))[1:]
    begin = [place for place, (_, source) in enumerate(cells) if "runtime.setup(" in source]
    return [(number, source) for number, source in cells[begin[-1] + 1 :] if source.strip()] if begin else []


def _edits(ran, stored):
    known, edited = [-1], []
    for number, source in ran:
        places = _places(source, stored)
        if places:
            known.append(next((place for place in places if place > known[-1]), places[0]))
        elif "checks.why()" not in source:
            first = source.strip().splitlines()[0]
            edited.append(f"In [{number}] is not the lab's ({first if len(first) <= 60 else first[:59] + '…'})")
    left_out = set(range(max(known))) - set(known)
    if len(left_out) > len(edited):
        edited.append(f"{len(left_out) - len(edited)} cells did not run")
    if any(after <= before for before, after in itertools.pairwise(known)):
        edited.append("cells ran twice or out of order")
    return not edited, ", ".join(edited) or "none"


def _places(source, stored):
    """Where in the lab a cell with this source stands; for an exercise, whatever the reader has written there."""
    for name in re.findall(r"^def (\w+)\(", source, re.M):
        if name in stored["exercises"]:
            return [stored["exercises"][name]]
    return [place for place, cell in enumerate(stored["cells"]) if cell == fingerprint(source)]
