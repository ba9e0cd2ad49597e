"""Parts of a film's picture: each encoded by itself, then put one behind another as packets.

A part is a small film with nothing but pictures. Only the order of its pictures counts: what they
are stamped with in the end is what the source says, tick by tick.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import av
from av.bitstream import BitStreamFilterContext

from vidcolor.errors import OutputError, UsageError
from vidcolor.media.encode import EncoderPlan
from vidcolor.media.encoder_probe import EncoderRefusedError, probe_encoder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from vidcolor.media.probe import VideoInfo
    from vidcolor.media.writer import FilmWriter

_PART_MUXERS = ("mp4", "mov", "matroska")
"""The first that holds an encoder's pictures is taken: FFV1 goes in MP4 alone, ProRes in MOV. NUT
would hold all, but its packets come back with other time stamps."""
_AS_ENCODED = {
    "h264": "h264_mp4toannexb,filter_units=remove_types=7|8",
    "hevc": "hevc_mp4toannexb,filter_units=remove_types=32-34",
}
"""Bit stream filters that undo what MP4 makes of packets: start codes became lengths; the first
filter also puts the parameter sets, which stand in the header, into the stream."""
_LENGTHS = b"\x01"
"""How a header begins (ISO/IEC 14496-15) whose packets have lengths instead of start codes."""
_SUFFIXES = {"mp4": ".mp4", "mov": ".mov", "matroska": ".mkv", "mxf": ".mxf"}


@dataclass(frozen=True, slots=True)
class Part:
    """Some of a film's pictures, in a file of their own."""

    path: Path
    first: int
    """Number of the first picture."""
    last: int
    """Number of the picture after the last one."""
    depth: int
    """See `reordering`."""


def part_encoder(plan: EncoderPlan, video: VideoInfo) -> EncoderPlan:
    """How parts are written, so that their packets can go into the container that `plan` names.

    Raises:
        UsageError: no container that parts can be kept in takes the encoder's pictures.
    """
    muxers = ("mxf",) if plan.muxer == "mxf" else _PART_MUXERS
    refusals = []
    for muxer in muxers:
        part = replace(plan, muxer=muxer, warnings=())
        try:
            probe_encoder(part, video)
        except EncoderRefusedError as refusal:
            refusals.append(str(refusal))
        else:
            return part
    raise UsageError(refusals[0])


def part_suffix(plan: EncoderPlan) -> str:
    """What the names of parts end with."""
    return _SUFFIXES[plan.muxer]


def reordering(path: Path) -> tuple[int, int]:
    """How a part's pictures lie in their file.

    Returns:
        How many there are; and by how many places the most delayed one lies behind where it would
        lie if pictures were stored in the order of display.

    Raises:
        OutputError: the part cannot be read back.
    """
    ranks = _ranks(path)
    depth = max((place - rank for place, rank in enumerate(ranks)), default=0)
    return len(ranks), max(0, depth)


def _ranks(path: Path) -> Sequence[int]:
    """For each picture, in the order of the file, how many are shown before it."""
    stamps = array("q", (int(packet.pts or 0) for packet in _packets(path)))
    order = sorted(range(len(stamps)), key=stamps.__getitem__)
    ranks = array("q", bytes(8 * len(stamps)))
    for rank, place in enumerate(order):
        ranks[place] = rank
    return ranks


def _packets(path: Path) -> Iterator[av.Packet[Any]]:
    """The pictures of a part, as its encoder made them."""
    try:
        with av.open(str(path.absolute())) as container:
            stream = container.streams.video[0]
            filters = _AS_ENCODED.get(stream.codec_context.name)
            extradata = stream.codec_context.extradata or b""
            as_encoded = None
            if filters is not None and extradata[:1] == _LENGTHS:
                as_encoded = BitStreamFilterContext(filters, stream)
            for packet in container.demux(stream):
                if packet.size:
                    yield from as_encoded.filter(packet) if as_encoded else (packet,)
    except av.FFmpegError as error:
        raise OutputError(f"{path}: cannot be read back ({error.strerror})") from error


def join_parts(
    writer: FilmWriter, parts: Sequence[Part], pts: Sequence[int], end_pts: int
) -> Iterator[int]:
    """Copy the pictures of all parts into a film.

    Each is stamped as its number says. Pictures are decoded in the order in which they lie; their
    decoding times are the film's time stamps in order, late by as many pictures as the most
    reordered part needs.

    Args:
        writer: of the film; the caller finishes it.
        parts: in order, from the film's first picture to its last.
        pts: of every picture, rising, in the source's time base.
        end_pts: when the last picture ends, likewise.

    Yields:
        How many pictures have been copied, after each.

    Raises:
        OutputError: a part holds another number of pictures than it should, or the film cannot be
            written.
    """
    depth = max((part.depth for part in parts), default=0)
    step = pts[1] - pts[0] if len(pts) > 1 else max(1, end_pts - pts[0])
    place = 0
    for part in parts:
        ranks = _ranks(part.path)
        if len(ranks) != part.last - part.first or place != part.first:
            raise OutputError(
                f"{part.path}: holds {len(ranks)} pictures instead of {part.last - part.first}"
            )
        for rank, packet in zip(ranks, _packets(part.path), strict=True):
            number = part.first + rank
            decoded = pts[place - depth] if place >= depth else pts[0] - (depth - place) * step
            after = pts[number + 1] if number + 1 < len(pts) else end_pts
            writer.copy(packet, pts[number], decoded, after - pts[number])
            place += 1
            yield place
    if place != len(pts):
        raise OutputError(f"the parts hold {place} pictures, and the film has {len(pts)}")
