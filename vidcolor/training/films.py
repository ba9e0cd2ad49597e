"""Sampling of training images from films: about two frames per shot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidcolor.errors import InputError
from vidcolor.imaging.resize import limit_short_side, resize_area
from vidcolor.media.decode import VideoReader
from vidcolor.media.preview import DisplayReader, render_rgb
from vidcolor.shots.cuts import CausalCutDetector
from vidcolor.training.filtering import reduce_image

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vidcolor.imaging.types import FloatArray, Rgb
    from vidcolor.media.decode import Frame

MAX_FRAMES = 200
"""Maximum number of frames of one film, so that long films do not dominate the dataset."""
CUT_MARGIN_S = 0.25
"""Time between a cut and the first sampled frame; it avoids splices and the end of dissolves."""
_PROXY_SIDE = 96
"""Short side of the luma copies on which cuts are detected, in pixels."""


class GrayFilmError(Exception):
    """The film has no color."""


def sample_film(path: Path, short_side: int) -> Iterator[tuple[float, Rgb]]:
    """Yield at most `MAX_FRAMES` frames of a film, upright and with square pixels.

    Every frame is decoded once. The selection is complete at the end of the film only, so all
    frames are yielded then. Memory is limited by `MAX_FRAMES`, not by the length of the film.

    Args:
        path: the film.
        short_side: maximum short side of the frames; see `reduce_image`.

    Yields:
        Seconds since the first frame, ascending, and the frame, (h, w, 3) uint8.

    Raises:
        InputError: the film cannot be read; if it is damaged, after the frames before the damage.
        GrayFilmError: the film is gray.
    """
    reader = DisplayReader(path)
    if reader.video.tint == "gray":
        raise GrayFilmError
    frames: list[tuple[float, Rgb]] = []
    step = 1
    damage: InputError | None = None
    try:
        for number, frame in enumerate(_select_frames(reader)):
            if number % step:
                continue
            rgb = reduce_image(render_rgb(frame.av_frame, reader.video, reader.size), short_side)
            frames.append((float(frame.pts * reader.video.time_base - reader.origin_s), rgb))
            if len(frames) > MAX_FRAMES:  # the frames that remain are evenly spaced
                del frames[1::2]
                step *= 2
    except InputError as error:
        damage = error
    yield from frames
    if damage is not None:
        raise damage


def _select_frames(reader: DisplayReader) -> Iterator[Frame]:
    """Yield a frame near the start of each shot and, for long shots, one in the second half.

    The second frame is the last one at 2, 4, 8, ... times `CUT_MARGIN_S` after the cut. It lies in
    the second half of the shot, and finding it does not require the length of the shot.
    """
    detector = CausalCutDetector()
    early: Frame | None = None
    late: Frame | None = None
    start, due = 0.0, 0.0
    for frame in VideoReader(reader.path, reader.video).frames():
        time = float(frame.pts * reader.video.time_base)
        if detector.feed(_make_proxy(reader, frame)):
            yield from (f for f in (early, late) if f is not None)
            # The first frame stands for a shot that is shorter than the margin.
            early, late = frame, None
            start, due = time, CUT_MARGIN_S
        elif time - start >= due:
            early, late = (frame, None) if due == CUT_MARGIN_S else (early, frame)
            due *= 2
    yield from (f for f in (early, late) if f is not None)


def _make_proxy(reader: DisplayReader, frame: Frame) -> FloatArray:
    small = resize_area(frame.luma, limit_short_side(frame.luma.shape, _PROXY_SIDE))
    return reader.video.coding.luma_to_unit(small)
