"""Shot detection in films and image sequences, and the command `vidcolor shots`."""

from __future__ import annotations

from array import array
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.errors import InputError
from vidcolor.fileio import check_source, check_suffix, check_target
from vidcolor.film.titles import FilmTitles
from vidcolor.imaging.resize import resize_area
from vidcolor.media.decode import VideoReader
from vidcolor.media.extensions import is_photo
from vidcolor.media.probe import probe
from vidcolor.media.sequence import find_sequence, is_sequence_pattern
from vidcolor.media.sequence_reader import SequenceReader, probe_sequence
from vidcolor.progress import Progress
from vidcolor.shots.detector import Shot, ShotDetector
from vidcolor.shots.edl import DEFAULT_EDL_RATE, SourceFilm
from vidcolor.shots.features import get_detection_shape
from vidcolor.shots.sheet import (
    SHEET_SUFFIXES,
    THUMBNAIL_HEIGHT,
    check_sheet_length,
    write_sheet,
)
from vidcolor.shots.shot_list import (
    SUFFIXES,
    ShotList,
    describe_variable_rate,
    write_shots,
)
from vidcolor.timecode import format_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from vidcolor.imaging.types import Uint8Array
    from vidcolor.media.decode import Frame, FrameReader
    from vidcolor.media.probe import VideoInfo
    from vidcolor.options import ColorizeOptions
    from vidcolor.progress import ProgressCallback


def detect_shots(
    frames: Iterable[Frame], video: VideoInfo, progress: Callable[[int], None] | None = None
) -> ShotList:
    """Detect the shots of all frames of a film.

    `progress` is called after each frame with their number. The times are relative to the start of
    the stream. The list is empty if there is no frame.
    """
    shape = get_detection_shape(video.height, video.width)
    detector, shots = ShotDetector(), list[Shot]()
    pts, end_pts = array("q"), 0  # 8 bytes a frame, because memory grows with the film
    for frame in frames:
        pts.append(frame.pts)
        small = resize_area(frame.luma, shape)
        shots += detector.feed(video.coding.luma_to_unit(small))
        end_pts = frame.pts + frame.duration
        if progress is not None:
            progress(len(pts))
    shots += detector.finish()
    bounds = [*(pts[shot.first] for shot in shots), end_pts]
    times = tuple((value - (video.start_pts or 0)) * video.time_base for value in bounds)
    return ShotList(tuple(shots), len(pts), times if shots else ())


def warn_about_end(video: VideoInfo, end: Fraction | None, last_end: Fraction) -> tuple[str, ...]:
    """Return a warning if `--end` is later than the end of the film, which is then used instead.

    Args:
        video: video stream of the film.
        end: `--end`, in seconds from the first frame, or None.
        last_end: end of the last decoded frame, from the same origin.
    """
    # Players count from the container's duration, which may exceed the end of the last frame.
    film_end = max(last_end, Fraction(video.duration_s or 0))
    tolerance = 1 / (video.rate or DEFAULT_EDL_RATE)  # declared durations are rounded to frames
    if end is None or end <= film_end + tolerance:
        return ()
    return (
        f"--end {format_time(end)} is later than the end of the film at {format_time(film_end)}",
    )


def detect_film_shots(
    source: Path,
    options: ColorizeOptions,
    out: Path | None = None,
    sheet: Path | None = None,
    progress: ProgressCallback | None = None,
    warn: Callable[[str], None] | None = None,
) -> ShotList:
    """Detect the shots of a film and their kinds; write the shot list and the contact sheet.

    Args:
        source: a film, or the pattern or directory of an image sequence.
        options: only `start`, `end`, `fps` and `force` are used.
        out: path of the shot list, or None.
        sheet: path of an image with one thumbnail of each shot, or None.
        progress: called after each analyzed frame.
        warn: called with each warning, after the analysis.

    Raises:
        InputError: the source cannot be read, or has no frame between `start` and `end`.
        UsageError: a target exists and `options.force` is False, its suffix is not supported, or
            there are too many shots for a sheet.
        OutputError: a target cannot be written.
    """
    if not is_sequence_pattern(source):
        check_source(source)
    if source.is_file() and is_photo(source):
        raise InputError(f"{source}: a photo has no shots; give a film or an image sequence")
    _check_targets(source, out, sheet, options.force)
    video, reader = _open_source(source, options)
    # The container gives the length of the complete film only.
    total = video.estimated_num_frames if options.start is None and options.end is None else None

    def report(done: int) -> None:
        if progress is not None:
            progress(Progress(source, "analyze", done, total))

    titles = FilmTitles(video)
    shots = detect_shots(titles.examine(reader.frames()), video, report)
    shots = replace(shots, shots=titles.set_kinds(shots.shots))
    if not shots.num_frames:
        raise InputError(f"{source}: no frame could be read between --start and --end")
    warnings = [*warn_about_end(video, options.end, shots.times[-1])]
    if out is not None:
        start_pts = (video.start_pts or 0) + round(shots.times[0] / video.time_base)
        film = SourceFilm(
            source.name,
            video.rate or DEFAULT_EDL_RATE,
            video.timecode_at(start_pts),
            video.reel,
        )
        write_shots(out, shots, film, options.force)
        warnings += describe_variable_rate(out, shots, film)
    for text in warnings:
        if warn is not None:
            warn(text)
    if sheet is not None:
        # The middle of a shot is known only after detection, so the film is decoded again.
        check_sheet_length(sheet, shots)
        _, reader = _open_source(source, options)
        thumbnails = list(_make_thumbnails(reader.frames(), shots, video))
        write_sheet(sheet, thumbnails, shots, options.force)
    return shots


def _check_targets(source: Path, out: Path | None, sheet: Path | None, force: bool) -> None:
    """Check both targets before the film is decoded, which may take minutes."""
    for path, suffixes, kind in ((out, SUFFIXES, "shot list"), (sheet, SHEET_SUFFIXES, "image")):
        if path is not None:
            check_suffix(path, suffixes, kind)
            check_target(path, [source], force)


def _open_source(source: Path, options: ColorizeOptions) -> tuple[VideoInfo, FrameReader]:
    """Open a film or a sequence from `options.start` to `options.end`."""
    if is_sequence_pattern(source) or source.is_dir():
        sequence = find_sequence(source)
        video = probe_sequence(sequence, options.fps).video
        return video, SequenceReader(sequence, video, "luma", options.start, options.end)
    video = probe(source, options.start).video
    origin = video.start_s  # the options count from the first frame, which may not be at 0
    start, end = (None if t is None else origin + t for t in (options.start, options.end))
    return video, VideoReader(source, video, "luma", start, end)


def _make_thumbnails(
    frames: Iterable[Frame], shots: ShotList, video: VideoInfo
) -> Iterator[Uint8Array]:
    """Yield the middle frame of each shot without its mixed frames: (h, w) uint8, upright."""
    geometry = video.geometry
    aspect = video.width * geometry.pixel_aspect / video.height
    shape = (THUMBNAIL_HEIGHT, round(THUMBNAIL_HEIGHT * aspect))
    if geometry.quarter_turns % 2:  # the stored width becomes the displayed height
        shape = (max(1, round(THUMBNAIL_HEIGHT / aspect)), THUMBNAIL_HEIGHT)
    middles = {(shot.mixed_range.stop + shot.end) // 2 for shot in shots.shots}
    for index, frame in enumerate(frames):
        if index in middles:
            small = resize_area(frame.luma, shape)
            codes = np.rint(255 * np.clip(video.coding.luma_to_unit(small), 0, 1))
            yield np.ascontiguousarray(geometry.to_upright(codes.astype(np.uint8)))
