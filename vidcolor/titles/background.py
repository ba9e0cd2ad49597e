"""The background of a frame: what remains without text, lines and dust."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from vidcolor.imaging.resize import resize_area, resize_linear
from vidcolor.imaging.types import FloatArray

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
