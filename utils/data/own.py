"""Pictures of the reader's own, one folder for each class, made ready for Keras to read."""

import tempfile
import warnings
from pathlib import Path

from utils.data.folders import temporary_folder
from utils.data.photographs import eight_bits

LEAST = 10  # pictures of each class
HELD_OUT = 5  # every fifth goes to validation
LONGEST = 512  # pixels, to which larger pictures are shrunk


def my_pictures(folder):
    """Your own pictures as Keras reads them: the pathlib.Path of a folder with train and validation.

    folder: a path (~ is the home folder). In it stand two folders or more, one for each class and named like it,
        each with LEAST pictures or more, in any format that Pillow reads.

    train and validation hold one folder for each class, with copies: upright, in colour, JPEG, at most LONGEST pixels
    long. They stay until Python ends. Prints the classes' numbers, and the files that are passed over as no pictures.

    Raises ValueError, which says what to do, when there is no such folder, or too few classes or pictures in it.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise ValueError(f"There is no folder {folder}: check the path in my_pictures.")
    classes = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith((".", "__")))
    if len(classes) < 2:
        raise ValueError(
            f"{folder} holds {len(classes)} folder(s), and two or more are needed: "
            "put the pictures of each class into a folder that has the class's name."
        )
    if {path.name.lower() for path in classes} <= {"train", "training", "val", "valid", "validation", "test"}:
        raise ValueError(f"{folder} is split already: give a folder with one for each class, such as {classes[0]}.")
    ready = Path(tempfile.mkdtemp(dir=temporary_folder().name))
    counts, passed_over = {}, []
    for place in classes:
        good, bad = _copies(place, ready)
        if good < LEAST:
            raise ValueError(f"{place} holds {good} picture(s) that can be read, and {LEAST} are needed: add some.")
        counts[place.name] = good
        passed_over += bad
    print({name: number for number, name in enumerate(counts)}, "pictures:", counts)
    if passed_over:
        print(f"Passed over, as no pictures that can be read here: {', '.join(passed_over)}")
    return ready


def _copies(place, ready):
    """Write copies of one class's pictures; how many they are, and the names of the files that are no pictures."""
    from PIL import Image, ImageOps

    good, bad = 0, []
    for path in sorted(path for path in place.rglob("*") if path.is_file()):
        try:
            with warnings.catch_warnings(), Image.open(path) as picture:
                warnings.simplefilter("ignore")  # what is damaged is passed over
                picture.draft("RGB", (LONGEST, LONGEST))  # a large JPEG is read in a fraction of its size
                upright = ImageOps.exif_transpose(eight_bits(picture)).convert("RGBA")
            white = Image.new("RGBA", upright.size, "white")  # what is transparent becomes white
            copy = Image.alpha_composite(white, upright).convert("RGB")
        except Exception:  # a file that is no picture can break its reader in many ways
            bad.append(path.name)
            continue
        copy.thumbnail((LONGEST, LONGEST))
        target = ready / ("train" if (good + 1) % HELD_OUT else "validation") / place.name
        target.mkdir(parents=True, exist_ok=True)
        copy.save(target / f"{good:05d}.jpg", quality=92)
        good += 1
    return good, bad
