"""`vidcolor shots`: where the shots of a film begin, as a list that can be corrected."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidcolor.cli.console import Console, clock
from vidcolor.cli.params import parse_fps, parse_time
from vidcolor.options import ColorizeOptions

if TYPE_CHECKING:
    from vidcolor.shots.shot_list import ShotList


def shots(
    film: Annotated[
        Path,
        typer.Argument(
            metavar="FILM", help="A film, or a pattern of numbered frames.", show_default=False
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The list: .csv, .json, or .edl for editing programs."),
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option(help="A picture with one frame of each shot: .png .jpg .webp."),
    ] = None,
    start: Annotated[
        Fraction | None,
        typer.Option(parser=parse_time, metavar="TIME", help="As for `vidcolor colorize`."),
    ] = None,
    end: Annotated[
        Fraction | None,
        typer.Option(parser=parse_time, metavar="TIME", help="As for `vidcolor colorize`."),
    ] = None,
    fps: Annotated[
        Fraction | None,
        typer.Option(parser=parse_fps, metavar="RATE", help="Of numbered frames."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace existing files.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only warnings and errors.")] = False,
    json_lines: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List the shots of a film: cuts, dissolves, fades.

    Color never passes from one shot to the next, except through a dissolve, and
    hints hold for one shot. If the list is wrong, correct it (delete a row to join
    two shots, add one with its first_frame to part them) and give it back:

    [bold]Examples[/bold]

      vidcolor shots reel.mov -o shots.csv --sheet shots.png
      vidcolor colorize reel.mov --shots shots.csv
      vidcolor shots reel.mov -o cuts.edl

    Frames are counted from 0 at --start. A dissolve's first_frame is the first that
    shows a trace of the new shot; mixed says how many frames show both.
    """
    from vidcolor.shots.sheet import shots_of_film

    options = ColorizeOptions(start=start, end=end, fps=fps, force=force)
    console = Console(quiet=quiet, json_lines=json_lines)
    try:
        found = shots_of_film(film, options, out, sheet, progress=console.progress)
    finally:
        console.end_progress()
    for path in (out, sheet):
        if path is not None:
            console.event("written", target=str(path))
    _print(console, film, found)


def _print(console: Console, film: Path, found: ShotList) -> None:
    from vidcolor.shots.shot_list import rows_of

    for row in rows_of(found):
        console.event("shot", **row)
        mixed = f", {row['mixed']} frames mixed" if row["mixed"] else ""
        console.say(
            f"{row['shot']:5d}  {row['start']:10.3f} s  {row['first_frame']:7d} - "
            f"{row['last_frame']:<7d} {row['begins']}{mixed}"
        )
    lasts = float(found.times[-1] - found.times[0])
    console.event("done", source=str(film), shots=len(found.shots), frames=found.num_frames)
    count = len(found.shots)
    console.say(
        f"{film}: {count} shot{'' if count == 1 else 's'} in {found.num_frames} frames, "
        f"{clock(lasts)}"
    )
