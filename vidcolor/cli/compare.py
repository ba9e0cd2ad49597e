"""`vidcolor compare`: show two films or two photos in one file."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer

from vidcolor.cli.console import Console
from vidcolor.cli.params import (
    OUTPUT_PANEL,
    TIME_PANEL,
    Force,
    JsonLines,
    Quiet,
)
from vidcolor.evaluation.compare_options import (
    MAX_COUNT,
    MAX_WIDTH,
    MIN_WIDTH,
    CompareOptions,
    Layout,
)
from vidcolor.timecode import parse_time


def compare(
    a: Annotated[
        Path,
        typer.Argument(
            metavar="A", help="First film or photo, usually the source.", show_default=False
        ),
    ],
    b: Annotated[
        Path,
        typer.Argument(
            metavar="B",
            help="Second film or photo, usually the colorized result.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            help="Output file. Films: a video (.mp4 .mov .mkv .webm) or a contact sheet (.png "
            ".jpg .webp). Photos: an image (.png .jpg .webp).",
            show_default=False,
            rich_help_panel=OUTPUT_PANEL,
        ),
    ],
    layout: Annotated[
        Layout | None,
        typer.Option(
            help="side: A left of B. stack: A above B. wipe: A and B on both sides of a line, "
            "which moves in a video. Default: stack for contact sheets, else side.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = None,
    count: Annotated[
        int,
        typer.Option(
            min=1,
            max=MAX_COUNT,
            help="Number of frame pairs on a contact sheet.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = 6,
    width: Annotated[
        int | None,
        typer.Option(
            min=MIN_WIDTH,
            max=MAX_WIDTH,
            help="Output width in pixels. Default: the size of A, at most 3840; 1600 for a contact "
            "sheet.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = None,
    start: Annotated[
        Fraction | None,
        typer.Option(
            parser=parse_time,
            metavar="TIME",
            help="Start time in A: 90.5 (seconds) or 1:30.5.",
            rich_help_panel=TIME_PANEL,
        ),
    ] = None,
    end: Annotated[
        Fraction | None,
        typer.Option(
            parser=parse_time,
            metavar="TIME",
            help="End time in A.",
            rich_help_panel=TIME_PANEL,
        ),
    ] = None,
    offset: Annotated[
        Fraction | None,
        typer.Option(
            parser=parse_time,
            metavar="TIME",
            help="Time in A of the first frame of B: the --start with which B was colorized.",
            rich_help_panel=TIME_PANEL,
        ),
    ] = None,
    names: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="A B",
            help="Labels of A and B, for example Before After. Default: the file names.",
            rich_help_panel=OUTPUT_PANEL,
        ),
    ] = None,
    force: Force = False,
    quiet: Quiet = False,
    json_lines: JsonLines = False,
) -> None:
    """Show two films or two photos in one file.

    Frames are paired by time. B is scaled to the size of A. A video has the audio of
    B, or of A if B has none. --start, --end and --offset are times in A.

    [bold]Examples[/bold]

      vidcolor compare reel.mov reel.color.mov -o sheet.png
      vidcolor compare reel.mov reel.color.mov -o wipe.mp4 --layout wipe --names Before After
      vidcolor compare reel.mov part.mov -o part.mp4 --offset 1:30
      vidcolor compare photo.jpg photo.color.jpg -o both.jpg
    """
    from vidcolor.evaluation.compare import compare as compare_files

    options = CompareOptions(
        layout=layout, count=count, width=width, start=start, end=end,
        offset=offset or Fraction(0), names=names, force=force,
    )  # fmt: skip
    console = Console(quiet=quiet, json_lines=json_lines)
    try:
        comparison = compare_files(a, b, out, options, progress=console.progress)
    finally:
        console.end_progress()
    for warning in comparison.warnings:
        console.warn(warning)
    console.event(
        "done",
        kind=comparison.kind,
        target=str(comparison.target),
        size=comparison.size,
        pairs=comparison.num_pairs,
        warnings=list(comparison.warnings),
    )
    unit = {"film": "frames", "sheet": "frame pairs", "photo": "photo pair"}[comparison.kind]
    size = "x".join(map(str, comparison.size))
    console.info(f"{comparison.target}: {comparison.num_pairs} {unit}, {size}")
