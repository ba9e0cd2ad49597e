"""The plan of a film: all decisions that are made before the first frame is decoded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from vidcolor.color.ycbcr import Coding
from vidcolor.errors import InputError, UsageError
from vidcolor.fileio import check_target, get_file_identity
from vidcolor.media.containers import (
    CONTAINERS,
    SEQUENCE_MUXER,
    find_container,
    list_extensions,
)
from vidcolor.media.encoder_plan import EncoderPlan, EncoderRequest, plan_encoder
from vidcolor.media.frames import get_pixel_layout
from vidcolor.media.probe import MediaInfo, VideoInfo, probe
from vidcolor.media.sequence import (
    ImageSequence,
    find_sequence,
    format_frame_path,
    is_sequence_pattern,
)
from vidcolor.media.sequence_reader import DEFAULT_FPS, probe_sequence
from vidcolor.media.streams import StreamDecision, plan_streams
from vidcolor.media.tags import filter_content_tags, find_unsupported_tags

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidcolor.options import ColorizeOptions

HDR_TRANSFERS = (16, 18)
"""Codes of the transfer characteristics PQ and HLG in ITU-T H.273."""


@dataclass(frozen=True, slots=True)
class FilmPlan:
    """The streams, the encoder, the time range and the target of one film."""

    info: MediaInfo
    target: Path
    encoder: EncoderPlan
    streams: tuple[StreamDecision, ...]
    """One decision for each stream except the video."""
    start_s: Fraction | None
    """Time of the first frame, in seconds on the source's clock; None for the start of the film."""
    end_s: Fraction | None
    """End of the time range, exclusive, on the same clock; None for the end of the film."""
    full_range: bool
    """True if the luma of the result is full range."""
    shift_pts: int
    """Ticks that are subtracted from all timestamps, so that a trimmed film has the start time of
    its source."""
    warnings: tuple[str, ...]

    @property
    def video(self) -> VideoInfo:
        """The video stream of the source."""
        return self.info.video

    @property
    def output_video(self) -> VideoInfo:
        """The video stream as the encoder receives it."""
        return with_luma_range(self.video, self.full_range)

    @property
    def estimated_num_frames(self) -> int | None:
        """Number of frames between start and end according to the container; None if unknown."""
        total, duration = self.video.estimated_num_frames, self.video.duration_s
        if total is None or not duration or (self.start_s is None and self.end_s is None):
            return total
        origin = self.video.start_s
        start = self.start_s if self.start_s is not None else origin
        end = origin + Fraction(duration)
        if self.end_s is not None:
            end = min(end, self.end_s)
        return max(0, round(total * float(end - start) / duration))


def plan_film(source: Path, target: Path, options: ColorizeOptions) -> FilmPlan:
    """Probe a film and decide what happens to each of its streams.

    Args:
        source: the film.
        target: path of the result; its suffix selects the container.
        options: encoder, time range and luma range are used.

    Raises:
        InputError: the source cannot be read or has no video stream.
        UsageError: the target container or the encoder cannot hold the video.
    """
    info = probe(source)
    full_range = is_output_full_range(info.video, options)
    encoder = plan_video_encoder(with_luma_range(info.video, full_range), target, options)
    # The streams that are kept depend on the container, which the encoder plan has chosen.
    streams = plan_streams(source, encoder.container)
    origin = info.video.start_s
    return FilmPlan(
        info=info,
        target=target,
        encoder=encoder,
        streams=streams,
        start_s=None if options.start is None else origin + options.start,
        end_s=None if options.end is None else origin + options.end,
        full_range=full_range,
        shift_pts=_count_trimmed_ticks(info.video, options),
        warnings=tuple(_collect_warnings(info, encoder, streams, options)),
    )


def plan_sequence(sequence: ImageSequence, target: Path, options: ColorizeOptions) -> FilmPlan:
    """Probe an image sequence and decide how the result is written.

    Args:
        sequence: the image files.
        target: path of a film, or pattern of an image sequence.
        options: frame rate, encoder, time range and luma range are used.

    Raises:
        InputError: no image of the sequence can be read.
        UsageError: the target container or the encoder cannot hold the video.
    """
    info = probe_sequence(sequence, options.fps or DEFAULT_FPS, options.gray_from)
    full_range = is_output_full_range(info.video, options)
    encoder = plan_video_encoder(with_luma_range(info.video, full_range), target, options)
    warnings = list(encoder.warnings)
    if options.fps is None and encoder.muxer != SEQUENCE_MUXER:
        warnings.append(f"no --fps given: assuming {DEFAULT_FPS} frames per second")
    if info.video.tint == "color" and not options.trust:
        warnings.append("the source is already in color; its color is replaced")
    return FilmPlan(
        info=info,
        target=target,
        encoder=encoder,
        streams=(),
        start_s=options.start,
        end_s=options.end,
        full_range=full_range,
        shift_pts=_count_trimmed_ticks(info.video, options),
        warnings=tuple(warnings),
    )


