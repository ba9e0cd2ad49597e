"""Temporal consistency metrics of a film: CDC, warp error, flicker and drift.

All versions of a film are measured along the optical flow of the ground truth, so that they can be
compared. The flow is that of OpenCV's DIS with its preset medium, on the luma of the ground truth.
It differs in resolution and settings from the flow along which vidcolor propagates chroma.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vidcolor.motion.flow import DisFlow, pixel_grid, sample

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
MIN_SIDE = 12
"""Minimum side of a frame, in pixels. DIS rejects smaller ones."""
DILATIONS = (1, 2, 4)
"""Distances between the frames that CDC compares, in frames."""
DRIFT_FRAMES = 36
"""Number of frames over which drift is measured."""
PATCH_SPACING = 8
"""Distance between the patches of `DriftMeter` in its first frame, in pixels."""
PATCH_SIDE = 5
"""Side of a patch in pixels."""
MAX_TRACKING_ERROR = 2.0
"""Maximum distance, in pixels, between the first position of a patch and the position to which the
backward flow leads from its last position. It detects errors of the flow that accumulate."""
MAX_LIGHTNESS_CHANGE = 10.0
"""Maximum change of L* of a patch. A larger change means that its light changed, and color may
change with it, or that the patch shows another surface."""

_default_estimator = DisFlow(preset=True)


class BidirectionalFlow(NamedTuple):
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
    """Estimate the flow between two frames in both directions, from their luma, (H, W) uint8."""
    forward, backward = estimator(earlier, later), estimator(later, earlier)
    forward_mask = _find_valid(forward, backward)
    return BidirectionalFlow(forward, forward_mask, backward, _find_valid(backward, forward))


def _warp(image: FloatArray, flow: FloatArray) -> FloatArray:
    return sample(image, pixel_grid(flow.shape) + flow)


def is_consistent(flow: FloatArray, reverse: FloatArray) -> Mask:
    """Return where two flows cancel each other, by `CONSISTENCY_RATIO` and `CONSISTENCY_PX2`.

    `reverse` is the flow in the opposite direction at the positions to which `flow` points. Both
    are (..., 2) float32 pixels; the result is (...) bool.
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
    return is_consistent(flow, _warp(reverse, flow)) & is_inside


def _compute_squared_length(vectors: FloatArray) -> FloatArray:
    return np.asarray(np.square(vectors).sum(axis=-1))


def compute_histograms(rgb: FloatArray) -> Histograms:
    """Return the histogram of each 8-bit channel: (H, W, 3) R'G'B' in [0, 1] -> (3, 256).

    Each row sums to 1.
    """
    codes = np.rint(np.clip(rgb, 0, 1) * 255).astype(np.uint8).reshape(-1, 3)
    counts = np.stack([np.bincount(codes[:, c], minlength=256) for c in range(3)])
    return counts / len(codes)


def jensen_shannon_divergence(p: NDArray[Any], q: NDArray[Any]) -> NDArray[np.float64]:
    """Return the Jensen-Shannon divergence of distributions: (..., bins) -> (...) float64.

    It is 0 for equal distributions and ln 2 for disjoint ones.
    """
    middle = (p + q) / 2

    def kl_divergence(distribution: NDArray[Any]) -> NDArray[Any]:
        ratio = np.divide(distribution, middle, out=np.ones_like(middle), where=distribution > 0)
        return np.asarray((distribution * np.log(ratio)).sum(axis=-1))

    return np.asarray(np.maximum((kl_divergence(p) + kl_divergence(q)) / 2, 0.0))


def compare_histograms(
    histograms: Histograms, earlier: Sequence[Histograms]
) -> NDArray[np.float64]:
    """Return the divergences of a frame from `earlier` frames of its shot; see `compute_cdc`.

    They are the mean over channels for each of `DILATIONS`, NaN if no frame has that distance.
    """
    return np.array(
        [
            float(jensen_shannon_divergence(histograms, earlier[-t]).mean())
            if t <= len(earlier)
            else math.nan
            for t in DILATIONS
        ]
    )


def compute_cdc(divergences: Sequence[NDArray[np.float64]]) -> float:
    """Return the color distribution consistency of a film.

    Liu et al., "Temporally Consistent Video Colorization with Deep Feature Propagation and
    Self-Regularization Learning" (TCVC), arXiv:2110.04562: for each dilation, the mean over all
    pairs of frames at that distance of the Jensen-Shannon divergence of their R', G' and B'
    histograms, and then the mean over dilations and channels. Lower values are more consistent. A
    gray or frozen film has the lowest values, so CDC must be read next to that of the ground truth.
    Pairs on both sides of a cut are excluded, because they measure the difference between shots.

    `divergences` are those of each frame from `compare_histograms`. The result is NaN without pairs
    of frames.
    """
    rows = np.reshape(divergences, (-1, len(DILATIONS)))
    is_valid = np.isfinite(rows)
    if not is_valid.any():
        return math.nan
    sums, counts = np.where(is_valid, rows, 0).sum(axis=0), is_valid.sum(axis=0)
    return float((sums[counts > 0] / counts[counts > 0]).mean())


