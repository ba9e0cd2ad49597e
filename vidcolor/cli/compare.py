"""`vidcolor compare`: two films or two pictures in one, to be looked at."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer

from vidcolor.cli.console import Console
from vidcolor.cli.params import parse_time
from vidcolor.evaluation.compare_options import MAX_COUNT, WIDTHS, CompareOptions, Layout


def compare(
    a: Annotated[
        Path,
        typer.Argument(metavar="A", help="A film or picture: the original.", show_default=False),
    ],
    b: Annotated[
        Path,
        typer.Argument(metavar="B", help="What became of it: in color.", show_default=False),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            help="The result. A film for .mp4 .mov .mkv .webm; a contact sheet of films (or both "
            "pictures in one) for .png .jpg .webp.",
            show_default=False,
        ),
    ],
    layout: Annotated[
        Layout | None,
        typer.Option(
            help="side: A left of B. stack: A above B. wipe: A and B on either side of a line, "
            "which moves to and fro in a film. Default: side; stack on contact sheets.",
        ),
    ] = None,
    count: Annotated[
        int, typer.Option(min=1, max=MAX_COUNT, help="Moments on a contact sheet.")
    ] = 6,
    width: Annotated[
        int | None,
        typer.Option(
            min=WIDTHS[0],
            max=WIDTHS[-1],
            help="Of the result, in pixels. Default: as the sources are, up to 3840; 1600 for a "
            "contact sheet.",
        ),
    ] = None,
    start: Annotated[
        Fraction | None,
        typer.Option(parser=parse_time, metavar="TIME", help="Begin here in A: 90.5 or 1:30.5"),
    ] = None,
    end: Annotated[
        Fraction | None, typer.Option(parser=parse_time, metavar="TIME", help="Stop here in A.")
    ] = None,
    offset: Annotated[
        Fraction | None,
        typer.Option(
            parser=parse_time,
            metavar="TIME",
            help="Where in A the film B begins: the --start that B was colored with.",
        ),
    ] = None,
    names: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="A B", help="What to call them: Before After. Default: the file names."
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", "-f", help="Replace an existing result.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only warnings and errors.")] = False,
    json_lines: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Put two films, or two pictures, into one to look at.

    Frames are paired by time, not by number; B is scaled to A's size and brings its sound along.

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
        done = compare_files(a, b, out, options, progress=console.progress)
    finally:
        console.end_progress()
    for warning in done.warnings:
        console.warn(warning)
    what = {"film": "frames", "sheet": "moments", "picture": "pair"}[done.kind]
    size = "×".join(map(str, done.size))
    console.event(
        "done",
        kind=done.kind,
        target=str(done.target),
        size=done.size,
        pairs=done.num_pairs,
        warnings=list(done.warnings),
    )
    console.say(f"{done.target}: {done.num_pairs} {what}, {size}")
