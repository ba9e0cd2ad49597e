"""`vidcolor probe`: show the contents of a source and the output that colorize would write."""

from __future__ import annotations

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
    return {"kind": "film", **plan_values(plan)}, _format_plan(plan)


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
    return {**values, **plan_values(plan)}, [first_line, frames, *other_lines]


def _probe_photo(file: Path, out: Path | None) -> ProbeResult:
    from vidcolor.media.stills.registry import read_still
    from vidcolor.photo import default_target

    still = read_still(file, allow_damaged=True)
    height, width = still.luma.shape
    target = out or default_target(file)
    metadata = _list_metadata(still)
    values = {
        "kind": "photo",
        "source": str(file),
        "format": still.format,
        "width": width,
        "height": height,
        "bits": still.bits,
        "tint": still.tint,
        "orientation": still.orientation,
        "alpha": still.alpha is not None,
        "kept": metadata,
        "target": str(target),
        "warnings": list(still.warnings),
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
        f"timecode {still.timecode}": still.timecode,
    }
    return [text for text, is_present in entries.items() if is_present]


def plan_values(plan: FilmPlan) -> dict[str, Any]:
    """Return the plan of a film as JSON values."""
    video = plan.video
    return {
        "source": str(plan.info.path),
        "container": plan.info.container,
        "duration_s": plan.info.duration_s,
        "chapters": plan.info.num_chapters,
        "tags": plan.info.tags,
        "video": {
            "codec": video.codec,
            "width": video.width,
            "height": video.height,
            "pix_fmt": video.layout.name,
            "bits": video.coding.bits,
            "full_range": video.coding.full_range,
            "matrix": video.matrix.name,
            "primaries": video.tags.primaries,
            "transfer": video.tags.transfer,
            "time_base": str(video.time_base),
            "rate": str(video.rate) if video.rate else None,
            "variable_rate": video.variable_rate,
            "frames": video.estimated_num_frames,
            "sample_aspect_ratio": str(video.sample_aspect_ratio or 1),
            "rotation": video.rotation_degrees,
            "interlaced": video.interlaced,
            "timecode": video.timecode,
            "tint": video.tint,
        },
        "streams": [
            {
                "index": decision.stream.index,
                "kind": decision.stream.kind,
                "codec": decision.stream.codec,
                "language": decision.stream.language,
                "kept": decision.kept,
                "note": decision.note,
            }
            for decision in plan.streams
        ],
        "target": str(plan.target),
        "encoder": plan.encoder.encoder,
        "encoder_options": plan.encoder.options,
        "out_pix_fmt": plan.encoder.layout.name,
        "warnings": list(plan.warnings),
    }


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
    video = plan.video
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
    encoder, source_bits = plan.encoder, plan.video.coding.bits
    options = " ".join(f"{key}={value}" for key, value in encoder.options.items())
    bits = encoder.layout.bits
    if bits == source_bits:
        luma = "unchanged bit for bit"
    elif bits > source_bits:
        luma = f"unchanged, stored in {bits} bits"
    else:
        luma = f"ROUNDED to {bits} bits"
    output = f"{encoder.encoder} in {encoder.muxer}, {encoder.layout.name} {options}"
    return [
        f"  video      {output}".rstrip(),
        f"  luma       {luma} at the encoder input; time stamps unchanged",
    ]
