"""The titles of a film: frames are examined while the film is decoded for its shots."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.color.tint import measure_mean_tint
from vidcolor.imaging.resize import resize_area
from vidcolor.media.preview import render_source_rgb
from vidcolor.titles.burnt_in import BurntInDetector
from vidcolor.titles.card import get_card_shape
from vidcolor.titles.extension import (
    SIGNATURE_SHAPE,
    SIGNATURE_SIZE,
    compute_signature,
    extend_titles,
    is_still,
)
from vidcolor.titles.shots import SAMPLE_STRIDE, TitleDetector

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from vidcolor.imaging.types import FloatArray
    from vidcolor.media.decode import Frame
    from vidcolor.media.probe import VideoInfo
    from vidcolor.options import ColorizeOptions, Titles
    from vidcolor.shots.detector import Shot
    from vidcolor.titles.burnt_in import BurntInText
    from vidcolor.titles.shots import Title


@dataclass(frozen=True, slots=True)
class TitleSpan:
    """A title with its times, in seconds from the first frame of the source."""

    first_frame: int
    last_frame: int
    """Last frame, inclusive. Frame 0 is the first colorized frame."""
    start_s: Fraction
    end_s: Fraction
    """End of the last frame."""
    confidence: float
    """Confidence that the frames show a title, 0 to 1; 1 if a shot list says so."""


MEDIAN_FRAMES = 3
"""Number of consecutive frames whose median is examined. Dust, scratches and splices are not in it.
"""
SIGNATURE_STRIDE = 4
"""Distance of the pixels from which the signature of a frame is computed."""
TINT_SIZE = (320, 240)
"""Width and height of the frames whose tint is measured, in pixels."""


def choose_title_mode(options: ColorizeOptions) -> Titles:
    """Return the treatment of titles; ``--trust`` keeps the colors of the source in them too."""
    return "color" if options.trust else options.titles


def locate_titles(
    titles: Sequence[Title], pts: Sequence[int], end_pts: int, video: VideoInfo
) -> tuple[TitleSpan, ...]:
    """Return titles with their times.

    `pts` are the timestamps of all frames, and `end_pts` is that of the end, in units of the time
    base of the video.
    """

    def get_time(index: int) -> Fraction:
        stamp = pts[index] if index < len(pts) else end_pts
        return stamp * video.time_base - video.start_s

    return tuple(
        TitleSpan(t.first, t.end - 1, get_time(t.first), get_time(t.end), t.confidence)
        for t in titles
    )


class FilmTitles:
    """Finds the titles and the burnt-in text of a film while its frames are decoded.

    It stores 16 bytes per frame.
    """

    def __init__(self, video: VideoInfo, mode: Titles = "neutral") -> None:
        """Prepare to examine the frames of a video. With the mode ``color``, none is a title."""
        self._video, self._mode = video, mode
        self._detector, self._text_detector = TitleDetector(), BurntInDetector()
        self._signatures = bytearray()
        self._waiting: list[FloatArray] = []
        self._index, self._ab = 0, (0.0, 0.0)
        self._shape = get_card_shape(video.height, video.width)

    def feed(self, index: int, frame: Frame) -> None:
        """Examine the next frame; `index` counts the frames of the film."""
        if self._mode == "color":
            return
        video = self._video
        pixels = np.ascontiguousarray(frame.luma[::SIGNATURE_STRIDE, ::SIGNATURE_STRIDE])
        means = resize_area(pixels, SIGNATURE_SHAPE)  # as code values, which is fast
        self._signatures += compute_signature(video.coding.luma_to_unit(means))
        if index % SAMPLE_STRIDE >= MEDIAN_FRAMES:
            return
        unit = video.coding.luma_to_unit(resize_area(frame.luma, self._shape))
        upright = np.ascontiguousarray(video.geometry.to_upright(unit))
        if index % SAMPLE_STRIDE == 0:
            self._index, self._ab = index, self._measure_tint(frame)
            self._text_detector.feed(upright)
        self._waiting.append(upright)
        if len(self._waiting) == MEDIAN_FRAMES:
            self._examine_median()

    def _measure_tint(self, frame: Frame) -> tuple[float, float]:
        """Return the mean a*, b* of a frame in the source; 0 if it is not needed."""
        if self._mode != "tint" or self._video.tint == "gray":
            return 0.0, 0.0
        return measure_mean_tint(render_source_rgb(frame, self._video, TINT_SIZE))

    def _examine_median(self) -> None:
        """Examine the median of the frames that wait, as the middle one of them.

        Behind a cut it shows the shot of the middle one.
        """
        if not self._waiting:
            return
        frames = self._waiting if len(self._waiting) == MEDIAN_FRAMES else self._waiting[:1]
        first, *others = frames
        median = first
        if others:  # much faster than np.median
            second, third = others
            low, high = np.minimum(first, second), np.maximum(first, second)
            median = np.maximum(low, np.minimum(high, third))
        self._detector.feed(self._index + len(others) // 2, median, self._ab)
        self._waiting = []

    def examine(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Yield all frames of the film, and examine those that are due."""
        for index, frame in enumerate(frames):
            self.feed(index, frame)
            yield frame

    def find_titles(self, shots: Sequence[Shot]) -> tuple[Title, ...]:
        """Return the titles among all shots of the film, after all frames were examined."""
        if self._mode == "color":
            return ()
        return extend_titles(self._recognize(shots), bytes(self._signatures))

    def _recognize(self, shots: Sequence[Shot]) -> tuple[Title, ...]:
        self._examine_median()  # a film can end before all frames for it were there
        signatures = bytes(self._signatures)
        ends = [shot.boundary for shot in shots[1:]] + [len(signatures) // SIGNATURE_SIZE]
        still = {
            shot.boundary
            for shot, end in zip(shots, ends, strict=False)  # a film without frames has no shot
            if is_still(signatures, shot.boundary, end)
        }
        return self._detector.find_titles(shots, still=still)

    def find_burnt_in_text(self) -> tuple[BurntInText, ...]:
        """Return the text at the same place in all frames, after all frames were examined."""
        return self._text_detector.find()

    def set_kinds(self, shots: Sequence[Shot]) -> tuple[Shot, ...]:
        """Return all shots of the film with their kinds."""
        firsts = {title.first for title in self._recognize(shots)}
        return tuple(
            replace(shot, kind="title" if shot.boundary in firsts else "picture") for shot in shots
        )
