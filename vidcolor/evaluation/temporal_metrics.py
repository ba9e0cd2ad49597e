"""How steady a film's color is: the figures of consecutive frames."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np

from vidcolor.evaluation.motion import warped

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vidcolor.evaluation.motion import Motion

    Array = NDArray[np.float32]
    Histograms = NDArray[np.float64]

DILATIONS = (1, 2, 4)
"""Distances in frames at which CDC compares."""


def histograms(rgb: Array) -> Histograms:
    """How often each code occurs in each channel.

    Args:
        rgb: R'G'B', (H, W, 3) float32 in [0, 1]; rounded to 8 bits.

    Returns:
        (3, 256) float64, every row of sum 1.
    """
    codes = np.rint(np.clip(rgb, 0, 1) * 255).astype(np.uint8).reshape(-1, 3)
    counts = np.stack([np.bincount(codes[:, c], minlength=256) for c in range(3)])
    return counts / len(codes)


def jensen_shannon(p: NDArray[Any], q: NDArray[Any]) -> NDArray[np.float64]:
    """Jensen-Shannon divergence of distributions, by natural logarithms.

    Args:
        p: (..., bins), each of sum 1.
        q: the same shape.

    Returns:
        (...): 0 for equal ones, ln 2 for those that share no bin.
    """
    middle = (p + q) / 2

    def toward_middle(of: NDArray[Any]) -> NDArray[Any]:
        ratio = np.divide(of, middle, out=np.ones_like(middle), where=of > 0)
        return np.asarray((of * np.log(ratio)).sum(axis=-1))

    both: NDArray[np.float64] = (toward_middle(p) + toward_middle(q)) / 2
    return np.maximum(both, 0.0)


class DistributionSteps:
    """What CDC, color distribution consistency, is the mean of.

    Liu et al., "Temporally Consistent Video Colorization with Deep Feature Propagation and
    Self-Regularization Learning" (TCVC), arXiv:2110.04562: for every dilation of `DILATIONS` the
    mean over all pairs of frames so far apart of the Jensen-Shannon divergence of their R', G' and
    B' histograms; then the mean over dilations and channels. Lower is steadier; a gray or frozen
    film is steadiest, so it is to be read beside the original's own.

    Within one shot this is the paper's. Pairs that a cut parts are left out, as they tell of the
    cut alone.
    """

    def __init__(self) -> None:
        self._recent: deque[Histograms] = deque(maxlen=max(DILATIONS))

    def feed(self, rgb: Array, begins_shot: bool = False) -> tuple[float, ...]:
        """Compare the next frame with those before it.

        Args:
            rgb: (H, W, 3) float32 in [0, 1].
            begins_shot: earlier frames are forgotten.

        Returns:
            For each of `DILATIONS` the divergence, the mean over channels; NaN where the shot has
            no frame so far back.
        """
        if begins_shot:
            self._recent.clear()
        here = histograms(rgb)
        steps = tuple(
            float(jensen_shannon(here, self._recent[-t]).mean())
            if t <= len(self._recent)
            else math.nan
            for t in DILATIONS
        )
        self._recent.append(here)
        return steps


def distribution_consistency(steps: NDArray[Any]) -> float:
    """CDC from the steps of a film's frames; see `DistributionSteps`.

    Args:
        steps: (N, 3), a row for each frame.

    Returns:
        The mean over frames, then over dilations; NaN without a pair of frames.
    """
    known = np.isfinite(steps)
    if not known.any():
        return math.nan
    totals, counts = np.where(known, steps, 0).sum(axis=0), known.sum(axis=0)
    return float((totals[counts > 0] / counts[counts > 0]).mean())


def warp_error(earlier: Array, later: Array, motion: Motion) -> float:
    """How much a picture changes besides moving.

    Lai et al., "Learning Blind Video Temporal Consistency", ECCV 2018: the later frame is warped
    to the earlier by the original's flow; the mean squared difference over channels and over the
    pixels that are neither occluded nor at motion boundaries. With another flow than the paper's
    FlowNet2, and so not comparable with figures in the literature.

    Args:
        earlier: (H, W, C) float32: R'G'B' in [0, 1], or a*, b*.
        later: the same of the next frame.
        motion: of the original between them.

    Returns:
        In squared units of the channels; NaN if no pixel can be followed.
    """
    if not motion.ahead_seen.any():
        return math.nan
    step = warped(later, motion.ahead)[motion.ahead_seen] - earlier[motion.ahead_seen]
    return float(np.square(step, dtype=np.float64).mean())


def flicker(before: Array, here: Array, after: Array, arriving: Motion, leaving: Motion) -> float:
    """How much colors jitter around the path that they take: the flicker index of a frame.

    The second difference along the original's motion, d = c(t-1) - 2 c(t) + c(t+1), with both
    neighbors warped to frame t, over the pixels that both show. Its gain over frequency is
    16 sin^4(w/2): colors that stay, and those that change evenly, give 0; alternation from frame
    to frame counts most. The index is sqrt(mean |d|^2 / 6), with |d| the length in a*b*: the 6
    makes it the RMS distance of colors from their mean where each frame errs by itself.

    Args:
        before: a*, b* of frame t-1, (H, W, 2) float32.
        here: of frame t.
        after: of frame t+1.
        arriving: the original's motion from t-1 to t.
        leaving: the original's motion from t to t+1.

    Returns:
        In units of a*b*; NaN if no pixel can be followed both ways.
    """
    seen = arriving.back_seen & leaving.ahead_seen
    if not seen.any():
        return math.nan
    sides = warped(before, arriving.back)[seen] + warped(after, leaving.ahead)[seen]
    second = sides - 2 * here[seen]
    return math.sqrt(float(np.square(second, dtype=np.float64).sum(axis=-1).mean()) / 6)
