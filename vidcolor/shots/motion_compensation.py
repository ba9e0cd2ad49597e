"""Test whether motion, and not a dissolve, explains the change between two frames.

A pan across large bright and dark areas resembles a dissolve: at the scale of thumbnails, the
frames in the middle are close to a mixture of the frames at both ends. Motion compensation
separates the two cases. Porter, Mirmehdi & Thomas, "Temporal video segmentation and classification
of edit effects", Image and Vision Computing 21, 2003, use it to distinguish cuts, dissolves and
fades from the motion of the camera and of objects.

A is the first frame, B the last one, and M the one in the middle. A and B are aligned to M along
the optical flow between the frames. Three numbers distinguish the cases:

- The fractions of the variance of M (R²) that A alone and B alone explain after alignment. The ends
  of a dissolve are unrelated, so that both fractions add up to what the mixture explains (Bessel's
  inequality limits the sum to 1). In a moving shot, each of them may reach 1.
- The correlation of A and B after alignment. In a moving shot, they show the same objects wherever
  both of them overlap M.
- The fraction that the mixture of A and B explains without alignment. It is high in a dissolve
  unless its shots move fast. It matters for soft shots, because flow turns the soft shapes of one
  shot into those of another, which raises the other numbers.

The frames are normalized by their local mean and standard deviation (see `vidcolor.motion.flow`),
so that details count, and not the large areas that resemble a mixture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vidcolor.motion.flow import (
    DisFlow,
    FlowEstimator,
    FlowInput,
    make_flow_input,
    pixel_grid,
    sample,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vidcolor.imaging.types import FloatArray

    Mask = NDArray[np.bool_]

MAX_STEPS = 8
"""Maximum number of flow fields from M to A, and from M to B. More would cost more, and their
errors accumulate."""
GRAIN_SIGMA = 0.8
"""Standard deviation of the Gaussian that suppresses grain, in pixels of a frame from
`resize_frame`."""
MAX_SCORE = 0.9
"""Score above which motion explains the change. It is the larger fraction that A or B explains,
plus the smaller one or the correlation, whichever is greater, minus the fraction that the mixture
explains. Of 259 dissolves of moving and of soft shots, one exceeded it; most pans exceed 1."""
MIN_OVERLAP = 0.1
"""Minimum fraction of pixels for a correlation. With less, it counts as 0."""


def select_test_frames(frames: Sequence[FloatArray], a: int, b: int) -> list[FloatArray]:
    """Return the frames for `shows_motion` between the positions a and b, an even distance."""
    steps = min((b - a) // 2, MAX_STEPS)
    return [frames[position] for position in np.linspace(a, b, 2 * steps + 1).round().astype(int)]


def shows_motion(frames: Sequence[FloatArray]) -> bool:
    """Return whether motion explains the change from the first frame to the last one.

    Otherwise a dissolve explains it. `frames` are an odd number of at least three frames of one
    size from `resize_frame`, in order and about equally spaced.
    """
    inputs, middle, flow = [_prepare(frame) for frame in frames], len(frames) // 2, DisFlow()
    target = inputs[middle].normalized
    a, a_mask = _align(inputs[: middle + 1], flow)
    b, b_mask = _align(inputs[middle:][::-1], flow)
    correlation = _correlate(a, b, a_mask & b_mask)
    pairs = ((a, a_mask), (b, b_mask))
    smaller, larger = sorted(max(_correlate(x, target, mask), 0.0) ** 2 for x, mask in pairs)
    mixture = _fit_mixture(inputs[0].normalized, inputs[-1].normalized, target)
    return larger + max(smaller, correlation) - mixture > MAX_SCORE


def _prepare(frame: FloatArray) -> FlowInput:
    import cv2

    return make_flow_input(np.asarray(cv2.GaussianBlur(frame, (0, 0), GRAIN_SIGMA), np.float32))


def _align(inputs: Sequence[FlowInput], flow: FlowEstimator) -> tuple[FloatArray, Mask]:
    """Align the first frame to the last one along the flow between the frames.

    Returns the aligned normalized luma, and a mask of the pixels that lie inside the first frame.
    """
    coords = pixel_grid(inputs[0].luma.shape)
    for earlier, later in zip(inputs[-2::-1], inputs[:0:-1], strict=True):
        coords = coords + sample(flow(later.codes, earlier.codes), coords)
    (height, width), x, y = coords.shape[:2], coords[..., 0], coords[..., 1]
    inside = (x > -0.5) & (y > -0.5) & (x < width - 0.5) & (y < height - 0.5)
    return sample(inputs[0].normalized, coords), inside


def _correlate(a: FloatArray, b: FloatArray, mask: Mask) -> float:
    """Return the correlation, -1 to 1, of the masked pixels; see `MIN_OVERLAP`."""
    if mask.mean() < MIN_OVERLAP:
        return 0.0
    a, b = a[mask] - a[mask].mean(), b[mask] - b[mask].mean()
    return float(a @ b / max(float(np.sqrt((a @ a) * (b @ b))), 1e-6))


def _fit_mixture(a: FloatArray, b: FloatArray, target: FloatArray) -> float:
    """Return the fraction of the variance of `target` that a·A + b·B explains (R²), 0 to 1."""
    everywhere = np.ones(target.shape, np.bool_)
    with_a, with_b = _correlate(a, target, everywhere), _correlate(b, target, everywhere)
    between = _correlate(a, b, everywhere)
    # The square of the multiple correlation coefficient of two predictors.
    explained = with_a**2 + with_b**2 - 2 * with_a * with_b * between
    return min(explained / max(1 - between**2, 1e-6), 1.0)
