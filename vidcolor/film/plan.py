"""The plan of a film: all decisions that are made before the first frame is decoded."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from vidcolor.color.ycbcr import Coding
from vidcolor.errors import InColorError, InputError, UsageError
from vidcolor.fileio import check_target, get_file_identity
from vidcolor.media.animations import describe_repeats
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
from vidcolor.media.matroska import describe_ordered_chapters
from vidcolor.media.probe import HDR_TRANSFERS, MediaInfo, VideoInfo, probe
from vidcolor.media.quicktime import describe_edit_speeds
from vidcolor.media.sequence import (
    ImageSequence,
    find_sequence,
    format_frame_path,
    is_sequence_pattern,
)
from vidcolor.media.sequence_reader import DEFAULT_FPS, probe_sequence
from vidcolor.media.stills.formats import STILL_SUFFIXES, find_output_format
from vidcolor.media.stream_plan import plan_streams
from vidcolor.media.streams import (
    StreamDecision,
    filter_content_tags,
    find_lost_roles,
    find_shortened_languages,
    find_unsupported_tags,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from vidcolor.media.containers import Container
    from vidcolor.options import ColorizeOptions, Sound

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
    shift_pts: int
    """Ticks that are subtracted from all timestamps: the origin of the source's clock, or the start
    of a trim, which the first frame replaces if it is near."""
    warnings: tuple[str, ...]

    @property
    def video(self) -> VideoInfo:
        """The video stream of the source, as it is read.

        The luma of R'G'B' is computed in the range of the result, and therefore rounded once.
        """
        video = self.info.video
        return self._set_luma_range(video) if video.layout.kind == "rgb" else video

    @property
    def output_video(self) -> VideoInfo:
        """The video stream as the encoder receives it."""
        return self._set_luma_range(self.info.video)

    def _set_luma_range(self, video: VideoInfo) -> VideoInfo:
        return replace(video, coding=Coding(video.coding.bits, self.encoder.full_range))

    def trim(self, start_s: Fraction | None, end_s: Fraction | None) -> FilmPlan:
        """Return the plan of a part of the result; None for an end that stays the same.

        Times are in seconds on the source's clock.
        """
        shift_pts = self.shift_pts
        if start_s is not None:
            shift_pts = math.floor(start_s / self.video.time_base)
        return replace(
            self,
            start_s=self.start_s if start_s is None else start_s,
            end_s=self.end_s if end_s is None else end_s,
            shift_pts=shift_pts,
        )

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
    info = probe(source, options.start)
    _check_not_in_color(info, options)
    encoder = _plan_encoder(info.video, target, options)
    # The streams that are kept depend on the container, which the encoder plan has chosen.
    streams = plan_streams(source, encoder.container, options.sound)
    warnings = _warn_about_video(info.video, encoder, options)
    describe = (describe_repeats, describe_ordered_chapters, describe_edit_speeds)
    warnings += filter(None, (describe_part(source) for describe_part in describe))
    if not info.declares_rate:
        warnings.append(
            f"states no frame rate; assuming {info.video.rate} frames per second; for another, "
            f"first run: mkvmerge --default-duration 0:RATEfps -o copy.mkv {source.name}"
        )
    if encoder.muxer == SEQUENCE_MUXER:
        warnings += _warn_about_images(info, streams, target)
    else:
        warnings += _warn_about_streams(info, encoder, streams, options)
    return _make_plan(info, target, encoder, streams, options, warnings)


def plan_sequence(sequence: ImageSequence, target: Path, options: ColorizeOptions) -> FilmPlan:
    """Probe an image sequence and decide how the result is written; see `plan_film`."""
    info = probe_sequence(sequence, options.fps, options.gray_from)
    _check_not_in_color(info, options)
    encoder = _plan_encoder(info.video, target, options)
    warnings = []
    if not info.declares_rate and encoder.muxer != SEQUENCE_MUXER:
        warnings.append(f"no --fps given: assuming {DEFAULT_FPS} frames per second")
    if info.video.tint == "color" and not options.trust:
        warnings.append(_COLOR_WARNING)
    if encoder.muxer != SEQUENCE_MUXER:
        lost = _list_lost_conform_data(info.video, encoder.container.holds, encoder.muxer)
        lost += _list_lost_video_data(info.video, encoder)
        warnings += [f"not kept: {text}" for applies, text in lost if applies]
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
    start_s = None if start is None else video.start_s + start
    end_s = None if end is None else video.start_s + end
    origin = info.origin_s / video.time_base
    zero = round(origin) if start_s is None else math.floor(start_s / video.time_base)
    return FilmPlan(
        info=info,
        target=target,
        encoder=encoder,
        streams=streams,
        start_s=start_s,
        end_s=end_s,
        shift_pts=zero,
        warnings=(*encoder.warnings, *warnings),
    )


def _plan_encoder(video: VideoInfo, target: Path, options: ColorizeOptions) -> EncoderPlan:
    """Choose the encoder of a film, or the image format of an image sequence."""
    if not is_sequence_pattern(target):
        request = EncoderRequest(
            purpose=options.purpose,
            encoder=options.encoder,
            options=options.encoder_options,
            pix_fmt=options.pix_fmt,
            range=options.range,
        )
        container = find_container(target)
        container.check_rate(target, video.rate)
        return plan_encoder(video, container, request)
    is_converted = options.range not in (None, "source")
    if options.encoder or options.encoder_options or options.pix_fmt or is_converted:
        raise UsageError("--encoder, --pix-fmt and --range apply to films, not to image sequences")
    find_output_format(target)
    # Images hold R'G'B', so chroma is needed at full resolution.
    bits = video.coding.bits
    layout = get_pixel_layout("yuv444p" if bits == 8 else f"yuv444p{bits}le")
    full_range, time_base = video.coding.full_range, video.time_base
    return EncoderPlan(SEQUENCE_MUXER, target.suffix[1:], layout, {}, time_base, full_range)


def _warn_about_video(
    video: VideoInfo, encoder: EncoderPlan, options: ColorizeOptions
) -> list[str]:
    lost = _list_lost_video_data(video, encoder)
    rounds_timestamps = encoder.container.time_base and not _has_millisecond_timestamps(video)
    rows = (
        (video.tint == "color" and not options.trust, _COLOR_WARNING),
        *((applies, f"not kept: {text}") for applies, text in lost),
        (video.crop, f"the picture is cropped to {video.width}x{video.height}, as the container "
         "states"),
        (video.tags.transfer in HDR_TRANSFERS,
         "the film is HDR; it is colorized as SDR, and its HDR tags are kept"),
        (rounds_timestamps, "Matroska rounds timestamps to 1 ms; mp4 and mov keep them exactly"),
    )  # fmt: skip
    return [text for applies, text in rows if applies]


def _list_lost_video_data(video: VideoInfo, encoder: EncoderPlan) -> list[tuple[object, str]]:
    """Return what frames have beside luma and the encoder does not write."""
    lost = describe_lost_side_data(encoder.encoder, video.side_data, video.hdr_metadata)
    return [(video.is_transparent, "the alpha plane"), (lost, ", ".join(lost))]


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
    # The track of a timecode states a language, too, but contains none.
    kept = [info.video.language]
    kept += [s.stream.language for s in streams if s.kept and s.stream.kind != "data"]
    languages = ", ".join(
        f"{tag} (stored as {code})" if code else tag
        for tag, code in find_shortened_languages(filter(None, kept), container).items()
    )
    described = [s for s in info.streams if s.index == info.video.index]
    described += [s.stream for s in streams if s.kept]
    roles = ", ".join(
        f"{role} of {stream.kind} stream {stream.index}"
        for stream in described
        for role in find_lost_roles(stream, container)
    )
    titles = ", ".join(
        f"{stream.title} of {stream.kind} stream {stream.index}"
        for stream in described
        if stream.kind != "data" and stream.title and "titles" not in container.holds
    )
    rows = (
        *((not s.kept, f"{s.stream.kind} stream {s.stream.index}: {s.note}") for s in streams),
        (lost, f"tags that {container.muxer} cannot hold: {lost}"),
        (languages, f"languages that {container.muxer} cannot hold completely: {languages}"),
        (titles, f"titles of streams that {container.muxer} cannot hold: {titles}"),
        (roles, f"dispositions that {container.muxer} cannot hold: {roles}"),
        (info.num_chapters and "chapters" not in container.holds,
         f"chapters, which {container.muxer} cannot hold"),
        *_list_lost_conform_data(info.video, container.holds, container.muxer),
    )  # fmt: skip
    converted = [
        f"audio stream {s.stream.index}: {s.note}"
        for s in streams
        if s.stream.kind == "audio" and s.kept and s.note != "copied"
    ]
    return [*converted, *(f"not kept: {text}" for applies, text in rows if applies)]


def _list_lost_conform_data(
    video: VideoInfo, holds: Collection[str], target: str
) -> list[tuple[object, str]]:
    """Return what an editor needs to find the source and `target` cannot hold; see `holds`."""
    is_valid = video.timecode_at(video.start_pts or 0) is not None
    rate = f"{float(video.rate):.5g}" if video.rate else "unknown"
    return [
        (video.timecode and is_valid and "timecode" not in holds,
         f"timecode {video.timecode}, which {target} cannot hold"),
        (video.timecode and not is_valid,
         f"timecode {video.timecode}, which is not valid at {rate} frames per second"),
        (video.reel and "reel" not in holds, f"reel name {video.reel}, which {target} cannot hold"),
    ]  # fmt: skip


def _warn_about_images(
    info: MediaInfo, streams: tuple[StreamDecision, ...], target: Path
) -> list[str]:
    video, aspect = info.video, info.video.sample_aspect_ratio or Fraction(1)
    still_format = STILL_SUFFIXES[target.suffix.lower()]
    lost = _list_lost_conform_data(video, still_format.stores, still_format.label)
    tags = ", ".join(sorted(filter_content_tags(info.tags)))
    rows = (
        *((applies, f"not kept: {text}") for applies, text in lost),
        (tags, f"not kept: tags that {still_format.label} cannot hold: {tags}"),
        (info.num_chapters or any(s.stream.kind != "data" for s in streams),
         "not kept: an image sequence holds no audio, subtitles or chapters"),
        *((s.stream.kind == "data" and "timecode" not in s.note,
           f"not kept: data stream {s.stream.index}: {s.note}")
          for s in streams),
        (video.rotation_degrees,
         f"the images are not rotated; rotate them by {video.rotation_degrees}° for display"),
        (video.sample_aspect_ratio and "pixel_aspect" not in still_format.stores,
         f"the film has a pixel aspect ratio of {aspect.numerator}:{aspect.denominator}; the "
         "images are written with square pixels"),
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
        suffix = _choose_delivery_suffix(source, options.sound)
    return make_result_path(source, suffix, directory)


def _choose_delivery_suffix(source: Path, sound: Sound | None) -> str:
    """Return the suffix of the first common container that holds all streams of a film."""
    for container in CONTAINERS.values():
        if "delivery" in container.purposes:
            streams = plan_streams(source, container, sound)
            if all(_is_well_kept(stream, container, sound) for stream in streams):
                return container.extensions[0]
    return list_extensions("archive")[0]


def _is_well_kept(decision: StreamDecision, container: Container, sound: Sound | None) -> bool:
    """Return whether a stream is kept as requested, in a codec that players decode."""
    if decision.stream.kind == "audio" and sound == "drop":
        return True
    codec = decision.stream.codec if decision.pcm is None else decision.pcm.codec
    is_rare = codec.startswith(container.rarely_supported_audio)
    return decision.kept and (decision.pcm is None or sound == "pcm") and not is_rare


def default_sequence_target(
    source: Path, options: ColorizeOptions, directory: Path | None = None
) -> Path:
    """Return the default path of a colorized pattern or folder: beside it, or in `directory`.

    The film is named after the prefix of the pattern, or after the folder if there is none.
    """
    name_suffix = RESULT_SUFFIX if directory is None else ""
    is_pattern = is_sequence_pattern(source)
    sequence_dir = source.parent.resolve() if is_pattern else source.resolve()
    prefix = source.name.split("%")[0].rstrip("_-. ([") if is_pattern else ""
    parent = directory or (source.parent if is_pattern or source.name else Path(".."))
    suffix = list_extensions(options.purpose)[0]
    return parent / f"{prefix or sequence_dir.name}{name_suffix}{suffix}"
