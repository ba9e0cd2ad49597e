"""Durations and ends of films as their headers declare them."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av

from vidcolor.media.demux import allows_discontinuities

if TYPE_CHECKING:
    from collections.abc import Iterator


def get_container_duration_s(container: av.container.InputContainer) -> float | None:
    """Return the duration of a container in seconds; None if unknown."""
    return container.duration / av.time_base if container.duration else None


def get_stream_duration_s(stream: av.VideoStream) -> float | None:
    """Return the duration of a video stream in seconds; None if unknown."""
    if duration := _read_duration_s(stream):
        return duration
    end = _read_duration_tag_s(stream)
    # Matroska writers state the end or the length.
    start = _start_s(stream)
    return end - start if end is not None and end > start else end


def find_declared_ends_s(
    container: av.container.InputContainer, stream: av.VideoStream
) -> tuple[float, ...]:
    """Return the possible ends of a video stream in seconds, the earliest first; empty if unknown.

    The duration in a header counts from 0 in some files and from the first timestamp in others.
    Without a duration of the stream, they are the ends of the longest stream.
    """
    flag: Any = av.format.Flags.no_timestamps.value
    # FFmpeg estimates these durations from the size or from the last timestamps.
    if allows_discontinuities(container) or container.format.flags & flag:
        return ()
    return tuple(sorted(set(_list_ends_s(container, stream))))


def _list_ends_s(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[float]:
    exact = _start_s(stream), _read_duration_s(stream)
    # Matroska's tag may come from another file, so the duration of the container limits it.
    tag = _start_s(stream), _read_duration_tag_s(stream)
    total = (container.start_time or 0) / av.time_base, get_container_duration_s(container)
    for start, duration in (exact,) if exact[1] else (tag, total):
        if duration is not None:
            yield start + duration
            if start < duration:
                yield duration


def _start_s(stream: av.VideoStream) -> float:
    return float((stream.start_time or 0) * Fraction(stream.time_base or 0))


def _read_duration_s(stream: av.VideoStream) -> float | None:
    """Return the duration in the header of the stream."""
    ticks, kind = stream.duration, stream.container.format.name
    if kind == "asf":  # It is the duration of the file.
        return None
    if kind == "avi":  # FFmpeg reduces it in proportion to the size of a truncated file.
        ticks = max(ticks or 0, stream.frames)
    return float(ticks * Fraction(stream.time_base or 0)) if ticks else None


def _read_duration_tag_s(stream: av.VideoStream) -> float | None:
    """Return the time in Matroska's tag, such as 00:01:02.345000000."""
    try:
        hours, minutes, seconds = map(float, stream.metadata.get("DURATION", "").split(":"))
    except ValueError:
        return None
    return hours * 3600 + minutes * 60 + seconds or None
