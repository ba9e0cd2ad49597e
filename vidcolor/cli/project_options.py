"""Arguments and options of the commands `vidcolor project`.

Most options belong to one call, so a configuration file cannot set them.
"""

from __future__ import annotations

import contextlib
import dataclasses
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from pydantic import create_model

from vidcolor.cli.params import (
    COLOR_PANEL,
    INPUT_PANEL,
    LOGGING_PANEL,
    OUTPUT_PANEL,
    TIME_PANEL,
)
from vidcolor.errors import UsageError
from vidcolor.option import Option, OptionsModel
from vidcolor.options import ColorizeOptions
from vidcolor.project.options import FRAME_OPTIONS, PROJECT_OPTIONS
from vidcolor.timecode import parse_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vidcolor.project.api import Project

PERSON_PANEL = LOGGING_PANEL

ProjectPath = Annotated[
    Path,
    typer.Argument(metavar="PROJECT", help="Project file, NAME.vidcolor.json.", show_default=False),
]


def _once(**metadata: Any) -> Option:
    """Make the metadata of an option of one call."""
    return Option(in_config=False, in_job_list=False, **metadata)


class Person(OptionsModel):
    """Who makes a change, and why."""

    # fmt: off
    by: Annotated[str | None, Option(
        group=PERSON_PANEL, metavar="NAME",
        help="Name of the person, for the log. Default: the user of this computer.")] = None
    evidence: Annotated[str | None, _once(
        group=PERSON_PANEL, metavar="TEXT",
        help="Text or link that supports the decision: a catalog number, a letter, a dress that "
        "survives.")] = None
    # fmt: on


class Position(OptionsModel):
    """The frame of a hint or a reference."""

    # fmt: off
    frame: Annotated[int | None, _once(
        group=TIME_PANEL, ge=0, help="Frame number, from 0.")] = None
    time: Annotated[Fraction | None, _once(
        group=TIME_PANEL, metavar="TIME", parse=parse_time, ge=0,
        help="Time of the frame: 90.5 (seconds) or 1:30.5.")] = None
    shot: Annotated[int | None, _once(
        group=TIME_PANEL, ge=1, help="Number of the shot, from 1; its middle frame.")] = None
    # fmt: on


class HintOptions(OptionsModel):
    """A hint."""

    # fmt: off
    at: Annotated[str | None, _once(
        group=COLOR_PANEL, metavar="X,Y",
        help="Position in the displayed frame: pixels such as 812,430, or 41%,63%.")] = None
    color: Annotated[str | None, _once(
        group=COLOR_PANEL, metavar="COLOR",
        help="#rrggbb, a CSS color name, neutral, or keep, which protects an object.")] = None
    radius: Annotated[str | None, _once(
        group=COLOR_PANEL, metavar="LENGTH",
        help="Radius of the disc that has this color, in pixels or percent of the short side."
        )] = None
    file: Annotated[Path | None, _once(
        group=INPUT_PANEL, metavar="FILE",
        help="Add all hints of a hint file instead: JSON or CSV.")] = None
    # fmt: on


class ShotSelection(OptionsModel):
    """The shots that an option is set for."""

    # fmt: off
    shots: Annotated[str | None, _once(
        group=INPUT_PANEL, metavar="NUMBERS",
        help="Shots, from 1: 12, 12-15, 3,7-9 or all. Default: the whole film.")] = None
    transition: Annotated[Literal["cut", "dissolve", "fade"] | None, _once(
        group=TIME_PANEL, help="How these shots start.")] = None
    mixed_frames: Annotated[int | None, _once(
        group=TIME_PANEL, ge=1, help="Number of frames of a dissolve.")] = None
    kind: Annotated[Literal["title", "picture"] | None, _once(
        group=COLOR_PANEL,
        help="What these shots show. Titles get the color of --titles; by default they are "
        "recognized.")] = None
    unset: Annotated[tuple[str, ...], _once(
        group=OUTPUT_PANEL, metavar="OPTION",
        help="Return an option to its default, for example vividness; repeatable.")] = ()
    # fmt: on