def plan_video_encoder(video: VideoInfo, target: Path, options: ColorizeOptions) -> EncoderPlan:
    """Choose the encoder of a film, or the image format of an image sequence.

    Args:
        video: the video stream as the encoder receives it.
        target: path of a film, or pattern of an image sequence.
        options: purpose, encoder, encoder options and pixel format are used.

    Raises:
        UsageError: the target container or the encoder cannot hold the video.
    """
    if not is_sequence_pattern(target):
        request = EncoderRequest(
            options.purpose, options.encoder, options.encoder_options, options.pix_fmt
        )
        return plan_encoder(video, find_container(target), request)
    if options.encoder or options.encoder_options or options.pix_fmt or options.range != "keep":
        raise UsageError("--encoder, --pix-fmt and --range apply to films, not to image sequences")
    # Images hold R'G'B', so chroma is needed at full resolution.
    bits = video.coding.bits
    layout = get_pixel_layout("yuv444p" if bits == 8 else f"yuv444p{bits}le")
    return EncoderPlan(SEQUENCE_MUXER, target.suffix[1:], layout, {}, video.time_base, True)


def is_output_full_range(video: VideoInfo, options: ColorizeOptions) -> bool:
    """Return whether the luma of the result is full range."""
    return video.coding.full_range if options.range == "keep" else options.range == "full"


def with_luma_range(video: VideoInfo, full_range: bool) -> VideoInfo:
    """Return the same video stream with full-range or limited-range luma."""
    return replace(video, coding=Coding(video.coding.bits, full_range))


def _count_trimmed_ticks(video: VideoInfo, options: ColorizeOptions) -> int:
    """Return the duration that is trimmed at the start, in ticks of the time base."""
    return 0 if options.start is None else int(options.start / video.time_base)


def check_film_target(target: Path, sources: Sequence[Path], force: bool) -> None:
    """Refuse a target that would overwrite a file, including any frame of an image sequence.

    Args:
        target: path of a film, or pattern of an image sequence.
        sources: all files of the source.
        force: allow existing files to be replaced, except the source.

    Raises:
        UsageError: the target is a source, or exists and `force` is not set.
        OutputError: the directory of the target is not writable.
    """
    if not is_sequence_pattern(target):
        check_target(target, sources, force)
        return
    # The frames of the result have the numbers of the source, which may be any, so all existing
    # files of the pattern count.
    existing = _find_existing_frames(target)
    source_identities = {get_file_identity(source) for source in sources}
    for frame in existing:
        if get_file_identity(frame) in source_identities:
            raise UsageError(f"{frame}: is the source itself; choose another output")
    check_target(existing[0] if existing else format_frame_path(target, 0), (), force)


def _find_existing_frames(pattern: Path) -> list[Path]:
    """Return the existing files that match a pattern."""
    try:
        return list(find_sequence(pattern).files.values())
    except InputError:
        return []


def default_film_target(
    source: Path, options: ColorizeOptions, directory: Path | None = None
) -> Path:
    """Return the default path of a colorized film: beside the source, or in `directory`.

    A result for delivery keeps the container of its source if most players open it. Any other
    container is replaced by the first of MP4, MOV and Matroska that holds all streams.

    Args:
        source: the film.
        options: `purpose` is used.
        directory: directory of the result; if None, the directory of the source.
    """
    if options.purpose != "delivery":
        suffix = list_extensions(options.purpose)[0]
    elif source.suffix.lower() in list_extensions("delivery"):
        suffix = source.suffix
    else:
        suffix = _choose_delivery_suffix(source)
    name = source.stem + suffix if directory else f"{source.stem}.color{suffix}"
    return (directory or source.parent) / name


