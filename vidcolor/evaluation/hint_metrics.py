"""Metrics of a hint: how much of its object gets the color, and how much color goes elsewhere.

An image that is colorized with hints is compared with the same image without hints, in the mean
a*, b* of the cells of a grid. The mask shows which cells belong to the object. Cells at the border
of the object count neither as inside nor as outside.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vidcolor.color.gamut import ab_to_cbcr, compress_to_gamut
from vidcolor.color.lab import rgb_to_lab_array
from vidcolor.color.ycbcr import MATRICES, rgb_to_luma, ycbcr_to_rgb
from vidcolor.evaluation.calibration import compute_mean_ab
from vidcolor.evaluation.metrics import Metric
from vidcolor.imaging.resize import limit_short_side, resize_area, resize_for_scale

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vidcolor.imaging.types import FloatArray, Rgb

GRID_SIDE = 64
"""Cells along the short side of the grid. For an image of 256 pixels a cell has 4 pixels, as the
grid of the embedded generator."""
MIN_INSIDE, MAX_OUTSIDE = 0.9, 0.05
"""Share of a cell that the mask covers: minimum inside the object, and maximum outside."""
MIN_DISTANCE = 5.0
"""Minimum distance between the color without hints and the target color in the metrics, in a*b*
units. Without it, the coverage of cells that already have the color would be noise."""
_MIN_OBJECT_CHANGE = 1.0
"""Minimum of the summed distance of the cells of an object, in a*b* units."""
_MATRIX = MATRICES["bt709"]


class HintScore(NamedTuple):
    """The metrics of one image. All are NaN if no cell lies inside the object."""

    coverage: float
    """Share of the way to the target color, mean over the cells inside: 0 to 1."""
    spill: float
    """Change of the color outside, as a share of the change that the object needs: 0 or more."""
    iou: float
    """Intersection over union of the object and the cells that went at least half the way."""


UNDEFINED = HintScore(math.nan, math.nan, math.nan)
"""The score of an image without a cell inside the object."""

HINT_METRICS: tuple[Metric, ...] = (
    Metric(
        "coverage", "coverage", "{:.3f}", better="higher",
        definition="share of the way from the color without hints to the color of the hints, "
        f"limited to [0, 1]; mean over the cells inside the object (mask > {MIN_INSIDE:g})",
    ),
    Metric(
        "spill", "spill", "{:.2f}", better="lower",
        definition=f"change of a*, b* summed over the cells outside (mask < {MAX_OUTSIDE:g}, not "
        "beside the object), divided by the sum of the distances to the color of the hints inside",
    ),
    Metric(
        "spill_median", "spill (median)", "{:.2f}", better="lower",
        definition="median of spill over images or frames",
    ),
    Metric(
        "iou", "IoU", "{:.3f}", better="higher",
        definition="intersection over union of the mask and the cells that went at least half of "
        "the way",
    ),
)  # fmt: skip
"""The metrics of hints, in the order of tables and documents."""


def score_hint(
    base: Rgb, hinted: Rgb, mask: FloatArray, target_ab: tuple[float, float]
) -> HintScore:
    """Measure how hints of one color change an image.

    Args:
        base: the image colorized without hints: sRGB, (H, W, 3) uint8.
        hinted: the image colorized with hints, of the same size.
        mask: 1 in the object and 0 elsewhere, of any size: (h, w) float32.
        target_ab: a*, b* of the hints.
    """
    shape = limit_short_side(base.shape, GRID_SIDE)
    luma = resize_area(rgb_to_luma(base.astype(np.float32) / np.float32(255), _MATRIX), shape)
    return score_cells(
        compute_mean_ab(base, shape),
        compute_mean_ab(hinted, shape),
        resize_for_scale(np.asarray(mask, np.float32), shape),
        limit_target(target_ab, luma),
    )


def score_cells(
    base: FloatArray, hinted: FloatArray, mask: FloatArray, target: FloatArray
) -> HintScore:
    """Measure how hints change the cells of a grid.

    Args:
        base: a*, b* without hints: (2, h, w) float32.
        hinted: a*, b* with hints: (2, h, w) float32.
        mask: share of each cell that the object covers: (h, w) float32 in [0, 1].
        target: a*, b* that the hints ask for: (2, h, w) float32.
    """
    inside, outside = mask > MIN_INSIDE, _find_outside(mask)
    if not inside.any():
        return UNDEFINED
    needed, change = target - base, hinted - base
    distance = np.maximum(np.hypot(*needed), MIN_DISTANCE)
    progress = (change * needed).sum(0) / distance**2
    object_change = max(float(distance[inside].sum()), _MIN_OBJECT_CHANGE)
    changed, is_object = progress >= 0.5, mask > 0.5
    return HintScore(
        coverage=float(np.clip(progress[inside], 0, 1).mean()),
        spill=float(np.hypot(*change)[outside].sum()) / object_change,
        iou=float((changed & is_object).sum() / (changed | is_object).sum()),
    )


def _find_outside(mask: FloatArray) -> FloatArray:
    """Return which cells are neither part of the object nor beside a part of it."""
    import cv2

    touched = (mask > MAX_OUTSIDE).astype(np.uint8)
    return np.asarray(cv2.dilate(touched, np.ones((3, 3), np.uint8)) == 0)


def limit_target(target_ab: tuple[float, float], luma: FloatArray) -> FloatArray:
    """Return the color that rendering makes of a*, b* at each luma: (2, h, w) float32.

    Dark and bright cells cannot have much chroma. `luma` is Y', (h, w) float32 in [0, 1].
    """
    ab = np.broadcast_to(np.asarray(target_ab, np.float32)[:, None, None], (2, *luma.shape))
    cb, cr = ab_to_cbcr(ab, luma, _MATRIX)
    compress_to_gamut(cb, cr, luma, _MATRIX)
    rgb = np.clip(ycbcr_to_rgb(luma, cb, cr, _MATRIX), 0, 1)
    return rgb_to_lab_array(rgb.transpose(2, 0, 1))[1]


def summarize_scores(scores: Iterable[HintScore]) -> dict[str, float]:
    """Return the value of each of `HINT_METRICS` over images or frames; NaN without any."""
    valid = np.array([s for s in scores if not math.isnan(s.coverage)], np.float64).reshape(-1, 3)
    if not len(valid):
        return dict.fromkeys((metric.name for metric in HINT_METRICS), math.nan)
    coverage, spill, iou = valid.mean(0).tolist()
    median = float(np.median(valid[:, 1]))
    return {"coverage": coverage, "spill": spill, "spill_median": median, "iou": iou}
