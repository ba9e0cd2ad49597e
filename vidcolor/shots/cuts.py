"""Hard cut detection.

`CausalCutDetector` decides about each frame without lookahead. `CutDetector` compares several
frames on both sides of a possible cut, and is more accurate:

- After a flash or a damaged frame the same shot continues, so some frames on both sides match.
- At a splice with lost frames, static parts match, or the shot has much motion before and after.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vidcolor.shots.features import (
    FrameFeatures,
    compute_edges,
    extract_features,
    make_thumbnail,
    max_correlation,
    measure_change,
    resize_frame,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from vidcolor.imaging.types import FloatArray

MIN_CAUSAL_CHANGE = 0.31
"""Minimum `measure_change` at a cut for `CausalCutDetector`. A frame with less continues the
shot."""
MIN_CHANGE_RATIO = 2.0
"""Minimum ratio of the change at a cut to the second largest recent change, for
`CausalCutDetector`. The largest one is ignored, so that a single outlier does not count."""
FRAMES_BEFORE = 4
"""Number of frames before a cut that are compared with the frames after it. It is greater than
`MAX_FLASH`, so that at least one of them is not damaged."""
FRAMES_AFTER = 5
"""Number of frames after the first frame of a new shot that are compared too; the delay of
`CutDetector`, in frames."""
EDGE_FRAMES_BEFORE = 3
"""Number of frames before a cut whose edge maps are compared."""
EDGE_FRAMES_AFTER = 4
"""Number of frames from a cut on whose edge maps are compared."""
CHANGE_HISTORY = 8
"""Number of the latest frame-to-frame changes of the current shot that define its usual change."""
MIN_CANDIDATE_CHANGE = 0.12
"""`measure_change` from one frame to the next above which a cut is considered."""
MIN_CHANGE = 0.2
"""Minimum `measure_change` between any frame before a cut and any frame after it. If one pair has
less, the same shot continues."""
STATIC_CHANGE = 0.05
"""Minimum usual `measure_change` between neighboring frames: grain and gate weave cause as much in
a static shot."""
BLOCK_SIZE = 8
"""Side of the blocks for `CutEvidence.static_correlation`, in thumbnail pixels."""
BLOCK_STRIDE = 4
"""Distance between neighboring blocks, in thumbnail pixels."""
STATIC_BLOCK_SHARE = 0.1
"""Fraction of blocks that count as static: those with the highest correlation."""
MIN_BLOCK_NORM = 0.8
"""Norm of a block of a standardized thumbnail, after its mean is subtracted, below which its
correlation is reduced. Correlations of flat blocks would otherwise measure grain."""
MAX_FLASH = 3
"""Maximum number of blank frames at a cut. More blank frames are left to `FadeDetector`."""


class CutEvidence(NamedTuple):
    """Features of the logistic regression that decides about a cut.

    All of them compare frames before the cut with frames after it.
    """

    change: float
    """Minimum `measure_change` of all pairs of frames."""
    difference: float
    """1 minus the maximum correlation of two thumbnails at the same position, 0 to 2."""
    edge_difference: float
    """1 minus the maximum correlation of two edge maps over small shifts, 0 to 2."""
    log_change_ratio: float
    """Natural logarithm of the ratio of `change` to the usual change inside both shots."""
    static_correlation: float
    """Correlation of the least changed blocks, -1 to 1. It stays high if a large object passes in
    front of the camera, because it leaves a part of the background visible."""


WEIGHTS = CutEvidence(5.79, 3.58, 5.24, 0.55, -10.22)
"""Weights of the logistic regression. They were fitted on aged reels that were joined from clips;
benchmarks/README.md lists the accuracy on other clips."""
BIAS = 1.10
"""Bias of the logistic regression: the log odds of a cut if all features are 0."""


class CausalCutDetector:
    """Detects cuts frame by frame, without lookahead.

    A cut needs a large change, also relative to the recent changes of the shot. Blank frames, such
    as a flash or black film, do not start a shot, and neither does the frame after them if it still
    shows the same shot. A single damaged frame can start a shot, but the frame after it does not.
    Dissolves and fades are not detected.
    """

    def __init__(self) -> None:
        self._is_first = True
        self._recent: deque[FrameFeatures] = deque(maxlen=2)
        self._changes: deque[float] = deque(maxlen=CHANGE_HISTORY)

    def feed(self, proxy: FloatArray) -> bool:
        """Return whether the next frame starts a new shot; True for the first frame.

        `proxy` is its Y', (h, w) float32 in [0, 1]. All frames have the same size.
        """
        is_first, self._is_first = self._is_first, False
        features = extract_features(make_thumbnail(resize_frame(proxy)))
        if features is None:
            return is_first
        # The second last frame also counts, so that the return from a damaged frame is not a cut.
        change = min((measure_change(features, other) for other in self._recent), default=0.0)
        self._recent.append(features)
        usual = sorted(self._changes)[-2] if len(self._changes) > 1 else 0.0
        if change > max(MIN_CAUSAL_CHANGE, MIN_CHANGE_RATIO * usual):
            self._changes.clear()
            return True
        self._changes.append(change)
        return is_first

    def get_state(self) -> dict[str, NDArray[Any]]:
        """Return everything that the next frames depend on, as arrays for `restore`."""
        arrays: dict[str, NDArray[Any]] = {"changes": np.array(self._changes, np.float64)}
        for number, features in enumerate(self._recent):
            arrays[f"thumbnail{number}"] = features.thumbnail
            arrays[f"histograms{number}"] = features.histograms
        return arrays

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Continue after the frame whose state is given."""
        self._is_first = False
        self._changes.extend(map(float, arrays["changes"]))
        numbers = (n for n in range(2) if f"thumbnail{n}" in arrays)
        self._recent.extend(
            FrameFeatures(arrays[f"thumbnail{n}"], arrays[f"histograms{n}"]) for n in numbers
        )


