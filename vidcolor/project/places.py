"""The places of one image where a person's decision about color helps most.

A hint colors the object that it lies on. So the use of a hint is estimated by a simulated click: it
is the expected color error of the automatic result, summed over the object of that click.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.color.lab import gray_to_lightness_array, lab_to_rgb_array
from vidcolor.hints.objects import CLICK_LIMITS
from vidcolor.imaging.resize import resize_area
from vidcolor.imaging.smoothstep import smoothstep
from vidcolor.segmentation.points import Points

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidcolor.colorizer import Colorizer, ProxyPrediction
    from vidcolor.generators.base import ColorDistribution
    from vidcolor.imaging.types import FloatArray
    from vidcolor.segmentation.model import EmbeddedImage

CANDIDATES_PER_SIDE = 9
"""Square root of the number of simulated clicks on an image."""
MIN_ADDED_AREA = 0.003
"""Minimum area of a place that no other place decides, as a fraction of the image."""
MERGE_DISTANCE = 20.0
"""Distance up to which colors of a distribution count as one color, in a*b* units."""
MAX_COLORS = 3
"""Maximum number of likely colors of a place."""
MIN_SHARE = 0.08
"""Minimum probability of a likely color after the first one."""
COLOR_RADIUS = 1
"""Distance from the cell of a place to the cells whose distributions are averaged."""


@dataclass(frozen=True, slots=True)
class LikelyColor:
    """A color that the generator considers likely at a place."""

    color: str
    """``#rrggbb``, at the lightness of the place."""
    share: float
    """Probability of this and similar colors, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place where a hint helps."""

    x: float
    """Distance from the left edge, as a fraction of the displayed width."""
    y: float
    """Distance from the top edge, as a fraction of the displayed height."""
    area: float
    """Area of the object at this place, as a fraction of the image."""
    confidence: float
    """Mean confidence on the object, 0 to 1."""
    priority: float
    """Expected error on the part of the object that no earlier place decides, summed over the image
    and divided by its number of cells. It is a squared distance in a*b* units, or 1 - confidence
    for a generator without a distribution of colors."""
    colors: tuple[LikelyColor, ...]
    """Likely colors by decreasing probability; empty if the generator has no distribution."""


class PlaceFinder:
    """Finds places in one upright image."""

    def __init__(
        self,
        prediction: ProxyPrediction,
        embedding: EmbeddedImage,
        colorizer: Colorizer,
        decided: FloatArray | None = None,
    ) -> None:
        """Predict the distribution of colors.

        Args:
            prediction: the upright prediction without hints.
            embedding: the embedding of its proxy.
            colorizer: the generator.
            decided: weight of earlier hints, (h, w) float32 in [0, 1] on any grid; None without.
        """
        self._prediction, self._embedding, self._colorizer = prediction, embedding, colorizer
        self._distribution = colorizer.predict_distribution(prediction.proxy)
        if self._distribution is None:
            self._shape: tuple[int, ...] = prediction.confidence.shape
            error = 1 - prediction.confidence
        else:
            # The color may have another grid, if it is the mean of several predictions.
            self._shape = self._distribution.probabilities.shape[1:]
            ab = np.stack([resize_area(plane, self._shape) for plane in prediction.ab])
            error = compute_expected_error(self._distribution, ab)
        self._confidence = resize_area(prediction.confidence, self._shape)
        if decided is not None:
            error = error * (1 - resize_area(decided, self._shape))
        self._error = error
        self._points = make_grid(embedding.shape)
        self._masks: list[FloatArray] = []
        """The objects of the first points, each (h, w) float32 in [0, 1]."""

    @property
    def max_priority(self) -> float:
        """Upper limit of the priority of any place."""
        return float(self._error.mean())

    def find(self, count: int) -> list[Place]:
        """Return up to `count` places by decreasing priority.

        The object of a place is decided for all later ones. A large surface, such as a sky, may
        have several places, if one click does not cover it.
        """
        self.advance(len(self._points))
        masks = np.stack(self._masks)
        undecided = np.ones(self._shape, np.float32)
        places: list[Place] = []
        while len(places) < count:
            gains = (masks * (self._error * undecided)).mean(axis=(1, 2))
            best = int(gains.argmax())
            if gains[best] <= 0 or (masks[best] * undecided).mean() < MIN_ADDED_AREA:
                break
            places.append(self._describe(self._points[best], masks[best], float(gains[best])))
            undecided *= 1 - masks[best]
        return places

    def advance(self, count: int) -> bool:
        """Simulate up to `count` of the clicks that `find` needs; return whether none is left.

        It lets a program do other work between the parts of a long computation.
        """
        points = self._points[len(self._masks) : len(self._masks) + count]
        if points:
            masks = self._colorizer.segmentation.segment_clicks(
                self._embedding, [Points([point]) for point in points]
            )
            self._masks += [resize_area(smoothstep(m, *CLICK_LIMITS), self._shape) for m in masks]
        return len(self._masks) == len(self._points)

    def _describe(self, point: tuple[float, float], mask: FloatArray, gain: float) -> Place:
        confidence = (self._confidence * mask).sum() / max(float(mask.sum()), 1e-6)
        return Place(*point, float(mask.mean()), float(confidence), gain, self._find_colors(point))

    def _find_colors(self, point: tuple[float, float]) -> tuple[LikelyColor, ...]:
        if self._distribution is None:
            return ()
        return find_likely_colors(self._distribution, self._prediction.proxy, point)


