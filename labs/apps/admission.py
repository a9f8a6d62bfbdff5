"""Say of two exam scores whether they are enough for admission, with the network that lab 10 trained and saved.

    python labs/apps/admission.py --model admission.keras EXAM_1 EXAM_2

Both scores are in points, from 0 to 100. The file holds the scaling of the inputs, too, as the model's first layer.
Exit codes: 0 when an answer is printed, 1 when the model cannot be used, 2 when a score cannot be.

A model file from somebody else may hold code. So only .keras files are read, in the safe mode of Keras, and none that
calls a function: with Keras 3.10, such functions would run what their maker wants.
"""

import argparse
import json
import os
import sys
import zipfile
from pathlib import Path


class ModelError(Exception):
    """The saved model is missing, damaged or not a model for two scores."""


def probability(path, scores):
    """The probability of admission that the model in the file `path` gives for `scores`, a list of two numbers."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    path = Path(path)
    if path.suffix != ".keras":
        raise ModelError(f"{path} is no .keras file, the only kind that is read: run lab 10, which saves one")
    try:
        with zipfile.ZipFile(path) as archive:
            if '"function"' in json.dumps(json.loads(archive.read("config.json"))["config"]):
                raise ValueError("a layer calls a function")
        import keras
        import numpy as np

        keras.config.set_floatx("float32")  # whatever a keras.json says
        model = keras.models.load_model(path, compile=False, safe_mode=True)
    except FileNotFoundError:
        raise ModelError(f"there is no model file {path}: run lab 10, which saves it, and give its path") from None
    except ModuleNotFoundError as error:
        raise ModelError(
            f"this Python has no package {error.name}: run the program with the course's own, in the course's folder "
            ".venv/bin/python or, on Windows, .venv\\Scripts\\python"
        ) from None
    except Exception as error:  # Keras raises many kinds for a damaged file
        raise ModelError(f"{path} cannot be read as a Keras model ({type(error).__name__}): run lab 10 again") from None
    takes, gives = (getattr(model, name, None) for name in ("input_shape", "output_shape"))  # None: it was never built
    if takes != (None, 2) or gives != (None, 1):
        raise ModelError(f"{path} takes shape {takes} and gives {gives}, not two scores and one probability")
    try:
        answer = float(model.predict(np.array([scores]), verbose=0)[0, 0])
    except Exception as error:  # layers made for other inputs: for the numbers of words, say
        raise ModelError(f"{path} cannot judge two scores ({type(error).__name__}): run lab 10 again") from None
    if not 0 <= answer <= 1:
        raise ModelError(f"{path} gives {answer:g}, which is no probability: run lab 10 again")
    return answer


def score(text):
    """The points that `text` says; an error that argparse shows when it says none."""
    try:
        points = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number; write it in digits") from None
    if not 0 <= points <= 100:
        raise argparse.ArgumentTypeError(f"{text} is not an exam score: it should be a number from 0 to 100")
    return points


def main(arguments=None):
    """Run the program; returns its exit code."""
    parser = argparse.ArgumentParser(prog="admission.py", description="Say whether two exam scores are enough.")
    parser.add_argument("--model", metavar="FILE", required=True, help="the file admission.keras that lab 10 saved")
    for name in ("exam_1", "exam_2"):
        parser.add_argument(name, type=score, help="in points, from 0 to 100")
    options = parser.parse_args(arguments)
    try:
        admitted = probability(options.model, [options.exam_1, options.exam_2])
    except ModelError as error:
        print(f"admission.py: {error}", file=sys.stderr)
        return 1
    print(f"{'Admitted' if admitted >= 0.5 else 'Sorry'}: the probability of admission is {admitted:.3f}")
    return 0


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # a file's name may hold what the terminal cannot show
    sys.exit(main())
