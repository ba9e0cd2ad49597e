"""The plan of a film: all decisions that are made before the first frame is decoded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from vidcolor.color.ycbcr import Coding
from vidcolor.errors import InColorError, InputError, UsageError
from vidcolor.fileio import check_target, get_file_identity
from vidcolor.media.containers import (
    CONTAINERS,
    SEQUENCE_MUXER,
    find_container,
    list_extensions,
)
from vidcolor.media.encoder_plan import EncoderPlan, EncoderRequest, plan_encoder
from vidcolor.media.encoders import describe_lost_side_data
from vidcolor.media.extensions import RESULT_SUFFIX, make_result_path
from vidcolor.media.frames import get_pixel_layout
from vidcolor.media.probe import MediaInfo, VideoInfo, probe
from vidcolor.media.sequence import (
    ImageSequence,
    find_sequence,
    format_frame_path,
    is_sequence_pattern,
)
from vidcolor.media.sequence_reader import DEFAULT_FPS, probe_sequence
from vidcolor.media.streams import (
    StreamDecision,
    filter_content_tags,
    find_unsupported_tags,
    plan_streams,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidcolor.options import ColorizeOptions

HDR_TRANSFERS = (16, 18)
"""Codes of the transfer characteristics PQ and HLG in ITU-T H.273."""
_COLOR_WARNING = "the source is already in color; its color is replaced"


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
        return _set_luma_range(self.video, self.full_range)

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

    The suffix of the target selects the container.

    Raises:
        InputError: the source cannot be read or has no video stream.
        InColorError: the film is in color, and `skip_color` is set.
        UsageError: the target container or the encoder cannot hold the video.
    """
    info = probe(source)
    _check_not_in_color(info, options)
    encoder = _plan_encoder(info.video, target, options)
    # The streams that are kept depend on the container, which the encoder plan has chosen.
    streams = plan_streams(source, encoder.container)
    warnings = _warn_about_video(info.video, encoder, options)
    if encoder.muxer == SEQUENCE_MUXER:
        warnings += _warn_about_images(info, streams)
    else:
        warnings += _warn_about_streams(info, encoder, streams, options)
    return _make_plan(info, target, encoder, streams, options, warnings)


def plan_sequence(sequence: ImageSequence, target: Path, options: ColorizeOptions) -> FilmPlan:
    """Probe an image sequence and decide how the result is written; see `plan_film`."""
    info = probe_sequence(sequence, options.fps or DEFAULT_FPS, options.gray_from)
    _check_not_in_color(info, options)
    encoder = _plan_encoder(info.video, target, options)
    warnings = []
    if options.fps is None and encoder.muxer != SEQUENCE_MUXER:
        warnings.append(f"no --fps given: assuming {DEFAULT_FPS} frames per second")
    if info.video.tint == "color" and not options.trust:
        warnings.append(_COLOR_WARNING)
    return _make_plan(info, target, encoder, (), options, warnings)


def _check_not_in_color(info: MediaInfo, options: ColorizeOptions) -> None:
    if options.skip_color and info.video.tint == "color":
        raise InColorError(f"{info.path}: is in color and is left out (--skip-color)")


def _make_plan(
    info: MediaInfo,
    target: Path,
    encoder: EncoderPlan,
    streams: tuple[StreamDecision, ...],
    options: ColorizeOptions,
    warnings: list[str],
) -> FilmPlan:
    video, start, end = info.video, options.start, options.end
    return FilmPlan(
        info=info,
        target=target,
        encoder=encoder,
        streams=streams,
        start_s=None if start is None else video.start_s + start,
        end_s=None if end is None else video.start_s + end,
        full_range=_is_full_range(video, options),
        shift_pts=0 if start is None else int(start / video.time_base),
        warnings=(*encoder.warnings, *warnings),
    )


def _plan_encoder(video: VideoInfo, target: Path, options: ColorizeOptions) -> EncoderPlan:
    """Choose the encoder of a film, or the image format of an image sequence."""
    video = _set_luma_range(video, _is_full_range(video, options))
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


def _is_full_range(video: VideoInfo, options: ColorizeOptions) -> bool:
    return video.coding.full_range if options.range == "keep" else options.range == "full"


def _set_luma_range(video: VideoInfo, full_range: bool) -> VideoInfo:
    return replace(video, coding=Coding(video.coding.bits, full_range))


def _warn_about_video(
    video: VideoInfo, encoder: EncoderPlan, options: ColorizeOptions
) -> list[str]:
    layout = encoder.layout
    side_data = ", ".join(describe_lost_side_data(encoder.encoder, video.side_data))
    rounds_timestamps = encoder.container.time_base and not _has_millisecond_timestamps(video)
    rows = (
        (video.tint == "color" and not options.trust, _COLOR_WARNING),
        (not encoder.lossless_luma, f"luma is rounded from {video.coding.bits} to {layout.bits} "
         f"bits (--pix-fmt {layout.name})"),
        (_is_full_range(video, options) != video.coding.full_range,
         f"luma is converted to {options.range} range (--range)"),
        (video.layout.alpha, "not kept: the alpha plane"),
        (side_data, f"not kept: {side_data}"),
        (video.tags.transfer in HDR_TRANSFERS,
         "the film is HDR; it is colorized as SDR, and its HDR tags are kept"),
        (rounds_timestamps, "Matroska rounds timestamps to 1 ms; mp4 and mov keep them exactly"),
    )  # fmt: skip
    return [text for applies, text in rows if applies]


