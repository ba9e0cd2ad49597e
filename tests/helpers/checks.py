"""What a film holds, read by means of PyAV alone, to be compared before and after."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from vidcolor.color.ycbcr import Coding, change_depth

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from vidcolor.film.pipeline import FilmResult

Packets = list[tuple[Fraction | None, str]]
"""Time in seconds and SHA-256 of every packet."""


@dataclass
class Company:
    """One stream beside the picture."""

    kind: str
    codec: str
    language: str | None
    title: str | None
    disposition: int
    packets: Packets = field(default_factory=list)


@dataclass
class Film:
    """Everything that must survive."""

    times: list[Fraction]
    """Of every decoded frame, in seconds."""
    frames: list[av.VideoFrame]
    company: list[Company]
    chapters: list[tuple[float, float, str]]
    tags: dict[str, str]
    shape: dict[str, Any]
    """Size, pixel aspect, rotation, field order, interlacing, rate."""
    color: dict[str, int]
    pix_fmt: str
    duration_s: float

    @property
    def bits(self) -> int:
        """Depth of the first plane."""
        return int(self.frames[0].format.components[0].bits)

    @property
    def luma(self) -> NDArray[Any]:
        """(N, H, W) codes of the luma plane."""
        return np.stack([first_plane(f) for f in self.frames])

    def of(self, kind: str) -> list[Company]:
        return [c for c in self.company if c.kind == kind]


@dataclass
class Outcome:
    """A film before and after it was colored."""

    result: FilmResult
    path: Path
    before: Film
    after: Film

    def expect_same_luma(self, expected: NDArray[Any] | None = None) -> None:
        """The result's luma is the source's, bit for bit; raised where the result is deeper."""
        source = self.before.luma if expected is None else expected
        coding = self.result.plan.video.coding
        raised = change_depth(source, Coding(coding.bits, coding.full_range), self.after.bits)
        np.testing.assert_array_equal(self.after.luma, raised)

    def expect_same_times(self, tolerance_s: float = 0.0) -> None:
        """Every frame has its own time stamp; Matroska may round to 1 ms."""
        before, after = self.before.times, self.after.times
        assert len(after) == len(before) == self.result.num_frames
        worst = max(abs(a - b) for a, b in zip(before, after, strict=True))
        assert worst <= tolerance_s, f"{float(worst):.6f} s off"

    def expect_same_streams(self, kind: str, tolerance_s: float = 0.0) -> None:
        """All streams of a kind: packets, time stamps, language, title."""
        before, after = self.before.of(kind), self.after.of(kind)
        assert [(c.codec, c.language, c.title) for c in after] == [
            (c.codec, c.language, c.title) for c in before
        ]
        for a, b in zip(before, after, strict=True):
            assert [sha for _, sha in b.packets] == [sha for _, sha in a.packets]
            offs = [abs(s - t) for (s, _), (t, _) in zip(a.packets, b.packets, strict=True)]
            assert max(offs, default=0) <= tolerance_s


def first_plane(frame: av.VideoFrame) -> NDArray[Any]:
    """The first plane as stored, a copy: luma of planar Y'CbCr and of gray."""
    dtype = np.uint8 if frame.format.components[0].bits <= 8 else np.uint16
    plane = frame.planes[0]
    rows = np.frombuffer(plane, dtype).reshape(plane.height, -1)
    return rows[:, : plane.width].copy()


def read_film(path: Path) -> Film:
    """Decode the picture, collect the packets of all else."""
    with av.open(str(path), metadata_errors="replace") as container:
        picture = next(s for s in container.streams.video if not s.disposition & 1024)
        company = {s.index: _describe(s) for s in container.streams if s.index != picture.index}
        frames: list[av.VideoFrame] = []
        for packet in container.demux():
            if packet.stream.index == picture.index:
                frames += packet.decode()
            elif packet.size:
                stamp = None if packet.pts is None else packet.pts * Fraction(packet.time_base)
                sha = hashlib.sha256(bytes(packet)).hexdigest()[:16]
                company[packet.stream.index].packets.append((stamp, sha))
        context, first = picture.codec_context, frames[0]
        return Film(
            times=[f.pts * Fraction(picture.time_base) for f in frames],
            frames=frames,
            company=list(company.values()),
            chapters=[
                (
                    float(c["start"] * Fraction(c["time_base"])),
                    float(c["end"] * Fraction(c["time_base"])),
                    c["metadata"].get("title", ""),
                )
                for c in container.chapters()
            ],
            tags={k.lower(): v for k, v in container.metadata.items()},
            shape={
                "size": (first.width, first.height),
                "sar": Fraction(picture.sample_aspect_ratio or 1),
                "matrix": _matrix(first),
                "field_order": max(1, int(context.field_order)),
                "interlaced": (bool(first.interlaced_frame), _top_first(first)),
                "rate": Fraction(picture.average_rate or 0),
                "language": picture.metadata.get("language", "und"),
                "timecode": {k.lower(): v for k, v in picture.metadata.items()}.get("timecode"),
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


def _describe(stream: av.stream.Stream) -> Company:
    meta = {k.lower(): v for k, v in stream.metadata.items()}
    codec = stream.codec_context.codec.canonical_name if stream.codec_context else "none"
    title = meta.get("title") or meta.get("name") or meta.get("filename")
    language = None if meta.get("language") == "und" else meta.get("language")
    return Company(stream.type or "data", codec, language, title, int(stream.disposition))


def _matrix(frame: av.VideoFrame) -> list[int] | None:
    side = frame.side_data.get(av.sidedata.sidedata.Type.DISPLAYMATRIX)
    return None if side is None else [int(v) for v in np.frombuffer(bytes(side), np.int32)]


def _top_first(frame: av.VideoFrame) -> bool:
    return bool(frame.interlaced_frame) and bool(getattr(frame, "top_field_first", True))