def find_likely_colors(
    distribution: ColorDistribution, proxy: FloatArray, point: tuple[float, float]
) -> tuple[LikelyColor, ...]:
    """Return the likely colors at a point, given as fractions (x, y), by decreasing probability.

    Args:
        distribution: the distribution of colors in an upright image.
        proxy: Y' of the image, (H, W) float32 in [0, 1].
        point: the point.
    """
    height, width = distribution.probabilities.shape[1:]
    row, column = min(int(point[1] * height), height - 1), min(int(point[0] * width), width - 1)
    rows = slice(max(row - COLOR_RADIUS, 0), row + COLOR_RADIUS + 1)
    columns = slice(max(column - COLOR_RADIUS, 0), column + COLOR_RADIUS + 1)
    shares = distribution.probabilities[:, rows, columns].mean(axis=(1, 2))
    luma = resize_area(proxy, (height, width))[rows, columns].mean()
    return tuple(
        LikelyColor(format_color(ab, float(luma)), share)
        for ab, share in merge_bins(shares, distribution.bins)
    )


def make_grid(shape: tuple[int, int]) -> list[tuple[float, float]]:
    """Return the centers of about square cells of an image of H, W, as fractions (x, y)."""
    side = (shape[0] * shape[1]) ** 0.5 / CANDIDATES_PER_SIDE
    rows, columns = (max(round(length / side), 1) for length in shape)
    return [((i + 0.5) / columns, (j + 0.5) / rows) for j in range(rows) for i in range(columns)]


def compute_expected_error(distribution: ColorDistribution, ab: FloatArray) -> FloatArray:
    """Return the expected squared distance, in a*b* units, of predicted colors from the true ones.

    The true color is taken to have the predicted distribution. `ab` is (2, h, w) float32; the
    result is (h, w) float32.
    """
    bins, probabilities = distribution.bins, distribution.probabilities
    mean = np.tensordot(bins.T, probabilities, axes=1)
    mean_square = np.tensordot((bins**2).sum(1), probabilities, axes=1)
    error = mean_square - 2 * (mean * ab).sum(0) + (ab**2).sum(0)
    expected: FloatArray = np.maximum(error, 0).astype(np.float32)
    return expected


def merge_bins(
    shares: NDArray[np.floating], bins: FloatArray
) -> list[tuple[tuple[float, float], float]]:
    """Merge a distribution over bins to a few clearly different colors.

    The color around which the distribution has most of its mass is taken, together with all bins up
    to `MERGE_DISTANCE` from it, again and again.

    Args:
        shares: probability of each bin, (Q,).
        bins: a*, b* of each bin, (Q, 2).

    Returns:
        Up to `MAX_COLORS` pairs of a mean (a*, b*) and a probability, by decreasing probability.
    """
    distance = np.hypot(*(bins[:, None] - bins[None]).transpose(2, 0, 1))
    is_near = distance <= MERGE_DISTANCE
    remaining = np.array(shares, np.float64)
    merged: list[tuple[tuple[float, float], float]] = []
    while len(merged) < MAX_COLORS:
        # Near bins count less the farther they are, so that the center of a peak is taken.
        weights = np.maximum(1 - distance / (MERGE_DISTANCE + 10), 0)
        members = is_near[int((weights @ remaining).argmax())]
        share = float(remaining[members].sum())
        if merged and share < MIN_SHARE:
            break
        a, b = (remaining[members] @ bins[members]) / max(share, 1e-9)
        merged.append(((float(a), float(b)), share))
        remaining[members] = 0
    return sorted(merged, key=lambda pair: -pair[1])


def format_color(ab: tuple[float, float], luma: float) -> str:
    """Return ``#rrggbb`` of a color at a lightness, given as sRGB-encoded gray in [0, 1].

    Outside the gamut its components are clipped.
    """
    lightness = gray_to_lightness_array(np.array([luma], np.float32))
    a, b = (np.array([value], np.float32) for value in ab)
    codes = np.rint(255 * np.clip(lab_to_rgb_array(lightness, a, b)[:, 0], 0, 1)).astype(int)
    return "#{:02x}{:02x}{:02x}".format(*codes)
