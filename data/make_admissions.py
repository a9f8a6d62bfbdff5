"""Write admissions.csv: invented students, two exams each, admitted by a known rule that no straight line can follow.

Run it in the course's folder: python data/make_admissions.py
"""

from pathlib import Path

import numpy as np

STUDENTS = 100
SEED = 2
SPREAD = 20.0  # standard deviation of each exam around what a student is able to do, in points
FREE = 20  # points in each exam that count for nothing
NEEDED = 35**2  # what is left of the two, multiplied, must reach this: 55 and 55 are just enough


def is_admitted(exams):
    """The rule: an array (n,) of True and False for exams (n, 2), in points from 0 to 100."""
    counted = np.maximum(exams - FREE, 0)
    return counted[:, 0] * counted[:, 1] >= NEEDED


def students():
    """An integer array of shape (STUDENTS, 3): points in exam 1 and in exam 2, and 1 where admitted, else 0."""
    random = np.random.default_rng(SEED)
    ability = random.integers(30, 91, STUDENTS)
    exams = np.clip(np.rint(ability[:, np.newaxis] + random.normal(0, SPREAD, (STUDENTS, 2))), 0, 100)
    return np.column_stack([exams, is_admitted(exams)]).astype(int)


def write(path):
    """Write the students as CSV with a header line to `path`."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        np.savetxt(file, students(), fmt="%d", delimiter=",", header="exam_1,exam_2,admitted", comments="")


if __name__ == "__main__":
    write(Path(__file__).with_name("admissions.csv"))
