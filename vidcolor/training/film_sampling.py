"""Pictures from films: about two a shot, spread over the film."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vidcolor.errors import InputError
from vidcolor.media.decode import FilmReader
from vidcolor.media.preview import DisplayReader, frame_rgb
from vidcolor.shots.detector import CutDetector
from vidcolor.training.reading import reduced

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from vidcolor.media.decode import Frame
    from vidcolor.training.filtering import Rgb

MAX_FRAMES = 200
"""Of one film, so that a long one does not outweigh everything else."""
SETTLED_S = 0.25
"""How long after a cut a frame is taken: not amid a splice or the tail of a dissolve."""
_PROXY_SIDE = 96


class GrayFilmError(Exception):
    """A film without color; nothing can be learned from it."""


def sample_film(path: Path, short_side: int) -> Iterator[tuple[float, Rgb]]:
    """Frames of a film, at most `MAX_FRAMES`, upright and with square pixels.

    Decodes every frame once. Nothing is given before the end, as only then is it known how many
    shots there are; what is held meanwhile does not grow with the film.

    Args:
        path: the film.
        short_side: of the frames, see `reading.reduced`.

    Yields:
        Seconds since the first frame, rising; and the frame, (h, w, 3) uint8.

    Raises:
        InputError: it cannot be read, or not to its end (after the frames up to there).
        GrayFilmError: it is gray.
    """
    view = DisplayReader(path)
    if view.video.tint == "gray":
        raise GrayFilmError
    kept = _Spread(MAX_FRAMES)
    broken: InputError | None = None
    shots = _frames_of_shots(view)
    while broken is None:
        try:
            frame = next(shots, None)
        except InputError as error:
            broken = error
            continue
        if frame is None:
            break
        if kept.wants_next():
            rgb = reduced(frame_rgb(frame.picture, view.video, view.size), short_side)
            kept.add(float(frame.pts * view.video.time_base - view.origin_s), rgb)
    yield from kept.frames
    if broken is not None:
        raise broken


def _frames_of_shots(view: DisplayReader) -> Iterator[Frame]:
    """Of each shot, a frame soon after its beginning and, of a longer one, another further on.

    The second is the last that lies 2, 4, 8, … times `SETTLED_S` after the cut, and so somewhere
    in the latter half: the shot's length need not be known before it ends.
    """
    detector = CutDetector()
    early: Frame | None = None
    late: Frame | None = None
    began, due = 0.0, 0.0
    for frame in FilmReader(view.path, view.video).frames():
        time = float(frame.pts * view.video.time_base)
        if detector.feed(_proxy(view, frame)):
            yield from (f for f in (early, late) if f is not None)
            early, late = frame, None
            began, due = time, SETTLED_S
        elif time - began >= due:
            early, late = (frame, None) if due == SETTLED_S else (early, frame)
            due *= 2
    yield from (f for f in (early, late) if f is not None)


def _proxy(view: DisplayReader, frame: Frame) -> NDArray[np.float32]:
    """Y' of a small copy, (h, w) in [0, 1]."""
    import cv2

    height, width = frame.luma.shape
    scale = min(1.0, _PROXY_SIDE / min(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(np.ascontiguousarray(frame.luma), size, interpolation=cv2.INTER_AREA)
    return view.video.coding.luma_to_unit(np.asarray(small, frame.luma.dtype))


class _Spread:
    """At most so many of a sequence of unknown length, evenly spread: every 1st, 2nd, 4th, …"""

    def __init__(self, most: int) -> None:
        self.frames: list[tuple[float, Rgb]] = []
        self._most, self._step, self._count = most, 1, 0

    def wants_next(self) -> bool:
        """Whether the next one is to be added; it counts as seen."""
        wanted = self._count % self._step == 0
        self._count += 1
        return wanted

    def add(self, time_s: float, rgb: Rgb) -> None:
        """Keep one that was wanted; if that is one too many, drop every other."""
        self.frames.append((time_s, rgb))
        if len(self.frames) > self._most:
            del self.frames[1::2]
            self._step *= 2
