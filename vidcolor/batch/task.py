"""The tasks of a run, and what a run leaves out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vidcolor.errors import VidcolorError
from vidcolor.option import TaskKind
from vidcolor.options import ColorizeOptions
from vidcolor.provenance import ProjectRevision

if TYPE_CHECKING:
    from vidcolor.film.request import Excerpt


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file or folder in an input folder that is not colorized."""

    folder: Path
    """The input folder."""
    path: Path
    reason: str
    is_expected: bool = False
    """Whether this is usual, as for hidden files and results."""


@dataclass(frozen=True, slots=True)
class Task:
    """One source to colorize."""

    kind: TaskKind
    source: Path
    """Path of a file. For a sequence it is the pattern (``scan_%06d.dpx``) or the folder."""
    target: Path
    options: ColorizeOptions
    """Options of this task. They contain only the hints for this source."""
    error: VidcolorError | None = None
    """Reason why the task cannot run; None if it can."""
    folder: Path | None = None
    """The input folder that contains the source; None if the source itself is an input."""
    given: tuple[str, ...] = ()
    """Names of the options that a row of a job list sets for this task."""
    project: ProjectRevision | None = None
    """The project that the source and the options are from; None without one."""
    project_path: Path | None = None
    """The file of the project."""
    cache: Path | None = None
    """Cache directory of the project."""
    excerpt: Excerpt | None = None
    """The shots of the project to render; None for the whole film."""
