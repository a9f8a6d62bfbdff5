"""Say of picture files whether they show a cat or a dog, with the network that lab 08 trained and saved.

    python labs/apps/cats_or_dogs.py --model cats_or_dogs.keras PICTURE [PICTURE ...]

One line for each picture: its name, "cat" or "dog", and the probability of that. A picture that is not of the kind
the network learned from (8-bit colour, one picture in the file) is refused with the reason; --convert makes the best
of it. Exit codes: 0 when every picture was classified, 1 when the model cannot be used, 2 when a picture cannot be;
the others are classified all the same.

A model file from somebody else may hold code. So only .keras files are read, in the safe mode of Keras, and none that
calls a function: models of older formats, and with Keras 3.10 such functions, would run what their maker wants.
"""

import argparse
import json
import os
import stat
import sys
import warnings
import zipfile
from pathlib import Path

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
MOST_MEGAPIXELS = 50
DEEP = ("I;16", "I;16B", "I;16L", "I", "F")  # Pillow's modes of 16 bits and more
TRANSPARENT = ("LA", "PA", "RGBA", "RGBa")
OTHER = {
    "1": "in black and white only",
    "L": "grey, and the network learned from colour",
    "CMYK": "in colours for print (CMYK)",
    "LAB": "in the colours of CIE Lab",
    **dict.fromkeys(TRANSPARENT, "partly transparent"),
    **dict.fromkeys(DEEP, "of 16 bits or more for each pixel, not 8"),
}


class ModelError(Exception):
    """The saved model is missing, damaged or not a model for pictures of cats and dogs."""


class PictureError(Exception):
    """A picture cannot be used; the message is the end of a sentence that begins with its name."""


