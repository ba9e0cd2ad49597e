"""Films with a beep at every flash, their edit lists, and the times of beeps and flashes."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from tests.helpers.clips import ffmpeg

_FLASH = "lt(mod(t\\,1)\\,0.039)*gt(t\\,0.5)"
_BEEP = "0.8*sin(2*PI*1000*t)*lt(mod(t,1),0.05)*gt(t,0.5)"
_MIN_PAUSE_S = 0.3


def make_sync_film(path: Path, *options: str, duration_s: float = 1.6) -> Path:
    """Write a gray film of 25 frames per second that flashes and beeps at 1 s, 2 s and so on.

    `options` are those of ffmpeg's output.
    """
    video = f"color=c=0x303030:s=96x64:r=25:d={duration_s},noise=alls=20:allf=t,hue=s=0"
    ffmpeg(
        *("-f", "lavfi", "-i", f"{video},drawbox=c=white:t=fill:enable='{_FLASH}'"),
        *("-f", "lavfi", "-i", f"aevalsrc='{_BEEP}':s=48000:d={duration_s}"),
        *("-pix_fmt", "yuv420p", *options, str(path)),
    )
    return path


def find_onsets(path: Path) -> tuple[list[float], list[float]]:
    """Return the times at which flashes and beeps begin, in seconds of the file's timestamps."""
    with av.open(str(path)) as film:
        flashes = [
            float(frame.pts * frame.time_base)
            for frame in film.decode(video=0)
            if frame.to_ndarray(format="gray").mean() > 150
        ]
    beeps: list[float] = []
    with av.open(str(path)) as film:
        for frame in _decode_audio(film):
            channels = frame.layout.nb_channels
            samples = frame.to_ndarray().astype(float).reshape(-1, frame.samples, order="F")
            scale = {"s16": 1 << 15, "s32": 1 << 31}.get(frame.format.name.removesuffix("p"), 1)
            assert len(samples) == channels
            loud = np.flatnonzero(np.abs(samples[0]) / scale > 0.25)
            beeps += (float(frame.pts * frame.time_base) + loud / frame.sample_rate).tolist()
    return _find_starts(flashes), _find_starts(beeps)


def _decode_audio(film: av.container.InputContainer) -> Iterator[av.AudioFrame]:
    for packet in film.demux(audio=0):
        with contextlib.suppress(av.InvalidDataError):  # The first packet may be incomplete.
            yield from packet.decode()


def _find_starts(times: list[float]) -> list[float]:
    previous = [float("-inf"), *times]
    return [t for t, before in zip(times, previous, strict=False) if t - before > _MIN_PAUSE_S]


def set_edit_list(source: Path, target: Path, edits: list[tuple[int, int]]) -> Path:
    """Copy an MP4 or MOV file and give every track an edit list.

    Args:
        source: a file in which each track has an edit list of one entry.
        target: the copy.
        edits: duration and start in the media of each entry, in milliseconds; start -1 for a pause.
    """
    data = source.read_bytes()
    (moov,) = (box for box in _boxes(data, 0, len(data)) if box[0] == b"moov")
    start, end = moov[1:]
    header = data.find(b"mvhd", start)
    (movie_scale,) = struct.unpack_from(">I", data, header + 16)
    tracks = b"".join(
        _edit_track(data[s:e], movie_scale, edits) if kind == b"trak" else data[s:e]
        for kind, s, e in _boxes(data, start + 8, end)
    )
    assert end == len(data), "the index must be at the end, so that no offset changes"
    target.write_bytes(data[:start] + _make_box(b"moov", tracks))
    return target


def _edit_track(track: bytes, movie_scale: int, edits: list[tuple[int, int]]) -> bytes:
    header = track.find(b"mdhd")
    (scale,) = struct.unpack_from(">I", track, header + 16)
    (media_start,) = struct.unpack_from(">i", track, track.find(b"elst") + 16)
    entries = [
        struct.pack(
            ">IiI",
            duration * movie_scale // 1000,
            -1 if start < 0 else max(0, media_start) + start * scale // 1000,
            0x10000,
        )
        for duration, start in edits
    ]
    edit_list = _make_box(b"elst", struct.pack(">II", 0, len(entries)) + b"".join(entries))
    return _make_box(
        b"trak",
        b"".join(
            _make_box(b"edts", edit_list) if kind == b"edts" else track[s:e]
            for kind, s, e in _boxes(track, 8, len(track))
        ),
    )


def _make_box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content) + 8, kind) + content


def _boxes(data: bytes, start: int, end: int) -> list[tuple[bytes, int, int]]:
    boxes = []
    while start < end:
        size, kind = struct.unpack_from(">I4s", data, start)
        boxes.append((kind, start, start + size))
        start += size
    return boxes
