"""Recognition of the shots that show title cards, intertitles, credits or blank leader."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from pydantic import with_config

from vidcolor.schema import STORED
from vidcolor.titles.card import measure_contrast, recognize_card
from vidcolor.titles.countdown import recognize_countdown

if TYPE_CHECKING:
    from vidcolor.imaging.types import FloatArray
    from vidcolor.shots.detector import Shot

SAMPLE_STRIDE = 20
"""Distance of the frames that are examined."""
BLANK_CONTRAST = 0.05
"""Contrast of a frame below which it is blank."""
FADE_CONTRAST = 0.25
"""Contrast relative to the highest one of the shot, below which a frame is part of a fade."""
TYPICAL_CONFIDENCE = 0.8
"""Minimum median confidence of the frames of a title. Signs in live pictures reach 0.7."""
STILL_CONFIDENCE = 0.7
"""The same for a shot in which nothing moves."""
LOW_PERCENTILE, LOW_CONFIDENCE = 10, 0.3
"""Percentile of the confidence of the frames of a title, and its minimum. A shot that shows a title
and, after a transition that was not detected, a picture has less."""
MAX_INDEX = 2**62
"""An index greater than that of any frame."""


@with_config(STORED)
@dataclass(frozen=True, slots=True)
class Title:
    """Consecutive frames that have one uniform color."""

    first: int
    """Index of the first frame."""
    end: int
    """Index of the frame after the last one."""
    confidence: float
    """Confidence that the frames show a title, 0 to 1; 1 if a person says so."""
    ab: tuple[float, float] = (0.0, 0.0)
    """The color, a* and b*; 0 is neutral."""


TitleFinder: TypeAlias = Callable[[int], Title | None]
"""A function that returns the title that a frame with a given index belongs to."""


def make_title_finder(titles: Sequence[Title]) -> TitleFinder:
    """Return a function that finds the title of a frame among titles in order."""
    firsts = [title.first for title in titles]

    def find(index: int) -> Title | None:
        number = bisect_right(firsts, index) - 1
        return titles[number] if number >= 0 and index < titles[number].end else None

    return find


def list_titles(shots: Sequence[Shot]) -> tuple[Title, ...]:
    """Return the shots whose kind is known to be a title. The last shot has no end."""
    bounds = [shot.boundary for shot in shots[1:]] + [MAX_INDEX]
    return tuple(
        Title(shot.boundary, end, 1.0)
        for shot, end in zip(shots, bounds, strict=True)
        if shot.kind == "title"
    )


class _Sample(NamedTuple):
    """What is known of an examined frame."""

    number: int
    """Index of the frame."""
    contrast: float
    confidence: float
    ab: tuple[float, float]


class TitleDetector:
    """Finds the titles of a film among its shots; stores about 40 bytes per examined frame."""

    def __init__(self) -> None:
        self._samples: list[_Sample] = []

    def feed(self, index: int, frame: FloatArray, ab: tuple[float, float] = (0.0, 0.0)) -> None:
        """Examine a frame; one of `SAMPLE_STRIDE` frames is enough. The indices must rise.

        `frame` is its upright Y', (h, w) float32 in [0, 1], of the size from `get_card_shape`, and
        `ab` the color that it has in the source.
        """
        contrast = measure_contrast(frame)
        confidence = 0.0
        if contrast >= BLANK_CONTRAST:
            confidence = max(recognize_card(frame), recognize_countdown(frame))
        self._samples.append(_Sample(index, contrast, confidence, ab))

    def find_titles(
        self, shots: Sequence[Shot], end: int | None = None, still: Collection[int] = ()
    ) -> tuple[Title, ...]:
        """Return the titles among consecutive shots, in order.

        Shots whose kind a person has set are not examined. The last shot ends at `end`; None for
        its own end. `still` are the boundaries of the shots in which nothing moves.
        """
        found = []
        for number, shot in enumerate(shots):
            following = shots[number + 1] if number + 1 < len(shots) else None
            last_end = shot.end if end is None else end
            span = range(shot.boundary, last_end if following is None else following.boundary)
            title = self._examine(shot, span, shot.boundary in still)
            if title is not None:
                found.append(title)
        return tuple(found)

    def forget(self, before: int) -> None:
        """Forget what is known of the frames before an index."""
        del self._samples[: bisect_left(self._samples, before, key=_get_number)]

    def _examine(self, shot: Shot, span: range, is_still: bool) -> Title | None:
        """Return a shot as a title of the frames in `span`; None if it is none."""
        if shot.kind == "picture":
            return None
        stop = shot.end or span.stop
        samples = self._get_samples(shot.mixed_range.stop, stop) or self._get_samples(*_ends(span))
        title = _judge(samples, span, STILL_CONFIDENCE if is_still else TYPICAL_CONFIDENCE)
        if shot.kind == "title":
            known = title or _make_title(span, samples, 1.0)
            return replace(known, confidence=1.0)
        return title

    def _get_samples(self, first: int, end: int) -> list[_Sample]:
        low, high = (bisect_left(self._samples, i, key=_get_number) for i in (first, end))
        return self._samples[low:high]


def _get_number(sample: _Sample) -> int:
    return sample.number


def _ends(span: range) -> tuple[int, int]:
    return span.start, span.stop


def _judge(samples: Sequence[_Sample], span: range, minimum: float) -> Title | None:
    """Return the title that the samples of a shot show; None if they show none."""
    if not samples:
        return None
    contrast = max(sample.contrast for sample in samples)
    if contrast < BLANK_CONTRAST:
        return _make_title(span, samples, 1 - contrast / BLANK_CONTRAST / 2)
    full = [s for s in samples if s.contrast >= FADE_CONTRAST * contrast]
    confidences = [sample.confidence for sample in full]
    median = float(np.median(confidences))
    low = float(np.percentile(confidences, LOW_PERCENTILE, method="lower"))
    if median < minimum or low < LOW_CONFIDENCE:
        return None
    return _make_title(span, full, median)


def _make_title(span: range, samples: Sequence[_Sample], confidence: float) -> Title:
    a, b = np.mean([s.ab for s in samples], axis=0) if samples else (0.0, 0.0)
    # Stored in a file, and therefore rounded.
    color = (round(float(a), 3), round(float(b), 3))
    return Title(span.start, span.stop, round(confidence, 4), color)
