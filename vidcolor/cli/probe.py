"""`vidcolor probe`: show the contents of a source and the output that colorize would write."""

from __future__ import annotations

from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vidcolor.cli import params
from vidcolor.cli.console import Console
from vidcolor.options import ColorizeOptions

if TYPE_CHECKING:
    from vidcolor.film.plan import FilmPlan
    from vidcolor.media.stills.types import Still

    ProbeResult = tuple[dict[str, Any], list[str]]
    """JSON values and lines of text."""

_TINTS = {
    "gray": "black and white",
    "tinted": "monochrome with a tint (sepia or toned); --gray-from may select a cleaner channel",
    "color": "color",
}
# fmt: off
_PLAN_VALUES = {
    "source": "info.path", "container": "info.container", "duration_s": "info.duration_s",
    "chapters": "info.num_chapters", "tags": "info.tags", "video": "", "streams": "", "target": "",
    "encoder": "encoder.encoder", "encoder_options": "encoder.options",
    "out_pix_fmt": "encoder.layout.name", "warnings": "",
}
"""Attribute of a `FilmPlan` for each JSON key; empty if it has the same name."""
_VIDEO_VALUES = {
    "codec": "", "width": "", "height": "", "pix_fmt": "layout.name", "bits": "coding.bits",
    "full_range": "coding.full_range", "matrix": "matrix.name", "primaries": "tags.primaries",
    "transfer": "tags.transfer", "time_base": "", "rate": "", "variable_rate": "",
    "frames": "estimated_num_frames", "sample_aspect_ratio": "", "rotation": "rotation_degrees",
    "interlaced": "", "timecode": "", "reel": "", "tint": "",
}
_STREAM_VALUES = {
    "index": "stream.index", "kind": "stream.kind", "codec": "stream.codec",
    "language": "stream.language", "kept": "", "note": "",
}
# fmt: on


@params.expand_options
def probe(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Film, photo, folder of numbered frames, or pattern (scan_%06d.dpx).",
            show_default=False,
        ),
    ],
    options: Annotated[ColorizeOptions, params.Fields(only=("fps", "purpose", "encoder"))],
    console: Console,
    out: params.Out = None,
) -> None:
    """Show the contents of a film or photo, and the output that colorize would write.

    Streams and metadata that would be lost are listed. No file is written.

    [bold]Examples[/bold]

      vidcolor probe reel.mov
      vidcolor probe reel.mov --for archive -o master.mkv
      vidcolor probe scan_%06d.dpx --fps 18 --json
    """
    from vidcolor.media.extensions import is_photo
    from vidcolor.media.sequence import is_sequence_pattern

    if file.is_dir() or (is_sequence_pattern(file) and not file.exists()):
        values, lines = _probe_sequence(file, out, options)
    elif file.is_file() and is_photo(file):
        values, lines = _probe_photo(file, out)
    else:
        values, lines = _probe_film(file, out, options)
    console.result(lines, values)


def _probe_film(file: Path, out: Path | None, options: ColorizeOptions) -> ProbeResult:
    from vidcolor.film.plan import default_film_target, plan_film

    plan = plan_film(file, out or default_film_target(file, options), options)
    return {"kind": "film", **_plan_values(plan)}, _format_plan(plan)


def _probe_sequence(path: Path, out: Path | None, options: ColorizeOptions) -> ProbeResult:
    from vidcolor.film.plan import default_sequence_target, plan_sequence
    from vidcolor.media.sequence import find_sequence

    sequence = find_sequence(path)
    plan = plan_sequence(sequence, out or default_sequence_target(path, options), options)
    numbers, missing = list(sequence.files), sequence.missing
    values = {"kind": "sequence", "first": numbers[0], "last": numbers[-1], "missing": missing}
    listed = ", ".join(map(str, missing[:8])) + (" ..." if len(missing) > 8 else "")
    gaps = f"{len(missing)} missing: {listed}" if missing else "none missing"
    frames = f"  frames     {len(numbers)}, numbered {numbers[0]} to {numbers[-1]}, {gaps}"
    first_line, *other_lines = _format_plan(plan)
    return {**values, **_plan_values(plan)}, [first_line, frames, *other_lines]


def _probe_photo(file: Path, out: Path | None) -> ProbeResult:
    from vidcolor.media.stills.registry import read_still
    from vidcolor.photo import default_target

    still = read_still(file, allow_damaged=True)
    height, width = still.luma.shape
    target = out or default_target(file)
    metadata = _list_metadata(still)
    values = {
        **{"kind": "photo", "source": file, "format": still.format},
        **{"width": width, "height": height},
        **_pick(still, dict.fromkeys(("bits", "tint", "orientation"), "")),
        **{"alpha": still.alpha is not None, "kept": metadata, "target": target},
        "warnings": still.warnings,
    }
    lines = [
        f"{file} ({still.format})",
        f"  image      {width}x{height}, {still.bits} bits",
        f"  tint       {_TINTS[still.tint]}",
        f"  metadata   {', '.join(metadata) or 'none'}",
        "",
        f"Output: {target}",
        *(f"  warning: {text}" for text in still.warnings),
    ]
    return values, lines


