"""`vidcolor probe`: what is in a film, and what would become of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vidcolor.options import ColorizeOptions, Purpose

if TYPE_CHECKING:
    from vidcolor.film.plan import FilmPlan

_TINTS = {"grey": "black and white", "tinted": "one tint (sepia or toned)", "colour": "in colour"}


def probe(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A film.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The result you have in mind, e.g. reel.webm."),
    ] = None,
    purpose: Annotated[
        Purpose, typer.Option("--for", help="As for `vidcolor colorize`.")
    ] = "delivery",
    encoder: Annotated[str | None, typer.Option(help="As for `vidcolor colorize`.")] = None,
    json_lines: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Explain a film: its streams, which of them survive, and what vidcolor would do.

    Nothing is written.
    """
    from vidcolor.film.plan import default_target, plan_film

    options = ColorizeOptions(purpose=purpose, encoder=encoder)
    plan = plan_film(file, out or default_target(file, options), options)
    if json_lines:
        typer.echo(json.dumps(describe(plan), default=str))
    else:
        typer.echo("\n".join(_lines(plan)))


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
