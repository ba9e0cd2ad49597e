"""`vidcolor jobs` and `vidcolor status`: unfinished work, and how far it is."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidcolor.cli.console import Console, clock, one_line
from vidcolor.errors import BusyError, InputError

if TYPE_CHECKING:
    from vidcolor.film.workdir import WorkState


def jobs(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FOLDER",
            help="Where to look, folders below included: those of the results, or the --work-dir. "
            "Default: here.",
            show_default=False,
        ),
    ] = None,
    remove: Annotated[
        bool,
        typer.Option("--remove", help="Remove them, but for those that somebody is at work on."),
    ] = False,
    json_lines: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List unfinished work: films whose coloring was interrupted, or is going on.

    The command that began it goes on where it stopped; nothing needs to be
    removed for that.

    [bold]Examples[/bold]

      vidcolor jobs
      vidcolor jobs graded/ /scratch/work
      vidcolor jobs graded/ --remove
    """
    from vidcolor.film.workdir import WorkDir, find_work_dirs

    console = Console(json_lines=json_lines)
    named = folders or [Path()]
    for folder in named:
        if not folder.is_dir():
            raise InputError(f"{folder}: is no folder")
    found = [work for folder in named for work in find_work_dirs(folder)]
    kept = 0
    for path in found:
        work = WorkDir(path)
        state = work.state()
        if remove:
            try:
                with work.claimed():
                    work.remove()
            except BusyError:
                kept += 1
                console.warn("somebody is at work on it; it is left", path)
                continue
        console.event("removed" if remove else "job", **_facts(state))
        console.say(f"{path}: {'removed; ' if remove else ''}{_line(state)}")
    if not found:
        console.say("no unfinished work")
    raise typer.Exit(1 if kept else 0)


def status(
    place: Annotated[
        Path,
        typer.Argument(
            metavar="WORKDIR",
            help="A work directory (NAME.vidcolor), or the result that it is for.",
            show_default=False,
        ),
    ],
    json_lines: Annotated[bool, typer.Option("--json", help="As a JSON object.")] = False,
) -> None:
    """Say how far one film is, from another terminal or another machine.

    [bold]Example[/bold]

      watch -n 10 vidcolor status reel.color.mp4
    """
    from vidcolor.film.workdir import WorkDir, is_work_dir, work_path

    path = place if is_work_dir(place) else work_path(place, None)
    if not is_work_dir(path):
        if place.is_file():
            raise InputError(f"{place}: is finished; there is no unfinished work on it")
        raise InputError(
            f"{place}: there is no unfinished work; `vidcolor jobs` lists what there is"
        )
    state = WorkDir(path).state()
    if json_lines:
        typer.echo(json.dumps(_facts(state)))
        return
    rows = {
        "source": state.source or "unknown",
        "result": state.target or "unknown",
        "state": _line(state),
        "segments": f"{state.segments_done} of {state.num_segments or '?'} finished",
        "room": f"{state.bytes / 1e6:.1f} MB in {path}",
    }
    for name, value in rows.items():
        typer.echo(one_line(f"{name:10}{value}"))


def _facts(state: WorkState) -> dict[str, object]:
    return {k: str(v) if isinstance(v, Path) else v for k, v in dataclasses.asdict(state).items()}


def _line(state: WorkState) -> str:
    """How far it is, in words."""
    share = f" ({100 * state.done / state.total:.0f} %)" if state.total else ""
    frames = f"{state.stage}: {state.done} of {state.total or '?'} frames{share}"
    ago = max(0.0, time.time() - state.changed_s)
    if not state.is_running:
        segments = f"{state.segments_done} of {state.num_segments or '?'} segments finished"
        return f"waiting, {segments}, {state.bytes / 1e6:.1f} MB; stopped {clock(ago)} ago"
    if state.speed > 0 and state.total:
        left = clock(max(0.0, (state.total - state.done) / state.speed - ago))
        return f"running, {frames}, {state.speed:.1f}/s, {left} left"
    return f"running, {frames}"
