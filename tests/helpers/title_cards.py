"""Title cards, countdowns and pictures with text, drawn with Pillow's packaged font."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vidcolor.imaging.types import FloatArray

LINES = ("Meanwhile, in the city,", "the captain of the bandits", "waits for a letter.")


def draw_text(
    lines: tuple[str, ...] = LINES, size: tuple[int, int] = (320, 240), letter_size: int = 18
) -> FloatArray:
    """Return the coverage of centered lines of text, (H, W) in [0, 1]; `size` is (W, H)."""
    image = Image.new("L", size)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(letter_size)
    top = (size[1] - 1.5 * letter_size * len(lines)) / 2
    for number, line in enumerate(lines):
        left = (size[0] - draw.textlength(line, font)) / 2
        draw.text((left, top + 1.5 * letter_size * number), line, 255, font)
    return np.asarray(image, np.float32) / 255


def make_card(
    background: float = 0.05,
    text: float = 0.8,
    grain: float = 0.02,
    seed: int = 0,
    size: tuple[int, int] = (320, 240),
) -> FloatArray:
    """Return a title card with grain, Y' (H, W) in [0, 1]."""
    letter_size = max(8, 18 * size[1] // 240)
    card = background + (text - background) * draw_text(size=size, letter_size=letter_size)
    noise = np.random.default_rng(seed).normal(0, grain, card.shape)
    return np.clip(card + noise, 0, 1).astype(np.float32)


def make_countdown(digit: str = "5", seed: int = 0) -> FloatArray:
    """Return a frame of a countdown with a cross, two rings and a digit, Y' (240, 320)."""
    image = Image.new("L", (320, 240), 110)
    draw = ImageDraw.Draw(image)
    draw.line((0, 120, 320, 120), 20, 2)
    draw.line((160, 0, 160, 240), 20, 2)
    for radius in (90, 105):
        draw.ellipse((160 - radius, 120 - radius, 160 + radius, 120 + radius), outline=20, width=3)
    draw.text((160, 120), digit, 10, ImageFont.load_default(110), anchor="mm")
    noise = np.random.default_rng(seed).normal(0, 4, (240, 320))
    return np.clip((np.asarray(image) + noise) / 255, 0, 1).astype(np.float32)
