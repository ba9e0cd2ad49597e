"""Demuxing: opening of media files, and reading of packets despite errors and discontinuities."""

from __future__ import annotations

import codecs
import contextlib
import mmap
import re
import struct
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import av
from av.codec.context import Flags

from vidcolor.errors import InputError
from vidcolor.fileio import check_source
from vidcolor.media.animations import convert_animation, find_converted_format
from vidcolor.media.clocks import DiscontinuityCorrector
from vidcolor.media.input_formats import describe_list, list_whitelists
from vidcolor.media.matroska import is_chained

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_CONSECUTIVE_ERRORS = 200
"""Number of consecutive errors after which reading of a file ends."""
_MAX_STREAM_OFFSET_S = 60
"""Maximum time from the start of a recording to that of its video, in seconds: FFmpeg probes no
more. A stream that begins earlier has another clock."""
MAX_KEPT_START_S = 10
"""Maximum start time of a film that its result keeps, in seconds."""
PROBE_SIZE = 50_000_000
"""Number of bytes within which every stream must begin. FFmpeg's default is 5 MB, but the first
subtitle of a DVD often comes later."""
PROBE_OPTIONS = {"probesize": str(PROBE_SIZE), "analyzeduration": "60000000"}
"""FFmpeg's options of every input; the duration is in microseconds. Formats whose header lists all
streams are not read further than necessary."""
_OPEN_OPTIONS: dict[str, Any] = {"metadata_errors": "windows-1252"} if av.__version__ < "19" else {}
"""Arguments of `av.open`. PyAV 19 replaces faulty metadata by default."""
_DEMUXER_OPTIONS = {"scan_all_pmts": "1"}
"""FFmpeg's option for transport streams whose later program maps add streams. The ffmpeg command
sets it itself."""
_MAX_PRIMING_S = Fraction(1, 20)
"""Duration of the start of audio up to which hidden packets are its encoder delay, in seconds."""
_MAX_PRIMING_SAMPLES = 2112
"""Encoder delay of AAC encoders, in samples. At low sample rates it exceeds `_MAX_PRIMING_S`."""
_OPUS_HEADER, _OPUS_RATE = struct.Struct("<8s2xH"), 48000
"""Start of the header of Opus (RFC 7845, 5.1): signature and pre-skip, in samples of this rate."""
_MATROSKA = "matroska,webm"
"""FFmpeg's name of the demuxer."""
_FLV_START = re.compile(rb"FLV\x01[\x01\x04\x05]\0\0\0\x09\0\0\0\0")
"""First bytes of an FLV file (Adobe Flash Video, E.2)."""
_RAW_DV = ("avi", "dv")
"""FFmpeg's demuxers that read DV frame by frame."""
_TEXT_DEMUXERS = ("tty", "bin", "xbin", "adf", "idf")
"""FFmpeg's demuxers for ANSI text and text art. They accept nearly any file."""


_DAMAGE_MESSAGES = {
    "bad_packets": "{} packet(s) could not be decoded; frames are missing",
    "corrupt_frames": "{} frame(s) are corrupt in the source",
    "missing_s": "the video ends at least {:.1f} s before its declared end; check whether the file "
    "is truncated",
    "missing_bytes": "the file is truncated: at least {} byte(s) are missing at its end",
    "repaired_timestamps": "{} timestamp(s) were missing or repeated; repaired",
    "discontinuities": "the timestamps jump {} time(s); all recordings and programs were moved "
    "to one timeline",
    "has_late_streams": f"a stream begins after the first {PROBE_SIZE // 10**6} MB and was not "
    "kept; to keep it, first run: ffmpeg -probesize 2G -analyzeduration 2G -i … -map 0 -c copy "
    "copy.mkv",
    "has_second_film": "another film follows in the file and was not read; split the file, which "
    "consists of several joined ones",
}
"""Messages by attribute of `DamageReport`."""


