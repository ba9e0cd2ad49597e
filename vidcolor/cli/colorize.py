"""`vidcolor colorize`: films, photographs, folders and image sequences."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import typer

from vidcolor.cli.batch import color_everything
from vidcolor.cli.console import Console
from vidcolor.cli.params import parse_fps, parse_option, parse_reference, parse_time
from vidcolor.hints.io import load_hints
from vidcolor.options import (
    MAX_SATURATION,
    MAX_WORKERS,
    ColorizeOptions,
    EngineName,
    GrayFrom,
    Purpose,
    Range,
    Resume,
)

WHAT, LOOK, TIME = "What", "Look", "Time"
OUTPUT, MACHINE = "Output", "Machine"


def colorize(
    inputs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="INPUT",
            help="Films, photos, folders, 'reels/*.mov', or a pattern of numbered frames "
            "(scan_%06d.dpx).",
            show_default=False,
        ),
    ] = None,
    job_list: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Also color what a list names, CSV or JSON: rows of input, output, and any "
            "option of that film's own (start, end, hints, for, encoder …).",
            rich_help_panel=WHAT,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="The result: .mp4 .mov .mkv .webm .mxf, a picture, or out_%06d.png for frames. "
            "Default: NAME.color.EXT beside the source.",
            rich_help_panel=WHAT,
        ),
    ] = None,
    out_dir: Annotated[
        Path | None,
        typer.Option(
            help="Directory for the results; folders are mirrored into it.", rich_help_panel=WHAT
        ),
    ] = None,
    gray_from: Annotated[
        GrayFrom,
        typer.Option(
            "--gray-from",
            "--grey-from",
            help="Where the luma comes from: as recorded (of RGB: the weighted sum), or the "
            "cleanest channel of a tinted or faded print.",
            rich_help_panel=WHAT,
        ),
    ] = "luma",
    allow_damaged: Annotated[
        bool,
        typer.Option(
            "--allow-damaged",
            help="Exit 0 even if the source is cut off or broken.",
            rich_help_panel=WHAT,
        ),
    ] = False,
    model: Annotated[
        str,
        typer.Option(
            help="Generator: a name (`vidcolor models list`), a weights file (.safetensors .pth "
            ".onnx), or several with + between, whose mean counts.",
            rich_help_panel=LOOK,
        ),
    ] = "embedded",
    size: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="PIXELS",
            help="Short side at which the generator looks at pictures (DeOldify's render factor "
            "times 16). Default: its own.",
            rich_help_panel=LOOK,
        ),
    ] = None,
    vividness: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="0 calm … 1 vivid. Default: the model's own.", rich_help_panel=LOOK
        ),
    ] = None,
    saturation: Annotated[
        float,
        typer.Option(
            min=0,
            max=MAX_SATURATION,
            help="Gain of the chroma: 0 gray, 1 as predicted; no channel clips.",
            rich_help_panel=LOOK,
        ),
    ] = 1.0,
    hints: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Colors that you know: JSON or CSV rows of x, y, color, radius; in a film also "
            "time or frame. Each spreads over the object that it lies on, and stays with it "
            "through its shot.",
            rich_help_panel=LOOK,
        ),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="PATH[@TIME]",
            help="A colored picture: painted by hand, or a color photo of the same place. Taken "
            "over where it shows the same, in a film at TIME or where it is found; else only its "
            "palette.",
            rich_help_panel=LOOK,
        ),
    ] = None,
    mark: Annotated[
        bool,
        typer.Option(
            "--mark",
            help="Draw a small palette in the bottom left corner. Luma changes there, only there.",
            rich_help_panel=LOOK,
        ),
    ] = False,
    per_frame: Annotated[
        bool,
        typer.Option(
            "--per-frame",
            help="Color every frame by itself. Flickers, and costs more: for comparisons.",
            rich_help_panel=LOOK,
        ),
    ] = False,
    shots: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The film's shots, as `vidcolor shots` lists them and you have corrected them. "
            "Default: they are found.",
            rich_help_panel=TIME,
        ),
    ] = None,
    start: Annotated[
        Fraction | None,
        typer.Option(
            parser=parse_time,
            metavar="TIME",
            help="Begin here: 90.5 or 1:30.5",
            rich_help_panel=TIME,
        ),
    ] = None,
    end: Annotated[
        Fraction | None,
        typer.Option(parser=parse_time, metavar="TIME", help="Stop here.", rich_help_panel=TIME),
    ] = None,
    fps: Annotated[
        Fraction | None,
        typer.Option(
            parser=parse_fps,
            metavar="RATE",
            help="Frame rate of a sequence: 24, 16, 24000/1001. Makes a folder of frames a film.",
            rich_help_panel=TIME,
        ),
    ] = None,
    purpose: Annotated[
        Purpose,
        typer.Option(
            "--for",
            help="delivery: H.264. editing: ProRes 422 HQ in .mov. archive: lossless FFV1 in .mkv.",
            rich_help_panel=OUTPUT,
        ),
    ] = "delivery",
    encoder: Annotated[
        str | None,
        typer.Option(
            help="libx264, libx265, libsvtav1, ffv1, prores_ks, dnxhd, h264_nvenc … Default: the "
            "purpose's that keeps every bit of luma.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    encoder_option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="Passed to the encoder; repeatable: crf=18",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    pix_fmt: Annotated[
        str | None,
        typer.Option(
            help="Pixel format, e.g. yuv420p10le. Fewer bits than the source round its luma.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    luma_range: Annotated[
        Range,
        typer.Option(
            "--range",
            help="Meaning of a film's luma codes: as they are, or moved to limited (as ProRes "
            "and most editors expect) or full range.",
            rich_help_panel=OUTPUT,
        ),
    ] = "keep",
    quality: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=100,
            help="Of JPEG and lossy WebP. Default: a JPEG's luma is coded as its source codes it.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    confidence: Annotated[
        Path | None,
        typer.Option(
            help="Also write how sure the model is, as a gray film or picture.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    report: Annotated[
        list[Path] | None,
        typer.Option(
            help="Also write a report of the run, .json or .html; repeatable.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", "-f", help="Replace existing results.", rich_help_panel=OUTPUT),
    ] = False,
    device: Annotated[
        str,
        typer.Option(
            help="auto, cpu, cuda, cuda:1, mps; of ONNX files also tensorrt, directml, coreml.",
            rich_help_panel=MACHINE,
        ),
    ] = "auto",
    precision: Annotated[
        str, typer.Option(help="auto, fp32, bf16.", rich_help_panel=MACHINE)
    ] = "auto",
    batch: Annotated[
        int,
        typer.Option(
            min=1,
            max=64,
            help="Frames colored at once with --per-frame; never changes the result.",
            rich_help_panel=MACHINE,
        ),
    ] = 8,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MAX_WORKERS,
            help="Processes that color films, each another segment at a time. Never changes the "
            "result. Default: 1, or one for each GPU.",
            rich_help_panel=MACHINE,
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Cores for each worker. Default: its share of all.",
            rich_help_panel=MACHINE,
        ),
    ] = None,
    engine: Annotated[
        EngineName,
        typer.Option(
            help="local: workers on this machine. ray: in a Ray cluster (pip install "
            "vidcolor\\[ray]).",
            rich_help_panel=MACHINE,
        ),
    ] = "local",
    ray_address: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Of the cluster, as ray.init takes it: auto, HOST:6379, ray://HOST:10001.",
            rich_help_panel=MACHINE,
        ),
    ] = None,
    work_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where unfinished work is kept; it takes as much room as the result. Default: "
            "beside each result, as NAME.vidcolor.",
            rich_help_panel=MACHINE,
        ),
    ] = None,
    resume: Annotated[
        Resume,
        typer.Option(
            help="Unfinished work: auto goes on with it if film and options are the same, only "
            "refuses to begin anew, never begins anew.",
            rich_help_panel=MACHINE,
        ),
    ] = "auto",
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Only warnings and errors.", rich_help_panel=MACHINE),
    ] = False,
    json_lines: Annotated[
        bool, typer.Option("--json", help="One JSON object a line.", rich_help_panel=MACHINE)
    ] = False,
) -> None:
    """Color black-and-white films, photos, folders and scans.

    The luma goes through bit for bit, and sound, subtitles, chapters and time
    stamps with it. The color is a network's guess, and the result says so in
    its metadata. Nothing is overwritten without --force.

    [bold]Examples[/bold]

      vidcolor colorize reel.mov
      vidcolor colorize reel.mkv --for editing --out-dir graded/
      vidcolor colorize tape.mpg --for archive -o master.mkv
      vidcolor colorize album/ --out-dir album-color/
      vidcolor colorize scan_%06d.dpx --fps 18 -o reel.mov --for editing
      vidcolor colorize mill.jpg --hints hints.json
      vidcolor colorize reel.mov --reference painted.png@1:12.5
      vidcolor colorize reel.mov --shots shots.csv --hints hints.json
      vidcolor colorize --job-list tonight.csv --out-dir graded/ --workers 2

    A run that is stopped, in whatever way, goes on when the same command is
    given again; [bold]vidcolor jobs[/bold] lists unfinished work.

    [bold]hints.json[/bold]: #rrggbb, a CSS name or neutral; pixels, or "50%"

      \\[{"x": 812, "y": 430, "color": "#3b5f8a", "radius": 12},
       {"x": "50%", "y": "12%", "color": "skyblue", "time": 72.5}]
    """
    run_colorize(
        inputs, job_list, out, out_dir, report, quiet, json_lines, reference, encoder_option,
        luma_range,
        start=start, end=end, shots=shots, gray_from=gray_from, fps=fps,
        allow_damaged=allow_damaged, model=model, size=size, vividness=vividness,
        saturation=saturation, mark=mark, hints=hints, per_frame=per_frame,
        purpose=purpose, encoder=encoder, pix_fmt=pix_fmt, quality=quality,
        confidence=confidence, force=force, device=device, precision=precision, batch=batch,
        workers=workers, threads=threads, engine=engine, ray_address=ray_address,
        work_dir=work_dir, resume=resume,
    )  # fmt: skip


def run_colorize(
    inputs: list[Path] | None,
    job_list: Path | None,
    out: Path | None,
    out_dir: Path | None,
    report: list[Path] | None,
    quiet: bool,
    json_lines: bool,
    reference: str | None = None,
    encoder_option: list[str] | None = None,
    luma_range: Range = "keep",
    **fields: Any,
) -> None:
    """What `colorize` and `recolor` do with their words.

    Args:
        inputs: what to color.
        job_list: names more of it.
        out: as `colorize` has it, like all that follow.
        out_dir: where results go.
        report: reports of the run.
        quiet: only warnings and errors.
        json_lines: one JSON object a line.
        reference: PATH or PATH@TIME.
        encoder_option: KEY=VALUE each.
        luma_range: of the result.
        fields: of `ColorizeOptions`, as they are.

    Raises:
        typer.Exit: always, with the exit code.
    """
    picture, moment = parse_reference(reference) if reference is not None else (None, None)
    options = ColorizeOptions(
        reference=picture,
        reference_time=moment,
        encoder_options=tuple(parse_option(text) for text in encoder_option or ()),
        range=luma_range,
        **fields,
    )
    also_read = options.also_read()
    options = replace(options, hints=load_hints(options) or None)  # read once: it may be a pipe
    console = Console(quiet=quiet, json_lines=json_lines)
    raise typer.Exit(
        color_everything(
            inputs or [], job_list, out, out_dir, options, report or [], also_read, console
        )
    )
