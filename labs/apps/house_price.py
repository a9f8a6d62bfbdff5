"""Estimate the price of a house with the neuron that lab 03 trained and saved.

    python labs/apps/house_price.py --model FOLDER AREA BEDROOMS AGE

AREA in m², AGE in years. FOLDER holds the two files that the lab saves: house_price.keras (the model) and
house_price.json (how to scale its inputs). Exit codes: 0 when a price is printed, 1 when the model cannot be used,
2 when a number cannot be.

A model file from somebody else may hold code. So it is read in the safe mode of Keras, and not if it calls a function:
with Keras 3.10, such functions would run what their maker wants.
"""

import argparse
import json
import math
import os
import sys
import zipfile
from pathlib import Path

FEATURES = {  # name: (unit, lowest, highest, whole numbers only); beyond these it is no house
    "area": ("m²", 10, 1000, False),
    "bedrooms": ("", 0, 20, True),
    "age": ("years", 0, 500, False),
}
MODEL, SCALING = "house_price.keras", "house_price.json"


class ModelError(Exception):
    """The saved model is missing, damaged or not a model for these inputs."""


def read_scaling(folder):
    """The scaling that the lab saved in `folder`: {"low": three numbers, "high": three numbers, "unit": text}."""
    path = Path(folder) / SCALING
    if Path(folder).is_file():
        raise ModelError(f"{folder} is a file: give the folder that lab 03 saved it in")
    try:
        scaling = json.loads(path.read_text(encoding="utf-8"))
        low, high = scaling["low"], scaling["high"]
        fits = len(low) == len(high) == len(FEATURES) and scaling["unit"].isprintable()
        for a, b, (_, lowest, highest, _) in zip(low, high, FEATURES.values()):
            fits = fits and lowest <= a < b <= highest
    except FileNotFoundError:
        raise ModelError(f"there is no {SCALING} in the folder {folder}: run lab 03, which saves it") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(f"{path} cannot be read ({error}): run lab 03 again, which saves it anew") from None
    if not fits:
        raise ModelError(f"{path} is not a scaling of {len(FEATURES)} inputs: run lab 03 again, which saves it anew")
    return scaling


def estimate(folder, values, scaling):
    """The price that the model in `folder` gives for `values`, a list of three numbers, in the scaling's unit."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    path = Path(folder) / MODEL
    try:
        with zipfile.ZipFile(path) as archive:
            if '"function"' in json.dumps(json.loads(archive.read("config.json"))["config"]):
                raise ValueError("a layer calls a function")
        import keras
        import numpy as np

        keras.config.set_floatx("float32")  # whatever a keras.json says
        model = keras.models.load_model(path, compile=False, safe_mode=True)
    except FileNotFoundError:
        raise ModelError(f"there is no {MODEL} in the folder {folder}: run lab 03, which saves it") from None
    except ModuleNotFoundError as error:
        raise ModelError(
            f"this Python has no package {error.name}: run the program with the course's own, in the course's folder "
            ".venv/bin/python or, on Windows, .venv\\Scripts\\python"
        ) from None
    except Exception as error:  # Keras raises many kinds for a damaged file
        raise ModelError(f"{path} cannot be read as a Keras model ({type(error).__name__}): run lab 03 again") from None
    takes, gives = (getattr(model, name, None) for name in ("input_shape", "output_shape"))  # None: it was never built
    if takes != (None, len(FEATURES)) or gives != (None, 1):
        raise ModelError(f"{path} takes shape {takes} and gives {gives}, not {len(FEATURES)} numbers: run lab 03 again")
    low, high = np.array(scaling["low"]), np.array(scaling["high"])
    try:
        price = float(model.predict((np.array([values]) - low) / (high - low), verbose=0)[0, 0])
    except Exception as error:  # layers made for other inputs: for the numbers of words, say
        raise ModelError(f"{path} cannot compute a price ({type(error).__name__}): run lab 03 again") from None
    if not math.isfinite(price):
        raise ModelError(f"{path} gives no finite price: its training went wrong, run lab 03 again")
    return price


def number(name):
    """A function that turns the text for `name` into a number, or raises an error that argparse shows."""
    unit, low, high, whole = FEATURES[name]
    kind = "a whole number" if whole else "a number"

    def convert(text):
        try:
            value = float(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not {kind}; write it in digits") from None
        if not low <= value <= high or (whole and not value.is_integer()):
            wanted = f"{kind} from {low} to {high} {unit}".rstrip()
            raise argparse.ArgumentTypeError(f"{text} is no house's {name}: it should be {wanted}")
        return value

    return convert


def main(arguments=None):
    """Run the program; returns its exit code."""
    parser = argparse.ArgumentParser(prog="house_price.py", description="Estimate the price of a house.")
    parser.add_argument("--model", metavar="FOLDER", required=True, help="the folder where lab 03 saved its model")
    for name, (unit, *_) in FEATURES.items():
        parser.add_argument(name, type=number(name), help=f"in {unit}" if unit else "how many")
    options = parser.parse_args(arguments)
    values = [getattr(options, name) for name in FEATURES]
    try:
        scaling = read_scaling(options.model)
        price = estimate(options.model, values, scaling)
    except ModelError as error:
        print(f"house_price.py: {error}", file=sys.stderr)
        return 1
    print(f"estimated price: {price:.1f} {scaling['unit']}")
    for name, value, low, high in zip(FEATURES, values, scaling["low"], scaling["high"]):
        if not low <= value <= high:
            print(f"caution: the model has only seen houses with {name} from {low:g} to {high:g}, not {value:g}")
    return 0


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # the unit may be what the terminal cannot show
    sys.exit(main())