def _decode_windows_1252(error: UnicodeError) -> tuple[str, int]:
    """Decode the bytes of a tag that are not UTF-8, as AVI files often contain."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error("windows-1252", _decode_windows_1252)


@dataclass(slots=True)
class DamageReport:
    """Errors that were found in a source while it was read."""

    bad_packets: int = 0
    """Number of packets that could not be demuxed or decoded."""
    corrupt_frames: int = 0
    """Number of frames that the decoder flagged as corrupt."""
    repaired_timestamps: int = 0
    """Number of frames whose PTS was missing or did not rise."""
    discontinuities: int = 0
    """Number of jumps of the timestamps, as in concatenated recordings."""
    has_late_streams: bool = False
    """Whether streams begin behind the part that was probed."""
    has_second_film: bool = False
    """Whether another film follows in the file, which FFmpeg does not read."""
    missing_s: float = 0.0
    """Time between the actual and the declared end of the film, in seconds."""
    missing_bytes: int = 0
    """Number of bytes that a truncated file lacks; 0 if its format does not declare a size."""
    messages: list[str] = field(default_factory=list)
    """Descriptions of further damage."""

    @property
    def is_damaged(self) -> bool:
        """Whether frames were lost or corrupted. Repaired timestamps alone do not count."""
        is_incomplete = self.missing_s or self.missing_bytes or self.has_second_film
        return bool(self.bad_packets or self.corrupt_frames or is_incomplete or self.messages)

    def describe(self) -> list[str]:
        """Return one message for each kind of damage."""
        counts = {name: getattr(self, name) for name in _DAMAGE_MESSAGES}
        if self.missing_bytes:  # the cause of the missing time
            counts["missing_s"] = 0
        counted = (_DAMAGE_MESSAGES[name].format(count) for name, count in counts.items() if count)
        return [*self.messages, *counted]


def open_input(path: Path) -> av.container.InputContainer:
    """Open a media file for reading.

    Raises:
        InputError: it is not a file, FFmpeg cannot open it, or FFmpeg takes it for text.
    """
    check_source(path)
    if path.is_dir():
        raise InputError(f"{path}: is a directory; name a video file in it")
    if not path.stat().st_size:
        raise InputError(f"{path}: is empty; get a complete copy")
    try:
        container = _open(path, {})
        if _has_empty_edit_list(container):
            container.close()
            container = _open(path, {"advanced_editlist": "0"})
    except av.FFmpegError as error:
        if kind := describe_list(path):
            raise InputError(f"{path}: is {kind}, not a video; name the video file") from None
        raise InputError(
            f"{path}: not a video that FFmpeg can read ({error.strerror}); "
            "check that the file is complete"
        ) from error
    except OSError as error:
        raise InputError(f"{path}: cannot open file ({error.strerror or error})") from error
    if container.format.name in _TEXT_DEMUXERS:
        container.close()
        raise InputError(f"{path}: not a video but a text file; name a video file")
    for stream in container.streams.video:
        # Otherwise FFmpeg keeps columns that a bitstream crops from the left edge.
        if stream.codec_context is not None:
            stream.codec_context.flags |= Flags.unaligned
    return container


def _open(path: Path, options: dict[str, str]) -> av.container.InputContainer:
    # FFmpeg would read the relative name "a:b.mkv" as a URL of protocol "a".
    source = convert_animation(path) if find_converted_format(path) else path
    name = str(source.absolute())
    options = list_whitelists() | PROBE_OPTIONS | _DEMUXER_OPTIONS | options
    container: av.container.InputContainer = av.open(name, options=options, **_OPEN_OPTIONS)
    return container


def _has_empty_edit_list(container: av.container.InputContainer) -> bool:
    """Return whether the edit list of MP4 or MOV has the duration 0, which players ignore."""
    is_mp4 = container.format.name.startswith("mov")
    return is_mp4 and any(s.frames and s.duration == 0 for s in container.streams.video)


def find_video_stream(container: av.container.InputContainer, path: Path) -> av.VideoStream:
    """Return the largest video stream that FFmpeg can decode and that is not cover art.

    Raises:
        InputError: the file has no such stream.
    """
    videos = [s for s in container.streams.video if not is_cover_art(s)]
    candidates = [s for s in videos if s.codec_context is not None]
    if videos and not candidates:
        raise InputError(
            f"{path}: FFmpeg has no decoder for this video; convert it with the program that "
            "recorded it"
        )
    if not candidates:
        kinds = sorted({"cover art" if s.type == "video" else s.type for s in container.streams})
        kinds = kinds or ["no streams"]
        raise InputError(f"{path}: no video stream to colorize (found: {', '.join(kinds)})")
    return max(
        candidates, key=lambda s: (s.codec_context.width or 0) * (s.codec_context.height or 0)
    )


def is_cover_art(stream: av.stream.Stream) -> bool:
    """Return whether a video stream is cover art (FFmpeg's "attached picture")."""
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def is_raw_dv(container: av.container.InputContainer, stream: av.VideoStream) -> bool:
    """Return whether FFmpeg's demuxer reads properties of DV from each frame.

    These are the pixel aspect ratio, and the sample rate of the audio.
    """
    context = stream.codec_context
    return context is not None and context.name == "dvvideo" and container.format.name in _RAW_DV


def seek_before(
    container: av.container.InputContainer,
    stream: av.stream.Stream,
    time_s: Fraction | None,
    margin_s: int,
) -> None:
    """Seek near a time, if the format has continuous timestamps. This saves time only."""
    if time_s is None or not stream.time_base or allows_discontinuities(container):
        return
    pts = int((time_s - margin_s) / Fraction(stream.time_base))
    if pts > (stream.start_time or 0):
        with contextlib.suppress(av.FFmpegError):  # Raw streams are not seekable.
            container.seek(pts, stream=stream, backward=True)


def allows_discontinuities(container: av.container.InputContainer) -> bool:
    """Return whether timestamps may jump within the file.

    This is true of MPEG program and transport streams, as on DVDs (FFmpeg's `AVFMT_TS_DISCONT`),
    and of joined Matroska files.
    """
    flag: Any = av.format.Flags.ts_discont.value
    if container.format.flags & flag:
        return True
    return container.format.name == _MATROSKA and is_chained(Path(container.name))


def find_origin_s(container: av.container.InputContainer) -> Fraction:
    """Return the timestamp that becomes 0 in a result, in seconds.

    The clock of MPEG program and transport streams, and of recordings of live streams, starts
    anywhere. Other films may start some seconds after 0, which is kept. Only the encoder delay of
    audio stays before 0, where MP4 hides packets.
    """
    start_s = Fraction(container.start_time or 0, av.time_base)
    if allows_discontinuities(container):
        return _find_first_recording_start_s(container, start_s)
    starts_before_zero = any(map(_starts_before_zero, container.streams))
    return start_s if starts_before_zero or start_s > MAX_KEPT_START_S else Fraction(0)


def _starts_before_zero(stream: av.stream.Stream) -> bool:
    """Return whether a part of a stream that players present has negative timestamps."""
    start_s = (stream.start_time or 0) * Fraction(stream.time_base or 0)
    max_priming_s = find_max_priming_s(stream) if stream.type == "audio" else 0
    return stream.type in ("video", "audio") and start_s < -max_priming_s


def find_max_priming_s(stream: av.stream.Stream) -> Fraction:
    """Return the maximum duration of the encoder delay at the start of audio, in seconds.

    Decoders drop the encoder delay that the header of Opus states, so all of it must be copied.
    """
    context: Any = stream.codec_context
    if context is None or stream.type != "audio" or not context.sample_rate:
        return _MAX_PRIMING_S
    delay_s = Fraction(_MAX_PRIMING_SAMPLES, context.sample_rate)
    header = context.extradata or b""
    if header.startswith(b"OpusHead") and len(header) >= _OPUS_HEADER.size:
        delay_s = max(delay_s, Fraction(_OPUS_HEADER.unpack_from(header)[1], _OPUS_RATE))
    return max(_MAX_PRIMING_S, delay_s)


def _find_first_recording_start_s(
    container: av.container.InputContainer, start_s: Fraction
) -> Fraction:
    """Return the earliest start of the streams, without those that begin in a later recording."""
    timed = [s for s in container.streams if s.start_time is not None and s.time_base]
    starts = [(s.type, (s.start_time or 0) * Fraction(s.time_base or 0)) for s in timed]
    video_s = next((start for kind, start in starts if kind == "video"), start_s)
    if video_s - start_s <= _MAX_STREAM_OFFSET_S:
        return start_s
    return min(start for _, start in starts if video_s - start <= _MAX_STREAM_OFFSET_S)


def demux_packets(
    container: av.container.InputContainer,
    streams: Sequence[av.stream.Stream],
    damage: DamageReport | None = None,
) -> Iterator[av.Packet[Any]]:
    """Demux a file, skip errors and correct timestamp discontinuities.

    Where discontinuities are possible, all video and audio is demuxed whatever `streams` contains,
    so that every reader of the file finds the same discontinuities. The result then includes
    packets of other streams. Errors and discontinuities are counted in `damage`.

    Yields:
        Packets in file order, until the end or until `MAX_CONSECUTIVE_ERRORS` errors in a row.
    """
    damage, is_reported = damage or DamageReport(), damage is not None
    corrector = None
    if allows_discontinuities(container):
        corrector = DiscontinuityCorrector(find_origin_s(container))
        streams = [s for s in container.streams if s.type in ("video", "audio") or s in streams]
    errors = num_ends = 0
    packets = container.demux(list(streams))
    while errors < MAX_CONSECUTIVE_ERRORS:
        try:
            packet = next(packets)
        except (StopIteration, av.EOFError, IndexError) as end:
            # At the end, PyAV may try to flush late streams, which it does not know.
            late = isinstance(end, IndexError) or _has_unknown_best_stream(container)
            damage.has_late_streams |= late
            if is_reported:
                with contextlib.suppress(OSError):  # The file may have been removed meanwhile.
                    damage.has_second_film |= contains_second_film(Path(container.name))
            break
        except av.FFmpegError as error:
            errors += 1
            is_end = container.format.name == "gxf" and isinstance(error, av.PermissionError)
            num_ends += is_end  # of the file, or of its intact part if a packet follows
            damage.bad_packets += not is_end
            packets = container.demux(list(streams))  # An error ends PyAV's iterator.
            continue
        errors = 0
        if num_ends and packet.size:
            damage.bad_packets += num_ends
            num_ends = 0
        if corrector is None:
            yield packet
            continue
        known = corrector.num_discontinuities
        corrected = corrector.process(packet)
        damage.discontinuities += corrector.num_discontinuities - known
        yield from corrected
    if corrector is not None:
        yield from corrector.finish()


def contains_second_film(path: Path) -> bool:
    """Return whether another film follows in an MP4, MOV or FLV file, as after joining two files.

    FFmpeg and most players show the first one only.
    """
    with path.open("rb") as file:
        head = file.read(8)
        if head.startswith(b"FLV"):
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _FLV_START.search(data, 1) is not None
        boxes = [*_list_boxes(file)] if head[4:] == b"ftyp" else []
    # The parts of a stream for browsers may each begin with a type.
    return b"moof" not in boxes and boxes.count(b"ftyp") > 1 and boxes.count(b"moov") > 1


def _list_boxes(file: BinaryIO) -> Iterator[bytes]:
    """Yield the types of the boxes of an MP4 file (ISO/IEC 14496-12, 4.2)."""
    position, size = 0, 8
    while size >= 8:
        file.seek(position)
        head = file.read(16)
        if len(head) < 16:
            return
        size, kind = struct.unpack_from(">I4s", head)
        if size == 1:
            (size,) = struct.unpack_from(">Q", head, 8)
        position += size
        yield kind


def _has_unknown_best_stream(container: av.container.InputContainer) -> bool:
    """Return whether FFmpeg prefers a stream that began after PyAV listed the streams."""
    if not container.streams:
        return False
    try:
        container.streams.best("audio")
        container.streams.best("subtitle")
    except IndexError:
        return True
    return False
