"""Write elnino.csv: the sea's surface temperature off Peru, month by month, 1950 to 2010.

It comes from statsmodels, a Python package for statistics, which holds it as a table with a row for each year. Any
wheel of it will do that has the table as it was in version 0.15.0.

    pip download statsmodels==0.15.0 --no-deps
    python data/make_elnino.py statsmodels-0.15.0-*.whl
"""

import hashlib
import sys
import zipfile
from pathlib import Path

TABLE = "statsmodels/datasets/elnino/elnino.csv"  # in the wheel
SHA256 = "b647be00e0fd264be9764e317e6b963f35030014ecca2b21b204521716e463ad"  # of the table


def months(table):
    """The lines of elnino.csv, from the text of statsmodels's table."""
    yield "year,month,temperature"
    for line in table.split()[1:]:
        year, *temperatures = line.split(",")
        yield from (f"{year},{month},{float(degrees):.2f}" for month, degrees in enumerate(temperatures, 1))


def write(wheel, folder):
    """Write the table of the file `wheel` into `folder`. ValueError if it is another table than that of 0.15.0."""
    with zipfile.ZipFile(wheel) as archive:
        table = archive.read(TABLE)
    if (found := hashlib.sha256(table).hexdigest()) != SHA256:
        raise ValueError(f"{TABLE} is not that of statsmodels 0.15.0: its SHA-256 is {found}")
    (folder / "elnino.csv").write_text("\n".join([*months(table.decode()), ""]), newline="\n")


if __name__ == "__main__":
    write(sys.argv[1], Path(__file__).parent)