@dataclass(frozen=True, slots=True)
class FrameSample:
    """A frame that is not blank, with its features."""

    index: int
    """Index of the frame in the film, from 0."""
    features: FrameFeatures
    frame: FloatArray
    """Y' from `resize_frame`: (48, 64) or (64, 48) float32 in [0, 1]."""


class CutDetector:
    """Detects cuts, `FRAMES_AFTER` frames late. Blank frames must not be fed."""

    def __init__(self) -> None:
        self._before: deque[FrameSample] = deque(maxlen=FRAMES_BEFORE)
        self._after: deque[FrameSample] = deque()
        self._changes: deque[float] = deque(maxlen=CHANGE_HISTORY)

    def feed(self, sample: FrameSample) -> tuple[int, int] | None:
        """Process the next frame.

        If the frame `FRAMES_AFTER` samples ago is the first of a new shot, return the index of the
        last sample of the previous shot, and the index of that frame. Otherwise return None.
        """
        self._after.append(sample)
        return self._advance() if len(self._after) > FRAMES_AFTER else None

    def finish(self) -> list[tuple[int, int]]:
        """Return the cuts among the last frames of the film, in the format of `feed`."""
        found = []
        while self._after:
            found.append(self._advance())
        return [cut for cut in found if cut is not None]

    def _advance(self) -> tuple[int, int] | None:
        """Return the cut before the first frame of `_after`, if any, and advance by one frame."""
        current, cut = self._after[0], None
        if self._before:
            last = self._before[-1]
            num_blank = current.index - last.index - 1
            change = measure_change(last.features, current.features)
            if num_blank > MAX_FLASH:
                self._reset()
            elif change > MIN_CANDIDATE_CHANGE and self._log_odds(num_blank) > 0:
                cut = (last.index, current.index)
                self._reset()
            else:
                self._changes.append(change)
        self._before.append(self._after.popleft())
        return cut

    def _reset(self) -> None:
        self._before.clear()
        self._changes.clear()

    def _log_odds(self, num_blank: int) -> float:
        """Return the log odds of a cut between `_before` and `_after`."""
        pairs = [(a.features, b.features) for a, b in itertools.product(self._before, self._after)]
        change = math.inf
        for a, b in pairs:
            change = min(change, measure_change(a, b))
            if change < MIN_CHANGE:
                return -math.inf
        # Objects keep moving behind a flash, so more change is expected after it.
        usual = max(self._usual_change(), STATIC_CHANGE) * math.sqrt(1 + num_blank)
        evidence = CutEvidence(
            change=change,
            difference=1 - max(float((a.thumbnail * b.thumbnail).mean()) for a, b in pairs),
            edge_difference=self._edge_difference(),
            log_change_ratio=math.log(max(change, 1e-3) / usual),
            static_correlation=self._static_correlation(),
        )
        return BIAS + sum(w * e for w, e in zip(WEIGHTS, evidence, strict=True))

    def _usual_change(self) -> float:
        """Return the usual change between neighboring frames, of the side with more motion."""
        # The largest change before the cut is ignored, so that a single outlier does not count.
        largest = sorted(self._changes)[-2:]
        after = [
            measure_change(a.features, b.features) for a, b in itertools.pairwise(self._after)
        ][: FRAMES_AFTER - 1]
        return max(largest[0] if largest else 0.0, float(np.median(after)) if after else 0.0)

    def _static_correlation(self) -> float:
        """Return `CutEvidence.static_correlation`."""
        before = [_extract_blocks(sample.features.thumbnail) for sample in self._before]
        after = [_extract_blocks(sample.features.thumbnail) for sample in self._after]
        correlations = [(a * b).sum(axis=1) for a, b in itertools.product(before, after)]
        best = np.max(correlations, axis=0)
        return float(np.percentile(best, 100 * (1 - STATIC_BLOCK_SHARE)))

    def _edge_difference(self) -> float:
        """Return `CutEvidence.edge_difference`."""
        before = [compute_edges(s.frame) for s in list(self._before)[-EDGE_FRAMES_BEFORE:]]
        after = [compute_edges(s.frame) for s in list(self._after)[:EDGE_FRAMES_AFTER]]
        return 1 - max(max_correlation(a, b) for a, b in itertools.product(before, after))


def _extract_blocks(thumbnail: FloatArray) -> FloatArray:
    """Return overlapping blocks with mean 0 and norm 1; blocks below `MIN_BLOCK_NORM` have less."""
    windows = np.lib.stride_tricks.sliding_window_view(thumbnail, (BLOCK_SIZE, BLOCK_SIZE))
    blocks = windows[::BLOCK_STRIDE, ::BLOCK_STRIDE].reshape(-1, BLOCK_SIZE * BLOCK_SIZE)
    centered = blocks - blocks.mean(axis=1, keepdims=True)
    norms = np.sqrt((centered**2).sum(axis=1, keepdims=True))
    return np.asarray(centered / np.maximum(norms, MIN_BLOCK_NORM), np.float32)
