"""Dissolve detection: frames that are a mixture of the shot before and the shot after.

A frame M of a dissolve is g ((1 - s) A + s B) + o, where A is a frame before the dissolve, B is a
frame after it, and g and o are the gain and offset of flicker and the film printer. The share s of
B rises from 0 to 1. Most pans and passing objects do not fit this model. The least-squares fit
needs only inner products of frames. They are computed once and kept, so that it is cheap to
evaluate many lengths around every frame. The best candidate is a dissolve unless motion explains it
better (see `motion_compensation`).

Frames are thumbnails from `make_thumbnail`. Without its mean, a frame does not depend on o. The
drop of variance in the middle of a dissolve is described by Alattar, "Detecting and compressing
dissolve regions in video sequences with a DVI multimedia image compression algorithm", ISCAS 1993.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vidcolor.shots.features import max_correlation
from vidcolor.shots.motion_compensation import select_test_frames, shows_motion

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from vidcolor.imaging.types import FloatArray

    Vector = NDArray[np.float64]

HALF_LENGTHS = (3, 5, 7, 10, 14, 19, 25, 32)
"""Evaluated distances, in frames, from the middle of a dissolve to the frames A and B."""
MAX_CONTEXT = 16
"""Maximum distance, in frames, from A to an earlier frame, and from B to a later frame, for
`DissolveEvidence.max_stability`."""
DEFAULT_STABILITY = 0.7
"""Correlation that is used for `DissolveEvidence.max_stability` and `min_stability` where the film
starts or ends too close to A or B."""
WINDOW_RADIUS = HALF_LENGTHS[-1] + MAX_CONTEXT
"""Number of frames before and after a middle frame that are evaluated with it."""
SMOOTHING_SIGMA = 1.0
"""Standard deviation of the Gaussian that suppresses motion of A and B during the dissolve, in
thumbnail pixels."""
BLOCK_SIZE = 8
"""Side of the blocks for `measure_unchanged_share`, in thumbnail pixels."""
UNCHANGED_CORRELATION = 0.85
"""Correlation of two blocks above which the block is unchanged."""
MAX_UNCHANGED_SHARE = 0.3
"""Maximum fraction of blocks that are unchanged from A to B. With more, A and B are one shot in
which an object moves."""
MIN_VARIANCE = 0.02**2
"""Minimum variance of a smoothed thumbnail, Y' in [0, 1]. A frame with less is blank and is neither
the middle nor an end of a dissolve."""
MAX_CORRELATION = 0.75
"""Maximum correlation of A and B at the same position. With more, both show the same shot."""
MAX_SHIFTED_CORRELATION = 0.8
"""Maximum correlation of A and B over small shifts. With more, both show the same shot."""
MIN_CONTRAST_GAIN = 0.05
"""Minimum gain g of the mixture model in all frames from A to B. With less, the frame is dark, as
in a fade, or does not fit the model."""
SHARE_RANGE = (-0.2, 1.2)
"""Range to which the fitted share of B is clipped. It exceeds 0 to 1, because noise moves
the shares near A and B beyond these values."""
MIDDLE_SHARE_LIMITS = (0.2, 0.8)
"""Minimum and maximum share of B in the middle frame. Outside, the candidate is not centered on a
dissolve."""
MIN_FIT = 0.4
"""Minimum `DissolveEvidence.fit`. A candidate with less is discarded."""
MIN_GAIN = 0.04
"""Minimum `DissolveEvidence.gain`. A candidate with less is discarded."""
MIN_TIME_CORRELATION = 0.7
"""Minimum `DissolveEvidence.time_correlation`. A candidate with less is discarded."""
MIN_LOG_ODDS = 2.9
"""Log odds above which a candidate is a dissolve."""
MAX_FLASH = 3
"""Maximum length of a flash, in frames, whose low variance is ignored."""
DECISION_DELAY = 4
"""Number of frames from the latest end of all candidates until the best of them is final."""
MAX_DECISION_DELAY = 2 * WINDOW_RADIUS
"""Number of frames from the end of the first candidate after which the best one is final even if
others follow. It bounds the memory for candidates."""
MIXED_SHARE_LIMITS = (0.12, 0.88)
"""Shares of B between which a frame is certainly mixed. Outside, noise dominates the fitted
share, so the ends of the dissolve are extrapolated."""
END_SHARES = (0.02, 0.98)
"""Shares of B, of its first and of its last mixed frame, to which the rise is extrapolated."""


class DissolveEvidence(NamedTuple):
    """Features of the logistic regression that decides about a dissolve."""

    log_half_length: float
    """Natural logarithm of the distance from the middle to A and B, in frames."""
    fit: float
    """Fraction of the middle frame's variance that the mixture explains (R²), at most 1."""
    gain: float
    """`fit`, minus the fraction that A or B alone explains."""
    mean_fit: float
    """Mean R² of all frames between A and B."""
    time_correlation: float
    """Correlation of the share of B with time, -1 to 1."""
    max_step: float
    """Maximum rise of the share of B from one frame to the next, at most 1; 1 for a cut."""
    shifted_correlation: float
    """Maximum correlation of A and B over small shifts, -1 to 1."""
    max_stability: float
    """Correlation of A with an earlier frame, or of B with a later frame, whichever is greater.

    The distance of both frames equals the distance from the middle to A and B, up to `MAX_CONTEXT`.
    In a pan, frames at this distance differ too, so that both correlations are low.
    """
    min_stability: float
    """The smaller one of both correlations."""
    variance_ratio: float
    """Ratio of the middle frame's variance to the interpolated variance of A and B, at most 2. It
    is low for a mixture of two different shots."""
    correlation: float
    """Correlation of A and B at the same position, -1 to 1."""


