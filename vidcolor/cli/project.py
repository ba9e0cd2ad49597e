"""`vidcolor project`: the shots of a film and the decisions about its color."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vidcolor.cli import params, project_edits, project_hints, project_preview, project_review
from vidcolor.cli import project_output as output
from vidcolor.cli.console import Console
from vidcolor.cli.project_options import (
    DiffOptions,
    Person,
    ProjectPath,
    ShotListOptions,
    edit_project,
    make_argument,
    select_shots,
)
from vidcolor.errors import UsageError
from vidcolor.options import ColorizeOptions
from vidcolor.project.options import PROJECT_OPTIONS
from vidcolor.timecode import format_frames

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    help="Keep the shots of a film and the decisions about its color in one file.",
)


@app.command()
@params.expand_options
def new(
    film: Annotated[
        Path,
        typer.Argument(
            metavar="FILM",
            help="Film, or a pattern or folder of numbered frames (scan_%06d.dpx).",
            show_default=False,
        ),
    ],
    options: Annotated[ColorizeOptions, params.Fields(only=(*PROJECT_OPTIONS, "force"))],
    console: Console,
    person: Annotated[Person, params.Fields(omit=("evidence",))],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Project file. Default: NAME.vidcolor.json beside the film.",
            rich_help_panel=params.OUTPUT_PANEL,
        ),
    ] = None,
) -> None:
    """Analyze a film and make its project file.

    The film is decoded once, and its shots are detected. The project file is
    readable JSON; keep it beside the film, and in version control. The
    directory NAME.vidcolor beside it is a cache, which may be deleted.

    [bold]Examples[/bold]

      vidcolor project new reel.mov
      vidcolor project add-hint reel.vidcolor.json --shot 3 --at 41%,63% --color '#7a4632'
      vidcolor colorize reel.vidcolor.json
    """
    from vidcolor.project.api import Project

    try:
        project = Project.new(
            film, out, options, by=person.by, force=options.force, progress=console.progress
        )
    finally:
        console.end_progress()
    for warning in project.warnings:
        console.warn(warning, film)
    console.event("written", target=str(project.path))
    count = len(project.shots)
    console.info(
        f"{project.path}: {format_frames(project.document.source.num_frames)}, {count} "
        f"shot{'' if count == 1 else 's'}"
    )


@app.command()
@params.expand_options
def show(
    project: ProjectPath,
    console: Console,
    shots: Annotated[str | None, make_argument("SHOTS", "Shots to show in full.")] = None,
) -> None:
    """Show the source, the options and the state of a project, or shots in full.

    [bold]Examples[/bold]

      vidcolor project show reel.vidcolor.json
      vidcolor project show reel.vidcolor.json 12-15
    """
    from vidcolor.project.api import Project

    opened = Project.open(project)
    if shots is None:
        output.print_summary(console, opened)
        return
    selected = [opened.shots[index] for index in select_shots(opened, shots)]
    output.print_shot_details(console, opened, selected)


@app.command()
@params.expand_options
def shots(
    project: ProjectPath,
    lists: ShotListOptions,
    console: Console,
    person: Annotated[Person, params.Fields(omit=("evidence",))],
    force: params.Force = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Write the shots as a list: .csv, .json, or .edl and .otio for editing programs.",
            rich_help_panel=params.OUTPUT_PANEL,
        ),
    ] = None,
) -> None:
    """List the shots, or exchange them with other programs.

    [bold]Examples[/bold]

      vidcolor project shots reel.vidcolor.json
      vidcolor project shots reel.vidcolor.json -o reel.edl
      vidcolor project shots reel.vidcolor.json --import conformed.edl
    """
    from vidcolor.project.api import Project
    from vidcolor.project.exchange import export_shots, import_shots

    if sum((out is not None, lists.read is not None, lists.detect)) > 1:
        raise UsageError("--out, --import and --detect are separate steps; give one of them")
    if lists.read is not None or lists.detect:
        with edit_project(project, person) as opened:
            change = (
                import_shots(opened, lists.read)
                if lists.read
                else opened.detect_shots(console.progress)
            )
        console.end_progress()
        output.print_change(console, opened, change)
        return
    opened = Project.open(project)
    if out is None:
        output.print_shots(console, opened, opened.shots)
        return
    warnings = export_shots(opened, out, force, console.progress)
    console.end_progress()
    for text in warnings:
        console.warn(text)
    console.event("written", target=str(out))


for _name, _command in {
    "split": project_edits.split,
    "merge": project_edits.merge,
    "move": project_edits.move,
    "set": project_edits.set_options,
    "add-hint": project_hints.add_hint,
    "remove-hint": project_hints.remove_hint,
    "add-reference": project_hints.add_reference,
    "remove-reference": project_hints.remove_reference,
    "review": project_review.review,
    "note": project_edits.note,
    "approve": project_edits.approve,
    "reopen": project_edits.reopen,
    "preview": project_preview.preview,
}.items():
    app.command(_name)(_command)


@app.command()
@params.expand_options
def log(project: ProjectPath, console: Console) -> None:
    """List all changes: revision, time, person, what was changed, and the evidence.

    [bold]Examples[/bold]

      vidcolor project log reel.vidcolor.json
    """
    from vidcolor.project.api import Project

    output.print_log(console, Project.open(project).history)


@app.command()
@params.expand_options
def diff(
    project: ProjectPath,
    other: DiffOptions,
    console: Console,
    first: Annotated[
        int | None,
        make_argument("FROM", "Earlier revision. Default: the one before the last change."),
    ] = None,
    last: Annotated[
        int | None, make_argument("TO", "Later revision. Default: the current one.")
    ] = None,
) -> None:
    """Show what differs between two revisions, or in another project file.

    [bold]Examples[/bold]

      vidcolor project diff reel.vidcolor.json
      vidcolor project diff reel.vidcolor.json 12 40
      vidcolor project diff reel.vidcolor.json --file from-anna.vidcolor.json
    """
    from vidcolor.project.api import Project

    opened = Project.open(project)
    if other.file is None:
        output.print_differences(console, opened.diff(first, last))
        return
    if first is not None:
        raise UsageError("--file is compared with the current revision; leave out FROM and TO")
    output.print_differences(console, opened.diff_file(other.file))


@app.command()
@params.expand_options
def undo(
    project: ProjectPath,
    console: Console,
    person: Annotated[Person, params.Fields(omit=("evidence",))],
    revision: Annotated[
        int | None, make_argument("REVISION", "Revision to undo. Default: the last change.")
    ] = None,
) -> None:
    """Take back the last change, or that of a revision.

    Repeat the command to take back earlier changes.

    [bold]Examples[/bold]

      vidcolor project undo reel.vidcolor.json
      vidcolor project undo reel.vidcolor.json 17
    """
    with edit_project(project, person) as opened:
        change, target = opened.undo(revision)
    output.print_reverted(console, opened, change, target)


@app.command()
@params.expand_options
def redo(
    project: ProjectPath,
    console: Console,
    person: Annotated[Person, params.Fields(omit=("evidence",))],
) -> None:
    """Make the change again that was undone last.

    [bold]Examples[/bold]

      vidcolor project redo reel.vidcolor.json
    """
    with edit_project(project, person) as opened:
        change, target = opened.redo()
    output.print_reverted(console, opened, change, target)


@app.command()
@params.expand_options
def relink(
    project: ProjectPath,
    film: Annotated[Path, make_argument("FILM", "The same film at another place.")],
    console: Console,
    person: Annotated[Person, params.Fields(omit=("evidence",))],
) -> None:
    """Name the film of a project that was moved, renamed, or copied to another container.

    A film that lies beside the project is found by itself. A file with other
    content is decoded, and accepted only if its frames are the same.

    [bold]Examples[/bold]

      vidcolor project relink reel.vidcolor.json /archive/reel.mov
    """
    with edit_project(project, person) as opened:
        change = opened.relink(film, progress=console.progress)
    console.end_progress()
    output.print_change(console, opened, change)


@app.command()
@params.expand_options
def clean(project: ProjectPath, console: Console) -> None:
    """Remove the cache directory of a project. What is needed is made again.

    [bold]Examples[/bold]

      vidcolor project clean reel.vidcolor.json
    """
    from vidcolor.project.api import Project

    opened = Project.open(project)
    size = opened.clean()
    console.event("cleaned", project=str(opened.path), bytes=size)
    console.info(f"{opened.path}: {size / 1e6:.1f} MB of the cache removed")