def _choose_delivery_suffix(source: Path) -> str:
    """Return the suffix of the first common container that holds all streams of a film."""
    for container in CONTAINERS.values():
        if "delivery" in container.purposes:
            streams = plan_streams(source, container)
            is_poor = any(s.stream.codec.startswith(container.poor_audio) for s in streams)
            if all(s.kept for s in streams) and not is_poor:
                return container.extensions[0]
    return list_extensions("archive")[0]


def default_sequence_target(
    source: Path, options: ColorizeOptions, directory: Path | None = None
) -> Path:
    """Return the default path of a colorized sequence: beside it, or in `directory`.

    The film is named after the prefix of the pattern, or after the folder if there is none.

    Args:
        source: a pattern, or the folder of one sequence.
        options: `purpose` is used.
        directory: directory of the result; if None, the parent of the images or of the folder.
    """
    is_pattern = is_sequence_pattern(source)
    sequence_dir = source.parent.resolve() if is_pattern else source.resolve()
    prefix = source.name.split("%")[0].rstrip("_-. ") if is_pattern else ""
    parent = directory or (source.parent if is_pattern or source.name else Path(".."))
    suffix = list_extensions(options.purpose)[0]
    return parent / f"{prefix or sequence_dir.name}.color{suffix}"


def _collect_warnings(
    info: MediaInfo,
    encoder: EncoderPlan,
    streams: tuple[StreamDecision, ...],
    options: ColorizeOptions,
) -> list[str]:
    """List what the result loses or changes, and what the colorizer ignores."""
    video, container = info.video, encoder.container
    warnings = [*encoder.warnings, *_warn_about_video(video, encoder, options)]
    if container.muxer == SEQUENCE_MUXER:
        return [*warnings, *_warn_about_sequence_target(info, streams)]
    for decision in streams:
        if not decision.kept:
            stream = decision.stream
            warnings.append(f"not kept: {stream.kind} stream {stream.index}: {decision.note}")
    lost = find_unsupported_tags(filter_content_tags(info.tags), container)
    if lost:
        warnings.append(f"not kept: tags that {container.muxer} cannot hold: {', '.join(lost)}")
    if info.num_chapters and not container.chapters:
        warnings.append(f"not kept: chapters, which {container.muxer} cannot hold")
    if options.start is not None and video.timecode:
        warnings.append("not kept: timecode, because the film is trimmed at its start")
    return warnings


def _warn_about_video(
    video: VideoInfo, encoder: EncoderPlan, options: ColorizeOptions
) -> list[str]:
    """List what happens to the video stream apart from its new color."""
    warnings = []
    if video.tint == "color" and not options.trust:
        warnings.append("the source is already in color; its color is replaced")
    if not encoder.lossless_luma:
        warnings.append(
            f"luma is rounded from {video.coding.bits} to {encoder.layout.bits} bits "
            f"(--pix-fmt {encoder.layout.name})"
        )
    if is_output_full_range(video, options) != video.coding.full_range:
        warnings.append(f"luma is converted to {options.range} range (--range)")
    if video.layout.alpha:
        warnings.append("not kept: the alpha plane")
    if video.tags.transfer in HDR_TRANSFERS:
        warnings.append("the film is HDR; it is colorized as SDR, and its HDR tags are kept")
    if encoder.container.time_base and not _has_millisecond_timestamps(video):
        warnings.append("Matroska rounds timestamps to 1 ms; mp4 and mov keep them exactly")
    return warnings


def _has_millisecond_timestamps(video: VideoInfo) -> bool:
    """Return whether every timestamp is a whole number of milliseconds, the unit of Matroska."""
    if 1000 % video.time_base.denominator == 0:
        return True
    is_step_exact = bool(video.rate) and (1000 / Fraction(video.rate or 1)).denominator == 1
    is_start_exact = (video.start_s * 1000).denominator == 1
    return is_step_exact and is_start_exact and not video.variable_rate


def _warn_about_sequence_target(info: MediaInfo, streams: tuple[StreamDecision, ...]) -> list[str]:
    """List what a film loses when it becomes an image sequence."""
    warnings, video = [], info.video
    if streams or info.num_chapters:
        warnings.append("not kept: an image sequence holds no audio, subtitles or chapters")
    if video.rotation_degrees:
        warnings.append(
            f"the images are not rotated; rotate them by {video.rotation_degrees}° for display"
        )
    if video.sample_aspect_ratio:
        sar = video.sample_aspect_ratio
        warnings.append(
            f"the film has a pixel aspect ratio of {sar.numerator}:{sar.denominator}; "
            "the images are written with square pixels"
        )
    return warnings
