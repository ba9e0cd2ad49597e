"""What is left of a color original's color: its fading, undone; how far the rest is believed.

The dyes of a print fade at different speeds, and a lamp or a stage light filters all that it
falls on. Either puts a curve of its own on each of R', G', B', so that what was gray has a cast
that changes with lightness. Where the curves of gray are known, each channel is read back through
its own: cast and lost contrast are undone together, color differences within a scene stay the
original's. What gray looks like now is found by comparison with what the generator expects of the
same picture: of that, much is wrong in places, and little on average; less still where the
generator is sure.

Colors that say nothing are not believed: channels that are clipped or nearly so, noise in the
dark, and a light of a single hue, under which all things of one lightness have one color.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.color.gamut import gray_to_lightness, lab_to_rgb, rgb_to_ab
from vidcolor.color.smoothstep import smoothstep

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]

KNOTS = np.linspace(0, 1, 17, dtype=np.float32)
"""Y' of the grays whose present color a `Fading` holds."""
_DEGREE = 2
_HUBER = 5.0
"""Distance in a*b* from which on a cell counts less in the fit."""
_ROUNDS = 5
_RIDGE = 0.03
_SURE = 4
"""Power of the generator's confidence with which a cell counts in the fit ..."""
_UNSURE = 0.02
"""... and what all cells count at least."""
_EXPECTED = 0.8
"""How far the mean color is expected as predicted; the rest is expected to be gray."""
_KNOWING = 0.1, 0.35
"""Confidence between which an expectation begins to count and counts fully."""
_CAST_FLOOR = 2.0
"""a*b*: half of a cast as small as this, and ..."""
_CAST_DOUBT = 0.8
"""... this share of what the fit leaves unexplained, may as well be the generator's error."""
_MAX_GAIN = 1.6
_LEAST_SLOPE = 0.3
"""A channel is not stretched by more than its inverse, or its grain and errors would be as well."""
_ALIKE = 24
"""Into so many parts a picture's cells are divided where those of like lightness are compared."""
LEAST_BELIEF = 0.2
"""Color that is believed less is not told to the generator at all: it makes much of a hint."""


@dataclass(frozen=True, slots=True, eq=False)
class Fading:
    """How the color of a picture, or of a shot, has changed."""

    cast: Array
    """a*, b* that each gray of `KNOTS` has now: (17, 2) float32."""
    gain: float
    """By how much colors are too pale once the cast is gone: 1 to 1.6."""
    information: float
    """How far colors of like lightness differ at all: 0 (one hue of light, or a toned gray) to
    1."""

    def toward(self, other: Fading, share: float) -> Fading:
        """A fading between this one (share 0) and another (share 1)."""
        return Fading(
            (self.cast + np.float32(share) * (other.cast - self.cast)).astype(np.float32),
            self.gain + share * (other.gain - self.gain),
            self.information + share * (other.information - self.information),
        )


def measure_fading(rgb: Array, expected: Array, confidence: Array) -> Fading:
    """Find the cast of a picture, how pale it is, and whether it holds any color besides.

    Args:
        rgb: the original on a coarse grid: R'G'B' (3, h, w) float32 in [0, 1].
        expected: a*, b* that the generator predicts from its luma: (2, h, w) float32.
        confidence: how sure the generator is of that: (h, w) float32 in [0, 1].
    """
    lightness, ab = rgb_to_ab(rgb)
    sure = confidence.ravel().astype(np.float64) ** _SURE + _UNSURE
    # Where the generator does not know, gray is a better guess than its own.
    hoped = np.float32(_EXPECTED) * smoothstep(confidence, *_KNOWING) * expected
    cast, doubt = _fit(lightness, ab - hoped, sure)
    size = np.hypot(*cast.T)[:, None] ** 2
    floor = _CAST_FLOOR + _CAST_DOUBT * doubt
    cast = (cast * size / (size + floor**2)).astype(np.float32)
    fading = Fading(cast, 1.0, _information(lightness, ab))
    left = float(np.square(restore(fading, rgb)).mean())
    pale = float(np.square(expected).mean()) / max(left, 1e-6)
    # Generators are pale themselves, so colors paler still have faded; by how much, is a guess
    # that is followed half the way: the square root of the ratio of the two chromas.
    return Fading(cast, float(np.clip(pale**0.25, 1, _MAX_GAIN)), fading.information)


