"""The preview of a project: stills of its shots in gray and in color, as one HTML page or image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidcolor.errors import UsageError
from vidcolor.fileio import atomic_output, check_target
from vidcolor.media.sequence import find_sequence
from vidcolor.project.identity import is_sequence
from vidcolor.project.preview.page import render_page
from vidcolor.project.preview.sheet import SHEET_FORMATS, draw_sheet
from vidcolor.project.preview.shots import choose_frames, make_preview_shot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from vidcolor.colorizer import Colorizer
    from vidcolor.project.api import Project
    from vidcolor.project.preview.shots import PreviewShot
    from vidcolor.project.views import ProjectShot

MAX_SHEET_STILLS = 600
"""Maximum number of stills on a sheet. Few programs open larger images."""
_PAGE_SIZE, _SHEET_SIZE = (560, 420), (320, 240)
"""Maximum width and height of a still, in pixels."""


def check_preview_path(path: Path, project: Project, force: bool = False) -> None:
    """Check that a preview can be written.

    Raises:
        UsageError: its suffix is not supported, it is a file of the project, or it exists and
            `force` is False.
        InputError: the source of the project is missing.
        OutputError: its directory is not writable.
    """
    if path.suffix.lower() not in (".html", *SHEET_FORMATS):
        suffixes = ", ".join((".html", *SHEET_FORMATS))
        raise UsageError(f"{path}: unknown format of a preview; use one of {suffixes}")
    source = project.find_source()
    images = find_sequence(source).files.values() if is_sequence(source) else [source]
    references = (project.resolve(reference.path) for reference in project.references)
    check_target(path, [project.path, *images, *references], force)


def write_preview(
    project: Project,
    path: Path,
    shots: Sequence[ProjectShot] | None = None,
    stills: int = 1,
    *,
    colorizer: Colorizer | None = None,
    force: bool = False,
    report: Callable[[int], None] | None = None,
) -> int:
    """Write a preview of some shots.

    Args:
        project: the project.
        path: .html for a page, or one of `SHEET_FORMATS` for an image.
        shots: the shots; None for all.
        stills: number of stills of each shot.
        colorizer: the generator; None to load that of the project.
        force: replace an existing file.
        report: called after each shot with the number of shots that are done.

    Returns:
        The number of stills.

    Raises:
        VidcolorError: see `check_preview_path` and `Project.still`.
    """
    check_preview_path(path, project, force)
    shots = list(project.shots) if shots is None else shots
    frames = [choose_frames(shot, stills) for shot in shots]
    count, is_page = sum(map(len, frames)), path.suffix.lower() == ".html"
    if not is_page and count > MAX_SHEET_STILLS:
        raise UsageError(
            f"{path}: {count} stills do not fit on one sheet of at most {MAX_SHEET_STILLS}; use "
            "--shots, fewer --stills, or write a .html page"
        )
    size = _PAGE_SIZE if is_page else _SHEET_SIZE

    def make_shots() -> Iterator[PreviewShot]:
        for number, (shot, chosen) in enumerate(zip(shots, frames, strict=True), start=1):
            yield make_preview_shot(project, shot, chosen, size, colorizer)
            if report is not None:
                report(number)

    with atomic_output(path, force) as partial:
        if is_page:
            with partial.open("w", encoding="utf-8", newline="\n") as file:
                file.writelines(render_page(project, make_shots()))
        else:
            draw_sheet(list(make_shots())).save(partial, format=SHEET_FORMATS[path.suffix.lower()])
    return count
