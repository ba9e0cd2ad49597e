"""The shots of a film by themselves: found, written as a list, and drawn on a sheet."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.errors import InputError, UsageError
from vidcolor.fileio import atomic_output, check_target
from vidcolor.film.plan import film_geometry, stream_origin
from vidcolor.media.decode import FilmReader
from vidcolor.media.probe import probe
from vidcolor.media.sequence import SequenceReader, find_sequence, is_pattern, probe_sequence
from vidcolor.progress import Progress
from vidcolor.shots.shot_list import check_suffix, find_shots, write_shots

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    from numpy.typing import NDArray

    from vidcolor.media.decode import Frame, Reader
    from vidcolor.media.probe import VideoInfo
    from vidcolor.options import ColorizeOptions
    from vidcolor.progress import ProgressCallback
    from vidcolor.shots.shot_list import ShotList

    Codes = NDArray[np.uint8]

SHEET_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
CELL_HEIGHT = 144
"""Of a thumbnail, in pixels."""
MOST_CELLS = 2000
"""Thumbnails on a sheet; more would make a picture that few programs open."""
SHEET_SHAPE = 1.5
"""Width over height that a sheet comes near to."""
_LINE, _GAP, _BACKGROUND, _INK = 22, 8, 18, 200


def shots_of_film(
    source: Path,
    options: ColorizeOptions,
    out: Path | None = None,
    sheet: Path | None = None,
    progress: ProgressCallback | None = None,
) -> ShotList:
    """Find the shots of a film.

    Args:
        source: a film, or a pattern or folder of numbered pictures.
        options: `start`, `end`, `fps` and `force` are used.
        out: where the list goes, if anywhere.
        sheet: where a picture with one frame of each shot goes, if anywhere.
        progress: called after every frame.

    Raises:
        InputError: the source cannot be read, or has no frame in the wanted time.
        UsageError: a target exists, or has an unknown suffix.
        OutputError: a target cannot be written.
    """
    if not is_pattern(source) and not source.exists():
        raise InputError(f"{source}: no such file")
    _check(source, out, sheet, options.force)
    video, reader = _open(source, options)
    total = video.estimated_frames if options.start is None and options.end is None else None
    seen: list[Codes] = []

    def tell(done: int) -> None:
        if progress is not None:
            progress(Progress(source, "look", done, total))

    found = find_shots(reader.frames(), video, tell)
    if not found.num_frames:
        raise InputError(f"{source}: no frame could be read between --start and --end")
    if out is not None:
        write_shots(out, found, source.name, video.rate, options.force)
    if sheet is not None:
        if len(found.shots) > MOST_CELLS:
            raise UsageError(f"{sheet}: {len(found.shots)} shots are too many for one picture")
        _, again = _open(source, options)
        seen += _thumbnails(again.frames(), found, video)
        _write_sheet(sheet, seen, found, options.force)
    return found


def _check(source: Path, out: Path | None, sheet: Path | None, force: bool) -> None:
    if out is not None:
        check_suffix(out)
        check_target(out, [source], force)
    if sheet is not None:
        if sheet.suffix.lower() not in SHEET_SUFFIXES:
            raise UsageError(f"{sheet}: a sheet is one of {', '.join(SHEET_SUFFIXES)}")
        check_target(sheet, [source], force)


def _open(source: Path, options: ColorizeOptions) -> tuple[VideoInfo, Reader]:
    if is_pattern(source) or source.is_dir():
        from vidcolor.film.sequence import DEFAULT_FPS

        sequence = find_sequence(source)
        video = probe_sequence(sequence, options.fps or DEFAULT_FPS).video
        return video, SequenceReader(sequence, video, "luma", options.start, options.end)
    video = probe(source).video
    origin = stream_origin(video)
    start, end = (None if t is None else origin + t for t in (options.start, options.end))
    return video, FilmReader(source, video, "luma", start, end)


def _thumbnails(frames: Iterator[Frame], shots: ShotList, video: VideoInfo) -> Iterator[Codes]:
    """The middle frame of each shot, past what dissolves into it: gray, as displayed."""
    import cv2

    geometry = film_geometry(video)
    turned = geometry.quarter_turns % 2
    aspect = video.width * geometry.pixel_aspect / video.height
    size = (round(CELL_HEIGHT * aspect), CELL_HEIGHT)
    if turned:
        size = (CELL_HEIGHT, max(1, round(CELL_HEIGHT / aspect)))
    middles = {(shot.first + shot.mixed + shot.last) // 2 for shot in shots.shots}
    for number, frame in enumerate(frames):
        if number in middles:
            small = cv2.resize(frame.luma, size, interpolation=cv2.INTER_AREA)
            codes = np.rint(255 * np.clip(video.coding.luma_to_unit(small), 0, 1))
            yield np.ascontiguousarray(geometry.to_upright(codes.astype(np.uint8)))


def _write_sheet(path: Path, pictures: list[Codes], shots: ShotList, force: bool) -> None:
    """All thumbnails in rows, each with its number and time."""
    from PIL import Image, ImageDraw, ImageFont

    height, width = pictures[0].shape
    cell = width + _GAP, height + _LINE + _GAP
    columns = max(1, round(math.sqrt(len(pictures) * SHEET_SHAPE * cell[1] / cell[0])))
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    sheet = Image.new("L", (columns * cell[0] + _GAP, rows * cell[1] + _GAP), _BACKGROUND)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for number, picture in enumerate(pictures):
        row, column = divmod(number, columns)
        x, y = _GAP + column * cell[0], _GAP + row * cell[1]
        sheet.paste(Image.fromarray(picture), (x, y))
        shot = shots.shots[number]
        label = f"{number + 1}   {_clock(shots.times[number])}   {shot.begins}"
        draw.text((x, y + height + 3), label, fill=_INK, font=font)
    with atomic_output(path, force) as partial:
        kind = {"jpg": "jpeg"}.get(path.suffix[1:].lower(), path.suffix[1:].lower())
        sheet.save(partial, format=kind)


def _clock(time: Fraction) -> str:
    minutes, seconds = divmod(float(time), 60)
    return f"{int(minutes)}:{seconds:05.2f}"
