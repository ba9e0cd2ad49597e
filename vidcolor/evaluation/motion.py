"""How the picture really moves from frame to frame, and where one can tell.

Steadiness is measured along the motion of the *original*, whatever is judged, so that all versions
of a film are measured by one ruler. The flow is OpenCV's DIS at full density on the original's
luma, at the judged size: another grid than colors are carried along with, and other settings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.motion.flow import DisFlow, pixel_grid, sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidcolor.motion.flow import FlowEstimator

    Array = NDArray[np.float32]
    Mask = NDArray[np.bool_]
    Codes = NDArray[np.uint8]

MISS_SHARE, MISS_PX2 = 0.01, 0.5
"""Occluded: the way there and back misses by more than this share of both flows' squared lengths,
and so many squared pixels (Sundaram, Brox & Keutzer, 2010)."""
BOUNDARY_SHARE, BOUNDARY_PX2 = 0.01, 0.002
"""Motion boundary: the flow's squared gradient exceeds this share of its squared length, and so
many squared pixels (the same)."""

_dis = DisFlow(preset=True)


@dataclass(frozen=True, slots=True)
class Motion:
    """How the picture moves between two frames, in either direction."""

    ahead: Array
    """From each pixel of the earlier frame to its place in the later: (H, W, 2) pixels, x first."""
    ahead_seen: Mask
    """(H, W): pixels of the earlier frame that the later one shows, away from motion boundaries."""
    back: Array
    """From each pixel of the later frame to its place in the earlier."""
    back_seen: Mask
    """(H, W): pixels of the later frame that the earlier one shows."""


def follow(earlier: Codes, later: Codes, estimator: FlowEstimator = _dis) -> Motion:
    """Measure the motion between two frames.

    Args:
        earlier: luma of the original, (H, W) uint8.
        later: the same of the other frame.
        estimator: what measures flow; OpenCV's DIS, preset medium, if nothing else is said.
    """
    ahead, back = estimator(earlier, later), estimator(later, earlier)
    return Motion(ahead, _is_seen(ahead, back), back, _is_seen(back, ahead))


def warped(image: Array, flow: Array) -> Array:
    """What lies where the flow points: bilinear, borders repeated.

    Args:
        image: (H, W, C) float32.
        flow: (H, W, 2) pixels from each pixel to its place in `image`.
    """
    return sample(image, pixel_grid(flow.shape) + flow)


def comes_back(flow: Array, reverse: Array) -> Mask:
    """Whether the way there and back ends where it began, to within `MISS_SHARE`, `MISS_PX2`.

    Args:
        flow: (..., 2) pixels.
        reverse: the opposite flow where `flow` leads to, (..., 2).
    """
    missed = _square(flow + reverse)
    return np.asarray(missed <= MISS_SHARE * (_square(flow) + _square(reverse)) + MISS_PX2)


def _is_seen(flow: Array, reverse: Array) -> Mask:
    """Neither occluded nor at a motion boundary; as Lai et al., 2018, compute it."""
    gradient = np.zeros(flow.shape[:2], np.float32)
    gradient[:, :-1] += _square(flow[:, 1:] - flow[:, :-1])
    gradient[:-1] += _square(flow[1:] - flow[:-1])
    inner = gradient <= BOUNDARY_SHARE * _square(flow) + BOUNDARY_PX2
    return comes_back(flow, warped(reverse, flow)) & inner


def _square(vectors: Array) -> Array:
    return np.asarray(np.square(vectors).sum(axis=-1))
