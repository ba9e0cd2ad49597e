"""Concatenation of separately encoded segments of a film's video by packet copy.

A segment file contains video only. Its timestamps define only the order of its frames, because
concatenation replaces them by those of the source.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.bitstream import BitStreamFilterContext

from vidcolor.errors import OutputError, UsageError
from vidcolor.media.encode import EncoderPlan, EncoderRejectedError, probe_encoder
from vidcolor.media.encoders import find_restoring_filter
from vidcolor.media.input_formats import list_whitelists

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from vidcolor.media.probe import VideoInfo
    from vidcolor.media.writer import VideoWriter

_MAX_KEPT_BYTES = 32 << 20
"""Size of a segment in bytes up to which its packets are kept, because opening it again takes
longer."""
_LENGTH_PREFIXED = b"\x01"
"""First byte of extradata if packets have length prefixes (ISO/IEC 14496-15)."""


@dataclass(frozen=True, slots=True)
class EncodedSegment:
    """A file with the frames `start` to `end - 1` of a film."""

    path: Path
    start: int
    end: int
    reorder_depth: int
    """Maximum delay of a frame by B-frames, in frames; see `measure_reordering`."""


def plan_segment_encoder(plan: EncoderPlan, video: VideoInfo) -> EncoderPlan:
    """Choose a container for segments whose packets will be copied into the container of `plan`.

    Raises:
        UsageError: no segment container supports the encoder.
    """
    rejections = []
    for muxer in plan.container.segment_muxers:
        segment_plan = replace(plan, muxer=muxer, warnings=())
        try:
            probe_encoder(segment_plan, video)
        except EncoderRejectedError as rejection:
            rejections.append(str(rejection))
        else:
            return segment_plan
    raise UsageError(rejections[0])  # that of the preferred container


def measure_reordering(path: Path) -> tuple[int, int]:
    """Count the frames of a segment and measure how far B-frames delay them.

    Returns:
        The number of frames, and the reorder depth: the maximum number of positions by which a
        frame is stored after its position in presentation order.

    Raises:
        OutputError: the segment cannot be read.
    """
    ranks = _rank_frames(_demux_segment(path))
    return len(ranks), int(np.max(np.arange(len(ranks)) - ranks, initial=0))


def _rank_frames(packets: Iterable[av.Packet[Any]]) -> NDArray[np.int64]:
    """Return for each packet in file order the number of frames that are presented before it."""
    pts = np.fromiter((packet.pts or 0 for packet in packets), np.int64)
    # The inverse of the order of presentation, which is a permutation.
    return np.argsort(np.argsort(pts, kind="stable"))


def _read_segment(
    path: Path, is_self_contained: bool
) -> tuple[NDArray[np.int64], Iterable[av.Packet[Any]]]:
    """Return the ranks of the packets of a segment, and the packets; see `_demux_segment`."""
    if path.stat().st_size > _MAX_KEPT_BYTES:
        return _rank_frames(_demux_segment(path)), _demux_segment(path, is_self_contained)
    packets = [*_demux_segment(path, is_self_contained)]
    return _rank_frames(packets), packets


def _demux_segment(path: Path, is_self_contained: bool = False) -> Iterator[av.Packet[Any]]:
    """Yield the video packets as encoded; if self-contained, with the header's parameter sets."""
    try:
        with av.open(str(path.absolute()), options=list_whitelists()) as container:
            stream = container.streams.video[0]
            filters = find_restoring_filter(stream.codec_context.name)
            extradata = stream.codec_context.extradata or b""
            bitstream_filter = None
            if is_self_contained:
                filters = filters.partition(",")[0]
            if filters and extradata[:1] == _LENGTH_PREFIXED:
                bitstream_filter = BitStreamFilterContext(filters, stream)
            for packet in container.demux(stream):
                if packet.size:
                    yield from bitstream_filter.filter(packet) if bitstream_filter else (packet,)
    except av.FFmpegError as error:
        raise OutputError(
            f"{path}: cannot read segment ({error.strerror}); delete the file and try again"
        ) from error


def concat_segments(
    writer: VideoWriter, segments: Sequence[EncodedSegment], pts: Sequence[int], end_pts: int
) -> Iterator[int]:
    """Copy the packets of all segments of a film; yield the number of copied frames after each.

    Every packet gets the PTS of its frame number: `pts`, rising, and `end_pts` of the last frame
    are in the source's time base. Packets are copied in decoding order. Their DTS are the sorted
    PTS of the film, delayed by the maximum reorder depth. The caller finishes the writer.

    Raises:
        OutputError: a segment has a wrong number of frames, or the film cannot be written.
    """
    depth = max((segment.reorder_depth for segment in segments), default=0)
    step = pts[1] - pts[0] if len(pts) > 1 else max(1, end_pts - pts[0])
    position = 0
    for segment in segments:
        ranks, packets = _read_segment(segment.path, not writer.has_global_header)
        if len(ranks) != segment.end - segment.start or position != segment.start:
            raise OutputError(
                f"{segment.path}: expected {segment.end - segment.start} frames, got {len(ranks)}; "
                "delete the file and try again"
            )
        for rank, packet in zip(ranks, packets, strict=True):
            number = segment.start + int(rank)
            # The first packets need DTS before the first PTS, which are extrapolated.
            dts = pts[position - depth] if position >= depth else pts[0] - (depth - position) * step
            next_pts = pts[number + 1] if number + 1 < len(pts) else end_pts
            writer.write_packet(packet, pts[number], dts, next_pts - pts[number])
            position += 1
            yield position
    if position != len(pts):
        raise OutputError(f"the segments contain {position} frames, and the film has {len(pts)}")
