"""Pictures with time code."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vidcolor.imaging.types import FloatArray

BOX = (72 / 320, 190 / 240, 248 / 320, 218 / 240)
"""Left, top, right and bottom edge of the box of time code, as fractions of a frame."""


def make_picture(seed: int, shape: tuple[int, int] = (240, 320)) -> FloatArray:
    """Return a picture of large soft and small hard shapes, Y' (H, W) in [0, 1]."""
    rng, (height, width) = np.random.default_rng(seed), shape
    soft = cv2.resize(
        rng.random((5, 6), np.float32), (width, height), interpolation=cv2.INTER_CUBIC
    )
    hard = cv2.resize(
        rng.random((24, 32), np.float32), (width, height), interpolation=cv2.INTER_AREA
    )
    return np.clip(0.7 * soft + 0.3 * hard, 0, 1).astype(np.float32)


def draw_code(
    picture: FloatArray,
    number: int,
    box: float | None = None,
    text: float = 0.92,
    outline: int = 0,
    return_letters: bool = False,
) -> Any:
    """Return a picture with the time code of a frame.

    Args:
        picture: Y' (H, W) in [0, 1]; the text has the size for a height of 240.
        number: number of the frame, at 25 frames per second.
        box: Y' of the box; None for no box.
        text: Y' of the text.
        outline: width of a dark outline, in pixels.
        return_letters: whether to return a pair with the mask of the letters without outline.
    """
    code = f"10:0{number // 1500 % 10}:{number // 25 % 60:02}:{number % 25:02}"
    height, width = picture.shape
    scale = height / 240
    letters, lines = (Image.new("L", (width, height)) for _ in range(2))
    position, font = (width / 2, 204 * scale), ImageFont.load_default(round(26 * scale))
    ImageDraw.Draw(letters).text(position, code, 255, font, "mm")
    ImageDraw.Draw(lines).text(position, code, 255, font, "mm", stroke_width=outline)
    result = picture.copy()
    if box is not None:
        left, top, right, bottom = (
            round(edge * side) for edge, side in zip(BOX, (width, height) * 2, strict=True)
        )
        result[top:bottom, left:right] = box
    for coverage, level in ((lines if outline else None, 0.05), (letters, text)):
        if coverage is not None:
            share = np.asarray(coverage, np.float32) / 255
            result += share * (np.float32(level) - result)
    return (result, np.asarray(letters) > 128) if return_letters else result
