"""The README's picture is the animation that lab 02 stores.

Take it from there after the lab changed: python -m tests.picture
"""

import argparse
import base64

import nbformat

from utils.runtime import COURSE

PICTURE = COURSE / ".github" / "gradient_descent.png"
LAB = COURSE / "labs" / "02_gradient_descent.ipynb"


def animation():
    """The bytes of the animated PNG in lab 02, and its alternative text. Raises LookupError when it has none."""
    for cell in nbformat.read(LAB, as_version=4).cells:
        for output in cell.get("outputs", []):
            text = output.get("data", {}).get("text/plain", "")
            if text.startswith("Animation of "):
                return base64.b64decode(output.data["image/png"]), text
    raise LookupError(f"{LAB.name} holds no animation: execute it first with python -m tests.execute")


if __name__ == "__main__":
    argparse.ArgumentParser(prog="python -m tests.picture", description="Take the README's picture.").parse_args()
    PICTURE.write_bytes(animation()[0])
    print(f"{PICTURE.relative_to(COURSE)} written")