def _list_metadata(still: Still) -> list[str]:
    """List the metadata of a photo that is copied to the result."""
    from vidcolor.media.stills.formats import FORMATS

    m, is_film_scan = still.metadata, FORMATS[still.format].is_film_scan
    resolution = f"{m.dpi[0]:g}x{m.dpi[1]:g} dpi" if m.dpi else ""
    entries = {
        f"orientation {still.orientation}": still.orientation != 1,
        "transparency": still.alpha is not None,
        "EXIF": m.exif,
        "color profile": m.icc,
        "XMP": m.xmp,
        "IPTC or Photoshop captions": m.iptc or m.photoshop,
        resolution: resolution,
        "film scan header" if is_film_scan else "comments and other segments": m.extras,
        f"timecode {m.timecode}": m.timecode,
    }
    return [text for text, is_present in entries.items() if is_present]


def _plan_values(plan: FilmPlan) -> dict[str, Any]:
    video = plan.info.video
    sample_aspect_ratio = {"sample_aspect_ratio": str(video.sample_aspect_ratio or 1)}
    return _pick(plan, _PLAN_VALUES) | {
        "video": _pick(video, _VIDEO_VALUES) | sample_aspect_ratio,
        "streams": [_pick(decision, _STREAM_VALUES) for decision in plan.streams],
    }


def _pick(item: object, paths: dict[str, str]) -> dict[str, Any]:
    """Return attributes of an object, and of its attributes, by JSON key."""
    return {key: attrgetter(path or key)(item) for key, path in paths.items()}


def _format_plan(plan: FilmPlan) -> list[str]:
    return [
        f"{plan.info.path} ({plan.info.container})",
        *_format_video(plan),
        *_format_streams(plan),
        "",
        f"Output: {plan.target}",
        *_format_output(plan),
        *(f"  warning: {text}" for text in plan.warnings),
    ]


def _format_video(plan: FilmPlan) -> list[str]:
    video = plan.info.video
    sar = video.sample_aspect_ratio
    properties = [
        video.codec,
        f"{video.width}x{video.height}",
        f"{float(video.rate):.3f} fps" if video.rate else "unknown frame rate",
        f"{video.duration_s:.2f} s" if video.duration_s else "unknown duration",
        f"about {video.estimated_num_frames or '?'} frames",
        "variable frame rate" if video.variable_rate else "",
        f"pixel aspect {sar.numerator}:{sar.denominator}" if sar else "",
        f"rotated by {video.rotation_degrees}°" if video.rotation_degrees else "",
        "interlaced" if video.interlaced else "",
        f"timecode {video.timecode}" if video.timecode else "",
        f"reel {video.reel}" if video.reel else "",
    ]
    luma_range = "full" if video.coding.full_range else "limited"
    is_tagged = video.tags.matrix == video.matrix.code
    matrix = f"{video.matrix.name}{'' if is_tagged else ' (untagged, derived from the frame size)'}"
    return [
        f"  video      {', '.join(filter(None, properties))}",
        f"  pixels     {video.layout.name}: {video.coding.bits}-bit luma, {luma_range} range, "
        f"matrix {matrix}",
        f"  tint       {_TINTS[video.tint]}",
    ]


def _format_streams(plan: FilmPlan) -> list[str]:
    lines = []
    for decision in plan.streams:
        s = decision.stream
        properties = ", ".join(x for x in (s.codec, s.language, s.title, s.detail) if x)
        state = "kept" if decision.kept else "NOT kept"
        lines.append(f"  {s.kind:<10} {properties}: {state}, {decision.note}")
    if plan.info.num_chapters:
        lines.append(f"  chapters   {plan.info.num_chapters}: kept")
    return lines or ["  no audio, subtitles or other streams"]


def _format_output(plan: FilmPlan) -> list[str]:
    encoder, source = plan.encoder, plan.info.video
    source_bits = source.coding.bits
    options = " ".join(f"{key}={value}" for key, value in encoder.options.items())
    bits = encoder.layout.bits
    range_name = "full" if encoder.full_range else "limited"
    if source.layout.kind == "rgb":
        luma = f"computed from R'G'B' in {bits} bits, {range_name} range,"
    elif encoder.full_range != source.coding.full_range:
        luma = f"converted to {range_name} range in {bits} bits, "
        luma += "all levels distinct," if encoder.lossless_luma else "ROUNDED,"
    elif bits == source_bits:
        luma = "unchanged bit for bit"
    elif bits > source_bits:
        luma = f"unchanged, stored in {bits} bits"
    else:
        luma = f"ROUNDED to {bits} bits"
    output = f"{encoder.encoder} in {encoder.muxer}, {encoder.layout.name} {options}"
    return [
        f"  video      {output}".rstrip(),
        f"  luma       {luma} at the encoder input; frame times kept",
    ]
