"""What the default run of lab 08 leaves out: its section 12 on a reader's own folders."""

from pathlib import Path

import pytest
from PIL import Image

from tests.course.kernel import LabKernel
from tests.course.lab import Lab, labs

BEGINNINGS = """# @title Setup; import math; my_photo =; def load(; def read(; shrink =; temporary =; def augmentation(;
def block(; def residual(; # @title On full data: the layers; def residual_network(; photo =; def train_on(;
if my_pictures:"""
NEEDED = tuple(BEGINNINGS.replace("\n", " ").split("; "))  # by section 12; no cell that trains is among them


@pytest.fixture
def folders(tmp_path) -> Path:
    """Three classes of 20 pictures that nobody could mix up, each of one colour, with a name that sorts otherwise."""
    for name, colour in (("zebra", (230, 20, 20)), ("apple", (20, 20, 230)), ("mug", (20, 230, 20))):
        (tmp_path / name).mkdir()
        for number in range(20):
            Image.new("RGB", (40, 30), colour).save(tmp_path / name / f"{number}.png")
    return tmp_path


def test_a_network_learns_the_readers_classes_and_names_them(folders):
    [lab] = [Lab(path) for path in labs() if path.stem.startswith("08")]
    cells = [code for code in lab.code if code.cell.source.startswith(NEEDED)]
    assert len(cells) == len(NEEDED)
    with LabKernel(lab) as kernel:
        for code in cells[:-1]:
            kernel.run(code)
        kernel.ask(f"my_pictures = {str(folders)!r}")
        outputs = kernel.run(cells[-1])
    text = "".join(output.get("text", "") for output in outputs)
    assert "{'apple': 0, 'mug': 1, 'zebra': 2}" in text
    epochs = [line for line in text.splitlines() if line.startswith("epoch")]
    assert [line.split()[1] for line in epochs] == ["1/40", "10/40", "20/40", "30/40", "40/40"]
    assert "val_accuracy 1.000000" in epochs[-1]
    assert text.splitlines()[-1].startswith("chelsea.jpg: ")
    [picture] = [output.data["text/plain"] for output in outputs if "data" in output]
    said = [f"{name}; says {name}" for name in ["apple"] * 4 + ["mug"] * 3 + ["zebra"] * 3]
    assert f"Labels: {', '.join(said)}" in picture
