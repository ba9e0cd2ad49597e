"""`vidcolor jobs`: list or remove the work directories of unfinished films."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vidcolor.cli import params
from vidcolor.cli.console import Console
from vidcolor.cli.status import describe_state, state_values
from vidcolor.errors import BusyError, InputError
from vidcolor.fileio import check_url


@params.expand_options
def jobs(
    console: Console,
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FOLDER",
            help="Folders of results, or directories of --work-dir, to search with their "
            "subfolders. Default: the current folder.",
            show_default=False,
        ),
    ] = None,
    remove: Annotated[
        bool,
        typer.Option(
            "--remove",
            help="Remove the unfinished work, except work that a process is using.",
        ),
    ] = False,
) -> None:
    """List unfinished films, interrupted or still running.

    To resume an interrupted film, repeat the command that started it.

    [bold]Examples[/bold]

      vidcolor jobs
      vidcolor jobs graded/ /scratch/work
      vidcolor jobs graded/ --remove
    """
    from vidcolor.film.status import find_work_dirs, read_state
    from vidcolor.film.workdir import WorkDir

    roots = folders or [Path()]
    for root in roots:
        if not root.is_dir():
            check_url(root)
            problem = "not a folder" if root.exists() else "no such folder"
            raise InputError(f"{root}: {problem}")
    paths = [path for root in roots for path in find_work_dirs(root)]
    num_busy = 0
    for path in paths:
        work = WorkDir(path)
        state = read_state(path)
        if remove:
            try:
                with work.locked():
                    work.remove()
            except BusyError:
                num_busy += 1
                console.warn("skipped: in use by another process", path)
                continue
        console.event("removed" if remove else "job", **state_values(state))
        console.info(f"{path}: {'removed; ' if remove else ''}{describe_state(state)}")
    if not paths:
        console.info("no unfinished work")
    raise typer.Exit(1 if num_busy else 0)
