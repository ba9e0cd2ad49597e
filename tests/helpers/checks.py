"""Content of a film, read with PyAV alone, and assertions that compare source and result."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from vidcolor.film.api import FilmResult

PacketList = list[tuple[Fraction | None, str]]
"""PTS in seconds and SHA-256 of every packet."""
ATTACHED_PIC = 1024
"""FFmpeg's disposition flag of cover art."""


@dataclass
class StreamContent:
    """Packets and metadata of a stream other than the video."""

    kind: str
    codec: str
    language: str | None
    title: str | None
    disposition: int
    packets: PacketList = field(default_factory=list)


@dataclass
class FilmContent:
    """Everything in a film that a result must keep."""

    times: list[Fraction]
    """PTS of every decoded frame, in seconds."""
    frames: list[av.VideoFrame]
    streams: list[StreamContent]
    """All streams except the video."""
    chapters: list[tuple[float, float, str]]
    """Start and end in seconds, and title."""
    tags: dict[str, str]
    """Metadata of the container, with keys in lower case."""
    properties: dict[str, Any]
    """Size, pixel aspect, rotation, field order, interlacing, rate, language and timecode."""
    color: dict[str, int]
    """H.273 codes of range, matrix, primaries and transfer."""
    pix_fmt: str
    duration_s: float

    @property
    def bits(self) -> int:
        """Bit depth of the first plane."""
        return int(self.frames[0].format.components[0].bits)

    @property
    def luma(self) -> NDArray[Any]:
        """Code values of the luma plane, (N, H, W)."""
        return np.stack([copy_first_plane(f) for f in self.frames])

    def streams_of(self, kind: str) -> list[StreamContent]:
        """Return the streams of a kind: ``audio``, ``subtitle``, ``attachment`` and so on."""
        return [s for s in self.streams if s.kind == kind]


@dataclass
class ColorizedFilm:
    """A film before and after colorizing."""

    result: FilmResult
    path: Path
    before: FilmContent
    after: FilmContent

    def assert_same_luma(self, expected: NDArray[Any] | None = None) -> None:
        """Assert that the result has the luma of the source, or its exact value at more bits."""
        source = self.before.luma if expected is None else expected
        coding = self.result.plan.video.coding
        raised = raise_depth(source, coding.bits, self.after.bits, coding.full_range)
        np.testing.assert_array_equal(self.after.luma, raised)

    @property
    def shift_s(self) -> Fraction:
        """Seconds that were subtracted from the timestamps of the source."""
        plan = self.result.plan
        return plan.shift_pts * plan.video.time_base

    def assert_same_times(self, tolerance_s: float = 0.0) -> None:
        """Assert that every frame has the PTS of its source. Matroska may round to 1 ms."""
        before, after = self.before.times, self.after.times
        assert len(after) == len(before) == self.result.num_frames
        worst = max(abs(a - self.shift_s - b) for a, b in zip(before, after, strict=True))
        assert worst <= tolerance_s, f"maximum PTS error: {float(worst):.6f} s"

    def assert_same_streams(self, kind: str, tolerance_s: float = 0.0) -> None:
        """Assert that all streams of a kind have the same packets, PTS, language and title."""
        before, after = self.before.streams_of(kind), self.after.streams_of(kind)
        assert [(s.codec, s.language, s.title) for s in after] == [
            (s.codec, s.language, s.title) for s in before
        ]
        for a, b in zip(before, after, strict=True):
            assert [sha for _, sha in b.packets] == [sha for _, sha in a.packets]
            pairs = zip(a.packets, b.packets, strict=True)
            offsets = [abs(s - self.shift_s - t) for (s, _), (t, _) in pairs]
            assert max(offsets, default=0) <= tolerance_s


def raise_depth(luma: NDArray[Any], bits: int, new_bits: int, full_range: bool) -> NDArray[Any]:
    """Return luma at a higher bit depth, without vidcolor.

    Limited range is shifted (ITU-R BT.709). Full range maps white to white.
    """
    if full_range:
        scale = ((1 << new_bits) - 1) / ((1 << bits) - 1)
        return np.rint(luma * scale).astype(np.uint16 if new_bits > 8 else np.uint8)
    return luma.astype(np.uint16 if new_bits > 8 else np.uint8) << (new_bits - bits)


def copy_first_plane(frame: av.VideoFrame) -> NDArray[Any]:
    """Return a copy of the first plane as stored: the luma of planar Y'CbCr and of gray."""
    dtype = np.uint8 if frame.format.components[0].bits <= 8 else np.uint16
    plane = frame.planes[0]
    lines = np.frombuffer(plane, dtype).reshape(plane.height, -1)
    return lines[:, : plane.width].copy()


def read_film(path: Path) -> FilmContent:
    """Decode the video and collect the packets of all other streams."""
    options = {"probesize": "50000000", "analyzeduration": "60000000", "scan_all_pmts": "1"}
    with av.open(str(path), metadata_errors="replace", options=options) as container:
        video = next(s for s in container.streams.video if not s.disposition & ATTACHED_PIC)
        others = {s.index: _describe(s) for s in container.streams if s.index != video.index}
        frames: list[av.VideoFrame] = []
        for packet in container.demux():
            if packet.stream.index == video.index:
                frames += packet.decode()
            elif packet.size:
                pts = None if packet.pts is None else packet.pts * Fraction(packet.time_base)
                sha = hashlib.sha256(bytes(packet)).hexdigest()[:16]
                others[packet.stream.index].packets.append((pts, sha))
        context, first = video.codec_context, frames[0]
        return FilmContent(
            times=[f.pts * Fraction(video.time_base) for f in frames],
            frames=frames,
            streams=list(others.values()),
            chapters=[
                (
                    float(c["start"] * Fraction(c["time_base"])),
                    float(c["end"] * Fraction(c["time_base"])),
                    c["metadata"].get("title", ""),
                )
                for c in container.chapters()
            ],
            tags={k.lower(): v for k, v in container.metadata.items()},
            properties={
                "size": (first.width, first.height),
                "sar": Fraction(video.sample_aspect_ratio or 1),
                "matrix": _display_matrix(first),
                "field_order": max(1, int(context.field_order)),
                "interlaced": (bool(first.interlaced_frame), _is_top_field_first(first)),
                "rate": Fraction(video.average_rate or 0),
                "language": video.metadata.get("language", "und"),
                "timecode": {k.lower(): v for k, v in video.metadata.items()}.get("timecode"),
            },
            color={
                "range": int(first.color_range),
                "matrix": int(first.colorspace),
                "primaries": int(first.color_primaries),
                "transfer": int(first.color_trc),
            },
            pix_fmt=first.format.name,
            duration_s=(container.duration or 0) / av.time_base,
        )


def _describe(stream: av.stream.Stream) -> StreamContent:
    metadata = {k.lower(): v for k, v in stream.metadata.items()}
    codec = stream.codec_context.codec.canonical_name if stream.codec_context else "none"
    title = metadata.get("title") or metadata.get("name") or metadata.get("filename")
    language = None if metadata.get("language") == "und" else metadata.get("language")
    return StreamContent(stream.type or "data", codec, language, title, int(stream.disposition))


def _display_matrix(frame: av.VideoFrame) -> list[int] | None:
    matrix = frame.side_data.get(av.sidedata.sidedata.Type.DISPLAYMATRIX)
    return None if matrix is None else [int(v) for v in np.frombuffer(bytes(matrix), np.int32)]


def _is_top_field_first(frame: av.VideoFrame) -> bool:
    return bool(frame.interlaced_frame) and bool(getattr(frame, "top_field_first", True))
