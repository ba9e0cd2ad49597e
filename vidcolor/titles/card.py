"""Recognition of a title card in a single frame.

A card is text on a background, and nothing else. The text is what stands out from the background in
one direction, lighter or darker; it consists of rows of similar letters. What is left is even.
Photographs and live pictures deviate from any background in both directions.
"""

from __future__ import annotations

from math import exp, inf, log, log1p, sqrt
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vidcolor.imaging.resize import resize_area
from vidcolor.titles.background import crop_bars, filter_median, find_panel, fit_surface
from vidcolor.titles.text_rows import TextRows, find_components, find_text_rows, transpose

if TYPE_CHECKING:
    from vidcolor.color.ycbcr import Coding
    from vidcolor.imaging.geometry import Geometry
    from vidcolor.imaging.types import FloatArray, Mask, Plane

AREA = 76800
"""Number of pixels of the copies of frames in which text is found: 320x240."""
MIN_SIDE = 32
"""Minimum side of such a copy. A smaller image is no card."""
GRAIN_SIGMA = 0.8
"""Standard deviation of the Gaussian that reduces grain, in pixels."""
MIN_CONTRAST = 0.03
"""Minimum distance in Y' of text from its background. With less, a frame is blank."""
INK_SHARE = 0.01
"""Share of the pixels whose mean distance from the background is the contrast of the text."""
THRESHOLD = 0.45
"""Distance from the background from which a pixel is text, relative to the contrast."""
INK_MARGIN = 5
"""Size of the square that is left out around each pixel of text where the rest is measured."""
CONTRAST_PERCENTILES = (0.5, 99.5)
"""Percentiles of Y' whose distance is the contrast of a frame."""
CONTRAST_SCALE = 2
"""Factor by which a frame is reduced before its contrast is measured, against grain."""
MAX_OPPOSITE, MAX_DEVIATION, MAX_EXTREME = 0.02, 0.26, 0.55
"""Limits of the values of `CardFeatures` beyond which a frame is no card. They exclude most live
pictures before the search for rows, which takes most of the time."""
MAX_STRUCTURE = 0.35
"""Maximum standard deviation of the background about a smooth surface, relative to the contrast of
the text."""
MIN_ROW_SHARE = 0.5
"""Share of rows below which text is also searched for in columns, as in Japanese and Chinese."""
MAX_FILL, MIN_VARIETY = 0.85, 0.15
"""Limits of `TextRows` for letters. Windows, lamps, sails and patterns are beyond them."""
MIN_IMAGE_CONFIDENCE = 0.8
"""Confidence from which a single image counts as a card."""
WEIGHTS = (1.548, 5.855, -0.57, -2.477, -2.492, -25.371, -10.61, 2.064, -21.45)
"""Coefficients of `make_vector`, and the constant. `benchmarks/titles.py --fit` estimates them."""


class CardFeatures(NamedTuple):
    """What distinguishes a card from a picture, relative to one estimate of the background."""

    opposite: float
    """Share of the pixels that deviate from the background in the other direction than text."""
    deviation: float
    """90th percentile of the deviation of other pixels than text, relative to the contrast."""
    extreme: float
    """99th percentile of this deviation."""
    rows: TextRows


def get_card_shape(height: int, width: int) -> tuple[int, int]:
    """Return height and width of the copy of a frame for `recognize_card`."""
    scale = min(1.0, sqrt(AREA / (height * width)))
    return max(1, round(height * scale)), max(1, round(width * scale))


