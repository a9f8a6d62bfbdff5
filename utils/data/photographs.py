"""A photograph of a handwritten digit, made into what the drawing canvas gives: its paper and shadows removed."""

import warnings
from pathlib import Path

import numpy as np

CANVAS = 280  # pixels of the canvas, in rows and in columns
DIGIT, PEN = 200, 20  # pixels on the canvas: the digit's longer side, and its pen at least
LONGEST = 560  # pixels, to which larger pictures are shrunk first; smaller ones grow to CANVAS


def photograph(path):
    """The digit in a photograph, as if it had been drawn on the canvas: a dict of the stages on the way there.

    path: of a picture file that Pillow reads, of any size and mode, with ink of any colour, darker or lighter than
        its paper. A path may begin with ~, the home folder.

    "photograph" is grey and as taken, "upright" turned as its EXIF data say; "paper removed" is 0 for paper to 255
    for ink; each is uint8, shape (rows, columns), the longer side 280 to 560. The last, "ink", is the digit alone,
    200 pixels long, in the middle of an array (280, 280) of uint8, its pen no thinner than one of the canvas.

    Raises FileNotFoundError where there is no file; ValueError when it is no picture or no digit is found in it.
    """
    taken, upright = map(_flat, _opened(Path(path).expanduser()))
    contrast = _without_paper(np.asarray(upright, np.float32))
    try:
        digit = _digit(contrast)
    except ValueError as error:
        cure = "take a photograph of one digit, large, in a dark pen on light paper, with paper all round it"
        raise ValueError(f"No digit is found in {path}, as {error}: {cure}.") from None
    return {
        "photograph": np.asarray(taken.convert("L")),
        "upright": np.asarray(upright.convert("L")),
        "paper removed": (255 * contrast / np.quantile(contrast[digit], 0.9)).clip(0, 255).astype(np.uint8),
        "ink": _on_canvas(contrast, digit),
    }


