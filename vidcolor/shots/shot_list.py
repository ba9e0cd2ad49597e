"""Shot list files.

CSV is for spreadsheets, JSON for scripts, and EDL (CMX 3600) and OpenTimelineIO for editing
programs; see `edl` and `otio`. A shot ends where the next one starts, so that a person joins two
shots by deleting a row. Therefore only ``first_frame``, ``transition`` and ``mixed_frames`` of a
row are read, and ``last_frame`` of the last row.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field

from vidcolor.errors import UsageError
from vidcolor.fileio import atomic_output, check_suffix, read_text
from vidcolor.schema import Record, parse, read_rows
from vidcolor.shots.detector import Shot, ShotKind, Transition
from vidcolor.shots.edl import SourceFilm, format_edl, parse_edl
from vidcolor.shots.otio import SUFFIX as OTIO_SUFFIX
from vidcolor.shots.otio import read_otio, write_otio

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vidcolor.options import ShotOptions
    from vidcolor.timecode import Timecode

SUFFIXES = (".csv", ".json", ".edl", OTIO_SUFFIX)
"""File name suffixes of shot lists that can be written."""


def _parse_count(value: Any) -> int:
    """Return an integer; spreadsheets may write ``40.0``."""
    try:
        number = float(str(value))
        if 0 <= number <= 2**53 and number == int(number):
            return int(number)
    except ValueError:
        pass
    raise ValueError(f"must be an integer of at least 0, got {value!r}")


def _lower(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


Count = Annotated[
    int, BeforeValidator(_parse_count, json_schema_input_type=Annotated[int, Field(ge=0)])
]


_MAX_TIME_ERROR = Fraction(3, 2)
"""Maximum difference between the time of a shot and its count of frames, in frames. Timestamps are
rounded, and the duration of the last frame is often unknown."""


class ShotRow(Record):
    """One shot of a shot list."""

    shot: Any = None
    """Number of the shot, from 1; not read."""
    first_frame: Count
    """First frame of the shot, from 0."""
    last_frame: Count | None = None
    """Last frame of the shot; read only for the last shot."""
    start: Any = None
    """Start in seconds; not read."""
    end: Any = None
    """End in seconds; not read."""
    transition: Annotated[Transition, BeforeValidator(_lower)] | None = None
    """How the shot starts: start for the first shot, otherwise cut."""
    mixed_frames: Count = 0
    """Number of frames of the dissolve."""
    kind: Annotated[ShotKind, BeforeValidator(_lower)] | None = None
    """What the shot shows: a title, which ``--titles`` keeps neutral, or a picture. Without it, the
    titles are recognized."""
    note: Any = None
    """Any text; not read."""


COLUMNS = tuple(name for name in ShotRow.model_fields if name != "note")
"""Columns of a CSV file, and keys of a shot in a JSON file."""


@dataclass(frozen=True, slots=True)
class ShotList:
    """The shots of a film, in order, from its first frame to its last."""

    shots: tuple[Shot, ...]
    num_frames: int
    """Number of frames of the film, which is the last shot's `end`."""
    times: tuple[Fraction, ...] = ()
    """Start time of each shot and end time of the last one, in seconds from the start of the film;
    empty if the list was read from a file."""

    def with_length(self, num_frames: int) -> ShotList:
        """Return the list, without times, with the last shot extended or shortened."""
        last = self.shots[-1]
        mixed_frames = min(last.mixed_frames, num_frames - last.first)
        last = replace(last, end=num_frames, mixed_frames=mixed_frames)
        return ShotList((*self.shots[:-1], last), num_frames)


def read_shots(
    path: Path, rate: Fraction | None = None, timecode: Timecode | None = None
) -> ShotList:
    """Read a shot list; the suffix is ``.csv``, ``.edl`` or ``.otio``, or otherwise it is JSON.

    Args:
        path: file to read.
        rate: frame rate of the film in frames per second, which an EDL requires.
        timecode: timecode of frame 0, which places the events of an EDL; see `parse_edl`.

    Raises:
        InputError: the file cannot be read, or is not valid CSV or JSON.
        UsageError: the file is not a shot list, or a row is invalid.
    """
    if path.suffix.lower() == ".edl":
        text = read_text(path, "a shot list", decoding_errors="replace")
        if rate is None:
            raise UsageError(f"{path}: the frame rate of the film is unknown; use a .csv list")
        starts, num_frames = parse_edl(path, text, rate, timecode)
        return ShotList(_set_ends(path, starts, num_frames), num_frames)
    if path.suffix.lower() == OTIO_SUFFIX:
        starts, num_frames = read_otio(path, rate)
        return ShotList(_set_ends(path, starts, num_frames), num_frames)
    example, other_keys = '{"first_frame": 0}', ("film", "frame_rate", "timecode", "reel")
    rows = read_rows(path, "a shot list", "shots", example, other_keys)
    if not rows:
        raise UsageError(
            f"{path}: contains no shots; create a list with `vidcolor shots FILM -o {path.name}`"
        )
    parsed = [parse(ShotRow, row, f"{path}: shot {n}") for n, row in enumerate(rows, 1)]
    if parsed[0].first_frame != 0:
        raise UsageError(
            f"{path}: shot 1 must start at frame 0, not at frame {parsed[0].first_frame}"
        )
    starts = [Shot(0, 0, "start", kind=parsed[0].kind)]
    for number, row in enumerate(parsed, 1):
        if row.mixed_frames and (number == 1 or row.transition != "dissolve"):
            remedy = "" if number == 1 else "set transition to dissolve, or "
            raise UsageError(
                f"{path}: shot {number} has {row.mixed_frames} mixed frames but starts without a "
                f"dissolve; {remedy}set mixed_frames to 0"
            )
        if number > 1:
            transition = row.transition or "cut"
            starts.append(Shot(row.first_frame, 0, transition, row.mixed_frames, row.kind))
    min_frames = starts[-1].first + max(starts[-1].mixed_frames, 1)
    num_frames = max(min_frames, (parsed[-1].last_frame or 0) + 1)
    return ShotList(_set_ends(path, starts, num_frames), num_frames)


