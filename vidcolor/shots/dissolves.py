"""Dissolve detection: frames that are a mixture of the shot before and the shot after.

A frame M of a dissolve is g ((1 - s) A + s B) + o, where A is a frame before the dissolve, B is a
frame after it, and g and o are the gain and offset of flicker and the film printer. The share s
rises from 0 to 1. Pans and passing objects do not fit this model. The least-squares fit needs only
inner products of frames, which are kept, so all lengths around every frame are cheap to evaluate.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vidcolor.shots.features import max_correlation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from vidcolor.imaging.types import FloatArray

HALF_LENGTHS = (3, 5, 7, 10, 14, 19, 25, 32)
"""Evaluated distances, in frames, from the middle of a dissolve to the frames A and B."""
MAX_CONTEXT = 16
"""Maximum number of frames before A and after B that are compared with them."""
DEFAULT_STABILITY = 0.7
"""Stability where the film starts or ends too early to measure it."""
REACH = HALF_LENGTHS[-1] + MAX_CONTEXT
"""Number of frames that the detector looks ahead."""
SMOOTHING_SIGMA = 1.0
"""Standard deviation of the Gaussian that suppresses motion inside A and B, in thumbnail pixels."""
BLOCK_SIZE = 8
"""Side of a block, in thumbnail pixels."""
UNCHANGED_CORRELATION = 0.85
"""Minimum correlation of an unchanged block."""
MAX_UNCHANGED_SHARE = 0.3
"""Maximum share of unchanged blocks in a dissolve. With more, an object moves in a steady shot."""
MIN_VARIANCE = 0.02**2
"""Minimum variance of Y' in [0, 1]. A frame with less is blank."""
MAX_CORRELATION = 0.75
"""Maximum correlation of A and B without a shift; with more, both show the same shot."""
MAX_SHIFTED_CORRELATION = 0.8
"""Maximum correlation of A and B over small shifts; with more, both show the same shot."""
MIDDLE_SHARE_LIMITS = (0.2, 0.8)
"""Minimum and maximum share of B in the middle frame."""
MIN_FIT = 0.4
"""Minimum `DissolveEvidence.fit` of a candidate."""
MIN_GAIN = 0.04
"""Minimum `DissolveEvidence.gain` of a candidate."""
MIN_TIME_CORRELATION = 0.7
"""Minimum `DissolveEvidence.time_correlation` of a candidate."""
MIN_LOG_ODDS = 2.9
"""Minimum log odds of a dissolve."""
MAX_FLASH = 3
"""Maximum length of a flash, in frames, whose low variance is ignored."""
DECISION_DELAY = 4
"""Number of frames after the end of the candidates until the best of them is final."""


class DissolveEvidence(NamedTuple):
    """Features of the logistic regression for dissolves."""

    log_half_length: float
    """Natural logarithm of the distance from the middle to A and B, in frames."""
    fit: float
    """Share of the middle frame's variance that the mixture explains."""
    gain: float
    """`fit`, minus the share that A or B alone explains."""
    mean_fit: float
    """Mean `fit` of all frames between A and B."""
    time_correlation: float
    """Correlation of the share of B with time."""
    max_step: float
    """Maximum rise of the share of B between two frames; 1 for a cut."""
    shifted_correlation: float
    """Maximum correlation of A and B over small shifts."""
    max_stability: float
    """Maximum correlation of A with a frame before it, or of B with a frame after it.

    The distance is that from the middle to A and B, because a pan changes all of them equally.
    """
    min_stability: float
    """The same, of the less stable side."""
    variance_ratio: float
    """Variance of the middle frame relative to A and B; a mixture has a low variance."""
    correlation: float
    """Correlation of A and B without a shift."""


WEIGHTS = DissolveEvidence(1.30, 7.02, 1.80, -1.90, 10.34, -7.33, -5.21, 2.73, 2.00, -8.00, -2.99)
"""Weights of the logistic regression. They were fitted on aged reels that were joined from clips;
benchmarks/README.md lists the accuracy on held-out clips."""
BIAS = -8.73
"""Bias of the logistic regression."""


@dataclass(frozen=True, slots=True)
class Dissolve:
    """Frames that show two shots."""

    first: int
    """Index of the first mixed frame."""
    end: int
    """Index of the frame after the last mixed frame."""
    log_odds: float
    """Natural logarithm of the odds that this is a dissolve."""


