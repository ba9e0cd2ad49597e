"""Colors of a picture that shows something like it, for lack of one that shows the same.

Each place of the picture looks for the places of the reference that are most like it: as light, as
busy, as high up, and of a like color in the generator's eyes, which tells sky from wall and skin
from stone although both are colored here. What those have for colors is lent, the
more they are alike and agree with each other; for the rest the generator's own guess stands, said
aloud, or the color of grass would spread to a sky that nothing is like. All of it is a suggestion,
a low density, which the generator weighs against what it sees.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vidcolor.hints.reference import TransferredColor, register_reference, resized, scaled

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from vidcolor.hints.reference import Reference

    Array = NDArray[np.float32]

DENSITY = 0.3
"""Of the suggestion; the generator has learned to weigh 0.1 to 0.6."""
PLACES = 24
"""Rows or columns of the reference, whichever are fewer, that are looked through."""
UNLIKE = 2.0
"""Distance of features at which a place is believed by 1/e."""
DISCORD = 25.0
"""Spread of the lent colors, in a*b* units, at which they are believed by half."""
_LUMA, _GUESS, _BUSY, _HEIGHT = 0.12, 9.0, 0.03, 0.6
"""Differences that make a distance of 1: of Y', of a*b*, of local contrast, of height."""
_WINDOW = 5
_COVERED = 0.97
"""Mean trust in an alignment from which on there is nothing left to suggest."""


class BasePrediction(NamedTuple):
    """What the generator says of a picture without hints."""

    luma: Array
    """Y': (h, w) float32 in [0, 1]."""
    ab: Array
    """a*, b*: (2, h, w) float32."""
    confidence: Array
    """(h, w) float32 in [0, 1]."""


def transfer_color(
    reference: Reference, luma: Array, guess: Callable[[Array], BasePrediction]
) -> tuple[TransferredColor, float]:
    """What a reference says of a picture: its color where it shows the same, else its palette.

    Args:
        reference: from `read_reference`.
        luma: Y' of the picture as displayed: (H, W) float32 in [0, 1], of any size.
        guess: what the generator makes of Y' alone.

    Returns:
        On a grid of the displayed picture; and the share of it that the reference shows.
    """
    laid = register_reference(reference, luma)
    shown = float(laid.trust.mean())
    if shown >= _COVERED:
        return laid, shown
    picture, other = guess(luma), guess(reference.luma)
    colors = np.stack([scaled(plane, other.luma.shape) for plane in reference.ab])
    suggested = transfer_palette(picture, other, colors)
    laid = resized(laid, picture.luma.shape)
    ab = suggested.ab + laid.trust * (laid.ab - suggested.ab)
    return TransferredColor(ab, np.maximum(laid.trust, suggested.trust)), shown


def transfer_palette(
    picture: BasePrediction, reference: BasePrediction, colors: Array
) -> TransferredColor:
    """Suggest colors by likeness.

    Args:
        picture: what is to be colored, upright.
        reference: the colored picture, upright, judged by its luma alone.
        colors: what a*, b* it truly has: (2, h, w) float32, on the grid of `reference`.

    Returns:
        On the grid of `picture`; trust is `DENSITY` throughout.
    """
    here = _features(picture)
    there = _thinned(_features(reference))
    ab = _thinned(colors).reshape(2, -1).T
    here, there = here.reshape(len(here), -1).T, there.reshape(len(there), -1).T
    away = (here**2).sum(1)[:, None] + (there**2).sum(1) - 2 * here @ there.T
    away = np.maximum(away, 0)
    nearest = away.min(1)
    weights = np.exp((nearest[:, None] - away) * 2)
    weights /= weights.sum(1, keepdims=True)
    mean = weights @ ab
    discord = np.maximum(weights @ (ab**2).sum(1) - (mean**2).sum(1), 0)
    alike = np.exp(-nearest / UNLIKE**2) / (1 + discord / DISCORD**2)
    shape = picture.luma.shape
    guess, lent = picture.ab, mean.T.reshape(2, *shape)
    ab = guess + alike.reshape(shape) * (lent - guess)
    return TransferredColor(ab.astype(np.float32), np.full(shape, DENSITY, np.float32))


def _features(guess: BasePrediction) -> Array:
    """(5, h, w), in units in which 1 is a difference that matters."""
    import cv2

    luma = guess.luma
    mean = np.asarray(cv2.blur(luma, (_WINDOW, _WINDOW)))
    square = np.asarray(cv2.blur(luma * luma, (_WINDOW, _WINDOW)))
    busy = np.sqrt(np.maximum(square - mean * mean, 0))
    height = np.broadcast_to(np.linspace(0, 1, len(luma), dtype=np.float32)[:, None], luma.shape)
    planes = (luma / _LUMA, *(guess.ab / _GUESS), busy / _BUSY, height / _HEIGHT)
    return np.stack([np.asarray(plane, np.float32).reshape(luma.shape) for plane in planes])


def _thinned(planes: Array) -> Array:
    """(C, h, w) averaged down to a short side of at most `PLACES`."""
    _, rows, columns = planes.shape
    scale = min(1.0, PLACES / min(rows, columns))
    shape = max(1, round(rows * scale)), max(1, round(columns * scale))
    return np.stack([scaled(plane, shape) for plane in planes])
