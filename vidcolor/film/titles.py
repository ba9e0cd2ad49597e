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
from vidcolor.titles.extension import SIGNATURE_SHAPE, compute_signature, extend_titles
from vidcolor.titles.shots import SAMPLE_STRIDE, TitleDetector

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

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
        self._shape = get_card_shape(video.height, video.width)

    def feed(self, index: int, frame: Frame) -> None:
        """Examine the next frame; `index` counts the frames of the film."""
        if self._mode == "color":
            return
        video = self._video
        pixels = np.ascontiguousarray(frame.luma[::SIGNATURE_STRIDE, ::SIGNATURE_STRIDE])
        means = resize_area(pixels, SIGNATURE_SHAPE)  # as code values, which is fast
        self._signatures += compute_signature(video.coding.luma_to_unit(means))
        if index % SAMPLE_STRIDE:
            return
        unit = video.coding.luma_to_unit(resize_area(frame.luma, self._shape))
        ab = (0.0, 0.0)
        if self._mode == "tint" and video.tint != "gray":
            ab = measure_mean_tint(render_source_rgb(frame, video, TINT_SIZE))
        upright = np.ascontiguousarray(video.geometry.to_upright(unit))
        self._detector.feed(index, upright, ab)
        self._text_detector.feed(upright)

    def examine(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Yield all frames of the film, and examine those that are due."""
        for index, frame in enumerate(frames):
            self.feed(index, frame)
            yield frame

    def find_titles(self, shots: Sequence[Shot]) -> tuple[Title, ...]:
        """Return the titles among all shots of the film, after all frames were examined."""
        if self._mode == "color":
            return ()
        return extend_titles(self._detector.find_titles(shots), bytes(self._signatures))

    def find_burnt_in_text(self) -> tuple[BurntInText, ...]:
        """Return the text at the same place in all frames, after all frames were examined."""
        return self._text_detector.find()

    def set_kinds(self, shots: Sequence[Shot]) -> tuple[Shot, ...]:
        """Return all shots of the film with their kinds."""
        firsts = {title.first for title in self._detector.find_titles(shots)}
        return tuple(
            replace(shot, kind="title" if shot.boundary in firsts else "picture") for shot in shots
        )
