"""The shots of a film: found in it, or listed in a file that a person has gone over.

Lists are CSV, for spreadsheets, or JSON; for editing programs there are EDLs (CMX 3600). Of a list
that is read, each row's ``first_frame``, ``begins`` and ``mixed`` count; where shots end follows
from where the next ones begin, so that deleting a row joins two shots.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
from array import array
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, get_args

from vidcolor.errors import InputError, UsageError
from vidcolor.fileio import atomic_output, text_of
from vidcolor.shots.detector import Beginning, Shot, ShotDetector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from vidcolor.media.decode import Frame
    from vidcolor.media.probe import VideoInfo

SUFFIXES = (".csv", ".json", ".edl")
VERSION = 1
LOOKED_AT = 128
"""Long side, in pixels, of the copies that shots are found on."""
_COLUMNS = ("shot", "first_frame", "last_frame", "start", "end", "begins", "mixed")


@dataclass(frozen=True, slots=True)
class ShotList:
    """The shots of a film, in order, from its first frame to its last."""

    shots: tuple[Shot, ...]
    num_frames: int
    times: tuple[Fraction, ...] = ()
    """Seconds into the film at which each shot begins, and at which the last one ends; empty of a
    list that was read."""

    def of_length(self, num_frames: int) -> ShotList:
        """The same for a film with more or fewer frames: its last shot is longer or shorter."""
        last = self.shots[-1]
        mixed = min(last.mixed, num_frames - last.first)
        return ShotList((*self.shots[:-1], replace(last, last=num_frames, mixed=mixed)), num_frames)


def find_shots(
    frames: Iterable[Frame], video: VideoInfo, progress: Callable[[int], None] | None = None
) -> ShotList:
    """Look a film through.

    Args:
        frames: all of it, in order.
        video: what `probe` saw of it.
        progress: told how many frames have been seen, after each.

    Returns:
        Its shots; none if there is no frame.
    """
    import cv2

    scale = min(1.0, LOOKED_AT / max(video.width, video.height))
    size = (max(8, round(video.width * scale)), max(8, round(video.height * scale)))
    detector, shots = ShotDetector(), list[Shot]()
    stamps, end = array("q"), 0  # eight bytes a frame: a shot may be as long as the film
    for frame in frames:
        small = cv2.resize(frame.luma, size, interpolation=cv2.INTER_AREA)
        stamps.append(frame.pts)
        shots += detector.feed(video.coding.luma_to_unit(small))
        end = frame.pts + frame.duration
        if progress is not None:
            progress(len(stamps))
    shots += detector.finish()
    begun = [*(stamps[shot.first] for shot in shots), end]
    times = tuple((pts - (video.start_pts or 0)) * video.time_base for pts in begun)
    return ShotList(tuple(shots), len(stamps), times if shots else ())


def read_shots(path: Path) -> ShotList:
    """Read a list.

    Args:
        path: ``.csv``, or JSON under any other name.

    Raises:
        InputError: it cannot be read, or is no such list.
        UsageError: a row makes no sense; the message names file and row.
    """
    if path.suffix.lower() == ".edl":
        raise UsageError(f"{path}: EDLs are written only; give the .csv or .json list")
    text = text_of(path, "a list of shots")
    rows = _csv_rows(path, text) if path.suffix.lower() == ".csv" else _json_rows(path, text)
    if not rows:
        raise UsageError(f"{path}: lists no shots; `vidcolor shots FILM -o {path.name}` makes one")
    begun = [_shot(row, f"{path}: shot {number}") for number, row in enumerate(rows, 1)]
    if begun[0].first != 0:
        raise UsageError(f"{path}: shot 1 must begin at frame 0, not {begun[0].first}")
    least = begun[-1].first + max(begun[-1].mixed, 1)
    num_frames = max(least, _whole(rows[-1], "last_frame", str(path), -1) + 1)
    begun[0] = Shot(0, 0, "start")
    shots = []
    ends = [*(shot.first for shot in begun[1:]), num_frames]
    for number, (shot, last) in enumerate(zip(begun, ends, strict=True), 1):
        if last <= shot.first:
            raise UsageError(
                f"{path}: shot {number + 1} begins at frame {last}, not after shot {number}; put "
                "the rows in order"
            )
        if shot.mixed > last - shot.first:
            raise UsageError(
                f"{path}: shot {number} is mixed for {shot.mixed} frames and has "
                f"{last - shot.first}"
            )
        shots.append(replace(shot, last=last))
    return ShotList(tuple(shots), num_frames)


def write_shots(
    path: Path, shots: ShotList, film: str, rate: Fraction | None = None, force: bool = False
) -> None:
    """Write a list.

    Args:
        path: ``.csv``, ``.json`` or ``.edl``.
        shots: with times.
        film: the film's name.
        rate: frames a second; an EDL counts in them, 25 if None.
        force: replace an existing file.

    Raises:
        UsageError: the suffix is another.
        OutputError: it cannot be written.
    """
    check_suffix(path)
    write = {".csv": _csv, ".json": _json, ".edl": _edl}[path.suffix.lower()]
    with atomic_output(path, force) as partial:
        partial.write_text(write(shots, film, rate or Fraction(25)), "utf-8", newline="")


def check_suffix(path: Path) -> None:
    """Raises UsageError if no list can be written under such a name."""
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{path}: lists of shots are {', '.join(SUFFIXES)} files")


def rows_of(shots: ShotList) -> list[dict[str, Any]]:
    """One row a shot, in plain values; frames from 0, `last_frame` is the shot's own last."""
    times = shots.times or (Fraction(0),) * (len(shots.shots) + 1)
    return [
        {
            "shot": number,
            "first_frame": shot.first,
            "last_frame": shot.last - 1,
            "start": round(float(start), 3),
            "end": round(float(end), 3),
            "begins": shot.begins,
            "mixed": shot.mixed,
        }
        for number, (shot, (start, end)) in enumerate(
            zip(shots.shots, itertools.pairwise(times), strict=True), 1
        )
    ]