WEIGHTS = DissolveEvidence(1.30, 7.02, 1.80, -1.90, 10.34, -7.33, -5.21, 2.73, 2.00, -8.00, -2.99)
"""Weights of the logistic regression. They were fitted on aged reels that were joined from clips;
benchmarks/README.md lists the accuracy on other clips."""
BIAS = -8.73
"""Bias of the logistic regression: the log odds of a dissolve if all features are 0."""


@dataclass(frozen=True, slots=True)
class Dissolve:
    """A dissolve from one shot to the next: a run of frames that show a mixture of both."""

    first: int
    """Index of the first mixed frame."""
    end: int
    """Index of the frame after the last mixed frame."""
    log_odds: float
    """Natural logarithm of the odds that this is a dissolve."""


class _Candidate(NamedTuple):
    """A dissolve that motion may explain too."""

    dissolve: Dissolve
    frames: list[FloatArray]
    """Frames from A to B for `shows_motion`."""


class DissolveDetector:
    """Detects dissolves, with a delay of up to 2 `WINDOW_RADIUS` frames."""

    def __init__(self, first: int = 0) -> None:
        """Create a detector; `first` is the index of the first frame that is fed."""
        self._first = first
        self._frames: deque[FloatArray] = deque(maxlen=2 * WINDOW_RADIUS + 1)
        self._thumbnails: deque[FloatArray] = deque(maxlen=2 * WINDOW_RADIUS + 1)
        self._variances: list[float] = []
        self._products = np.zeros((0, 0))
        self._count = 0
        self._candidates: list[_Candidate] = []

    def feed(self, frame: FloatArray, thumbnail: FloatArray) -> Dissolve | None:
        """Process the next frame; return the dissolve that became final with it, or None.

        `frame` is Y' from `resize_frame` and `thumbnail` from `make_thumbnail`, float32 in [0, 1].
        All frames have the same size.
        """
        import cv2

        self._variances = [*self._variances[-2 * WINDOW_RADIUS :], float(thumbnail.var())]
        smooth = np.asarray(cv2.GaussianBlur(thumbnail, (0, 0), SMOOTHING_SIGMA), np.float32)
        centered = smooth - smooth.mean()
        self._frames.append(frame)
        self._thumbnails.append(centered)
        self._count += 1
        stack = np.stack(self._thumbnails)
        # Each frame adds one row and one column to the kept matrix of inner products.
        row = np.tensordot(stack, centered, 2) / centered.size
        keep = len(stack) - 1
        products = np.empty((keep + 1, keep + 1))
        products[:keep, :keep] = self._products[-keep:, -keep:] if keep else 0
        products[keep] = products[:, keep] = row
        self._products = products
        return self._advance(self._count - 1 - WINDOW_RADIUS)

    def finish(self) -> list[Dissolve]:
        """Return the dissolves among the last frames of the film."""
        middles = range(max(0, self._count - WINDOW_RADIUS), self._count + 2 * WINDOW_RADIUS)
        return [found for middle in middles if (found := self._advance(middle)) is not None]

    def _advance(self, middle: int) -> Dissolve | None:
        """Add the candidates around a middle frame; return the best candidate if it is final."""
        if middle < 0:
            return None
        position = middle - (self._count - len(self._thumbnails))
        if position < len(self._thumbnails):
            self._candidates += self._find_candidates(position, middle)
        if not self._candidates:
            return None
        latest_end = max(candidate.dissolve.end for candidate in self._candidates)
        limit = self._candidates[0].dissolve.end + MAX_DECISION_DELAY
        if middle + self._first < min(latest_end + DECISION_DELAY, limit):
            return None
        candidates, self._candidates = self._candidates, []
        return _select_dissolve(candidates)

    def _find_candidates(self, position: int, middle: int) -> Iterator[_Candidate]:
        """Yield candidates of all lengths around a middle frame."""
        if self._products[position, position] < MIN_VARIANCE:
            return
        offset = self._first + middle - position
        for half in HALF_LENGTHS:
            if position - half < 0 or position + half >= len(self._products):
                return
            found = self._evaluate(position, half)
            if found is not None and found.log_odds > MIN_LOG_ODDS:
                dissolve = Dissolve(offset + found.first, offset + found.end, found.log_odds)
                frames = select_test_frames(self._frames, position - half, position + half)
                yield _Candidate(dissolve, frames)

    def _evaluate(self, position: int, half: int) -> Dissolve | None:
        """Evaluate one candidate; its indices are positions among the kept frames."""
        a, b = position - half, position + half
        mixture = self._fit_mixture(a, b)
        if mixture is None:
            return None
        share, fit, gain, correlation = mixture
        time_correlation = float(np.corrcoef(share, np.arange(len(share)))[0, 1])
        if time_correlation < MIN_TIME_CORRELATION:
            return None
        frame_a, frame_b = self._thumbnails[a], self._thumbnails[b]
        shifted_correlation = max_correlation(frame_a, frame_b)
        if (
            shifted_correlation > MAX_SHIFTED_CORRELATION
            or measure_unchanged_share(frame_a, frame_b) > MAX_UNCHANGED_SHARE
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
            gain=gain,
            mean_fit=float(fit[1:-1].mean()),
            time_correlation=time_correlation,
            max_step=min(float(np.diff(share).max()), 1.0),
            shifted_correlation=shifted_correlation,
            max_stability=stability[1],
            min_stability=stability[0],
            variance_ratio=min(middle_variance / ends_variance, 2.0),
            correlation=correlation,
        )
        log_odds = BIAS + sum(w * e for w, e in zip(WEIGHTS, evidence, strict=True))
        first, end = _mixed_span(share, half)
        return Dissolve(a + first, a + end, log_odds)

    def _fit_mixture(self, a: int, b: int) -> tuple[Vector, Vector, float, float] | None:
        """Fit all frames from A to B as mixtures of A and B by least squares.

        Returns share of B and R² of each frame, gain and correlation (see `DissolveEvidence`); None
        if A and B are too similar or the frames do not fit.
        """
        products = self._products
        aa, bb, ab = products[a, a], products[b, b], products[a, b]
        correlation = ab / np.sqrt(max(aa * bb, 1e-12))
        if min(aa, bb) < MIN_VARIANCE or correlation > MAX_CORRELATION:
            return None
        span = slice(a, b + 1)
        with_a, with_b, own = products[a, span], products[b, span], products.diagonal()[span]
        # Normal equations by Cramer's rule. Both weights still contain the factor `determinant`:
        # weight_a = g (1 - s) determinant, weight_b = g s determinant.
        weight_a, weight_b = bb * with_a - ab * with_b, aa * with_b - ab * with_a
        determinant = aa * bb - ab * ab
        total = weight_a + weight_b
        if total.min() <= MIN_CONTRAST_GAIN * determinant:
            return None
        share = np.clip(weight_b / total, *SHARE_RANGE)
        own = np.maximum(own, 1e-9)
        fit = (weight_a * with_a + weight_b * with_b) / determinant / own
        half = (b - a) // 2
        alone = max(with_a[half] ** 2 / aa, with_b[half] ** 2 / bb) / own[half]
        gain = fit[half] - alone
        low, high = MIDDLE_SHARE_LIMITS
        if not low <= share[half] <= high or fit[half] < MIN_FIT or gain < MIN_GAIN:
            return None
        return share, fit, float(gain), float(correlation)

    def _stability(self, end: int, distance: int) -> float:
        """Return the correlation of a frame with the frame at a distance."""
        other = min(max(end + distance, 0), len(self._thumbnails) - 1)
        if abs(other - end) < abs(distance) / 2:
            return DEFAULT_STABILITY
        return max_correlation(self._thumbnails[end], self._thumbnails[other])

    def _variance(self, position: int, radius: int) -> float:
        """Return the median variance of the frames around a position; it ignores a flash."""
        variances = self._variances[max(0, position - radius) : position + radius + 1]
        return float(np.median(variances))