def compute_warp_error(earlier: FloatArray, later: FloatArray, flow: BidirectionalFlow) -> float:
    """Return the warp error between two consecutive frames.

    Lai et al., "Learning Blind Video Temporal Consistency", ECCV 2018: the later frame is warped to
    the earlier one along the flow of the ground truth. The error is the mean squared difference
    over channels and valid pixels. The paper uses FlowNet2, so its values are not comparable.

    Frames are (H, W, C) float32: R'G'B' in [0, 1], or a*, b*. The error is in squared units of the
    channels; NaN if no pixel is valid.
    """
    mask = flow.forward_mask
    if not mask.any():
        return math.nan
    difference = _warp(later, flow.forward)[mask] - earlier[mask]
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

    Frames are a*, b*, (H, W, 2) float32. The index is in a*b* units; NaN if no pixel is valid
    toward both neighbors.
    """
    mask = flow_from_previous.backward_mask & flow_to_following.forward_mask
    if not mask.any():
        return math.nan
    neighbors = (
        _warp(previous, flow_from_previous.backward)[mask]
        + _warp(following, flow_to_following.forward)[mask]
    )
    difference = neighbors - 2 * current[mask]
    mean_square = float(np.square(difference, dtype=np.float64).sum(axis=-1).mean())
    return math.sqrt(mean_square / 6)


class DriftMeter:
    """Measures how much the colors of a grid of patches change over `DRIFT_FRAMES` frames.

    The patches are tracked along the flow of the ground truth. One that reaches the border of the
    frame, or fails the forward-backward check of a step or of the whole path (see
    `MAX_TRACKING_ERROR`), is dropped, so the remaining ones were visible in every frame.
    """

    def __init__(self, labs: Mapping[str, FloatArray]) -> None:
        """Place the patches in a frame, given by its L*a*b* by version, (H, W, 3) float32."""
        height, width = next(iter(labs.values())).shape[:2]
        self._max_position = np.array([width, height], np.float32) - 1 - PATCH_SIDE // 2
        rows, columns = (
            np.arange(PATCH_SPACING // 2, n - PATCH_SIDE // 2, PATCH_SPACING)
            for n in (height, width)
        )
        x, y = np.meshgrid(columns, rows)
        self.positions: FloatArray = np.stack([x.ravel(), y.ravel()], axis=-1).astype(np.float32)
        """Centers of the tracked patches: (N, 2) pixels, x first."""
        self._origins = self.positions
        self._colors = {n: _sample_patches(lab, self.positions) for n, lab in labs.items()}
        self._backward_flows: list[FloatArray] = []

    @property
    def is_complete(self) -> bool:
        """Whether the patches have been tracked over `DRIFT_FRAMES` frames."""
        return len(self._backward_flows) == DRIFT_FRAMES

    def advance(self, flow: BidirectionalFlow) -> None:
        """Track the patches to the next frame, along the flow between it and the current one."""
        forward = _sample_at(flow.forward, self.positions)
        positions = self.positions + forward
        is_inside = (positions >= PATCH_SIDE // 2) & (positions <= self._max_position)
        is_tracked = is_inside.all(axis=-1) & is_consistent(
            forward, _sample_at(flow.backward, positions)
        )
        self.positions = positions
        self._keep(is_tracked)
        self._backward_flows.append(flow.backward)

    def measure(self, labs: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        """Return the length of the change of a*, b* of each patch since the first frame.

        Patches whose L* changes by more than `MAX_LIGHTNESS_CHANGE` in the first version are left
        out.

        Returns:
            (N,) float32 in a*b* units by version, for the same patches of all versions.
        """
        self._keep(self._measure_tracking_error() <= MAX_TRACKING_ERROR)
        changes = {
            name: _sample_patches(lab, self.positions) - self._colors[name]
            for name, lab in labs.items()
        }
        is_steady = np.abs(next(iter(changes.values()))[:, 0]) <= MAX_LIGHTNESS_CHANGE
        return {name: np.hypot(*change[is_steady, 1:].T) for name, change in changes.items()}

    def _measure_tracking_error(self) -> FloatArray:
        """Return the distance of each patch from its origin when it is tracked back: (N,)."""
        positions = self.positions
        for flow in reversed(self._backward_flows):
            positions = positions + _sample_at(flow, positions)
        return np.asarray(np.sqrt(_compute_squared_length(positions - self._origins)))

    def _keep(self, is_kept: Mask) -> None:
        """Drop the other patches."""
        self.positions, self._origins = self.positions[is_kept], self._origins[is_kept]
        self._colors = {name: colors[is_kept] for name, colors in self._colors.items()}


def _sample_patches(lab: FloatArray, positions: FloatArray) -> FloatArray:
    """Return the mean color of patches at (N, 2) positions: (H, W, 3) L*a*b* -> (N, 3)."""
    import cv2

    # All means are computed first, so that patches can be sampled between pixels.
    means = np.asarray(cv2.blur(lab, (PATCH_SIDE, PATCH_SIDE)), np.float32)
    return _sample_at(means, positions)


def compute_drift_percentile(changes: Sequence[Any], percentile: float) -> float:
    """Return a percentile of the changes of all patches; NaN without any.

    `changes` are arrays, or NaN for frames without a measurement.
    """
    pooled = np.concatenate([np.atleast_1d(np.asarray(c, np.float64)) for c in changes])
    pooled = pooled[np.isfinite(pooled)]
    return float(np.percentile(pooled, percentile)) if len(pooled) else math.nan


def _sample_at(image: FloatArray, positions: FloatArray) -> FloatArray:
    """Return bilinear samples of (H, W, C) at (N, 2): (N, C)."""
    if not len(positions):
        return np.zeros((0, image.shape[-1]), np.float32)
    return sample(image, positions[:, None, :]).reshape(len(positions), -1)