def load(path):
    """The model in the file `path` and the side of the square pictures that it takes, in pixels."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    path = Path(path)
    if path.suffix != ".keras":
        raise ModelError(f"{path} is no .keras file, the only kind that is read: run lab 08, which saves one")
    try:
        with zipfile.ZipFile(path) as archive:
            if '"function"' in json.dumps(json.loads(archive.read("config.json"))["config"]):
                raise ValueError("a layer calls a function")
        import keras

        keras.config.set_floatx("float32")  # whatever a keras.json says
        model = keras.models.load_model(path, compile=False, safe_mode=True)
    except FileNotFoundError:
        raise ModelError(f"there is no model file {path}: run lab 08, which saves it, and give its path") from None
    except ModuleNotFoundError as error:
        raise ModelError(
            f"this Python has no package {error.name}: run the program with the course's own, in the course's folder "
            ".venv/bin/python or, on Windows, .venv\\Scripts\\python"
        ) from None
    except Exception as error:  # Keras raises many kinds for a damaged file
        raise ModelError(f"{path} cannot be read as a Keras model ({type(error).__name__}): run lab 08 again") from None
    takes, gives = (getattr(model, name, None) for name in ("input_shape", "output_shape"))  # None: it was never built
    side = takes[1] if isinstance(takes, tuple) and len(takes) == 4 else None
    if not side or takes != (None, side, side, 3) or gives != (None, 1):
        raise ModelError(
            f"{path} takes shape {takes} and gives {gives}, not square colour pictures and one probability: "
            "give the file that lab 08 saves"
        )
    return model, side


def read(path, side, convert=False):
    """The picture in the file `path`, turned upright and scaled: an array (side, side, 3) of uint8.

    convert: True to turn other kinds of picture into 8-bit colour; else they raise PictureError, as do
        files that are no pictures, damaged ones, and ones too large to decode.
    """
    import numpy as np
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = MOST_MEGAPIXELS * 1_000_000
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is damaged is told below
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(_checked_file(path), formats=FORMATS) as picture:
                if not convert:
                    _refuse_other_kinds(picture)
                upright = ImageOps.exif_transpose(picture)  # cameras save how they were held, not the picture upright
                return np.asarray(_in_colour(upright).resize((side, side), Image.Resampling.BOX))
    except PictureError:
        raise
    except (FileNotFoundError, NotADirectoryError):
        raise PictureError("does not exist: check the path") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise PictureError(f"is too large (more than {MOST_MEGAPIXELS} megapixels): scale it down first") from None
    except Image.UnidentifiedImageError:
        raise PictureError("is not a picture that can be read here: save it as JPEG or PNG") from None
    except Exception as error:  # Pillow raises many kinds for a damaged file
        if getattr(error, "strerror", None):  # the system's own: not permitted, for instance
            raise PictureError(f"cannot be read ({error.strerror})") from None
        raise PictureError(f"is damaged or cut off ({error}): copy or download it again") from None


def _checked_file(path):
    status = Path(path).stat()
    if stat.S_ISDIR(status.st_mode):
        raise PictureError("is a folder: name the pictures in it")
    if not stat.S_ISREG(status.st_mode):
        raise PictureError("is not a file")
    if not status.st_size:
        raise PictureError("is empty (0 bytes): copy or download it again")
    return path


def _refuse_other_kinds(picture):
    why = OTHER.get(picture.mode)
    if getattr(picture, "is_animated", False) and picture.format != "MPO":  # a camera's JPEG with a copy of itself
        why = f"a series of {picture.n_frames} pictures (animated, or of several pages)"
    elif "transparency" in picture.info:
        why = OTHER["RGBA"]
    if why:
        raise PictureError(f"is {why}: save it as a JPEG in colour, or add --convert to have that done here")


def _in_colour(picture):
    """`picture` in mode RGB: 16 bits are scaled to 8, what is transparent is laid on white."""
    import numpy as np
    from PIL import Image

    if picture.mode in DEEP:
        values = np.asarray(picture, dtype=float)
        if not np.isfinite(values).all():
            raise PictureError("holds values that are no finite numbers: save it again")
        top = max(values.max(), 0) or 1 if picture.mode == "F" else 65535
        picture = Image.fromarray((255 / top * values).clip(0, 255).astype(np.uint8))
    if picture.mode in TRANSPARENT or "transparency" in picture.info:
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture.convert("RGBA"))
    return picture.convert("RGB")


def classify(model, pixels):
    """("cat" or "dog", its probability) for `pixels` (side, side, 3). Raises ModelError when there is none."""
    import numpy as np

    try:
        dog = float(model.predict_on_batch(pixels[np.newaxis].astype("float32"))[0, 0])
    except Exception as error:  # layers made for other inputs: for the numbers of words, say
        raise ModelError(f"the model cannot judge a picture ({type(error).__name__}): run lab 08 again") from None
    if not 0 <= dog <= 1:
        raise ModelError(f"the model gives {dog:g}, which is no probability: run lab 08 again")
    return ("dog", dog) if dog >= 0.5 else ("cat", 1 - dog)


def main(arguments=None):
    """Run the program; returns its exit code."""
    parser = argparse.ArgumentParser(prog="cats_or_dogs.py", description="Tell pictures of cats from those of dogs.")
    parser.add_argument("--model", metavar="FILE", required=True, help="the file cats_or_dogs.keras that lab 08 saved")
    parser.add_argument("--convert", action="store_true", help="make 8-bit colour of other kinds of picture")
    parser.add_argument("pictures", metavar="PICTURE", nargs="+", help="a JPEG or PNG file")
    options = parser.parse_args(arguments)
    code = 0
    try:
        model, side = load(options.model)
        for path in options.pictures:
            try:
                pixels = read(path, side, options.convert)
            except PictureError as error:
                print(f"cats_or_dogs.py: {path} {error}", file=sys.stderr, flush=True)
                code = 2
                continue
            animal, probability = classify(model, pixels)
            print(f"{path}: {animal} {probability:.3f}", flush=True)
    except ModelError as error:
        print(f"cats_or_dogs.py: {error}", file=sys.stderr)
        return 1
    return code


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # a file's name may hold what the terminal cannot show
    sys.exit(main())
