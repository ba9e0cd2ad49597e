"""The options that render a project: those of the run, of the film, of its shots, and its hints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidcolor.errors import InputError
from vidcolor.film.plan import default_film_target, default_sequence_target
from vidcolor.media.extensions import EXCERPT_SUFFIX, make_result_path
from vidcolor.options import Hint, Reference, ShotOptions
from vidcolor.project.identity import from_stored_path
from vidcolor.project.options import PROJECT_OPTIONS, make_options
from vidcolor.project.store import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vidcolor.film.request import Excerpt
    from vidcolor.options import ColorizeOptions
    from vidcolor.project.document import ProjectDocument
    from vidcolor.project.rows import ProjectReference


def make_render_options(
    path: Path, document: ProjectDocument, run: ColorizeOptions
) -> ColorizeOptions:
    """Return the options of a film: decisions of the project, and execution of the run.

    Options of `run` that a project stores are replaced by those of the project.

    Raises:
        InputError: a reference is missing.
        UsageError: the options contradict each other.
    """
    film = make_options(document.options, str(path))
    return run.replace(
        **{name: getattr(film, name) for name in PROJECT_OPTIONS},
        shots=make_shot_options(document),
        hints=make_hints(path, document) or None,
        references=make_references(path, document),
    )


def make_shot_options(document: ProjectDocument) -> tuple[ShotOptions, ...]:
    """Return the corrected shots with their own options."""
    return tuple(
        ShotOptions(
            first=row.first,
            transition=row.transition,
            mixed_frames=row.mixed_frames,
            kind=row.kind,
            vividness=row.vividness,
            saturation=row.saturation,
            model=row.model,
        )
        for row in document.shots
    )


def make_hints(path: Path, document: ProjectDocument) -> tuple[Hint, ...]:
    """Return the hints of all shots."""
    return tuple(hint.to_hint(f"{path}: hint {hint.id}") for hint in document.hints)


def make_references(path: Path, document: ProjectDocument) -> tuple[Reference, ...]:
    """Return the references of all shots.

    Raises:
        InputError: an image is missing.
    """
    rows = document.references
    images = find_images(path, rows)
    return tuple(Reference(path=i, frame=row.frame) for i, row in zip(images, rows, strict=True))


def find_images(path: Path, rows: Sequence[ProjectReference]) -> list[Path]:
    """Return the image of each reference of a project.

    Raises:
        InputError: an image is missing.
    """
    images = [from_stored_path(row.path, path.parent) for row in rows]
    for image, row in zip(images, rows, strict=True):
        if not image.exists():
            raise InputError(
                f"{path}: the image of reference {row.id} is missing: {image}; put it back, or run "
                f"`vidcolor project remove-reference {path} {row.id}`"
            )
    return images


def make_target(
    path: Path,
    document: ProjectDocument,
    source: Path,
    directory: Path | None = None,
    excerpt: Excerpt | None = None,
) -> Path:
    """Return the default path of the result: NAME.color.EXT beside the project.

    In a `directory`, it is NAME.EXT; that of an excerpt is NAME.shots-12-15.EXT in both cases.
    """
    is_sequence = document.source.kind == "sequence"
    choose = default_sequence_target if is_sequence else default_film_target
    suffix = choose(source, make_options(document.options, str(path))).suffix
    name = path.name.removesuffix(SUFFIX)
    if excerpt is not None:
        name = f"{name}{EXCERPT_SUFFIX}{excerpt.numbers}{suffix}"
        return path.with_name(name) if directory is None else directory / name
    return make_result_path(path.with_name(f"{name}{suffix}"), suffix, directory)
