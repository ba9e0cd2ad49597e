"""`vidcolor status`: print the progress of one film."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidcolor.cli import params
from vidcolor.cli.console import Console
from vidcolor.errors import InputError
from vidcolor.fileio import check_url
from vidcolor.timecode import format_duration

if TYPE_CHECKING:
    from vidcolor.film.status import WorkState


@params.expand_options
def status(
    console: Console,
    path: Annotated[
        Path,
        typer.Argument(
            metavar="WORKDIR",
            help="Work directory (NAME.vidcolor) or output file of the film.",
            show_default=False,
        ),
    ],
) -> None:
    """Print the progress of one film.

    The command works in any terminal, and on any machine that can read the
    work directory.

    [bold]Examples[/bold]

      vidcolor status reel.color.mp4
      watch -n 10 vidcolor status reel.color.mp4
    """
    from vidcolor.film.status import read_state
    from vidcolor.film.workdir import is_work_dir, work_path

    directory = path if is_work_dir(path) else work_path(path, None)
    if not is_work_dir(directory):
        check_url(path)
        if path.is_file():
            raise InputError(f"{path}: no unfinished work; the file is complete")
        raise InputError(
            f"{path}: no unfinished work; run `vidcolor jobs` to list unfinished films"
        )
    state = read_state(directory)
    rows = {
        "source": state.source or "unknown",
        "result": state.target or "unknown",
        "state": describe_state(state),
        "segments": f"{state.segments_done} of {state.num_segments or '?'} finished",
        "size": f"{state.size_bytes / 1e6:.1f} MB in {directory}",
    }
    console.result([f"{name:10}{value}" for name, value in rows.items()], state_values(state))


def state_values(state: WorkState) -> dict[str, object]:
    """Return the state of a film as JSON values."""
    values = dataclasses.asdict(state)
    return {key: str(v) if isinstance(v, Path) else v for key, v in values.items()}


def describe_state(state: WorkState) -> str:
    """Describe the state of a film on one line."""
    idle_s = max(0.0, time.time() - state.updated_s)
    if not state.is_running:
        segments = f"{state.segments_done} of {state.num_segments or '?'} segments finished"
        size = f"{state.size_bytes / 1e6:.1f} MB"
        return f"interrupted, {segments}, {size}; last update {format_duration(idle_s)} ago"
    percent = f" ({100 * state.done / state.total:.0f}%)" if state.total else ""
    frames = f"{state.stage}: {state.done} of {state.total or '?'} frames{percent}"
    if state.frames_per_second > 0 and state.total:
        remaining_s = (state.total - state.done) / state.frames_per_second - idle_s
        remaining = format_duration(max(0.0, remaining_s))
        return f"running, {frames}, {state.frames_per_second:.1f} fps, {remaining} left"
    return f"running, {frames}"
