"""The command `vidcolor shots`: detects the shots of a film and writes an editable shot list."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidcolor.cli import params
from vidcolor.cli.console import Console
from vidcolor.options import ColorizeOptions
from vidcolor.timecode import format_duration

if TYPE_CHECKING:
    from vidcolor.shots.shot_list import ShotList


@params.expand_options
def shots(
    film: Annotated[
        Path,
        typer.Argument(
            metavar="FILM",
            help="Film, or a pattern or folder of numbered frames (scan_%06d.dpx).",
            show_default=False,
        ),
    ],
    options: Annotated[ColorizeOptions, params.Fields(only=("start", "end", "fps", "force"))],
    console: Console,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Shot list: .csv, .json, or .edl and .otio for editing programs.",
            rich_help_panel=params.OUTPUT_PANEL,
        ),
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option(
            help="Image with one thumbnail of each shot: .png .jpg .webp.",
            rich_help_panel=params.OUTPUT_PANEL,
        ),
    ] = None,
) -> None:
    """Detect the shots of a film: cuts, dissolves and fades.

    Color is propagated within a shot, and is cross-faded in a dissolve. A hint
    applies to one shot. To correct the list, delete a row to join two shots, or add
    a row with its first_frame to split one. Then pass it to `colorize --shots`.

    [bold]Examples[/bold]

      vidcolor shots reel.mov -o shots.csv --sheet shots.png
      vidcolor colorize reel.mov --shots shots.csv
      vidcolor shots reel.mov -o cuts.edl

    Frames are counted from 0 at --start. The first_frame of a dissolve is the first
    frame with a trace of the new shot; mixed_frames is the number of frames that
    show both shots. The kind of a shot is title if it shows text or blank leader,
    which --titles keeps neutral, and else picture; a person may change it. An EDL
    has the timecode and the reel name of the film.
    """
    from vidcolor.film.shots import detect_film_shots

    try:
        shot_list = detect_film_shots(
            film, options, out, sheet, console.progress, lambda text: console.warn(text, film)
        )
    finally:
        console.end_progress()
    for path in (out, sheet):
        if path is not None:
            console.event("written", target=str(path))
    _print_shots(console, film, shot_list)


def _print_shots(console: Console, film: Path, shot_list: ShotList) -> None:
    """Print one line or JSON event per shot, and a summary."""
    from vidcolor.shots.shot_list import format_rows

    for row in format_rows(shot_list):
        console.event("shot", **row)
        mixed = f", {row['mixed_frames']} mixed frames" if row["mixed_frames"] else ""
        kind = ", title" if row["kind"] == "title" else ""
        console.info(
            f"{row['shot']:5d}  {row['start']:10.3f} s  {row['first_frame']:7d} - "
            f"{row['last_frame']:<7d} {row['transition']}{mixed}{kind}"
        )
    count, num_frames = len(shot_list.shots), shot_list.num_frames
    duration = format_duration(float(shot_list.times[-1] - shot_list.times[0]))
    console.event("done", source=str(film), shots=count, frames=num_frames)
    console.info(
        f"{film}: {count} shot{'' if count == 1 else 's'} in {num_frames} "
        f"frame{'' if num_frames == 1 else 's'}, {duration}"
    )
