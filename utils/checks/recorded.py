"""Why is mine different? This run beside the one whose outputs the lab is stored with."""

import base64
import collections
import hashlib
import json
import os
import re
import zlib
from pathlib import Path

from IPython import get_ipython

from utils import runtime

RECORD = Path(__file__).with_name("recorded.json")
"""What is known of the stored runs, written by `python -m tests execute`.

{"labs": {name: {"report": the lines that runtime.setup() printed, "cells": a fingerprint of each code cell but the
setup cell, in their order, "exercises": {name of a function that the reader writes: place in `cells`}}}}
"""
ROUNDING = ["OMP_NUM_THREADS", "TF_ENABLE_ONEDNN_OPTS", "TF_NUM_INTRAOP_THREADS", "TF_XLA_FLAGS", "XLA_FLAGS"]
"""Variables of the environment that move how TensorFlow rounds; none was set in the stored runs."""
_PACKED = re.compile(r'# @title (.*)\nexec\(.*b85decode\("([^"]*)".*')
_ASKS = re.compile(r"\bchecks\.(why|progress)\(\)")
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
    """Print in what this run differs from the stored one: the order of its cells, edits, data, seed, versions, device.

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


def edits():
    """In which cells the reader changed the lab, in words; "" where in none, or where it is no lab that is known."""
    same, said = _compare()[1].get("edits", (True, ""))
    return "" if same else said


def _advice(found):
    other = {what for what, (same, _) in found.items() if not same}
    if "order" in other:
        return "Start with the order: a cell may have gone on from where it was. Restart the kernel and run all cells."
    if "edits" in other:
        return "Start with the edits: they can change any number. Undo them, restart the kernel and run all cells."
    if other & {"data", "seed"}:
        return "Other pictures or other random numbers: the claims still hold, single numbers differ."
    if other:
        return "Versions, devices and settings round differently: numbers differ in their last digits."
    return "Nothing differs. If a number does, restart the kernel and run all cells from the top."


def _compare():
    """The lab's name, or None; and {what: (whether it is as stored, in words)}."""
    labs = json.loads(RECORD.read_text(encoding="utf-8"))["labs"]
    ran = _cells_run()
    known = {fingerprint(cell) for _, cell in ran}
    lab = max(labs, key=lambda name: len(known & set(labs[name]["cells"])))
    report = labs[lab]["report"]
    lab = lab if known & set(labs[lab]["cells"]) else None
    found = {}
    if lab:
        placed = _placed(ran, labs[lab])
        found = {"order": _order(placed, labs[lab]["exercises"].values()), "edits": _edits(placed)}
    then, now = (_REPORT.match("\n".join(lines)) for lines in (report, runtime.reported))
    if now is None:
        return lab, {**found, "setup": (False, "the setup cell has not run")}
    then, now = then.groupdict(), now.groupdict("none")
    now["data"] = runtime.data_mode()
    found |= {what: (now[what] == then[what], _beside(now[what], then[what])) for what in ("data", "seed")}
    names = ("Python", "TensorFlow", "Keras", "backend", "NumPy")
    others = [f"{name} {_beside(now[name], then[name])}" for name in names if now[name] != then[name]]
    found["versions"] = (not others, ", ".join(others) or "the same")
    found["device"] = (now["device"] == then["device"], _beside(now["device"], then["device"]))
    variables = [f"{name}={os.environ[name]}" for name in ROUNDING if os.environ.get(name)]
    found["settings"] = (not variables, ", ".join(variables) or "the same")
    return lab, found


def _beside(now, then):
    return now if now == then else f"{now}, not {then}"


def _cells_run():
    """(number, source) of each cell that ran after the setup cell, as Jupyter counts them; none outside a notebook."""
    shell = get_ipython()
    cells = [] if shell is None else list(enumerate(shell.user_ns.get("In", [])))[1:]
    begin = [place for place, (_, source) in enumerate(cells) if "utils.setup" in source]
    return [(number, source) for number, source in cells[begin[-1] + 1 :] if source.strip()] if begin else []


def _placed(ran, stored):
    """(number, source, place in the lab or None) of each cell that ran."""
    placed, last = [], -1
    for number, source in ran:
        places = _places(source, stored)
        place = next((place for place in places if place > last), places[0] if places else None)
        last = last if place is None else place
        placed.append((number, source, place))
    return placed


def _order(placed, exercises):
    """Which cells ran again or late; not exercises and their checks, which a reader tries as often as it takes."""
    furthest, times, found = -1, collections.Counter(), {}
    for number, source, place in placed:
        if place is not None and place not in exercises and not source.startswith("# @title"):
            times[place] += 1
            if place <= furthest:
                often = {1: "after later cells", 2: "twice"}.get(times[place], f"{times[place]} times")
                found[place] = f"In [{number}] ran {often} ({_begin(source)})"
            furthest = max(furthest, place)
    said = list(found.values())
    more = [f"and {len(said) - 3} more"] if len(said) > 3 else []
    return not said, ", ".join(said[:3] + more) or "from top to bottom"


def _edits(placed):
    known = {place for *_, place in placed if place is not None}
    missing, edited, last = set(range(max(known))) - known, [], -1
    for number, source, place in placed:
        if place is not None:
            last = place
        elif not _ASKS.search(source):
            last += last + 1 in missing  # it stands in the place of one of the lab's
            missing.discard(last)
            edited.append(f"In [{number}] is not the lab's ({_begin(source)})")
    if missing:
        edited.append(f"{len(missing)} cells did not run")
    return not edited, ", ".join(edited) or "none"


def _begin(source):
    first = source.strip().splitlines()[0]
    return first if len(first) <= 60 else first[:59] + "…"


def _places(source, stored):
    """Where in the lab a cell with this source stands; for an exercise, whatever the reader has written there."""
    for name in re.findall(r"^def (\w+)\(", source, re.M):
        if name in stored["exercises"]:
            return [stored["exercises"][name]]
    return [place for place, cell in enumerate(stored["cells"]) if cell == fingerprint(source)]
