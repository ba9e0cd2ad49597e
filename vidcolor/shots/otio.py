"""Shot lists in the OpenTimelineIO format, by the library `opentimelineio`, which is optional.

Each shot is a clip of one video track, whose source range is that of the film, counted from its
timecode. A dissolve is a transition before its clip; it is centered on the cut, as editing programs
write it. What the format does not have is in the metadata of the clip.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, get_args

from vidcolor.errors import InputError, UsageError
from vidcolor.fileio import atomic_output, read_text
from vidcolor.shots.detector import Shot, ShotKind, Transition

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction
    from pathlib import Path

    from vidcolor.shots.edl import SourceFilm

SUFFIX = ".otio"
_METADATA = "vidcolor"
_EDL_METADATA = "cmx_3600"
"""Name of the metadata of OpenTimelineIO's adapter for EDL files, which has the reel name."""


def _import_library(path: Path) -> Any:
    try:
        import opentimelineio
    except ImportError:
        raise UsageError(
            f"{path}: needs the library OpenTimelineIO; run `pip install opentimelineio`, or use "
            "an .edl list"
        ) from None
    return opentimelineio


def write_otio(path: Path, shots: Sequence[Shot], film: SourceFilm, force: bool = False) -> None:
    """Write shots as a timeline.

    Raises:
        UsageError: the library is not installed.
        OutputError: the file exists and `force` is False, or it cannot be written.
    """
    otio = _import_library(path)
    rate, origin = float(film.rate), 0 if film.timecode is None else film.timecode.frame

    def make_range(first: int, length: int) -> Any:
        time = otio.opentime.RationalTime
        return otio.opentime.TimeRange(time(origin + first, rate), time(length, rate))

    track = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    media_range = make_range(0, shots[-1].end)
    for number, shot in enumerate(shots, 1):
        if shot.mixed_frames:
            before = shot.mixed_frames // 2
            offsets = (before, shot.mixed_frames - before)
            in_offset, out_offset = (otio.opentime.RationalTime(n, rate) for n in offsets)
            track.append(
                otio.schema.Transition(
                    transition_type=otio.schema.TransitionTypes.SMPTE_Dissolve,
                    in_offset=in_offset,
                    out_offset=out_offset,
                )
            )
        media = otio.schema.ExternalReference(film.name, media_range)
        cut = shot.boundary if number > 1 else 0
        end = shots[number].boundary if number < len(shots) else shot.end
        clip = otio.schema.Clip(f"shot {number}", media, make_range(cut, end - cut))
        details = {"transition": shot.transition, "kind": shot.kind}
        clip.metadata[_METADATA] = {k: v for k, v in details.items() if v is not None}
        if film.reel is not None:
            clip.metadata[_EDL_METADATA] = {"reel": film.reel}
        track.append(clip)
    timeline = otio.schema.Timeline(film.name, tracks=[track])
    with atomic_output(path, force) as partial:
        partial.write_text(otio.adapters.write_to_string(timeline, "otio_json") + "\n", "utf-8")


def _read_details(path: Path, clip: Any) -> tuple[Any, ShotKind | None]:
    """Return the transition and the kind in the metadata of a clip."""
    details = clip.metadata.get(_METADATA)
    if not isinstance(details, Mapping):
        return "cut", None
    kind = details.get("kind")
    if kind is not None and kind not in get_args(ShotKind):
        kinds = ", ".join(get_args(ShotKind))
        raise UsageError(f"{path}: {clip.name!r}: kind must be one of {kinds}, got {kind!r}")
    return details.get("transition", "cut"), kind


def read_otio(path: Path, rate: Fraction | None) -> tuple[list[Shot], int]:
    """Return the shots of the first video track, without ends, and the number of its frames.

    The clips are placed one after the other, from frame 0. `rate` is that of the film, in frames
    per second; None for that of the timeline.

    Raises:
        InputError: the file cannot be read, or is no timeline, or a clip has no length.
        UsageError: the library is not installed, the track has no clip, or the kind of a clip is
            unknown.
    """
    otio = _import_library(path)
    text = read_text(path, "a timeline")
    try:
        timeline = otio.adapters.read_from_string(text, "otio_json")
        track = timeline.video_tracks()[0]
    except (otio.exceptions.OTIOError, AttributeError, IndexError, ValueError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{path}: not a timeline with a video track ({reason})") from None
    shots: list[Shot] = []
    first, mixed = 0, (0, 0)

    def count_frames(time: Any) -> int:
        value: float = (time if rate is None else time.rescaled_to(float(rate))).value
        return round(value)

    for item in track:
        if isinstance(item, otio.schema.Transition):
            mixed = count_frames(item.in_offset), count_frames(item.out_offset)
            continue
        try:
            length = count_frames(item.duration())
        except (otio.exceptions.OTIOError, NotImplementedError):
            raise InputError(
                f"{path}: {item.name!r} has no length; give it a source range"
            ) from None
        transition, kind = _read_details(path, item)
        transition = "dissolve" if sum(mixed) else transition
        if transition not in get_args(Transition) or transition == "start" or not shots:
            transition = "cut" if shots else "start"
        if length > 0:
            start = first - mixed[0] if shots else 0
            shots.append(Shot(start, 0, transition, sum(mixed) if shots else 0, kind))
        first, mixed = first + length, (0, 0)
    if not shots:
        raise UsageError(f"{path}: the video track has no clip; write one for each shot")
    return shots, first
