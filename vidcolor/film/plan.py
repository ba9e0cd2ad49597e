"""Everything that is decided about a film before the first frame is colored."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from vidcolor.color.ycbcr import Coding
from vidcolor.colorizer import Geometry
from vidcolor.errors import InputError, UsageError
from vidcolor.fileio import check_target, file_identity
from vidcolor.media.encoders import EncoderPlan, EncoderRequest, plan_encoder
from vidcolor.media.frames import pixel_layout
from vidcolor.media.probe import MediaInfo, VideoInfo, probe
from vidcolor.media.sequence import SEQUENCE_MUXER, find_sequence, frame_path, is_pattern
from vidcolor.media.stills import STILL_SUFFIXES
from vidcolor.media.streams import StreamDecision, plan_streams
from vidcolor.media.tags import content_tags, lost_tags
from vidcolor.media.writer import muxer_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidcolor.film.analysis import FilmAnalysis
    from vidcolor.options import ColorizeOptions, Purpose
    from vidcolor.shots.detector import Shot

_SUFFIX_FOR: dict[Purpose, str] = {"delivery": "", "editing": ".mov", "archive": ".mkv"}
HDR_TRANSFERS = (16, 18)
"""H.273 codes of PQ and HLG."""
_KEEPS_SUFFIX = (".mp4", ".m4v", ".mov", ".mkv", ".webm")


@dataclass(frozen=True, slots=True)
class FilmPlan:
    """How one film becomes one colored film."""

    info: MediaInfo
    target: Path
    encoder: EncoderPlan
    company: tuple[StreamDecision, ...]
    start_s: Fraction | None
    """On the source's own clock, which need not begin at 0."""
    end_s: Fraction | None
    full_range: bool
    """Of the result's luma; the source's, unless the user asks for another."""
    shift_pts: int
    """Ticks taken off every time stamp, so that a trimmed film begins where the whole one did."""
    warnings: tuple[str, ...]
    looked: FilmAnalysis | None = None
    """None until the film has been looked through."""

    @property
    def video(self) -> VideoInfo:
        """The picture that is colored."""
        return self.info.video

    @property
    def output(self) -> VideoInfo:
        """The picture as the encoder gets it."""
        return with_range(self.video, self.full_range)

    @property
    def seen(self) -> FilmAnalysis:
        """What the film was seen to be, of a film that has been looked through."""
        assert self.looked is not None  # nothing is colored before
        return self.looked

    @property
    def shots(self) -> tuple[Shot, ...]:
        """Its shots, likewise."""
        return self.seen.shots.shots

    @property
    def pts(self) -> Sequence[int]:
        """When each frame is shown, in the source's time base; likewise."""
        return self.seen.pts

    @property
    def expected_frames(self) -> int | None:
        """Frames to come: as many as were seen, or what the source tells; None if it does not."""
        if self.looked is not None:
            return len(self.looked.pts)
        total, duration = self.video.estimated_frames, self.video.duration_s
        if total is None or not duration or (self.start_s is None and self.end_s is None):
            return total
        origin = stream_origin(self.video)
        start = self.start_s if self.start_s is not None else origin
        end = origin + Fraction(duration)
        if self.end_s is not None:
            end = min(end, self.end_s)
        return max(0, round(total * float(end - start) / duration))


def plan_film(source: Path, target: Path, options: ColorizeOptions) -> FilmPlan:
    """Look at a source and decide what happens to each of its streams.

    Raises:
        InputError: the source cannot be read or has no picture.
        UsageError: the target or the encoder cannot hold it.
    """
    info = probe(source)
    full_range = wanted_range(info.video, options)
    encoder = plan_encoding(with_range(info.video, full_range), target, options)
    muxer = encoder.muxer
    company = plan_streams(source, muxer)
    origin = stream_origin(info.video)
    start = None if options.start is None else origin + options.start
    end = None if options.end is None else origin + options.end
    shift = 0 if options.start is None else int(options.start / info.video.time_base)
    return FilmPlan(
        info=info,
        target=target,
        encoder=encoder,
        company=company,
        start_s=start,
        end_s=end,
        full_range=full_range,
        shift_pts=shift,
        warnings=tuple(_warnings(info, muxer, encoder, company, options)),
    )


def wanted_range(video: VideoInfo, options: ColorizeOptions) -> bool:
    """Whether the result's luma is full range."""
    return video.coding.full_range if options.range == "keep" else options.range == "full"


def with_range(video: VideoInfo, full_range: bool) -> VideoInfo:
    """The same picture with luma codes of this range."""
    return replace(video, coding=Coding(video.coding.bits, full_range))


def plan_encoding(video: VideoInfo, target: Path, options: ColorizeOptions) -> EncoderPlan:
    """How the picture is written: by an encoder, or as numbered pictures.

    Raises:
        UsageError: the target or the encoder cannot hold it.
    """
    if not is_pattern(target):
        request = EncoderRequest(
            options.purpose, options.encoder, options.encoder_options, options.pix_fmt
        )
        return plan_encoder(video, muxer_of(target), request)
    if options.encoder or options.encoder_options or options.pix_fmt or options.range != "keep":
        raise UsageError("--encoder, --pix-fmt and --range are for films, not for pictures")
    if target.suffix.lower() not in STILL_SUFFIXES:
        choices = ", ".join(sorted(STILL_SUFFIXES))
        raise UsageError(f"{target}: cannot write pictures called so; use one of {choices}")
    bits = video.coding.bits
    layout = pixel_layout("yuv444p" if bits == 8 else f"yuv444p{bits}le")
    return EncoderPlan(SEQUENCE_MUXER, target.suffix[1:], layout, {}, video.time_base, True)