def measure_contrast(frame: FloatArray) -> float:
    """Return the range of Y' in a frame without its extreme pixels; 0 for a blank frame."""
    small = resize_area(frame, tuple(max(1, side // CONTRAST_SCALE) for side in frame.shape))
    low, high = np.percentile(small, CONTRAST_PERCENTILES)
    return float(high - low)


def recognize_card(frame: FloatArray) -> float:
    """Return the confidence, 0 to 1, that a frame is a title card.

    `frame` is its upright Y', (h, w) float32 in [0, 1], of the size from `get_card_shape`.
    """
    return max((_compute_confidence(features) for features in measure_card(frame)), default=0.0)


def recognize_image(luma: Plane, coding: Coding, geometry: Geometry) -> float:
    """Return the confidence, 0 to 1, that an image shows text only.

    `luma` is (H, W) code values as they are stored. A result below `MIN_IMAGE_CONFIDENCE` should
    be ignored.
    """
    small = resize_area(luma, get_card_shape(*luma.shape))
    return recognize_card(np.ascontiguousarray(geometry.to_upright(coding.luma_to_unit(small))))


def measure_card(frame: FloatArray) -> list[CardFeatures]:
    """Measure a frame against a smooth background and against one that may be a picture.

    The list has no features of a background that the frame deviates from too much.
    """
    import cv2

    if min(frame.shape) < MIN_SIDE:
        return []
    smooth = np.asarray(cv2.GaussianBlur(crop_bars(frame), (0, 0), GRAIN_SIGMA), np.float32)
    surface = fit_surface(smooth)
    found = [_measure(smooth, surface, surface)]
    median = filter_median(smooth)
    found.append(_measure(smooth, median, surface))
    panel = find_panel(smooth, surface)
    if panel is not None:
        surface = fit_surface(panel)
        found.append(_measure(panel, surface, surface))
    return [features for features in found if features is not None]


def _measure(frame: FloatArray, background: FloatArray, surface: FloatArray) -> CardFeatures | None:
    residual, contrast = _subtract(frame, background)
    structure = float((background - surface).std())
    if contrast < MIN_CONTRAST or structure > MAX_STRUCTURE * contrast:
        return None
    threshold = THRESHOLD * contrast
    ink = residual > threshold
    rest = residual[~_find_surroundings(ink)]
    opposite = float(np.count_nonzero(rest < -threshold) / residual.size)
    if opposite > MAX_OPPOSITE:
        return None
    deviation, extreme = (value / contrast for value in _measure_rest(rest))
    if deviation > MAX_DEVIATION or extreme > MAX_EXTREME:
        return None
    components = find_components(ink, residual)
    if components is None:
        return None
    rows = find_text_rows(components, frame.shape)
    if rows is None or rows.share < MIN_ROW_SHARE:
        columns = find_text_rows(transpose(components), frame.shape[::-1])
        if columns and (rows is None or columns.share > rows.share):
            rows = columns
    if rows is None or rows.fill > MAX_FILL or rows.variety < MIN_VARIETY:
        return None
    return CardFeatures(opposite, deviation, extreme, rows)


def _subtract(frame: FloatArray, background: FloatArray) -> tuple[FloatArray, float]:
    """Return the difference from the background, positive for text, and the contrast of text."""
    residual = frame - background
    if float(np.vdot(residual * residual, residual)) < 0:  # the text is darker
        residual = -residual
    count = max(1, round(INK_SHARE * residual.size))
    return residual, float(np.partition(residual.reshape(-1), -count)[-count:].mean())


def _find_surroundings(ink: Mask) -> Mask:
    """Return the pixels of text with its soft edges, outlines and shadows."""
    import cv2

    kernel = np.ones((INK_MARGIN, INK_MARGIN), np.uint8)
    return np.asarray(cv2.dilate(ink.astype(np.uint8), kernel) > 0)


def _measure_rest(rest: FloatArray) -> tuple[float, float]:
    """Return the 90th and the 99th percentile of the deviation outside text and its edges."""
    if not len(rest):
        return inf, inf
    deviation, extreme = np.percentile(np.abs(rest), (90, 99))
    return float(deviation), float(extreme)


def make_vector(features: CardFeatures) -> list[float]:
    """Return the variables of the logistic regression."""
    rows = features.rows
    return [
        log1p(rows.num_letters),
        rows.share,
        log(features.opposite + 0.002),
        log(features.deviation + 0.02),
        log(features.extreme + 0.05),
        rows.level_spread,
        rows.baseline_error,
        rows.width,
    ]


def _compute_confidence(features: CardFeatures) -> float:
    products = (w * v for w, v in zip(WEIGHTS[:-1], make_vector(features), strict=True))
    score = WEIGHTS[-1] + sum(products)
    return 1 / (1 + exp(-min(max(score, -50.0), 50.0)))
