"""Simulated clicks on an object, and simulated masks that optical flow carries.

As in RITM (Sofiiuk et al., arXiv:2102.06583), the first clicks are drawn from the object, and the
following ones from the errors of the prediction.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch

from vidcolor.imaging.resize import resize_cubic, resize_linear
from vidcolor.segmentation.network import CELL, STRIDE, Clicks

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator
    from numpy.typing import NDArray

    from vidcolor.imaging.types import FloatArray

Point = tuple[int, int]
"""Row and column of a pixel of a mask at stride 2."""

MORE_CLICKS_SHARE = 0.25
"""Share of the objects with two or three first clicks."""
BESIDE_SHARE = 0.15
"""Share of the objects with a first click beside them."""
MIN_ERROR_DEPTH = 1.5
"""Minimum distance of a wrong pixel from right ones that deserves a click, in pixels."""
REMEMBERED_ON_SHARE = 0.12
"""Share of the objects with a click on them in the second view, in addition to the memory."""
REMEMBERED_BESIDE_SHARE = 0.06
"""Share of the objects with a click beside them in the second view."""


@dataclass(slots=True)
class SimulatedClicks:
    """Clicks on one object, in pixels of its mask."""

    positive: list[Point] = field(default_factory=list)
    negative: list[Point] = field(default_factory=list)

    def to_cells(self, device: torch.device) -> Clicks:
        """Convert to the coordinates of the segmentation network."""
        return Clicks(to_cells(self.positive).to(device), to_cells(self.negative).to(device))


def to_cells(points: list[Point]) -> torch.Tensor:
    """Convert pixels at stride 2 to cells of stride 4: (K, 2) float32."""
    scale = STRIDE / CELL
    cells = [((y + 0.5) * scale, (x + 0.5) * scale) for y, x in points]
    return torch.tensor(cells, dtype=torch.float32).reshape(-1, 2)


def draw_click(mask: FloatArray, rng: Generator) -> Point | None:
    """Draw a pixel of a mask, (h, w) in [0, 1]; None if the mask is empty.

    Half of the clicks lie in the middle of the object, the others anywhere, but rarely at its edge.
    """
    depth = cv2.distanceTransform((mask > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    if depth.max() <= 0:
        return None
    if rng.random() < 0.5:
        return _draw_pixel(depth >= depth.max() * 0.98, rng)
    return _draw_pixel(np.minimum(depth, 8) ** 1.5, rng)


def draw_first_clicks(mask: FloatArray, rng: Generator) -> SimulatedClicks:
    """Draw one to three clicks on an object, and in some cases one beside it."""
    count = 1
    if rng.random() < MORE_CLICKS_SHARE:
        count += int(rng.integers(1, 3))
    clicks = SimulatedClicks(_draw_clicks(mask, count, rng))
    if rng.random() < BESIDE_SHARE:
        clicks.negative = _draw_clicks(1 - mask, 1, rng)
    return clicks


def draw_additional_clicks(mask: FloatArray, rng: Generator) -> SimulatedClicks:
    """Draw the clicks in the second view of a remembered object; in most cases there are none."""
    clicks = SimulatedClicks()
    if rng.random() < REMEMBERED_ON_SHARE:
        clicks.positive = _draw_clicks(mask, 1, rng)
    if rng.random() < REMEMBERED_BESIDE_SHARE:
        clicks.negative = _draw_clicks(1 - mask, 1, rng)
    return clicks


def add_corrections(
    clicks: SimulatedClicks, mask: FloatArray, predicted: FloatArray, rng: Generator
) -> None:
    """Add one to three clicks in the largest errors of a predicted mask.

    The prediction is not updated in between, so several clicks may lie in the same error.
    """
    missing = _depth((mask > 0.5) & (predicted < 0.5))
    excess = _depth((mask < 0.5) & (predicted > 0.5))
    for _ in range(int(rng.choice([1, 1, 2, 3]))):
        if max(missing.max(), excess.max()) < MIN_ERROR_DEPTH:
            clicks.positive += _draw_clicks(mask, 1, rng)
        elif missing.max() >= excess.max():
            clicks.positive.append(_draw_error(missing, rng))
        else:
            clicks.negative.append(_draw_error(excess, rng))


def distort_mask(mask: FloatArray, rng: Generator) -> FloatArray:
    """Distort a mask, (S, S) in [0, 1], as optical flow does."""
    for distort, probability in DISTORTIONS:
        if rng.random() < probability:
            mask = distort(mask, rng)
    soft = np.asarray(cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.5, 4)), np.float32)
    return soft * np.float32(rng.uniform(0.6, 1))


def _grow_or_shrink(mask: FloatArray, rng: Generator) -> FloatArray:
    """Move the edge: the grid of flow is coarse."""
    side = 2 * int(rng.integers(1, 10)) + 1
    change = cv2.dilate if rng.random() < 0.6 else cv2.erode
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray(change(mask, kernel), np.float32)


def _misplace(mask: FloatArray, rng: Generator) -> FloatArray:
    """Shift and shear the mask; in half of the cases it also sticks to its former place."""
    side = mask.shape[0]
    dx, dy = rng.normal(0, 0.04 * side, 2)
    shear = rng.normal(0, 0.1, 2)
    matrix = np.array([[1, shear[0], dx], [shear[1], 1, dy]], np.float32)
    moved = np.asarray(cv2.warpAffine(mask, matrix, (side, side)), np.float32)
    return np.maximum(mask, moved) if rng.random() < 0.5 else moved


def _add_holes(mask: FloatArray, rng: Generator) -> FloatArray:
    """Remove parts, as where flow is inconsistent."""
    noise = resize_linear(rng.random((6, 6)).astype(np.float32), mask.shape)
    return mask * (noise > rng.uniform(0.1, 0.6))


def _add_parts(mask: FloatArray, rng: Generator) -> FloatArray:
    """Add parts of the background, which other objects left behind."""
    noise = resize_cubic(rng.random((7, 7)).astype(np.float32), mask.shape)
    parts = (noise > rng.uniform(0.7, 0.95)) * np.float32(rng.uniform(0.4, 1))
    return np.maximum(mask, parts)


DISTORTIONS: tuple[tuple[Callable[[FloatArray, Generator], FloatArray], float], ...] = (
    (_grow_or_shrink, 0.75),
    (_misplace, 0.6),
    (_add_holes, 0.5),
    (_add_parts, 0.4),
)
"""Distortions of a carried mask in their order, each with its probability."""


def _draw_clicks(mask: FloatArray, count: int, rng: Generator) -> list[Point]:
    drawn = (draw_click(mask, rng) for _ in range(count))
    return [point for point in drawn if point is not None]


def _draw_error(depth: NDArray[np.float32], rng: Generator) -> Point:
    """Draw the deepest pixel of the errors, or any, with a preference for deep ones."""
    if rng.random() < 0.5:
        row, column = divmod(int(depth.argmax()), depth.shape[1])
        return row, column
    return _draw_pixel(np.minimum(depth, 6) ** 2, rng)


def _draw_pixel(weights: NDArray[np.generic], rng: Generator) -> Point:
    """Draw a pixel with a probability that is proportional to its weight."""
    flat = weights.ravel().astype(np.float64)
    row, column = divmod(int(rng.choice(flat.size, p=flat / flat.sum())), weights.shape[1])
    return row, column


def _depth(region: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the distance of each pixel from the edge of a region or of the image, in pixels."""
    padded = np.pad(region.astype(np.uint8), 1)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1]
    return np.asarray(depth, np.float32)
