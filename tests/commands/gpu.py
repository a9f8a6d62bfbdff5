"""Runs the labs on a GPU and records what they took there.

Each lab runs alone, first on the sample, then, if its card tells how to get them, on the full data. On the sample with
TensorFlow its outputs must be those that are stored; on full data, and with JAX or PyTorch (set KERAS_BACKEND), whose
random numbers are others, its claims are the test. One that takes longer than it may is stopped, and the next goes on.
What ran through is recorded as the command measure does. The exit status is 1 if a lab failed, 2 where no GPU is.
"""

import subprocess
import sys
import time

from tests.commands import measure
from tests.course.lab import COURSE, Lab

LIMITS = {"sample": 240, "full": 360}  # seconds for a lab, its start and what a backend compiles among them
SETUP = "from utils import runtime\nruntime.setup()"


def arguments(parser):
    parser.add_argument("labs", nargs="*", default=[], metavar="LAB", help="notebooks; all labs if none is named")
    parser.add_argument("--mode", choices=LIMITS, help="run on these data only")
    limits = " and ".join(f"{seconds} on {mode} data" for mode, seconds in LIMITS.items())
    parser.add_argument("--limit", type=float, metavar="SECONDS", help=f"for each lab; if not said, {limits}")
    parser.add_argument("--anyway", action="store_true", help="also without a GPU")


def main(options):
    backend, device = runs_on()
    if device.startswith("CPU") and not options.anyway:
        print(f"Keras on {backend} sees no GPU here: --anyway runs the labs on the CPU.", file=sys.stderr)
        return 2
    print(f"Keras on {backend}, {device}", flush=True)
    failed = False
    for mode in [options.mode] if options.mode else LIMITS:
        for path in [path for path in options.labs if mode in measure.modes(Lab(path))]:
            began, compared = time.monotonic(), mode == "sample" and backend == "tensorflow"
            try:
                measure.keep(measure.run(path, mode, compared, options.limit or LIMITS[mode]))
                verdict = "its outputs are those stored" if compared else "its claims hold"
            except ValueError as error:
                verdict, failed = str(error), True
            print(f"{path.stem}, {mode}, {time.monotonic() - began:.0f} s: {verdict}", flush=True)
    return int(failed)


def runs_on() -> tuple[str, str]:
    """Keras's backend and the device that a lab gets, as its setup cell says. Raises ValueError if it cannot be set up.

    Another process asks: the one that asks for a GPU may keep it.
    """
    done = subprocess.run([sys.executable, "-c", SETUP], cwd=COURSE, capture_output=True, text=True)
    if not (told := measure.RUNS_ON.search(done.stdout)):
        raise ValueError(f"the labs cannot be set up here: {done.stderr.strip().splitlines()[-1]}")
    return told[2], told[3]