def _csv(shots: ShotList, film: str, rate: Fraction) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows_of(shots))
    return text.getvalue()


def _json(shots: ShotList, film: str, rate: Fraction) -> str:
    document = {"version": VERSION, "film": film, "frame_rate": str(rate), "shots": rows_of(shots)}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _edl(shots: ShotList, film: str, rate: Fraction) -> str:
    """CMX 3600: one video event a shot, with the source's frames as time codes."""
    film = " ".join(film.split())
    lines = [f"TITLE: {film}", "FCM: NON-DROP FRAME", ""]
    for number, shot in enumerate(shots.shots, 1):
        event = f"{number:03d}  AX       V     "
        first, last = _time_code(shot.first, rate), _time_code(shot.last, rate)
        kind = "C       "
        if shot.mixed:  # a dissolve names the shot that it comes from first, without a length
            lines += [f"{event}{kind} {first} {first} {first} {first}", f"* FROM CLIP NAME: {film}"]
            kind = f"D    {shot.mixed:03d}"
        lines.append(f"{event}{kind} {first} {last} {first} {last}")
        lines.append(f"* {'TO' if shot.mixed else 'FROM'} CLIP NAME: {film}")
        if shot.begins == "fade":
            lines.append("* FADES IN")
    return "\n".join(lines) + "\n"


def _time_code(frame: int, rate: Fraction) -> str:
    fps = max(1, round(rate))
    seconds, frames = divmod(frame, fps)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{frames:02d}"


def _csv_rows(path: Path, text: str) -> list[dict[str, Any]]:
    try:
        sample = text.splitlines()[0] if text else ""
        delimiter = ";" if sample.count(";") > sample.count(",") else ","
        rows = list(csv.DictReader(io.StringIO(text), delimiter=delimiter))
    except csv.Error as error:
        raise InputError(f"{path}: is no CSV ({error})") from None
    if rows and "first_frame" not in rows[0]:
        raise UsageError(f"{path}: has no column first_frame; its columns are {','.join(_COLUMNS)}")
    return [row for row in rows if any((value or "").strip() for value in _texts(row))]


def _texts(row: dict[str, Any]) -> Iterable[str]:
    return (value for value in row.values() if isinstance(value, str))


def _json_rows(path: Path, text: str) -> list[dict[str, Any]]:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is no JSON ({error}); correct it there") from None
    if isinstance(said, dict):
        version = said.get("version", VERSION)
        if version != VERSION:
            raise UsageError(f"{path}: is of version {version}; this vidcolor reads {VERSION}")
        said = said.get("shots")
    if not isinstance(said, list) or not all(isinstance(row, dict) for row in said):
        raise UsageError(f"{path}: is no list of shots; `vidcolor shots FILM -o x.json` makes one")
    return said


def _shot(row: dict[str, Any], name: str) -> Shot:
    first = _whole(row, "first_frame", name)
    mixed = _whole(row, "mixed", name, 0)
    begins: Any = row.get("begins") or ("cut" if first else "start")
    begins = begins.strip().lower() if isinstance(begins, str) else begins
    if begins not in get_args(Beginning):
        choices = ", ".join(get_args(Beginning))
        raise UsageError(f"{name}: begins with {begins!r}; write one of {choices}")
    return Shot(first, 0, begins, mixed if begins == "dissolve" else 0)


def _whole(row: dict[str, Any], key: str, name: str, default: int | None = None) -> int:
    value = row.get(key)
    if value in (None, "") and default is not None:
        return default
    try:
        number = float(str(value))
    except ValueError:
        number = math.nan
    if not 0 <= number <= 2**53 or number != int(number):
        raise UsageError(f"{name}: {key} must be a whole number, 0 or more, not {value!r}")
    return int(number)
