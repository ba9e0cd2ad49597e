"""Estimates of the color of a key frame, and their operations: warps, means and repairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vidcolor.imaging.resize import resize_area, resize_linear
from vidcolor.imaging.smoothstep import smoothstep
from vidcolor.motion.flow import length, sample

if TYPE_CHECKING:
    from vidcolor.imaging.types import FloatArray
    from vidcolor.motion.flow_chain import FlowChain

AGREEMENT_LIMITS = (16.0, 36.0)
"""Distances in a*b* between the propagated color and a prediction up to which both mean the same
thing, and from which they do not: the flow followed something else, the light changed, or the first
prediction was wrong. `propagate.PROPAGATED_GAIN` applies up to the first, and decreases to 1 at the
second."""
MAX_MEAN_GAIN = 1.25
"""Maximum gain of the chroma of a mean, which brings it to the mean of the chromas. The mean of two
hues is paler than both, and without the gain films are paler than photographs."""
HALF_COVERAGE_WEIGHT = 0.25
"""Weight of the propagated color, counted in predictions of confidence 1, at which a pixel is half
covered. A pixel with less is new."""
DETAIL_SIGMA = 3.0
"""Standard deviation of the Gaussian that separates detail, in pixels of the flow grid."""
HOLE_CONFIDENCE_LIMITS = (0.1, 0.4)
"""Confidences of an interpolated pixel up to which its color is replaced, and from which it is
kept. Between them, its own color and that of its neighbors are blended."""
HOLE_SIGMA = 4.0
"""Standard deviation of the Gaussian that fills holes from their neighbors, in pixels of the flow
grid."""


class Estimate(NamedTuple):
    """Color and its weight, on the flow grid."""

    color: FloatArray
    """a*, b*, confidence: (h, w, 3) float32."""
    weight: FloatArray
    """Sum of the confidences of the averaged predictions: (h, w) float32, at least 0."""


def warp(estimate: Estimate, chain: FlowChain) -> Estimate:
    """Warp an estimate from the target of a flow chain to its source."""
    return Estimate(
        sample(estimate.color, chain.coords),
        sample(estimate.weight, chain.coords) * chain.confidence,
    )


def average(a: Estimate, b: Estimate) -> Estimate:
    """Return the weighted mean of two estimates, with the sum of their weights.

    The chroma is the mean of their chromas where they agree in hue; see `MAX_MEAN_GAIN`.
    """
    weight = a.weight + b.weight
    share = b.weight / np.maximum(weight, 1e-9)
    color = a.color + share[..., None] * (b.color - a.color)
    chroma_a, chroma_b, chroma = (_measure_chroma(c) for c in (a.color, b.color, color))
    gain = (chroma_a + share * (chroma_b - chroma_a)) / np.maximum(chroma, 1e-3)
    color[..., :2] *= np.clip(gain, 1, MAX_MEAN_GAIN)[..., None]
    return Estimate(color, weight)


def _measure_chroma(color: FloatArray) -> FloatArray:
    """Return the chroma of a*, b*, confidence: (h, w) float32."""
    return length(np.ascontiguousarray(color[..., :2]))


def measure_coverage(warped: Estimate) -> FloatArray:
    """Return how well earlier key frames cover each pixel, 0 to 1; see `HALF_COVERAGE_WEIGHT`."""
    return np.asarray(warped.weight / (warped.weight + np.float32(HALF_COVERAGE_WEIGHT)))


def measure_agreement(color: FloatArray, prediction: FloatArray) -> FloatArray:
    """Return how well two colors agree, 0 to 1; see `AGREEMENT_LIMITS`."""
    difference = np.ascontiguousarray(color[..., :2] - prediction[..., :2])
    return 1 - smoothstep(length(difference), *AGREEMENT_LIMITS)


def restore_detail(color: FloatArray, prediction: FloatArray, share: FloatArray) -> FloatArray:
    """Mix the high frequencies of a prediction into a color, with a share of (h, w) in 0 to 1."""
    import cv2

    detailed = color.copy()
    difference = prediction[..., :2] - color[..., :2]
    coarse = np.asarray(cv2.GaussianBlur(difference, (0, 0), DETAIL_SIGMA), np.float32)
    detailed[..., :2] += share[..., None] * (difference - coarse)
    return detailed


def fill_holes(color: FloatArray, confidence: FloatArray) -> FloatArray:
    """Fill pixels of low confidence from confident pixels nearby."""
    # Knutsson & Westin, "Normalized and differential convolution", CVPR 1993.
    import cv2

    valid = smoothstep(confidence, *HOLE_CONFIDENCE_LIMITS)
    if float(valid.min()) > 0.99:  # no hole, so the blurs can be skipped
        return color
    weighted = np.empty((*valid.shape, 4), np.float32)
    np.multiply(color, valid[..., None], out=weighted[..., :3])
    weighted[..., 3] = valid
    # The blur removes detail, so half the size is enough.
    half = (valid.shape[0] + 1) // 2, (valid.shape[1] + 1) // 2
    small = np.asarray(cv2.GaussianBlur(resize_area(weighted, half), (0, 0), HOLE_SIGMA / 2))
    blurred = resize_linear(small, valid.shape)
    # Far from any confident pixel, the small term keeps the pixel's own color.
    fill = (blurred[..., :3] + 1e-3 * color) / (blurred[..., 3:] + 1e-3)
    filled: FloatArray = fill + valid[..., None] * (color - fill)
    return filled
