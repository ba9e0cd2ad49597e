"""`vidcolor probe`: what is in a film or picture, and what would become of it."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vidcolor.cli.console import one_line
from vidcolor.cli.params import parse_fps
from vidcolor.options import ColorizeOptions, Purpose

if TYPE_CHECKING:
    from vidcolor.film.plan import FilmPlan
    from vidcolor.media.stills import Still

    Probed = tuple[dict[str, Any], list[str]]

_TINTS = {
    "gray": "black and white",
    "tinted": "one tint (sepia or toned); --gray-from may find a cleaner channel",
    "color": "in color",
}


def probe(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A film, a photo, a folder of frames, or a pattern of them (scan_%06d.dpx).",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The result you have in mind, e.g. reel.webm."),
    ] = None,
    purpose: Annotated[
        Purpose, typer.Option("--for", help="As for `vidcolor colorize`.")
    ] = "delivery",
    encoder: Annotated[str | None, typer.Option(help="As for `vidcolor colorize`.")] = None,
    fps: Annotated[
        Fraction | None,
        typer.Option(parser=parse_fps, metavar="RATE", help="As for `vidcolor colorize`."),
    ] = None,
    json_lines: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Explain a film or picture: what is in it, what survives, and what vidcolor would do.

    Nothing is written.
    """
    from vidcolor.batch.discover import is_photo
    from vidcolor.media.sequence import is_pattern

    options = ColorizeOptions(purpose=purpose, encoder=encoder, fps=fps)
    if file.is_dir() or (is_pattern(file) and not file.exists()):
        facts, lines = _probe_sequence(file, out, options)
    elif file.is_file() and is_photo(file):
        facts, lines = _probe_photo(file, out)
    else:
        facts, lines = _probe_film(file, out, options)
    typer.echo(json.dumps(facts, default=str) if json_lines else "\n".join(map(one_line, lines)))


def _probe_film(file: Path, out: Path | None, options: ColorizeOptions) -> Probed:
    from vidcolor.film.plan import default_target, plan_film

    plan = plan_film(file, out or default_target(file, options), options)
    return {"kind": "film", **describe(plan)}, _lines(plan)


def _probe_sequence(path: Path, out: Path | None, options: ColorizeOptions) -> Probed:
    from vidcolor.film.sequence import default_target, plan_sequence
    from vidcolor.media.sequence import find_sequence

    sequence = find_sequence(path)
    plan = plan_sequence(sequence, out or default_target(path, options), options)
    numbers = list(sequence.files)
    facts = {"kind": "sequence", "first": numbers[0], "last": numbers[-1]}
    missing = sequence.missing
    shown = ", ".join(map(str, missing[:8])) + ("…" if len(missing) > 8 else "")
    gaps = f"{len(missing)} missing: {shown}" if missing else "none missing"
    frames = f"  frames     {len(numbers)}, numbered {numbers[0]} to {numbers[-1]}, {gaps}"
    first, *rest = _lines(plan)
    return {**facts, "missing": missing, **describe(plan)}, [first, frames, *rest]


def _probe_photo(file: Path, out: Path | None) -> Probed:
    from vidcolor.media.stills import read_still
    from vidcolor.photo import default_target

    still = read_still(file, allow_damaged=True)
    height, width = still.luma.shape
    target = out or default_target(file)
    said = _words_of(still)
    facts = {
        "kind": "photo",
        "source": str(file),
        "format": still.format,
        "width": width,
        "height": height,
        "bits": still.bits,
        "tint": still.tint,
        "orientation": still.orientation,
        "alpha": still.alpha is not None,
        "kept": said,
        "target": str(target),
        "warnings": list(still.warnings),
    }
    lines = [
        f"{file} ({still.format})",
        f"  picture    {width}x{height}, {still.bits} bits",
        f"  look       {_TINTS[still.tint]}",
        f"  kept       {', '.join(said) or 'no metadata to keep'}",
        "",
        f"Would write {target}",
        *(f"  note: {w}" for w in still.warnings),
    ]
    return facts, lines


