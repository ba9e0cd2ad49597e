"""Edit decision lists in the CMX 3600 format, which editing programs exchange.

Each shot is one video event. Its source and record timecodes are those of the film, so that an
editing program finds the shots in the film. OpenTimelineIO has a reader and a writer, but it needs
a compiled package, refuses frame rates such as 18, and ignores the line ``FCM``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from vidcolor.errors import UsageError
from vidcolor.shots.detector import Shot
from vidcolor.timecode import Timecode, count_timecode_frames

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from vidcolor.shots.detector import Transition

_REEL_LENGTH = 8
"""Maximum number of characters of a reel name."""
DEFAULT_EDL_RATE = Fraction(25)
"""Frame rate of timecodes if that of the film is unknown, in frames per second."""
_UNKNOWN_REEL = "AX"
"""Reel name of a source without a reel."""
_CODE = r"(\d\d?[:;.]\d\d[:;.]\d\d[:;.]\d\d\d?)"
_EVENT = re.compile(
    rf"(\d+)\s+(.+?)\s+(\S+)\s+(C|D|W\d+|K\w*)\s+(?:(\d+)\s+)?{_CODE}\s+{_CODE}\s+{_CODE}\s+{_CODE}"
)
"""An event: number, reel, tracks, transition and its frames, source start and end, and record
start and end."""
_VIDEO_TRACK = re.compile(r"(?:.*/)?(?:V\d*|B)")
"""Tracks with video: ``V``, ``B`` for both audio and video, or ``AA/V``."""
_FADE_COMMENT = "* FADES IN"


@dataclass(frozen=True, slots=True)
class SourceFilm:
    """The film that a shot list describes."""

    name: str
    rate: Fraction = DEFAULT_EDL_RATE
    """Frame rate in frames per second."""
    timecode: Timecode | None = None
    """Timecode of frame 0; None if the film has none, and the list counts from 00:00:00:00."""
    reel: str | None = None
    """Name of the reel or tape."""


@dataclass(frozen=True, slots=True)
class _Event:
    """A video event of an EDL."""

    reel: str
    transition: Transition
    mixed_frames: int
    source: tuple[Timecode, Timecode]
    """Start and end in the source."""
    record: tuple[Timecode, Timecode]
    """Start and end in the edited film."""


def format_edl(shots: Sequence[Shot], film: SourceFilm) -> str:
    """Return an EDL with a video event per shot. Its timecodes are those of the film."""
    name, reel = " ".join(film.name.split()), " ".join((film.reel or "").split())
    zero = film.timecode or Timecode(0, count_timecode_frames(film.rate))
    lines = [f"TITLE: {name}", f"FCM: {'' if zero.drop_frame else 'NON-'}DROP FRAME", ""]
    short_reel = re.sub(r"[^\w-]", "", reel, flags=re.ASCII)[:_REEL_LENGTH] or _UNKNOWN_REEL
    # Avid's comment for the name of a reel that does not fit.
    comments = [f"* SOURCE FILE: {reel}"] if reel not in ("", short_reel) else []
    for number, shot in enumerate(shots, 1):
        event = f"{number:03d}  {short_reel:8s} V     "
        start, end, kind = zero + shot.first, zero + shot.end, "C       "
        if shot.mixed_frames:  # a dissolve event starts with a cut of length 0 to the outgoing clip
            lines += [f"{event}{kind} {start} {start} {start} {start}", f"* FROM CLIP NAME: {name}"]
            kind = f"D    {shot.mixed_frames:03d}"
        lines.append(f"{event}{kind} {start} {end} {start} {end}")
        lines.append(f"* {'TO' if shot.mixed_frames else 'FROM'} CLIP NAME: {name}")
        lines += comments
        if shot.transition == "fade":
            lines.append(_FADE_COMMENT)
    return "\n".join(lines) + "\n"


def parse_edl(
    path: Path, text: str, rate: Fraction, zero: Timecode | None = None
) -> tuple[list[Shot], int]:
    """Return the shots of an EDL, without ends, and the number of its frames.

    Shots are placed by the source timecodes, if the EDL has one reel in rising order, as after
    editing a list of `format_edl`; otherwise by the record timecodes, as for a film that was edited
    from several reels. `zero` is the timecode of frame 0; if None, or with record timecodes, the
    first event starts at frame 0. Frames before the first event belong to a shot of their own.

    Raises:
        UsageError: an event is invalid, or all events lie before frame 0.
    """
    events = list(_parse_events(path, text, rate))
    if not events:
        raise UsageError(
            f"{path}: contains no video event of CMX 3600; write an EDL of this format"
        )
    starts = [event.source[0].count_from(events[0].source[0]) for event in events]
    has_one_reel = len({event.reel for event in events}) == 1
    use_source = has_one_reel and starts == sorted(set(starts))
    spans = [event.source if use_source else event.record for event in events]
    origin = zero if zero is not None and use_source else spans[0][0]
    shots: dict[int, Shot] = {0: Shot(0, 0, "start")}
    for event, (start, _) in zip(events, spans, strict=True):
        first = start.count_from(origin)
        if first <= 0:  # The film is trimmed at its start.
            continue
        is_dissolve = event.transition == "dissolve" and event.mixed_frames > 0
        mixed_frames = event.mixed_frames if is_dissolve else 0
        shots[first] = Shot(first, 0, event.transition, mixed_frames)
    num_frames = spans[-1][1].count_from(origin)
    if num_frames <= 0:
        raise UsageError(
            f"{path}: ends at {spans[-1][1]}, and the film starts at {origin}; use the list of "
            "this film"
        )
    return list(shots.values()), num_frames


def _parse_events(path: Path, text: str, rate: Fraction) -> Iterator[_Event]:
    """Yield the video events. The first part of a dissolve, which has no frames, is left out."""
    pending: _Event | None = None
    drop_frame = False
    for line, content in enumerate(map(str.strip, text.splitlines()), 1):
        if content.startswith("FCM"):
            drop_frame = "NON" not in content and "DROP" in content
        elif content == _FADE_COMMENT and pending is not None:
            pending = replace(pending, transition="fade")
        match = _EVENT.match(content)
        if match is None or not _VIDEO_TRACK.fullmatch(match[3]):
            continue
        if pending is not None:
            yield pending
        codes = [_mark_drop_frame(code) if drop_frame else code for code in match.groups()[5:]]
        try:
            source = Timecode.parse(codes[0], rate), Timecode.parse(codes[1], rate)
            record = Timecode.parse(codes[2], rate), Timecode.parse(codes[3], rate)
        except ValueError as error:
            raise UsageError(f"{path}: line {line}: {error}; use the list of this film") from None
        is_mixed = match[4][0] in "DW"  # A wipe shows parts of both shots, as a dissolve does.
        transition: Transition = "dissolve" if is_mixed else "cut"
        pending = _Event(match[2], transition, int(match[5] or 0), source, record)
        if not is_mixed and record[0] == record[1]:
            pending = None
    if pending is not None:
        yield pending


def _mark_drop_frame(code: str) -> str:
    """Return a timecode with the separator of drop-frame timecode."""
    head, _, frames = re.sub(r"[;.]", ":", code).rpartition(":")
    return f"{head};{frames}"