def refuse_existing(target: Path, sources: Sequence[Path], force: bool) -> None:
    """`check_target`, for numbered pictures too.

    Raises:
        UsageError: the target is a source, or exists and `force` is not set.
        OutputError: its directory cannot be written.
    """
    if not is_pattern(target):
        check_target(target, sources, force)
        return
    there = list(find_sequence(target).files.values()) if _any_frame(target) else []
    taken = {file_identity(source) for source in sources}
    for frame in there:
        if file_identity(frame) in taken:
            raise UsageError(f"{frame}: is the source itself; name another output")
    check_target(there[0] if there else frame_path(target, 0), (), force)


def _any_frame(pattern: Path) -> bool:
    try:
        return bool(find_sequence(pattern).files)
    except InputError:
        return False


def stream_origin(video: VideoInfo) -> Fraction:
    """When the picture begins on the source's clock, in seconds."""
    return (video.start_pts or 0) * video.time_base


def film_geometry(video: VideoInfo) -> Geometry:
    """How the film is displayed."""
    return Geometry(
        width=video.width,
        height=video.height,
        pixel_aspect=float(video.sample_aspect_ratio or 1),
        quarter_turns=video.quarter_turns,
    )


def default_target(source: Path, options: ColorizeOptions, directory: Path | None = None) -> Path:
    """Where the result goes if nobody says: beside the source, or into `directory`.

    Delivery keeps the source's container where it is one that editors take; sources in others
    become the first of MP4, MOV and Matroska that holds all their streams.
    """
    suffix = _SUFFIX_FOR[options.purpose]
    if not suffix and source.suffix.lower() in _KEEPS_SUFFIX:
        suffix = source.suffix
    if not suffix:
        suffix = _roomiest_suffix(source)
    name = source.stem + suffix if directory else f"{source.stem}.color{suffix}"
    return (directory or source.parent) / name


def _roomiest_suffix(source: Path) -> str:
    for suffix, muxer in ((".mp4", "mp4"), (".mov", "mov"), (".mkv", "matroska")):
        fates = plan_streams(source, muxer)
        pcm = any(f.stream.codec.startswith("pcm") for f in fates)
        if all(f.kept for f in fates) and not (pcm and muxer == "mp4"):  # few players take it there
            return suffix
    return ".mkv"


def _warnings(
    info: MediaInfo,
    muxer: str,
    encoder: EncoderPlan,
    company: tuple[StreamDecision, ...],
    options: ColorizeOptions,
) -> list[str]:
    video = info.video
    said = list(encoder.warnings)
    if video.tint == "color" and not options.trust:
        said.append("the source is in color already; its own color is replaced")
    if not encoder.lossless_luma:
        said.append(
            f"luma is rounded from {video.coding.bits} to {encoder.layout.bits} bits, "
            f"as --pix-fmt {encoder.layout.name} asks"
        )
    if wanted_range(video, options) != video.coding.full_range:
        said.append(f"luma is moved to {options.range} range, as --range asks")
    if video.layout.alpha:
        said.append("the picture's alpha plane is not kept")
    if video.tags.transfer in HDR_TRANSFERS:
        said.append("the film is HDR; it is colored as if it were not, and its tags are kept")
    if muxer in ("matroska", "webm") and not _falls_on_milliseconds(video):
        said.append("Matroska rounds time stamps to 1 ms; mp4 and mov keep them exactly")
    if muxer == SEQUENCE_MUXER:
        return [*said, *_lost_by_pictures(info, company)]
    for fate in company:
        if not fate.kept:
            said.append(f"not kept: {fate.stream.kind} stream {fate.stream.index}: {fate.note}")
    lost = lost_tags(content_tags(info.tags), muxer)
    if lost:
        said.append(f"not kept: tags that {muxer} has no place for: {', '.join(lost)}")
    if muxer == "mxf" and info.num_chapters:
        said.append("not kept: chapters, which mxf has no place for")
    if options.start is not None and video.timecode:
        said.append("time code is left out of a film that is trimmed at its start")
    return said


def _falls_on_milliseconds(video: VideoInfo) -> bool:
    """Whether every time stamp is a whole number of milliseconds, as Matroska wants it."""
    if 1000 % video.time_base.denominator == 0:
        return True
    even = bool(video.rate) and (1000 / Fraction(video.rate or 1)).denominator == 1
    whole_start = (stream_origin(video) * 1000).denominator == 1
    return even and whole_start and not video.variable_rate


def _lost_by_pictures(info: MediaInfo, company: tuple[StreamDecision, ...]) -> list[str]:
    """What a film loses when it becomes numbered pictures."""
    said, video = [], info.video
    if company or info.num_chapters:
        said.append("single pictures hold no sound, subtitles or chapters")
    if video.rotation_degrees:
        said.append(f"the pictures lie as stored: turn them by {video.rotation_degrees}° to view")
    if video.sample_aspect_ratio:
        sar = video.sample_aspect_ratio
        said.append(f"the film's pixels are {sar.numerator}:{sar.denominator}, theirs square")
    return said
