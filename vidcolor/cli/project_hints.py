"""The commands of `vidcolor project` that add and remove hints and references."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from vidcolor.cli import params
from vidcolor.cli import project_output as output
from vidcolor.cli.console import Console
from vidcolor.cli.project_options import (
    HintOptions,
    Person,
    Position,
    ProjectPath,
    edit_project,
    make_argument,
    parse_length,
    parse_position,
    select_shots,
)
from vidcolor.errors import UsageError

if TYPE_CHECKING:
    from vidcolor.project.api import Project


def _find_frame(project: Project, position: Position) -> int | None:
    """Return the frame that the command line names; None without one."""
    from vidcolor.project.exchange import find_frame

    given = [n for n in ("frame", "time", "shot") if getattr(position, n) is not None]
    if len(given) > 1:
        raise UsageError(f"--{given[0]} and --{given[1]} contradict each other; give one of them")
    if position.time is not None:
        return find_frame(project, "--time", position.time)
    if position.shot is not None:
        return project.shots[select_shots(project, str(position.shot))[0]].middle
    return position.frame


@params.expand_options
def add_hint(
    project: ProjectPath, position: Position, hint: HintOptions, console: Console, person: Person
) -> None:
    """Add a color at a place in a frame, or all hints of a file.

    The color `keep` protects an object: it keeps its automatic color.

    [bold]Examples[/bold]

      vidcolor project add-hint reel.vidcolor.json --frame 1204 --at 41%,63% --color '#7a4632'
      vidcolor project add-hint reel.vidcolor.json --shot 12 --at 812,430 --color keep
      vidcolor project add-hint reel.vidcolor.json --file hints.json --evidence 'museum no. 1931-7'
    """
    from vidcolor.project.exchange import import_hints

    with edit_project(project, person) as opened:
        if hint.file is not None:
            if hint.at or hint.color or hint.radius or _find_frame(opened, position) is not None:
                raise UsageError("--file has complete hints; remove the other options of the hint")
            import_hints(opened, hint.file, person.evidence)
        else:
            if hint.at is None or hint.color is None:
                raise UsageError("a hint needs --at X,Y and --color; or give --file")
            frame = _find_frame(opened, position)
            if frame is None:
                raise UsageError("a hint needs --frame, --time or --shot")
            x, y = map(parse_length, parse_position(hint.at))
            assert x is not None and y is not None
            opened.hints.add(
                x, y, hint.color, frame=frame, radius=parse_length(hint.radius),
                evidence=person.evidence,
            )  # fmt: skip
    output.print_change(console, opened, opened.history[-1])


@params.expand_options
def remove_hint(
    project: ProjectPath,
    ids: Annotated[list[int], make_argument("ID", "Numbers of hints, as `show` lists them.")],
    console: Console,
    person: Person,
) -> None:
    """Remove hints by their numbers.

    [bold]Examples[/bold]

      vidcolor project remove-hint reel.vidcolor.json 7 8
    """
    with edit_project(project, person) as opened:
        change = opened.hints.remove(*ids, evidence=person.evidence)
    output.print_change(console, opened, change)


@params.expand_options
def add_reference(
    project: ProjectPath,
    image: Annotated[Path, make_argument("IMAGE", "Color image.")],
    position: Position,
    console: Console,
    person: Person,
) -> None:
    """Add a color image whose colors a shot gets.

    Without a frame, it applies to every shot that it matches.

    [bold]Examples[/bold]

      vidcolor project add-reference reel.vidcolor.json painted.png --frame 1204
      vidcolor project add-reference reel.vidcolor.json mill-today.jpg
    """
    with edit_project(project, person) as opened:
        frame = _find_frame(opened, position)
        opened.references.add(image, frame=frame, evidence=person.evidence)
    output.print_change(console, opened, opened.history[-1])


@params.expand_options
def remove_reference(
    project: ProjectPath,
    ids: Annotated[list[int], make_argument("ID", "Numbers of references.")],
    console: Console,
    person: Person,
) -> None:
    """Remove references by their numbers.

    [bold]Examples[/bold]

      vidcolor project remove-reference reel.vidcolor.json 2
    """
    with edit_project(project, person) as opened:
        change = opened.references.remove(*ids, evidence=person.evidence)
    output.print_change(console, opened, change)
