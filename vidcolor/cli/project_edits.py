"""The commands of `vidcolor project` that change shots, options and states."""

from __future__ import annotations

from typing import Annotated

import typer

from vidcolor.cli import params
from vidcolor.cli import project_output as output
from vidcolor.cli.console import Console
from vidcolor.cli.project_options import (
    FilmSettings,
    Person,
    ProjectPath,
    Shots,
    ShotSelection,
    edit_project,
    make_argument,
    select_shots,
)
from vidcolor.errors import UsageError
from vidcolor.options import ColorizeOptions
from vidcolor.project.options import PROJECT_OPTIONS


@params.expand_options
def split(
    project: ProjectPath,
    frame: Annotated[int, make_argument("FRAME", "First frame of the new shot.")],
    console: Console,
    person: Person,
) -> None:
    """Split a shot at a frame. Both parts keep its settings.

    [bold]Examples[/bold]

      vidcolor project split reel.vidcolor.json 1204
    """
    from vidcolor.project.edits import split_shot

    with edit_project(project, person) as opened:
        change = opened.change("split", lambda d: split_shot(d, frame), person.evidence)
    output.print_change(console, opened, change)


@params.expand_options
def merge(project: ProjectPath, shots: Shots, console: Console, person: Person) -> None:
    """Merge a shot with the next one, or a range of shots.

    The settings of the first shot apply. Notes are joined, and hints stay in
    their frames.

    [bold]Examples[/bold]

      vidcolor project merge reel.vidcolor.json 12
      vidcolor project merge reel.vidcolor.json 12-14
    """
    from vidcolor.project.edits import check_shot_number, list_dropped_settings, merge_shots

    with edit_project(project, person) as opened:
        indices = select_shots(opened, shots)
        first, last = indices[0], max(indices[-1], indices[0] + 1)
        if len(indices) > 1 and indices != list(range(first, last + 1)):
            raise UsageError(f"{opened.path}: {shots!r} are not consecutive shots; write 12-14")
        check_shot_number(last + 1, opened.document)
        rows = opened.document.shots[first : last + 1]
        change = opened.change("merge", lambda d: merge_shots(d, first, last), person.evidence)
    output.print_change(console, opened, change)
    if dropped := list_dropped_settings(rows):
        console.warn(
            f"shot {first + 1} keeps its own settings; no longer used: {', '.join(dropped)}",
            opened.path,
        )


@params.expand_options
def move(
    project: ProjectPath,
    shot: Annotated[int, make_argument("SHOT", "Number of the shot, from 2.")],
    frame: Annotated[int, make_argument("FRAME", "Its new first frame.")],
    console: Console,
    person: Person,
) -> None:
    """Move the boundary between a shot and the one before it.

    [bold]Examples[/bold]

      vidcolor project move reel.vidcolor.json 13 1210
    """
    from vidcolor.project.edits import move_boundary

    with edit_project(project, person) as opened:
        index = select_shots(opened, str(shot))[0]
        change = opened.change("move", lambda d: move_boundary(d, index, frame), person.evidence)
    output.print_change(console, opened, change)


@params.expand_options
def set_options(
    context: typer.Context,
    project: ProjectPath,
    selection: ShotSelection,
    settings: FilmSettings,
    console: Console,
    person: Person,
) -> None:
    """Set options of the whole film or of some shots, or how shots start.

    For single shots, vividness, saturation, the model, the kind and the
    transition can be set.

    [bold]Examples[/bold]

      vidcolor project set reel.vidcolor.json --vividness 0.4 --for archive
      vidcolor project set reel.vidcolor.json --shots 12-15 --saturation 0
      vidcolor project set reel.vidcolor.json --shots 13 --transition dissolve --mixed-frames 12
      vidcolor project set reel.vidcolor.json --shots 12-15 --unset saturation
      vidcolor project set reel.vidcolor.json --shots 20 --model siggraph17
      vidcolor project set reel.vidcolor.json --shots 1 --kind title
    """
    from vidcolor.project.decisions import set_shots, set_transitions

    given = [name for name in params.list_given(context) if name in type(settings).model_fields]
    values = {name: getattr(settings, name) for name in given}
    if selection.kind is not None:
        values["kind"] = selection.kind
    for name in selection.unset:
        key = "kind" if name == "kind" else _find_option(name)
        if key in values:
            raise UsageError(f"--unset {name} and --{name} contradict each other")
        values[key] = None
    if selection.mixed_frames is not None and selection.transition is None:
        raise UsageError("--mixed-frames requires --transition dissolve")
    if not values and selection.transition is None:
        raise UsageError("nothing to set; name an option, for example --vividness 0.4")
    with edit_project(project, person) as opened:
        if selection.shots is None and selection.transition is None and "kind" not in values:
            changes = [opened.set(evidence=person.evidence, **values)]
        elif selection.shots is None:
            raise UsageError("--transition and --kind apply to shots; add --shots")
        else:
            indices = select_shots(opened, selection.shots)
            changes = [set_shots(opened, indices, values, person.evidence)] if values else []
            if selection.transition is not None:
                changes += [
                    set_transitions(
                        opened, indices, selection.transition, selection.mixed_frames,
                        person.evidence,
                    )
                ]  # fmt: skip
    for change in changes:
        output.print_change(console, opened, change)


def _find_option(name: str) -> str:
    """Return the field of an option by the name of its flag or field."""
    from vidcolor.schema import suggest

    flags = {ColorizeOptions.flag(field)[2:]: field for field in PROJECT_OPTIONS}
    key = name.removeprefix("--").replace("_", "-")
    if key not in flags:
        raise UsageError(f"--unset: unknown option {name!r}{suggest(key, list(flags))}")
    return flags[key]


@params.expand_options
def note(
    project: ProjectPath,
    shots: Shots,
    console: Console,
    person: Person,
    text: Annotated[
        str | None, make_argument("TEXT", "The note; it replaces the one before.")
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the note.")] = False,
) -> None:
    """Write a note about shots.

    [bold]Examples[/bold]

      vidcolor project note reel.vidcolor.json 12 'dress is brown, see letter' --evidence box-4/17
    """
    from vidcolor.project.decisions import write_note

    if (text is None) != remove:
        raise UsageError("give the text of the note, or --remove")
    with edit_project(project, person) as opened:
        change = write_note(opened, select_shots(opened, shots), text, person.evidence)
    output.print_change(console, opened, change)


@params.expand_options
def approve(project: ProjectPath, shots: Shots, console: Console, person: Person) -> None:
    """Approve shots as they are now.

    If anything that the color of an approved shot depends on is changed later,
    the shot counts as changed. If the change is taken back, it is approved again.

    [bold]Examples[/bold]

      vidcolor project approve reel.vidcolor.json 12-15
    """
    from vidcolor.project.decisions import approve_shots

    with edit_project(project, person) as opened:
        change = approve_shots(opened, select_shots(opened, shots), person.evidence)
    output.print_change(console, opened, change)


@params.expand_options
def reopen(project: ProjectPath, shots: Shots, console: Console, person: Person) -> None:
    """Take back the approval of shots.

    [bold]Examples[/bold]

      vidcolor project reopen reel.vidcolor.json 12
    """
    from vidcolor.project.decisions import reopen_shots

    with edit_project(project, person) as opened:
        change = reopen_shots(opened, select_shots(opened, shots), person.evidence)
    output.print_change(console, opened, change)