def _has_millisecond_timestamps(video: VideoInfo) -> bool:
    """Return whether every timestamp is a whole number of milliseconds, the unit of Matroska."""
    if 1000 % video.time_base.denominator == 0:
        return True
    is_step_exact = bool(video.rate) and (1000 / Fraction(video.rate or 1)).denominator == 1
    is_start_exact = (video.start_s * 1000).denominator == 1
    return is_step_exact and is_start_exact and not video.variable_rate


def _warn_about_streams(
    info: MediaInfo,
    encoder: EncoderPlan,
    streams: tuple[StreamDecision, ...],
    options: ColorizeOptions,
) -> list[str]:
    container = encoder.container
    lost = ", ".join(find_unsupported_tags(filter_content_tags(info.tags), container))
    rows = (
        *((not s.kept, f"{s.stream.kind} stream {s.stream.index}: {s.note}") for s in streams),
        (lost, f"tags that {container.muxer} cannot hold: {lost}"),
        (info.num_chapters and "chapters" not in container.holds,
         f"chapters, which {container.muxer} cannot hold"),
        (options.start is not None and info.video.timecode,
         "timecode, because the film is trimmed at its start"),
    )  # fmt: skip
    converted = [f"audio stream {s.stream.index}: {s.note}" for s in streams if s.method == "pcm"]
    return [*converted, *(f"not kept: {text}" for applies, text in rows if applies)]


def _warn_about_images(info: MediaInfo, streams: tuple[StreamDecision, ...]) -> list[str]:
    video, aspect = info.video, info.video.sample_aspect_ratio or Fraction(1)
    rows = (
        (streams or info.num_chapters,
         "not kept: an image sequence holds no audio, subtitles or chapters"),
        (video.rotation_degrees,
         f"the images are not rotated; rotate them by {video.rotation_degrees}° for display"),
        (video.sample_aspect_ratio, f"the film has a pixel aspect ratio of {aspect.numerator}:"
         f"{aspect.denominator}; the images are written with square pixels"),
    )  # fmt: skip
    return [text for applies, text in rows if applies]


def check_film_target(target: Path, sources: Sequence[Path], force: bool) -> None:
    """Refuse a film or a pattern of images that would overwrite a file.

    `sources` are all files of the source. `force` allows other existing files to be replaced.

    Raises:
        UsageError: the target is a source, or exists and `force` is not set.
        OutputError: the directory of the target is not writable.
    """
    if not is_sequence_pattern(target):
        check_target(target, sources, force)
        return
    # The frames of the result have the numbers of the source, which may be any, so all existing
    # files of the pattern count.
    try:
        existing = list(find_sequence(target).files.values())
    except InputError:
        existing = []
    source_identities = {get_file_identity(source) for source in sources}
    for frame in existing:
        if get_file_identity(frame) in source_identities:
            raise UsageError(f"{frame}: is the source itself; choose another output")
    check_target(existing[0] if existing else format_frame_path(target, 0), (), force)


def default_film_target(
    source: Path, options: ColorizeOptions, directory: Path | None = None
) -> Path:
    """Return the default path of a colorized film: beside the source, or in `directory`.

    A result for delivery keeps the container of its source if that suits delivery. Any other
    container is replaced by the first for delivery that holds all streams.
    """
    if options.purpose != "delivery":
        suffix = list_extensions(options.purpose)[0]
    elif source.suffix.lower() in list_extensions("delivery"):
        suffix = source.suffix
    else:
        suffix = _choose_delivery_suffix(source)
    return make_result_path(source, suffix, directory)


def _choose_delivery_suffix(source: Path) -> str:
    """Return the suffix of the first common container that holds all streams of a film."""
    for container in CONTAINERS.values():
        if "delivery" in container.purposes:
            streams = plan_streams(source, container)
            rare = container.rarely_supported_audio
            is_rare = any(s.stream.codec.startswith(rare) for s in streams)
            if all(s.kept and s.method != "pcm" for s in streams) and not is_rare:
                return container.extensions[0]
    return list_extensions("archive")[0]


def default_sequence_target(
    source: Path, options: ColorizeOptions, directory: Path | None = None
) -> Path:
    """Return the default path of a colorized pattern or folder: beside it, or in `directory`.

    The film is named after the prefix of the pattern, or after the folder if there is none.
    """
    is_pattern = is_sequence_pattern(source)
    sequence_dir = source.parent.resolve() if is_pattern else source.resolve()
    prefix = source.name.split("%")[0].rstrip("_-. ") if is_pattern else ""
    parent = directory or (source.parent if is_pattern or source.name else Path(".."))
    suffix = list_extensions(options.purpose)[0]
    return parent / f"{prefix or sequence_dir.name}{RESULT_SUFFIX}{suffix}"
