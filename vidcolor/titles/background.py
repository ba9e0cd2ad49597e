"""The background of a frame: what remains without text, lines and dust."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.imaging.resize import resize_area, resize_linear

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidcolor.imaging.types import FloatArray, Mask

BAR_LUMA = 0.06
"""Y' of a bar or of the film gate is lower."""
BRIGHT_SHARE = 0.1
"""Maximum share of lighter pixels in a row or column of a bar."""
MAX_BAR = 0.25
"""Maximum height or width of a bar, as a fraction of the frame."""
GRID = (30, 40)
"""Height and width of the grid of pixels that a surface is fitted to."""
HISTOGRAM_BINS = 64
SMOOTHING = (1, 2, 3, 2, 1)
"""Weights that smooth a histogram of Y' before its maximum is taken."""
MODE_DISTANCE = 0.1
"""Maximum distance from the most frequent Y' of the pixels in the first fit."""
FIT_DISTANCES = (0.08, 0.06, 0.05)
"""Maximum distances from the surface of the pixels in the following fits."""
MIN_SHARE = 1 / 6
"""Minimum share of the grid that is background."""
PANEL_DISTANCE = 0.08
"""Maximum distance in Y' of a panel from its surface, and maximum range of its surroundings."""
PANEL_AREA = 0.15, 0.97
"""Minimum and maximum area of a panel, as fractions of the frame."""
PANEL_EDGE = 3
"""Size of the square that is left out at the edge of a panel, at half the resolution, in pixels."""
RIDGE = 1e-3
"""Regularization of the fit."""
MEDIAN_SIZE = 17
"""Size of the median filter at half the resolution, in pixels. Strokes up to a half of it vanish.
"""


def crop_bars(frame: FloatArray) -> FloatArray:
    """Return a frame, (h, w) Y' in [0, 1], without dark rows and columns at its edges."""
    is_bright = frame > BAR_LUMA
    top, bottom = _find_span(is_bright.mean(axis=1))
    left, right = _find_span(is_bright.mean(axis=0))
    return np.ascontiguousarray(frame[top:bottom, left:right])


def _find_span(profile: FloatArray) -> tuple[int, int]:
    bright = np.flatnonzero(profile > BRIGHT_SHARE)
    count = len(profile)
    if not len(bright):
        return 0, count
    limit = int(MAX_BAR * count)
    return min(int(bright[0]), limit), max(int(bright[-1]) + 1, count - limit)


def fit_surface(frame: FloatArray) -> FloatArray:
    """Fit a quadratic surface to the most frequent level of a frame, of the same size.

    It follows vignetting and uneven light. The least-squares fit is repeated without the pixels
    that are far from it.
    """
    design, values = _make_design(*GRID), _sample(frame, GRID)
    mode = _find_mode(frame)
    kept = np.abs(values - mode) < MODE_DISTANCE
    coefficients = np.array([mode, 0, 0, 0, 0, 0], np.float32)
    for distance in FIT_DISTANCES:
        if kept.mean() < MIN_SHARE:
            break
        coefficients = _solve_least_squares(design[kept], values[kept])
        kept = np.abs(design @ coefficients - values) < distance
    # A quadratic surface on the grid is smooth enough for linear interpolation.
    surface = (design @ coefficients).reshape(GRID).astype(np.float32)
    return resize_linear(surface, frame.shape)


def _solve_least_squares(design: FloatArray, values: FloatArray) -> FloatArray:
    """Solve the normal equations, which is faster than `np.linalg.lstsq` and accurate enough."""
    normal = (design.T @ design).astype(np.float64)
    normal += RIDGE * np.eye(len(normal))  # the kept pixels may lie on a line
    return np.linalg.solve(normal, (design.T @ values).astype(np.float64)).astype(np.float32)


def find_panel(frame: FloatArray, surface: FloatArray) -> FloatArray | None:
    """Return the panel or the round opening that text is on, with its level around it.

    `frame` is (h, w) Y' in [0, 1], and `surface` its background. None if there is no panel with
    even surroundings.
    """
    half = resize_area(frame, (frame.shape[0] // 2, frame.shape[1] // 2))
    near = np.abs(half - resize_area(surface, half.shape)) < PANEL_DISTANCE
    for mask in (near, ~near):  # the background is that of the panel or of its surroundings
        panel = _find_largest_area(mask)
        if panel is not None and _is_even(half, panel):
            return _cut_out(frame, panel)
    return None


def _find_largest_area(mask: Mask) -> NDArray[np.uint8] | None:
    """Return the largest connected area of a mask without its holes; None if it is no panel."""
    import cv2

    contours, _ = cv2.findContours(
        mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    largest = max(contours, key=cv2.contourArea, default=None)
    if largest is None or not PANEL_AREA[0] < cv2.contourArea(largest) / mask.size < PANEL_AREA[1]:
        return None
    area = np.zeros(mask.shape, np.uint8)
    cv2.drawContours(area, [largest], -1, 1, cv2.FILLED)
    return area


def _is_even(frame: FloatArray, panel: NDArray[np.uint8]) -> bool:
    """Return whether a frame is even outside a panel, both (h, w)."""
    import cv2

    kernel = np.ones((PANEL_EDGE, PANEL_EDGE), np.uint8)
    outside = frame[cv2.dilate(panel, kernel) == 0]
    if not len(outside):
        return False
    low, high = np.percentile(outside, (5, 95))
    return bool(high - low < PANEL_DISTANCE)


def _cut_out(frame: FloatArray, panel: NDArray[np.uint8]) -> FloatArray:
    """Return the rectangle around a panel, with the level of the panel outside it."""
    import cv2

    height, width = frame.shape
    full = cv2.resize(panel, (width, height), interpolation=cv2.INTER_NEAREST)
    x, y, columns, rows = cv2.boundingRect(full)
    inner = cv2.erode(full, np.ones((2 * PANEL_EDGE, 2 * PANEL_EDGE), np.uint8)) > 0
    filled = np.where(inner, frame, np.float32(np.median(frame[inner])))
    return np.ascontiguousarray(filled[y : y + rows, x : x + columns])


def filter_median(frame: FloatArray) -> FloatArray:
    """Return the local median of a frame, of the same size. It follows pictures behind text."""
    import cv2

    half = resize_area(frame, (frame.shape[0] // 2, frame.shape[1] // 2))
    codes = np.rint(np.clip(half, 0, 1) * 255).astype(np.uint8)
    median = np.asarray(cv2.medianBlur(codes, MEDIAN_SIZE), np.float32) / np.float32(255)
    return resize_linear(median, frame.shape)


def _find_mode(frame: FloatArray) -> float:
    histogram, _ = np.histogram(frame[::2, ::2], HISTOGRAM_BINS, (0, 1))
    smooth = np.convolve(histogram, SMOOTHING, "same")
    return (float(smooth.argmax()) + 0.5) / HISTOGRAM_BINS


def _sample(frame: FloatArray, shape: tuple[int, int]) -> FloatArray:
    """Return single pixels on a grid, in one row: means would mix text into the background."""
    rows, columns = (
        (np.arange(count) * 2 + 1) * size // (2 * count)
        for count, size in zip(shape, frame.shape, strict=True)
    )
    return frame[np.ix_(rows, columns)].reshape(-1)


@lru_cache(maxsize=1)
def _make_design(rows: int, columns: int) -> FloatArray:
    y, x = np.meshgrid(np.linspace(-1, 1, rows), np.linspace(-1, 1, columns), indexing="ij")
    terms = (np.ones_like(x), x, y, x * x, y * y, x * y)
    return np.stack([term.reshape(-1) for term in terms], axis=1).astype(np.float32)
