"""`vidcolor project review`: where a person's decision about color helps most."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from vidcolor.cli import params
from vidcolor.cli.console import Console, format_table
from vidcolor.cli.project_options import ProjectPath, ReviewOptions, select_shots
from vidcolor.timecode import format_frames, format_time

if TYPE_CHECKING:
    from vidcolor.project.api import Project
    from vidcolor.project.review import ReviewPlace


@params.expand_options
def review(project: ProjectPath, options: ReviewOptions, console: Console) -> None:
    """List the places where a hint helps most, with the colors that are likely there.

    Places are ordered by uncertainty, area of the object, and time on screen.
    Approved shots, titles, and objects that have a hint are left out. The
    colors are those that the generator considers likely, with their
    probability. Below each place is the command that adds a hint there.

    [bold]Examples[/bold]

      vidcolor project review reel.vidcolor.json
      vidcolor project review reel.vidcolor.json --shots 12-15 --count 5
    """
    from vidcolor.project.api import Project

    opened = Project.open(project)
    selected = None
    if options.shots is not None:
        selected = [opened.shots[index] for index in select_shots(opened, options.shots)]
    try:
        places = opened.review(options.count, selected, progress=console.progress)
    finally:
        console.end_progress()
    _print_places(console, opened, places)


def _print_places(console: Console, project: Project, places: list[ReviewPlace]) -> None:
    """Print a row and a command for each place, or one JSON event each."""
    from vidcolor.project.review import make_command

    commands = [make_command(project.path, place) for place in places]
    for place, command in zip(places, commands, strict=True):
        console.event("place", project=str(project.path), **place.to_json(), command=command)
    if not places:
        console.info(f"{project.path}: no undecided place; approved shots and titles are left out")
        return
    head = ("shot", "frame", "at", "on screen", "area", "confidence", "likely colors")
    table = format_table([head, *(_make_row(project, place) for place in places)], (0, 1, 3, 4, 5))
    console.info(table[0])
    for line, command in zip(table[1:], commands, strict=True):
        console.info(line)
        console.info(f"    {command}")
    if not any(place.colors for place in places):
        console.info("the generator predicts no distribution of colors, so no color is suggested")


def _make_row(project: Project, place: ReviewPlace) -> tuple[str, ...]:
    rate = project.document.source.rate
    frames = format_frames(place.num_frames)
    return (
        str(place.shot),
        str(place.frame),
        place.at,
        frames if rate is None else format_time(place.num_frames / Fraction(rate)),
        f"{place.area:.0%}",
        f"{place.confidence:.0%}",
        ", ".join(f"{item.color} {item.share:.0%}" for item in place.colors),
    )