def _words_of(still: Still) -> list[str]:
    """What a picture's file says besides pixels."""
    m = still.metadata
    dots = f"{m.dpi[0]:g}x{m.dpi[1]:g} dpi" if m.dpi else ""
    words = {
        f"orientation {still.orientation}": still.orientation != 1,
        "transparency": still.alpha is not None,
        "EXIF": m.exif,
        "color profile": m.icc,
        "XMP": m.xmp,
        "IPTC or Photoshop captions": m.iptc or m.photoshop,
        dots: dots,
        "comments and further segments": m.jpeg_segments or m.png_chunks,
        "film scan header": m.dpx_header or m.exr_attributes,
        f"time code {still.timecode}": still.timecode,
    }
    return [word for word, there in words.items() if there]


def describe(plan: FilmPlan) -> dict[str, Any]:
    """A plan in plain values."""
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
            "frames": video.estimated_frames,
            "sample_aspect_ratio": str(video.sample_aspect_ratio or 1),
            "rotation": video.rotation_degrees,
            "interlaced": video.interlaced,
            "timecode": video.timecode,
            "tint": video.tint,
        },
        "streams": [
            {
                "index": f.stream.index,
                "kind": f.stream.kind,
                "codec": f.stream.codec,
                "language": f.stream.language,
                "kept": f.kept,
                "note": f.note,
            }
            for f in plan.company
        ],
        "target": str(plan.target),
        "encoder": plan.encoder.encoder,
        "encoder_options": plan.encoder.options,
        "out_pix_fmt": plan.encoder.layout.name,
        "warnings": list(plan.warnings),
    }


def _lines(plan: FilmPlan) -> list[str]:
    return [
        f"{plan.info.path} ({plan.info.container})",
        *_picture_lines(plan),
        *_company_lines(plan),
        "",
        f"Would write {plan.target}",
        *_result_lines(plan),
        *(f"  note: {w}" for w in plan.warnings),
    ]


def _picture_lines(plan: FilmPlan) -> list[str]:
    video = plan.video
    rate = f"{float(video.rate):.3f} fps" if video.rate else "rate unknown"
    sar = video.sample_aspect_ratio
    marks = [
        "variable frame rate" if video.variable_rate else "",
        f"pixel aspect {sar.numerator}:{sar.denominator}" if sar else "",
        f"turned by {video.rotation_degrees}°" if video.rotation_degrees else "",
        "interlaced" if video.interlaced else "",
        f"time code {video.timecode}" if video.timecode else "",
    ]
    span = "full" if video.coding.full_range else "limited"
    tagged = "" if video.tags.matrix == video.matrix.code else " (untagged: assumed from the size)"
    seconds = f"{video.duration_s:.2f} s" if video.duration_s else "length unknown"
    return [
        f"  picture    {video.codec}, {video.width}x{video.height}, {rate}, {seconds}, "
        f"about {video.estimated_frames or '?'} frames" + "".join(f", {m}" for m in marks if m),
        f"  pixels     {video.layout.name}: {video.coding.bits}-bit luma, {span} range, "
        f"matrix {video.matrix.name}{tagged}",
        f"  look       {_TINTS[video.tint]}",
    ]


def _company_lines(plan: FilmPlan) -> list[str]:
    lines = []
    for fate in plan.company:
        s = fate.stream
        about = ", ".join(x for x in (s.codec, s.language, s.title, s.detail) if x)
        sign = "kept" if fate.kept else "NOT kept"
        lines.append(f"  {s.kind:<10} {about}: {sign}, {fate.note}")
    if plan.info.num_chapters:
        lines.append(f"  chapters   {plan.info.num_chapters}: kept")
    if not lines:
        lines.append("  no sound, no subtitles, no other streams")
    return lines


def _result_lines(plan: FilmPlan) -> list[str]:
    e, video = plan.encoder, plan.video
    settings = " ".join(f"{k}={v}" for k, v in e.options.items())
    if e.layout.bits == video.coding.bits:
        luma = "bit for bit"
    elif e.layout.bits > video.coding.bits:
        luma = f"every code kept, in {e.layout.bits} bits"
    else:
        luma = f"ROUNDED to {e.layout.bits} bits"
    return [
        f"  picture    {e.encoder} in {e.muxer}, {e.layout.name} {settings}".rstrip(),
        f"  luma       to the encoder {luma}; time stamps as they are",
    ]