def _select_dissolve(candidates: list[_Candidate]) -> Dissolve | None:
    """Return the best candidate unless motion explains it; then the best one apart from it."""
    remaining = sorted(candidates, key=lambda candidate: -candidate.dissolve.log_odds)
    while remaining:
        best = remaining[0]
        if not shows_motion(best.frames):
            return best.dissolve
        # Candidates that overlap the best one have other limits for the same motion.
        remaining = [c for c in remaining if not _overlap(c.dissolve, best.dissolve)]
    return None


def _overlap(a: Dissolve, b: Dissolve) -> bool:
    return a.first < b.end and b.first < a.end


def measure_unchanged_share(a: FloatArray, b: FloatArray) -> float:
    """Return the fraction, 0 to 1, of blocks that are unchanged between two thumbnails.

    The thumbnails are (h, w) float32; see `UNCHANGED_CORRELATION`.
    """
    rows, columns = (BLOCK_SIZE * (n // BLOCK_SIZE) for n in a.shape)
    shape = (rows // BLOCK_SIZE, BLOCK_SIZE, columns // BLOCK_SIZE, BLOCK_SIZE)
    blocks_a, blocks_b = (i[:rows, :columns].reshape(shape).swapaxes(1, 2) for i in (a, b))
    blocks_a, blocks_b = (
        blocks - blocks.mean(axis=(2, 3), keepdims=True) for blocks in (blocks_a, blocks_b)
    )
    norms = np.sqrt((blocks_a**2).sum(axis=(2, 3)) * (blocks_b**2).sum(axis=(2, 3)))
    products = (blocks_a * blocks_b).sum(axis=(2, 3))
    return float((products > UNCHANGED_CORRELATION * np.maximum(norms, 1e-6)).mean())


def _mixed_span(share: Vector, middle: int) -> tuple[int, int]:
    """Return the span of the mixed frames from the rise of the share of B."""
    low, high = MIXED_SHARE_LIMITS
    first_share, last_share = END_SHARES
    first = middle
    while first > 0 and share[first - 1] > low:
        first -= 1
    last = middle
    while last < len(share) - 1 and share[last + 1] < high:
        last += 1
    rise = (share[last] - share[first]) / max(last - first, 1)
    if rise > 0:
        first -= min(round((share[first] - first_share) / rise), first)
        last += min(round((last_share - share[last]) / rise), len(share) - 1 - last)
    return max(first, 1), max(last + 1, first + 1)
