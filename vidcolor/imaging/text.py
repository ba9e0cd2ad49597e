"""Text on images: choice of fonts, shortening of text, and labels."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

    from vidcolor.imaging.types import FloatArray, Rgb

SYSTEM_FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "Arial Unicode.ttf", "arial.ttf")
"""Fonts for text that Pillow's packaged font cannot render, in order of preference."""
_ELLIPSIS = "…"
_UNENCODED = "\uffff"
"""A noncharacter, which fonts have no glyph for."""
_SUPERSAMPLING = 3
"""Factor of supersampling, which makes the edges of rounded corners smooth."""


def choose_font(
    text: str, size: int, system_fonts: tuple[str, ...] = SYSTEM_FONTS
) -> tuple[FreeTypeFont | Any, str]:
    """Return a font for a text, and the text with characters that the font supports.

    Pillow's packaged font is the same on every machine, but has few glyphs beyond ASCII. Other text
    is rendered in a system font. If there is none, accents are removed and missing letters become
    ``?``. `size` is in pixels.
    """
    packaged = _load_packaged_font(size)
    if all(_has_glyph(size, letter) for letter in set(text)):
        return packaged, text
    system = _load_system_font(size, system_fonts)
    if system is not None:
        return system, text
    decomposed = unicodedata.normalize("NFKD", text)
    letters = (c for c in decomposed if not unicodedata.combining(c))
    return packaged, "".join(c if _has_glyph(size, c) else "?" for c in letters)


@lru_cache(maxsize=32)
def _load_packaged_font(size: int) -> FreeTypeFont | Any:
    from PIL import ImageFont

    return ImageFont.load_default(size=size)


@lru_cache(maxsize=1024)
def _has_glyph(size: int, letter: str) -> bool:
    if letter.isascii():
        return letter.isprintable()
    # Pillow has no query for glyphs, but it draws the same box for every missing one.
    font = _load_packaged_font(size)
    return bytes(font.getmask(letter)) != bytes(font.getmask(_UNENCODED))


@lru_cache(maxsize=32)
def _load_system_font(size: int, names: tuple[str, ...]) -> FreeTypeFont | None:
    from PIL import ImageFont

    for name in names:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return None


def measure_text_width(text: str, size: int) -> float:
    """Return the width of a text in pixels."""
    font, text = choose_font(text, size)
    return float(font.getlength(text))


def shorten_text(text: str, size: int, max_width: float) -> str:
    """Shorten a text to a width in pixels by replacing its middle with an ellipsis, if necessary.

    Characters that cannot be printed become spaces.
    """
    text = "".join(c if c.isprintable() else " " for c in text)
    if measure_text_width(text, size) <= max_width:
        return text
    # The end of a file name is kept, because it has the number and the extension.
    for length in range(len(text) - 1, 1, -1):
        head = (length + 1) // 2
        shortened = text[:head] + _ELLIPSIS + text[len(text) - (length - head) :]
        if measure_text_width(shortened, size) <= max_width:
            return shortened
    return _ELLIPSIS


def draw_text(
    draw: ImageDraw,
    position: tuple[float, float],
    text: str,
    size: int,
    color: tuple[int, int, int],
    anchor: str = "lm",
) -> None:
    """Draw a line of text in R'G'B' code values; the default anchor is left, at middle height."""
    font, text = choose_font(text, size)
    draw.text(position, text, font=font, fill=color, anchor=anchor)


class Label:
    """A label in a top corner of an image: light text on a dark, translucent background."""

    def __init__(
        self, text: str, image_size: tuple[int, int], corner: Literal["left", "right"]
    ) -> None:
        """Render the label once for images of a width and height; an empty text draws nothing."""
        self._corner = corner
        self._margin = max(6, image_size[0] // 60)
        self._layer = _render_label(text, image_size, self._margin) if text else None

    def draw_on(self, rgb: Rgb) -> None:
        """Blend the label into an image, (H, W, 3) uint8, in place.

        An image that is smaller than the label is left unchanged.
        """
        if self._layer is None:
            return
        color, alpha = self._layer
        height, width = alpha.shape[:2]
        x = self._margin if self._corner == "left" else rgb.shape[1] - self._margin - width
        region = rgb[self._margin : self._margin + height, x : x + width]
        if region.shape[:2] != (height, width):
            return
        region[:] = np.rint(region * (1 - alpha) + color * alpha).astype(np.uint8)


def _render_label(
    text: str, image_size: tuple[int, int], margin: int
) -> tuple[FloatArray, FloatArray]:
    """Return a label: R'G'B' (h, w, 3) float32 in [0, 255], opacity (h, w, 1) float32 in [0, 1]."""
    from PIL import Image, ImageDraw

    size = min(44, max(12, round(image_size[0] / 38)))
    padding = round(size * 0.55)
    max_width = image_size[0] - 2 * margin - 2 * padding
    font, text = choose_font(shorten_text(text, size, max_width), size)
    width, height = round(font.getlength(text)) + 2 * padding, round(size * 1.75)
    background = Image.new("L", (width * _SUPERSAMPLING, height * _SUPERSAMPLING), 0)
    box = (0, 0, width * _SUPERSAMPLING - 1, height * _SUPERSAMPLING - 1)
    radius = height * _SUPERSAMPLING * 0.28
    ImageDraw.Draw(background).rounded_rectangle(box, radius=radius, fill=165)
    background = background.resize((width, height), Image.Resampling.BOX)
    letters = Image.new("L", (width, height), 0)
    ImageDraw.Draw(letters).text((padding, height / 2), text, font=font, fill=255, anchor="lm")
    light, dark = (np.asarray(m, np.float32)[..., None] / 255 for m in (letters, background))
    # Letters of code value 250 are composited over a black background.
    alpha = light + dark * (1 - light)
    color = np.where(alpha > 0, 250 * light / np.maximum(alpha, 1e-6), 0)
    return np.repeat(color, 3, axis=-1).astype(np.float32), alpha.astype(np.float32)
