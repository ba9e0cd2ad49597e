"""Text on pictures: fonts, names that fit, time codes."""

from __future__ import annotations

import unicodedata
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.ImageFont import FreeTypeFont

    Rgb = NDArray[np.uint8]

_SYSTEM_FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "Arial Unicode.ttf", "arial.ttf")
"""Asked for names that the packaged font has no letters for."""
_ELLIPSIS = "…"


def clock(time_s: Fraction | float) -> str:
    """``0:01.250``, ``1:02:03.500``: hours only where there are any."""
    thousandths = round(time_s * 1000)
    seconds, thousandths = divmod(thousandths, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02d}:{seconds:02d}.{thousandths:03d}"
    return f"{minutes}:{seconds:02d}.{thousandths:03d}"


def font_for(text: str, size: int) -> tuple[FreeTypeFont | Any, str]:
    """A font that has the text's letters, and the text as that font can write it.

    Pillow's own font is the same everywhere but knows little beyond ASCII; other names get a
    system font, or where there is none lose their accents.
    """
    own = _packaged(size)
    if all(_has(size, letter) for letter in set(text)):
        return own, text
    system = _system(size)
    if system is not None:
        return system, text
    bare = unicodedata.normalize("NFKD", text)
    kept = (c for c in bare if not unicodedata.combining(c))
    return own, "".join(c if _has(size, c) else "?" for c in kept)


@lru_cache(maxsize=32)
def _packaged(size: int) -> FreeTypeFont | Any:
    from PIL import ImageFont

    return ImageFont.load_default(size=size)


@lru_cache(maxsize=1024)
def _has(size: int, letter: str) -> bool:
    """Whether the packaged font draws more than its empty box."""
    if letter.isascii():
        return letter.isprintable()
    font = _packaged(size)
    return bytes(font.getmask(letter)) != bytes(font.getmask("\uffff"))


@lru_cache(maxsize=32)
def _system(size: int) -> FreeTypeFont | None:
    from PIL import ImageFont

    for name in _SYSTEM_FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return None


def text_width(text: str, size: int) -> float:
    """Pixels that a text takes."""
    font, written = font_for(text, size)
    return float(font.getlength(written))


def fit(text: str, size: int, room: float) -> str:
    """The text, or its beginning and end around an ellipsis, in at most `room` pixels."""
    text = "".join(c if c.isprintable() else " " for c in text)
    if text_width(text, size) <= room:
        return text
    for kept in range(len(text) - 1, 1, -1):
        head = (kept + 1) // 2
        short = text[:head] + _ELLIPSIS + text[len(text) - (kept - head) :]
        if text_width(short, size) <= room:
            return short
    return _ELLIPSIS


class Tag:
    """A name on a picture: light letters on a dark, half transparent ground, in a corner."""

    def __init__(self, text: str, panel: tuple[int, int], corner: str) -> None:
        """Draw it once.

        Args:
            text: what it says; nothing is drawn for an empty one.
            panel: (W, H) of the picture.
            corner: ``left`` or ``right``, always at the top.
        """
        self._corner = corner
        self._margin = max(6, panel[0] // 60)
        self._ink = _draw_tag(text, panel, self._margin) if text else None

    def put_on(self, rgb: Rgb) -> None:
        """Blend it into a picture, (H, W, 3) uint8, in place."""
        if self._ink is None:
            return
        color, alpha = self._ink
        height, width = alpha.shape[:2]
        x = self._margin if self._corner == "left" else rgb.shape[1] - self._margin - width
        place = rgb[self._margin : self._margin + height, x : x + width]
        if place.shape[:2] != (height, width):
            return  # a picture smaller than its label stays without
        place[:] = np.rint(place * (1 - alpha) + color * alpha).astype(np.uint8)


def _draw_tag(
    text: str, panel: tuple[int, int], margin: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Color (h, w, 3) and opacity (h, w, 1) of a label."""
    from PIL import Image, ImageDraw

    size = min(44, max(12, round(panel[0] / 38)))
    pad = round(size * 0.55)
    font, written = font_for(fit(text, size, panel[0] - 2 * margin - 2 * pad), size)
    width, height = round(font.getlength(written)) + 2 * pad, round(size * 1.75)
    zoom = 3  # drawn large and reduced, for smooth round corners
    ground = Image.new("L", (width * zoom, height * zoom), 0)
    frame = (0, 0, width * zoom - 1, height * zoom - 1)
    ImageDraw.Draw(ground).rounded_rectangle(frame, radius=height * zoom * 0.28, fill=165)
    ground = ground.resize((width, height), Image.Resampling.BOX)
    ink = Image.new("L", (width, height), 0)
    ImageDraw.Draw(ink).text((pad, height / 2), written, font=font, fill=255, anchor="lm")
    letters = np.asarray(ink, np.float32)[..., None] / 255
    dark = np.asarray(ground, np.float32)[..., None] / 255
    alpha = letters + dark * (1 - letters)
    color = np.where(alpha > 0, 250 * letters / np.maximum(alpha, 1e-6), 0)
    return np.repeat(color, 3, axis=-1).astype(np.float32), alpha.astype(np.float32)
