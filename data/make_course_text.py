"""Write course_text.txt: sentences from the labs' own text, for a lab that learns to write.

It holds the sentences of labs 01 to 17 as they were on 28 November 2026, and is not written again when they are edited,
or the lab that learns from it would change with them. This takes the labs as they are now:

    python data/make_course_text.py
"""

import json
import re
from pathlib import Path

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz .,:;?'-"
COURSE = Path(__file__).resolve().parent.parent


def sentences(markdown):
    """The sentences in the paragraphs of a Markdown cell, those only that are written in LETTERS."""
    for paragraph in re.split(r"\n\s*\n", markdown):
        if paragraph.strip()[:1] not in ("", *"#|<-*!$`"):  # headings, tables, HTML, lists, pictures, formulas, code
            plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", paragraph).replace("*", "")
            for sentence in re.split(r"(?<=[.?])\s+(?=[A-Z])", " ".join(plain.split())):
                if len(sentence) > 20 and set(sentence) <= set(LETTERS) and sentence[-1] in ".?":
                    yield sentence


def write(labs, folder):
    """Write the sentences of the notebooks `labs` into `folder`, one a line, each once."""
    cells = [cell for lab in labs for cell in json.loads(lab.read_text(encoding="utf-8"))["cells"]]
    texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    lines = dict.fromkeys(sentence for text in texts for sentence in sentences(text))
    (folder / "course_text.txt").write_text("\n".join([*lines, ""]), newline="\n")


if __name__ == "__main__":
    write(sorted((COURSE / "labs").glob("[0-9][0-9]_*.ipynb")), Path(__file__).parent)