def restore(fading: Fading, rgb: Array) -> Array:
    """Undo the fading.

    Args:
        fading: what `measure_fading` found.
        rgb: R'G'B' (3, h, w) float32 in [0, 1], faded.

    Returns:
        a*, b*: (2, h, w) float32.
    """
    gray = lab_to_rgb(gray_to_lightness(KNOTS), fading.cast[:, 0], fading.cast[:, 1])
    levels = [
        np.interp(channel, _rising(curve), KNOTS) for channel, curve in zip(rgb, gray, strict=True)
    ]
    ab = rgb_to_ab(np.stack(levels).astype(np.float32))[1]
    return (ab * np.float32(fading.gain)).astype(np.float32)


def believability(fading: Fading, rgb: Array, restored: Array) -> Array:
    """How far the restored color of each cell can be relied on.

    Args:
        fading: what `measure_fading` found.
        rgb: the original: R'G'B' (3, h, w) float32 in [0, 1].
        restored: a*, b* from `restore`: (2, h, w) float32.

    Returns:
        (h, w) float32 in [0, 1].
    """
    most = rgb.max(0)
    _, ab = rgb_to_ab(rgb)
    moved = np.hypot(*(restored - ab))
    belief = smoothstep(most, 0.04, 0.15)  # below, noise
    belief *= 1 - smoothstep(most, 0.97, 1.0)  # clipped
    belief *= 1 - smoothstep(np.hypot(*restored), 60.0, 110.0)  # a light of its own, seldom a thing
    belief *= 1 - smoothstep(moved, 45.0, 90.0)
    belief *= np.float32(fading.information)
    return np.where(belief < LEAST_BELIEF, 0, belief).astype(np.float32)


def _fit(
    lightness: Array, ab: Array, sure: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """a*, b* as a smooth function of L*, at the knots: (17, 2); and what is off it, on average.

    Robust (Huber's weights); `sure`, (h * w), says how much each cell counts besides.
    """
    place = (lightness.ravel().astype(np.float64) - 50) / 50
    values = ab.reshape(2, -1).astype(np.float64)
    powers = np.stack([place**n for n in range(_DEGREE + 1)])
    ridge = _RIDGE * np.diag([0.0] + [1.0] * _DEGREE)
    weights = sure = sure / sure.sum()
    for _ in range(_ROUNDS):
        normal = (powers * weights) @ powers.T + ridge
        solved = np.linalg.solve(normal, (powers * weights) @ values.T)
        off = np.hypot(*(values - solved.T @ powers))
        weights = sure * np.minimum(1, _HUBER / np.maximum(off, 1e-6))
    low, high = np.percentile(place, [2, 98])  # a parabola is no guess about what it has not seen
    at = np.clip((gray_to_lightness(KNOTS) - 50) / 50, low, high)
    fitted = np.stack([at**n for n in range(_DEGREE + 1)]).T @ solved
    return fitted, float(sure @ off)


def _information(lightness: Array, ab: Array) -> float:
    """Whether colors of like lightness differ, in themselves and measured by their own cast."""
    by_lightness = np.argsort(lightness, axis=None, kind="stable")
    values = ab.reshape(2, -1)[:, by_lightness]
    half = max(1, values.shape[1] // _ALIKE // 2)
    # Odd reflection keeps a straight line straight beyond its ends.
    padded = np.pad(values, ((0, 0), (half, half)), mode="reflect", reflect_type="odd")
    box = np.full(2 * half + 1, 1 / (2 * half + 1), np.float32)
    usual = np.stack([np.convolve(plane, box, "valid") for plane in padded])
    spread = float(np.sqrt(np.mean((values - usual) ** 2)))
    relative = spread / max(float(np.sqrt(np.mean(usual**2))), 1e-6)
    return float(
        smoothstep(np.float32(spread), 0.95, 1.9) * smoothstep(np.float32(relative), 0.025, 0.06)
    )


def _rising(curve: Array) -> Array:
    """A curve over the knots made to rise everywhere, from its middle outwards."""
    middle = len(KNOTS) // 2
    steps = np.maximum(np.diff(curve), np.float32(_LEAST_SLOPE) * np.diff(KNOTS))
    rising: Array = np.concatenate([[0], np.cumsum(steps)]).astype(np.float32)
    moved: Array = rising + (curve[middle] - rising[middle])
    return moved