class _MixtureFit(NamedTuple):
    """Least-squares fit of the mixture model to the frames from A to B."""

    share: NDArray[np.float64]
    """Share of B in each frame, clipped to [-0.2, 1.2]."""
    fit: NDArray[np.float64]
    """Share of each frame's variance that the mixture explains."""
    gain: float
    """Share of the middle frame's variance that the mixture explains beyond A or B alone."""
    correlation: float
    """Correlation of A and B without a shift."""


class DissolveDetector:
    """Detects dissolves, up to 2 `REACH` frames late."""

    def __init__(self, first: int = 0) -> None:
        """Create a detector.

        Args:
            first: index of the first frame.
        """
        self._first = first
        self._frames: deque[FloatArray] = deque(maxlen=2 * REACH + 1)
        self._variances: list[float] = []
        self._products = np.zeros((0, 0))
        self._count = 0
        self._candidates: list[Dissolve] = []

    def feed(self, thumbnail: FloatArray) -> Dissolve | None:
        """Process the next frame.

        Args:
            thumbnail: thumbnail from `make_thumbnail`: Y', float32 in [0, 1], always of one size.

        Returns:
            A dissolve, once no better candidate can follow, or None.
        """
        import cv2

        self._variances = [*self._variances[-2 * REACH :], float(thumbnail.var())]
        smooth = np.asarray(cv2.GaussianBlur(thumbnail, (0, 0), SMOOTHING_SIGMA), np.float32)
        centered = smooth - smooth.mean()
        self._frames.append(centered)
        self._count += 1
        stack = np.stack(self._frames)
        row = np.tensordot(stack, centered, 2) / centered.size
        keep = len(stack) - 1
        products = np.empty((keep + 1, keep + 1))
        products[:keep, :keep] = self._products[-keep:, -keep:] if keep else 0
        products[keep] = products[:, keep] = row
        self._products = products
        return self._advance(self._count - 1 - REACH)

    def finish(self) -> list[Dissolve]:
        """Return the dissolves that are still open at the end of the film."""
        middles = range(max(0, self._count - REACH), self._count + 2 * REACH)
        return [found for middle in middles if (found := self._advance(middle)) is not None]

    def _advance(self, middle: int) -> Dissolve | None:
        """Add the candidates around a middle frame, and return the best one once it is final."""
        if middle < 0:
            return None
        position = middle - (self._count - len(self._frames))
        if position < len(self._frames):
            self._candidates += self._find_candidates(position, middle)
        if not self._candidates:
            return None
        if middle + self._first < max(c.end for c in self._candidates) + DECISION_DELAY:
            return None
        best = max(self._candidates, key=lambda candidate: candidate.log_odds)
        self._candidates.clear()
        return best

    def _find_candidates(self, position: int, middle: int) -> Iterator[Dissolve]:
        """Yield dissolves of all lengths around a middle frame.

        Args:
            position: position of the middle frame among the kept frames.
            middle: number of the middle frame since the first frame.
        """
        if self._products[position, position] < MIN_VARIANCE:
            return
        offset = self._first + middle - position
        for half in HALF_LENGTHS:
            if position - half < 0 or position + half >= len(self._products):
                return
            found = self._evaluate(position, half)
            if found is not None and found.log_odds > MIN_LOG_ODDS:
                yield Dissolve(offset + found.first, offset + found.end, found.log_odds)

    def _evaluate(self, position: int, half: int) -> Dissolve | None:
        """Evaluate one candidate; frames are counted by their position among the kept frames."""
        a, b = position - half, position + half
        mixture = self._fit_mixture(a, b)
        if mixture is None:
            return None
        share, fit = mixture.share, mixture.fit
        time_correlation = float(np.corrcoef(share, np.arange(len(share)))[0, 1])
        if time_correlation < MIN_TIME_CORRELATION:
            return None
        frame_a, frame_b = self._frames[a], self._frames[b]
        shifted_correlation = max_correlation(frame_a, frame_b)
        if (
            shifted_correlation > MAX_SHIFTED_CORRELATION
            or unchanged_share(frame_a, frame_b) > MAX_UNCHANGED_SHARE
        ):
            return None
        distance = min(half, MAX_CONTEXT)
        stability = sorted((self._stability(a, -distance), self._stability(b, distance)))
        middle_share = float(share[half])
        variance_a, variance_b = self._variance(a, 1), self._variance(b, 1)
        ends_variance = (1 - middle_share) * variance_a + middle_share * variance_b
        middle_variance = self._variance(position, min(half // 2, MAX_FLASH + 1))
        evidence = DissolveEvidence(
            log_half_length=float(np.log(half)),
            fit=float(fit[half]),
            gain=mixture.gain,
            mean_fit=float(fit[1:-1].mean()),
            time_correlation=time_correlation,
            max_step=min(float(np.diff(share).max()), 1.0),
            shifted_correlation=shifted_correlation,
            max_stability=stability[1],
            min_stability=stability[0],
            variance_ratio=min(middle_variance / ends_variance, 2.0),
            correlation=mixture.correlation,
        )
        log_odds = BIAS + sum(w * e for w, e in zip(WEIGHTS, evidence, strict=True))
        first, end = _mixed_span(share, half)
        return Dissolve(a + first, a + end, log_odds)

    def _fit_mixture(self, a: int, b: int) -> _MixtureFit | None:
        """Fit the frames from `a` to `b` as mixtures of both, or return None if they do not fit."""
        products = self._products
        aa, bb, ab = products[a, a], products[b, b], products[a, b]
        correlation = ab / np.sqrt(max(aa * bb, 1e-12))
        if min(aa, bb) < MIN_VARIANCE or correlation > MAX_CORRELATION:
            return None
        span = slice(a, b + 1)
        with_a, with_b, own = products[a, span], products[b, span], products.diagonal()[span]
        weight_a, weight_b = bb * with_a - ab * with_b, aa * with_b - ab * with_a
        determinant = aa * bb - ab * ab
        total = weight_a + weight_b
        if total.min() <= 0.05 * determinant:
            return None
        share = np.clip(weight_b / total, -0.2, 1.2)
        own = np.maximum(own, 1e-9)
        fit = (weight_a * with_a + weight_b * with_b) / determinant / own
        half = (b - a) // 2
        alone = max(with_a[half] ** 2 / aa, with_b[half] ** 2 / bb) / own[half]
        gain = fit[half] - alone
        low, high = MIDDLE_SHARE_LIMITS
        if not low <= share[half] <= high or fit[half] < MIN_FIT or gain < MIN_GAIN:
            return None
        return _MixtureFit(share, fit, float(gain), float(correlation))

    def _stability(self, end: int, distance: int) -> float:
        """Return the correlation of the frame at one end with the frame at a signed distance."""
        other = min(max(end + distance, 0), len(self._frames) - 1)
        if abs(other - end) < abs(distance) / 2:
            return DEFAULT_STABILITY
        return max_correlation(self._frames[end], self._frames[other])

    def _variance(self, position: int, radius: int) -> float:
        """Return the median variance around a frame, so that a flash does not count."""
        variances = self._variances[max(0, position - radius) : position + radius + 1]
        return float(np.median(variances))


def unchanged_share(a: FloatArray, b: FloatArray) -> float:
    """Return the share of blocks that are equal in two thumbnails, 0 to 1."""
    rows, columns = (BLOCK_SIZE * (n // BLOCK_SIZE) for n in a.shape)
    blocks_a, blocks_b = (
        image[:rows, :columns]
        .reshape(rows // BLOCK_SIZE, BLOCK_SIZE, columns // BLOCK_SIZE, BLOCK_SIZE)
        .swapaxes(1, 2)
        for image in (a, b)
    )
    blocks_a, blocks_b = (
        blocks - blocks.mean(axis=(2, 3), keepdims=True) for blocks in (blocks_a, blocks_b)
    )
    norms = np.sqrt((blocks_a**2).sum(axis=(2, 3)) * (blocks_b**2).sum(axis=(2, 3)))
    products = (blocks_a * blocks_b).sum(axis=(2, 3))
    unchanged = products > UNCHANGED_CORRELATION * np.maximum(norms, 1e-6)
    return float(unchanged.mean())


def _mixed_span(share: NDArray[np.float64], middle: int) -> tuple[int, int]:
    """Return the first mixed frame and the one after the last, from the rise of the share of B."""
    low, high = 0.12, 0.88
    first = middle
    while first > 0 and share[first - 1] > low:
        first -= 1
    last = middle
    while last < len(share) - 1 and share[last + 1] < high:
        last += 1
    rise = (share[last] - share[first]) / max(last - first, 1)
    if rise > 0:  # extrapolate to the shares 0 and 1
        first -= min(round((share[first] - 0.02) / rise), first)
        last += min(round((0.98 - share[last]) / rise), len(share) - 1 - last)
    return max(first, 1), max(last + 1, first + 1)