class ReviewOptions(OptionsModel):
    """Which places are listed."""

    # fmt: off
    count: Annotated[int, _once(
        group=OUTPUT_PANEL, metavar="N", ge=1, help="Maximum number of places.")] = 10
    shots: Annotated[str | None, _once(
        group=INPUT_PANEL, metavar="NUMBERS",
        help="Shots to examine, from 1: 12, 12-15 or 3,7-9. Default: all.")] = None
    # fmt: on


class ShotListOptions(OptionsModel):
    """Where the shots come from."""

    # fmt: off
    read: Annotated[Path | None, _once(
        group=INPUT_PANEL, flags=("--import",), metavar="FILE",
        help="Replace the shots by those of a list: .csv, .json, .edl or .otio.")] = None
    detect: Annotated[bool, _once(
        group=INPUT_PANEL,
        help="Detect the shots again. The corrections of people are kept.")] = False
    # fmt: on


class PreviewOptions(OptionsModel):
    """What a preview shows."""

    # fmt: off
    shots: Annotated[str | None, _once(
        group=INPUT_PANEL, metavar="NUMBERS",
        help="Shots, from 1: 12, 12-15, 3,7-9 or all. Default: all.")] = None
    stills: Annotated[int, _once(
        group=INPUT_PANEL, ge=1, le=24,
        help="Number of stills of each shot. Frames with hints come first.")] = 1
    # fmt: on


class DiffOptions(OptionsModel):
    """What a project is compared with."""

    file: Annotated[
        Path | None,
        _once(group=INPUT_PANEL, metavar="FILE", help="Compare with another project file."),
    ] = None


def _make_settings() -> type[OptionsModel]:
    """Make the model of the options that a project stores and that can be changed."""
    fields: dict[str, Any] = {}
    for name in PROJECT_OPTIONS:
        if name in FRAME_OPTIONS:
            continue
        field = ColorizeOptions.model_fields[name]
        metadata = [
            dataclasses.replace(item, in_config=False) if isinstance(item, Option) else item
            for item in field.metadata
        ]
        annotation: Any = field.annotation
        fields[name] = (Annotated[annotation | None, *metadata], None)
    return create_model("FilmSettings", __base__=OptionsModel, **fields)


if TYPE_CHECKING:

    class FilmSettings(OptionsModel):
        """Options of a film that can be changed; None for those that are not given."""

else:
    FilmSettings = _make_settings()


def parse_position(text: str) -> tuple[str, str]:
    """Parse ``41%,63%`` or ``812,430``.

    Raises:
        UsageError: the text is something else.
    """
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 2 or not all(parts):
        raise UsageError(f"--at: {text!r} is not a position; write 812,430 or 41%,63%")
    return parts[0], parts[1]


def parse_length(text: str | None) -> float | str | None:
    """Return a number of pixels, or a text such as ``41%``, as a project stores it."""
    if text is None:
        return None
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text


Shots = Annotated[
    str,
    typer.Argument(
        metavar="SHOTS", help="Shots, from 1: 12, 12-15, 3,7-9 or all.", show_default=False
    ),
]


def make_argument(metavar: str, help: str) -> Any:
    """Return a positional argument."""
    return typer.Argument(metavar=metavar, help=help, show_default=False)


@contextlib.contextmanager
def edit_project(path: Path, person: Person) -> Iterator[Project]:
    """Lock and open a project, and save it at the end of the block."""
    from vidcolor.project.api import Project

    with Project.edit(path, by=person.by) as project:
        yield project


def select_shots(project: Project, text: str) -> list[int]:
    """Return the indices of shots that the command line names."""
    from vidcolor.project.edits import parse_shot_numbers

    try:
        return parse_shot_numbers(text, project.document)
    except UsageError as error:
        raise UsageError(f"{project.path}: {error}") from None
