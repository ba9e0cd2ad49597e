"""Temporal consistency metrics of a film: CDC, warp error and flicker.

All versions of a film are measured along the optical flow of the ground truth, so that they can be
compared. The flow is that of OpenCV's DIS with its preset medium, on the luma of the ground truth.
It differs in resolution and settings from the flow along which vidcolor propagates chroma.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vidcolor.motion.flow import DisFlow, pixel_grid, sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidcolor.imaging.types import FloatArray, Mask, Uint8Array
    from vidcolor.motion.flow import FlowEstimator

    Histograms = NDArray[np.float64]

CONSISTENCY_RATIO, CONSISTENCY_PX2 = 0.01, 0.5
"""Forward-backward check (Sundaram, Brox & Keutzer, ECCV 2010): a pixel is occluded if the squared
length of the sum of both flows exceeds this fraction of the sum of their squared lengths, plus this
number of squared pixels."""
BOUNDARY_RATIO, BOUNDARY_PX2 = 0.01, 0.002
"""Motion boundary (Sundaram et al. 2010): the squared gradient of the flow exceeds this fraction of
its squared length, plus this number of squared pixels."""
DILATIONS = (1, 2, 4)
"""Distances between the frames that CDC compares, in frames."""

_default_estimator = DisFlow(preset=True)


@dataclass(frozen=True, slots=True)
class BidirectionalFlow:
    """Optical flow between two consecutive frames in both directions, with validity masks.

    A pixel is valid if it is neither occluded in the other frame nor at a motion boundary.
    """

    forward: FloatArray
    """Flow from the earlier frame to the later one: (H, W, 2) float32 pixels, x first."""
    forward_mask: Mask
    """Valid pixels of the earlier frame: (H, W) bool."""
    backward: FloatArray
    """Flow from the later frame to the earlier one: (H, W, 2) float32 pixels, x first."""
    backward_mask: Mask
    """Valid pixels of the later frame: (H, W) bool."""


def estimate_bidirectional_flow(
    earlier: Uint8Array, later: Uint8Array, estimator: FlowEstimator = _default_estimator
) -> BidirectionalFlow:
    """Estimate the flow between two frames in both directions.

    Args:
        earlier: luma of the earlier frame, (H, W) uint8.
        later: luma of the later frame, (H, W) uint8.
        estimator: the flow estimator; by default OpenCV's DIS with the preset medium.
    """
    forward, backward = estimator(earlier, later), estimator(later, earlier)
    forward_mask = _find_valid(forward, backward)
    return BidirectionalFlow(forward, forward_mask, backward, _find_valid(backward, forward))


def warp(image: FloatArray, flow: FloatArray) -> FloatArray:
    """Warp an image backward with bilinear interpolation and a replicated border.

    Args:
        image: (H, W, C) float32.
        flow: flow from the pixels of the result to positions in `image`, (H, W, 2) float32 pixels.

    Returns:
        (H, W, C) float32.
    """
    return sample(image, pixel_grid(flow.shape) + flow)


def is_consistent(flow: FloatArray, reverse: FloatArray) -> Mask:
    """Apply the forward-backward check.

    Args:
        flow: (..., 2) float32 pixels.
        reverse: flow in the opposite direction at the positions to which `flow` points, (..., 2)
            float32 pixels.

    Returns:
        (...) bool: whether the two flows cancel each other within `CONSISTENCY_RATIO` and
        `CONSISTENCY_PX2`.
    """
    error = _compute_squared_length(flow + reverse)
    total = _compute_squared_length(flow) + _compute_squared_length(reverse)
    return np.asarray(error <= CONSISTENCY_RATIO * total + CONSISTENCY_PX2)


def _find_valid(flow: FloatArray, reverse: FloatArray) -> Mask:
    """Return the pixels that are neither occluded nor at a motion boundary (Lai et al. 2018)."""
    gradient = np.zeros(flow.shape[:2], np.float32)
    gradient[:, :-1] += _compute_squared_length(flow[:, 1:] - flow[:, :-1])
    gradient[:-1] += _compute_squared_length(flow[1:] - flow[:-1])
    is_inside = gradient <= BOUNDARY_RATIO * _compute_squared_length(flow) + BOUNDARY_PX2
    return is_consistent(flow, warp(reverse, flow)) & is_inside


def _compute_squared_length(vectors: FloatArray) -> FloatArray:
    return np.asarray(np.square(vectors).sum(axis=-1))


def compute_histograms(rgb: FloatArray) -> Histograms:
    """Return the normalized histogram of each channel.

    Args:
        rgb: R'G'B', (H, W, 3) float32 in [0, 1]; rounded to 8 bits.

    Returns:
        (3, 256) float64; each row sums to 1.
    """
    codes = np.rint(np.clip(rgb, 0, 1) * 255).astype(np.uint8).reshape(-1, 3)
    counts = np.stack([np.bincount(codes[:, c], minlength=256) for c in range(3)])
    return counts / len(codes)


def jensen_shannon_divergence(p: NDArray[Any], q: NDArray[Any]) -> NDArray[np.float64]:
    """Return the Jensen-Shannon divergence of distributions, with the natural logarithm.

    Args:
        p: (..., bins) float; each distribution sums to 1.
        q: an array of the same shape.

    Returns:
        (...) float64: 0 for equal distributions, ln 2 for disjoint ones.
    """
    mean = (p + q) / 2

    def kl_divergence(distribution: NDArray[Any]) -> NDArray[Any]:
        ratio = np.divide(distribution, mean, out=np.ones_like(mean), where=distribution > 0)
        return np.asarray((distribution * np.log(ratio)).sum(axis=-1))

    divergence: NDArray[np.float64] = (kl_divergence(p) + kl_divergence(q)) / 2
    return np.maximum(divergence, 0.0)


class HistogramComparer:
    """Computes the histogram divergences that CDC averages.

    Color distribution consistency (CDC): Liu et al., "Temporally Consistent Video Colorization with
    Deep Feature Propagation and Self-Regularization Learning" (TCVC), arXiv:2110.04562. For each
    dilation, it is the mean over all pairs of frames at that distance of the Jensen-Shannon
    divergence of their R', G' and B' histograms, and then the mean over dilations and channels.
    Lower values are more consistent. A gray or frozen film has the lowest values, so CDC must be
    read next to that of the ground truth.

    Within one shot this is the definition of the paper. Pairs on both sides of a cut are excluded,
    because they measure the difference between two shots.
    """

    def __init__(self) -> None:
        self._recent: deque[Histograms] = deque(maxlen=max(DILATIONS))

    def add(self, rgb: FloatArray, starts_shot: bool = False) -> tuple[float, ...]:
        """Compare the next frame with earlier frames of its shot.

        Args:
            rgb: R'G'B', (H, W, 3) float32 in [0, 1].
            starts_shot: whether the frame is the first of a shot.

        Returns:
            The mean divergence over channels for each of `DILATIONS`; NaN if the shot has no frame
            at that distance.
        """
        if starts_shot:
            self._recent.clear()
        histograms = compute_histograms(rgb)
        divergences = tuple(
            float(jensen_shannon_divergence(histograms, self._recent[-t]).mean())
            if t <= len(self._recent)
            else math.nan
            for t in DILATIONS
        )
        self._recent.append(histograms)
        return divergences


def compute_cdc(divergences: NDArray[Any]) -> float:
    """Return the CDC of a film; see `HistogramComparer`.

    Args:
        divergences: (N, 3) float, a row from `HistogramComparer.add` for each frame.

    Returns:
        The mean over frames, then over dilations; NaN if there is no pair of frames.
    """
    is_valid = np.isfinite(divergences)
    if not is_valid.any():
        return math.nan
    sums, counts = np.where(is_valid, divergences, 0).sum(axis=0), is_valid.sum(axis=0)
    return float((sums[counts > 0] / counts[counts > 0]).mean())


def compute_warp_error(earlier: FloatArray, later: FloatArray, flow: BidirectionalFlow) -> float:
    """Return the warp error between two consecutive frames.

    Lai et al., "Learning Blind Video Temporal Consistency", ECCV 2018: the later frame is warped to
    the earlier one along the flow of the ground truth. The error is the mean squared difference
    over channels and valid pixels. The paper uses FlowNet2, so its values are not comparable.

    Args:
        earlier: (H, W, C) float32: R'G'B' in [0, 1], or a*, b*.
        later: the next frame, of the same shape.
        flow: the flow of the ground truth between them.

    Returns:
        The error in squared units of the channels; NaN if no pixel is valid.
    """
    mask = flow.forward_mask
    if not mask.any():
        return math.nan
    difference = warp(later, flow.forward)[mask] - earlier[mask]
    return float(np.square(difference, dtype=np.float64).mean())


def compute_flicker(
    previous: FloatArray,
    current: FloatArray,
    following: FloatArray,
    flow_from_previous: BidirectionalFlow,
    flow_to_following: BidirectionalFlow,
) -> float:
    """Return the flicker index of a frame: the second temporal difference of a*b* along motion.

    The difference is d = c(t-1) - 2 c(t) + c(t+1), where both neighbors are warped to frame t. It
    is computed for the pixels that are valid toward both. The power gain of d at frequency w is 16
    sin^4(w/2): constant colors and linear changes give 0, and alternation from frame to frame gives
    the maximum. The index is sqrt(mean |d|^2 / 6), where |d| is the length in a*b*. The divisor
    makes it the RMS distance of colors from their mean if the errors of frames are independent.

    Args:
        previous: a*, b* of frame t-1, (H, W, 2) float32.
        current: a*, b* of frame t, of the same shape.
        following: a*, b* of frame t+1, of the same shape.
        flow_from_previous: the flow of the ground truth between t-1 and t.
        flow_to_following: the flow of the ground truth between t and t+1.

    Returns:
        The index in a*b* units; NaN if no pixel is valid toward both neighbors.
    """
    mask = flow_from_previous.backward_mask & flow_to_following.forward_mask
    if not mask.any():
        return math.nan
    neighbors = (
        warp(previous, flow_from_previous.backward)[mask]
        + warp(following, flow_to_following.forward)[mask]
    )
    difference = neighbors - 2 * current[mask]
    mean_square = float(np.square(difference, dtype=np.float64).sum(axis=-1).mean())
    return math.sqrt(mean_square / 6)