def make_shot_list(film: Path, shots: Sequence[ShotOptions]) -> ShotList:
    """Return the shot list of options. The last shot is as short as it can be.

    Raises:
        UsageError: the first shot does not start at frame 0, or the shots are not in order.
    """
    if not shots or shots[0].first != 0:
        raise UsageError(f"{film}: the first shot must start at frame 0")
    starts = [Shot(s.first, 0, s.transition, s.mixed_frames, s.kind) for s in shots]
    num_frames = starts[-1].first + max(starts[-1].mixed_frames, 1)
    return ShotList(_set_ends(film, starts, num_frames), num_frames)


def _set_ends(path: Path, starts: list[Shot], num_frames: int) -> tuple[Shot, ...]:
    shots = []
    ends = [*(shot.first for shot in starts[1:]), num_frames]
    for number, (shot, end) in enumerate(zip(starts, ends, strict=True), 1):
        length = end - shot.first
        if length <= 0:
            raise UsageError(
                f"{path}: shot {number + 1} starts at frame {end}, not after the start of shot "
                f"{number}; sort the rows by first_frame"
            )
        if shot.mixed_frames > length:
            raise UsageError(
                f"{path}: shot {number} has {shot.mixed_frames} mixed frames but only {length} "
                "frames; correct mixed_frames"
            )
        shots.append(replace(shot, end=end))
    return tuple(shots)


def write_shots(path: Path, shots: ShotList, film: SourceFilm, force: bool = False) -> None:
    """Write a shot list with times, as the suffix requires.

    Raises:
        UsageError: the suffix is not supported.
        OutputError: the file exists and `force` is False, or it cannot be written.
    """
    check_suffix(path, SUFFIXES, "shot list")
    suffix = path.suffix.lower()
    if suffix == OTIO_SUFFIX:
        write_otio(path, shots.shots, film, force)
        return
    if suffix == ".csv":
        text = _format_csv(shots)
    elif suffix == ".json":
        text = json.dumps(_make_document(shots, film), indent=1, ensure_ascii=False) + "\n"
    else:
        text = format_edl(shots.shots, film)
    with atomic_output(path, force) as partial:
        partial.write_text(text, "utf-8", newline="")


def describe_variable_rate(path: Path, shots: ShotList, film: SourceFilm) -> list[str]:
    """Return a warning if a list for editing programs counts frames of different durations.

    Its timecodes are then not the times at which the shots start.
    """
    if path.suffix.lower() not in (".edl", OTIO_SUFFIX):
        return []
    bounds = [*(shot.first for shot in shots.shots), shots.num_frames]
    errors = [
        abs((time - shots.times[0]) * film.rate - bound)
        for time, bound in zip(shots.times, bounds, strict=True)
    ]
    if max(errors) <= _MAX_TIME_ERROR:
        return []
    return [
        f"{path}: counts frames, and the frame rate of the film varies, so that editing programs "
        "place the shots at other times; convert the film to a constant frame rate first"
    ]


def _make_document(shots: ShotList, film: SourceFilm) -> dict[str, Any]:
    document = {"version": 1, "film": film.name, "frame_rate": str(film.rate)}
    if film.timecode is not None:
        document["timecode"] = str(film.timecode)
    if film.reel is not None:
        document["reel"] = film.reel
    return {**document, "shots": format_rows(shots)}


def format_rows(shots: ShotList) -> list[dict[str, Any]]:
    """Return one row per shot with the keys `COLUMNS`.

    Frames are counted from 0; ``last_frame`` is inclusive. Times are in seconds from the start of
    the film, and 0 if the list has no times.
    """
    times = shots.times or (Fraction(0),) * (len(shots.shots) + 1)
    return [
        {
            "shot": number,
            "first_frame": shot.first,
            "last_frame": shot.end - 1,
            "start": round(float(start), 3),
            "end": round(float(end), 3),
            "transition": shot.transition,
            "mixed_frames": shot.mixed_frames,
            "kind": shot.kind,
        }
        for number, (shot, (start, end)) in enumerate(
            zip(shots.shots, itertools.pairwise(times), strict=True), 1
        )
    ]


def _format_csv(shots: ShotList) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(format_rows(shots))
    return text.getvalue()
