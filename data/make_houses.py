"""Write houses.csv: invented houses whose prices follow a known rule, so that what a model learns can be compared.

Run it in the course's folder: python data/make_houses.py
"""

from pathlib import Path

import numpy as np

HOUSES = 200
SEED = 0
BASE = 40.0  # 1000 euros for a house without area, bedrooms or age
PER_SQUARE_METRE = 2.5
PER_BEDROOM = 12.0
PER_YEAR = -0.8
NOISE = 20.0  # standard deviation, 1000 euros


def houses():
    """An integer array of shape (HOUSES, 4): area in m², bedrooms, age in years, price in 1000 euros."""
    random = np.random.default_rng(SEED)
    area = random.integers(40, 251, HOUSES)
    bedrooms = np.clip(np.rint(area / 45 + random.normal(0, 1, HOUSES)), 1, 6)
    age = random.integers(0, 81, HOUSES)
    rule = BASE + PER_SQUARE_METRE * area + PER_BEDROOM * bedrooms + PER_YEAR * age
    price = np.rint(rule + random.normal(0, NOISE, HOUSES))
    return np.column_stack([area, bedrooms, age, price]).astype(int)


def write(path):
    """Write the houses as CSV with a header line to `path`."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        np.savetxt(file, houses(), fmt="%d", delimiter=",", header="area_m2,bedrooms,age_years,price_1000", comments="")


if __name__ == "__main__":
    write(Path(__file__).with_name("houses.csv"))
