"""Animations light enough to store in a notebook."""

import base64
import io

from IPython.display import display
from matplotlib.figure import Figure

from utils.plots.alt_text import describe
from utils.plots.style import in_colours, rendered


def animate(draw, frames, *, size=(6.0, 4.2), seconds_each=0.25):
    """Show `draw(axes, frame)` for each of `frames` as an animated PNG that plays once.

    draw: draws one frame into empty axes; frames: what to hand to it, one after the other
    size: of the picture in inches, at 80 dots an inch; seconds_each: how long a frame stays

    Readers that do not animate (print, e-mail) show the last frame. The alternative text tells the first, the middle
    and the last frame. Raises ValueError without frames.
    """
    frames = list(frames)
    if not frames:
        raise ValueError("there is no frame to draw: `frames` is empty")
    pictures, texts = [], []
    for frame in frames:
        figure = Figure(figsize=size, dpi=80)
        draw(figure.add_subplot(), frame)
        pictures.append(rendered(figure))
        texts.append(describe(figure))
    palette = pictures[-1].quantize(48)  # one for all frames, so that what stands still is stored once
    still, *rest = [in_colours(picture, palette) for picture in (pictures[-1], *pictures)]
    timing = {"duration": int(1000 * seconds_each), "loop": 1}
    buffer = io.BytesIO()
    still.save(buffer, "png", save_all=True, append_images=rest, default_image=True, optimize=True, **timing)
    told = {"First": texts[0], "Middle": texts[len(texts) // 2], "Last": texts[-1]}
    text = "\n".join([f"Animation of {len(frames)} frames.", *(f"{name} frame. {text}" for name, text in told.items())])
    data = {"image/png": base64.b64encode(buffer.getvalue()).decode(), "text/plain": text}
    display(data, metadata={"image/png": {"alt": text}}, raw=True)