def _opened(path):
    """The picture as taken and upright, RGBA images of Pillow's, the longer side between CANVAS and LONGEST pixels."""
    from PIL import Image, ImageOps

    if not path.exists():
        raise FileNotFoundError(f"There is no file {path}: check the path of your photograph.")
    if path.is_dir():
        raise ValueError(f"{path} is a folder: give the path of the photograph in it.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what does no harm
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as picture:
                longest = min(max(*picture.size, CANVAS), LONGEST)
                size = [max(1, round(length * longest / max(picture.size))) for length in picture.size]
                picture.draft("RGB", size)  # a large JPEG is read in a fraction of its size
                taken = eight_bits(picture).convert("RGBA").resize(size)
            upright = ImageOps.exif_transpose(taken)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise ValueError(f"{path} is too large a picture: scale it down first.") from None
    except Exception as error:  # a bad file can break its reader in many ways
        cure = "save your photograph as JPEG or PNG (some phones take HEIC, which is neither)"
        raise ValueError(f"{path} is no picture that can be read here: {cure}.") from error
    if min(taken.size) < 28:
        raise ValueError(f"{path} is a strip too narrow for a digit: leave more paper around your digit.")
    return taken, upright


def eight_bits(picture):
    """A PIL picture with 8 bits a value: grey of 16 bits or more is spread from its darkest pixel to its lightest."""
    from PIL import Image

    if not picture.mode.startswith(("I", "F")):
        return picture
    values = np.asarray(picture, np.float32)
    scaled = Image.fromarray((255 * (values - values.min()) / max(np.ptp(values), 1e-9)).astype(np.uint8))
    scaled.info = picture.info  # with the EXIF data
    return scaled


def _flat(layers):
    """An RGBA picture without its transparency, which becomes paper from which the ink stands out: an RGB image."""
    from PIL import Image

    pixels = np.asarray(layers, np.float32)
    lightness = np.average(pixels[..., :3].mean(axis=-1), weights=pixels[..., 3] + 1e-6)
    flat = Image.new("RGB", layers.size, "white" if lightness < 128 else "black")
    flat.paste(layers, mask=layers)
    return flat


def _without_paper(pixels):
    """How far each pixel is from its paper in the ink's colour, in shares of the paper's light: (rows, columns)."""
    from PIL import Image
    from scipy import ndimage

    side = max(pixels.shape)
    pixels = ndimage.gaussian_filter(pixels, (side / 400, side / 400, 0))
    step = side // 140
    coarse = pixels[step // 2 :: step, step // 2 :: step]
    coarser = coarse[::6, ::6]
    unlike = (coarser - ndimage.median_filter(coarser, (15, 15, 1))) ** 3  # its sign kept
    middle = np.outer(*map(np.hanning, unlike.shape[:2]))  # there a digit is likelier than at the frame
    sign = -1 if np.sum(unlike.sum(axis=-1) * middle) > 0 else 1  # -1: chalk on a blackboard
    width = max(coarse.shape) // 4  # wider than any pen
    margins = ((width, width), (width, width), (0, 0))
    padded = np.pad(sign * coarse, margins, mode="reflect", reflect_type="odd")  # light that fades goes on fading
    closed = sign * ndimage.grey_closing(padded, (width, width, 1))[width:-width, width:-width]
    paper = Image.fromarray(closed.clip(0, 255).astype(np.uint8))
    paper = np.asarray(paper.resize(pixels.shape[1::-1], Image.Resampling.BILINEAR), np.float32)
    difference = sign * (paper - pixels) / (paper + 16)  # 16: where there is no light, noise is no ink
    difference -= np.median(difference, axis=(0, 1))
    strength = np.linalg.norm(difference, axis=-1)
    colour = difference[strength >= np.quantile(strength, 0.99)].mean(axis=0)
    return difference @ (colour / max(np.linalg.norm(colour), 1e-9))


def _digit(contrast):
    """Which pixels are the digit's: bool, shape of `contrast`. Raises ValueError when there is no digit."""
    from scipy import ndimage

    noise = np.median(np.abs(contrast)) / 0.67  # 0.67: half of what is normally distributed is nearer than that
    faint = max(5 * noise, 0.06)
    visible = contrast[contrast > faint]
    if visible.size < 1e-3 * contrast.size:
        raise ValueError("it shows nothing but paper")
    top, bottom, left, right = _frame(_labels(contrast > faint))
    ruled = np.intersect1d(top, bottom).any() or np.intersect1d(left, right).any()  # something runs across
    for share in (0.4, 0.7, 1):  # the first at which one thing stands out, free of shadows and lines
        ink = contrast > max(share * _otsu(visible), faint)
        labels = _labels(_without_lines(ink) if ruled else ink)
        weights = np.bincount(labels.ravel(), contrast.ravel() ** 2)  # squared: deep ink outweighs wide shadows
        weights[np.concatenate([[0], *_frame(labels)])] = 0  # neither paper nor what runs into the frame
        box = ndimage.find_objects(labels)[np.argmax(weights) - 1]
        height, width = (side.stop - side.start for side in box)
        reach = max(height, width) // 4  # of the parts beside the heaviest; a 5 may have two
        near = tuple(slice(max(side.start - reach, 0), side.stop + reach) for side in box)
        parts = np.intersect1d(labels[near], np.flatnonzero(weights > 0.06 * weights.max()))
        if weights[parts].sum() > 0.5 * weights.sum() and height > max(width / 2, max(ink.shape) / 25):
            return np.isin(labels, parts)
    raise ValueError("nothing of a digit's size and shape stands out")


def _otsu(values):
    """The threshold between two groups of values that leaves the least variance within them (N. Otsu, 1979)."""
    counts, edges = np.histogram(values, 256)
    sums = np.cumsum(counts * (edges[1:] + edges[:-1]) / 2)
    below = np.cumsum(counts)
    above = below[-1] - below
    apart = sums / np.maximum(below, 1) - (sums[-1] - sums) / np.maximum(above, 1)
    return edges[1:][np.argmax(below * above * apart**2)]


def _labels(ink):
    """The connected parts of the ink, diagonals too, numbered from 1: int, 0 for paper."""
    from scipy import ndimage

    return ndimage.label(ink, np.ones((3, 3)))[0]


def _frame(labels):
    return labels[0], labels[-1], labels[:, 0], labels[:, -1]


def _without_lines(ink):
    """The ink without ruling: of what is thinner than half the pen only the ends of strokes remain."""
    from scipy import ndimage

    depth = ndimage.distance_transform_edt(ink)
    half = depth.max() / 2
    return ink & (ndimage.distance_transform_edt(depth <= half) <= half + 2)


def _on_canvas(contrast, digit):
    """The digit in the middle of the canvas, with soft edges: uint8, shape (CANVAS, CANVAS)."""
    from PIL import Image, ImageOps
    from scipy import ndimage

    pen = 2 * int(ndimage.distance_transform_edt(digit).max()) + 1
    full = ndimage.maximum_filter(contrast * digit, pen)  # the ink in the middle of the stroke
    share = contrast * ndimage.binary_dilation(digit, iterations=2) / np.maximum(full, 1e-6)
    ink = Image.fromarray((255 * (2 * share - 0.5).clip(0, 1)).astype(np.uint8))
    ink = ImageOps.contain(ink.crop(ink.getbbox()), (DIGIT, DIGIT))
    canvas = Image.new("L", (CANVAS, CANVAS))
    canvas.paste(ink, ((CANVAS - ink.width) // 2, (CANVAS - ink.height) // 2))
    canvas = np.asarray(canvas)
    depth = ndimage.distance_transform_edt(canvas > canvas.max() / 2)
    radius = round((PEN - 4 * depth[depth > 0].mean()) / 2)  # a stroke's pixels lie a quarter of its width deep
    if radius < 1:
        return canvas
    reach = np.arange(-radius, radius + 1)
    return ndimage.grey_dilation(canvas, footprint=np.hypot(reach, reach[:, np.newaxis]) < radius + 0.5)
