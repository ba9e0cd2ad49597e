"""Color originals that have faded, or were lit by colored lamps: what of their color to keep.

original R'G'B' + what the generator expects → the shot's fading → restored color, and how far that
is believable → soft hints → the generator decides the rest. Luma is not touched.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.color.fading import Fading, believability, measure_fading, restore
from vidcolor.colorizer import CELL, Geometry
from vidcolor.generators.predictor import HintArrays
from vidcolor.shots.detector import CutDetector

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vidcolor.colorizer import Colorizer, ProxyPrediction
    from vidcolor.options import ColorizeOptions

    Array = NDArray[np.float32]
    Rgb = NDArray[np.uint8]

MEASURE_EVERY = 12
"""Frames of a shot between two looks at its fading, which changes slowly if at all."""
FOLLOW = 1 / 12
"""Share of the way to what the looks say that each frame goes: too slow to be seen."""
MOST_LOOKS = 6.0
"""Looks that the memory of a shot holds: a lamp may change, a print does not."""
BLANK = 0.02
"""Standard deviation of Y' below which a frame shows nothing: black film, a flash ..."""
FULL = 0.15
"""... and from which on a look at it counts fully."""
DENSITY = 0.6
"""Of the hints at full trust; the generator has learned what originals are worth up to here."""
KEEP = 0.85
"""How far believable color is followed at full trust; the rest is the generator's."""


NO_COLOR = "has no color of its own that can be believed; colored as colorize does"


class Recolorer:
    """Colors the frames of one film, or one picture, with their own color as a soft hint.

    Keeps the fading of the running shot, so frames must come in order.
    """

    def __init__(self, colorizer: Colorizer, trust: float, vividness: float | None = None) -> None:
        """Begin.

        Args:
            colorizer: its generator should accept hints; without, believable color is only
                blended into what it says.
            trust: 0 (the original's color is left aside) to 1 (followed as far as believable).
            vividness: see `Colorizer.predict`.
        """
        self._colorizer, self._trust, self._vividness = colorizer, trust, vividness
        self._cuts = CutDetector()
        self._shot = _Shot()
        self._since = 0
        self.found_color = False
        """Whether any frame so far had color that can be believed."""

    def predict(
        self, proxies: Sequence[Array], originals: Sequence[Rgb], geometry: Geometry
    ) -> list[ProxyPrediction]:
        """Color the next frames.

        Args:
            proxies: from `Colorizer.proxy`, upright.
            originals: the frames as they are, upright and as large: (h, w, 3) uint8 sRGB.
            geometry: the one that the proxies were made with.
        """
        is_first = [self._cuts.feed(proxy) for proxy in proxies]
        contrast = [float(proxy.std()) for proxy in proxies]
        due = self._due(is_first, contrast)
        expected = dict(zip(due, self._expect([proxies[n] for n in due]), strict=True))
        shape = proxies[0].shape[0] // CELL, proxies[0].shape[1] // CELL
        hints = HintArrays(
            np.zeros((len(proxies), 2, *shape), np.float32),
            np.zeros((len(proxies), *shape), np.float32),
        )
        for n, original in enumerate(originals):
            rgb = _on_grid(original, shape)
            if is_first[n]:
                self._shot = _Shot()
            if n in expected:
                self._shot.look(measure_fading(rgb, *expected[n]), contrast[n] / FULL)
            fading = self._shot.next_frame()
            if fading is not None:
                hints.ab[n] = restore(fading, rgb)
                hints.density[n] = self._trust * believability(fading, rgb, hints.ab[n])
        self.found_color = self.found_color or bool(hints.density.any())
        given = HintArrays(hints.ab, DENSITY * hints.density)
        colors = self._colorizer.predict(proxies, geometry, self._vividness, given)
        return [
            _followed(color, *(np.ascontiguousarray(geometry.to_stored(h[n])) for h in hints))
            for n, color in enumerate(colors)
        ]

    def _due(self, is_first: Sequence[bool], contrast: Sequence[float]) -> list[int]:
        """Which frames' fading is measured: the first of each shot that shows anything, and every
        so many after it.
        """
        due = []
        for n, first in enumerate(is_first):
            self._since = MEASURE_EVERY if first else self._since + 1
            if self._since >= MEASURE_EVERY and contrast[n] >= BLANK:
                due.append(n)
                self._since = 0
        return due

    def _expect(self, proxies: Sequence[Array]) -> list[tuple[Array, Array]]:
        """What the generator predicts by itself, upright: a*, b* (2, h, w); confidence (h, w)."""
        if not proxies:
            return []
        upright = Geometry(width=proxies[0].shape[1], height=proxies[0].shape[0])
        colors = self._colorizer.predict(proxies, upright, self._vividness)
        return [(color.ab, color.confidence) for color in colors]


class _Shot:
    """The fading of one shot: the mean of all looks at it, approached slowly."""

    def __init__(self) -> None:
        self._mean: Fading | None = None
        self._now: Fading | None = None
        self._weight = 0.0

    def look(self, fading: Fading, weight: float) -> None:
        """Take a measurement in; at weights above 1 it counts as 1."""
        weight = min(weight, 1.0)
        self._weight = min(self._weight, MOST_LOOKS - weight) + weight
        known = self._mean or fading
        self._mean = known.toward(fading, weight / self._weight)

    def next_frame(self) -> Fading | None:
        """The fading to be undone in the next frame; None if nothing was to be seen so far."""
        if self._mean is not None:
            self._now = (self._now or self._mean).toward(self._mean, FOLLOW)
        return self._now


def recolorer_of(colorizer: Colorizer, options: ColorizeOptions) -> Recolorer | None:
    """A new one for one film or picture; None if its own color is not to be looked at."""
    if not options.trust:
        return None
    return Recolorer(colorizer, options.trust, options.vividness)


def _followed(color: ProxyPrediction, ab: Array, share: Array) -> ProxyPrediction:
    """What the generator said, moved toward believable color: it answers in steps of its bins."""
    share = KEEP * share
    return replace(
        color,
        ab=(color.ab + share * (ab - color.ab)).astype(np.float32),
        confidence=np.maximum(color.confidence, share).astype(np.float32),
    )


def _on_grid(rgb: Rgb, shape: tuple[int, int]) -> Array:
    """R'G'B' averaged over the cells of a grid: (3, h, w) float32 in [0, 1]."""
    import cv2

    small = cv2.resize(rgb.astype(np.float32), shape[::-1], interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(np.asarray(small, np.float32).transpose(2, 0, 1)) / np.float32(255)
