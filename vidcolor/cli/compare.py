"""`vidcolor compare`: show two films or two photos in one file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidcolor.cli import params
from vidcolor.cli.console import Console
from vidcolor.evaluation.options import CompareOptions
from vidcolor.media.containers import list_extensions

if TYPE_CHECKING:
    from vidcolor.evaluation.compare import Comparison


@params.expand_options
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
            help=f"Output file. Films: a video ({' '.join(list_extensions('delivery'))}) or a "
            "contact sheet (.png .jpg .webp). Photos: an image (.png .jpg .webp).",
            show_default=False,
            rich_help_panel=params.OUTPUT_PANEL,
        ),
    ],
    options: Annotated[CompareOptions, params.Fields(omit=("names",))],
    console: Console,
    names: Annotated[tuple[str, str] | None, params.make_option("names", CompareOptions)] = None,
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

    try:
        options = options.replace(names=names)
        comparison = compare_files(a, b, out, options, progress=console.progress)
    finally:
        console.end_progress()
    _print_result(comparison, console)


def _print_result(comparison: Comparison, console: Console) -> None:
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
