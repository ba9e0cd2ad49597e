"""Jobs of photos: results in full quality, and archives of them."""

from __future__ import annotations

import shutil
import time
import zipfile
from typing import TYPE_CHECKING, Any

from vidcolor.errors import InputError, VidcolorError
from vidcolor.fileio import atomic_output
from vidcolor.media.stills.types import limit_pixels
from vidcolor.photo import colorize_photo, default_target
from vidcolor.progress import Progress
from vidcolor.studio.errors import NotFoundError
from vidcolor.studio.photos.files import (
    archive_path,
    hide_path,
    make_payload,
    make_result_name,
    make_unique,
    photo_directory,
)
from vidcolor.studio.photos.prepared import PhotoDecisions
from vidcolor.studio.photos.rows import PhotoTable
from vidcolor.studio.storage import delete_tree

if TYPE_CHECKING:
    from pathlib import Path

    from vidcolor.photo import PhotoResult
    from vidcolor.studio.jobs.context import JobContext
    from vidcolor.studio.jobs.models import Job
    from vidcolor.studio.photos.rows import PhotoRow


def run_photo(context: JobContext, job: Job) -> dict[str, Any]:
    """Colorize a photo with its current decisions.

    Raises:
        VidcolorError: the photo or its reference cannot be read, or the result cannot be written.
    """
    row = PhotoTable(context.database).get(job.subject)
    context.report(Progress(row.path, "photos", 0, 1))
    path, result = _make_result(context, row, job.id)
    context.report(Progress(row.path, "photos", 1, 1))
    return {
        "revision": row.revision,
        "bytes": path.stat().st_size,
        "name": make_result_name(row.name, path.suffix),
        "seconds": round(result.seconds, 2),
        "warnings": [hide_path(text, row, context.settings) for text in result.warnings],
        "damaged": result.damaged,
    }


def _make_result(context: JobContext, row: PhotoRow, name: str) -> tuple[Path, PhotoResult]:
    """Colorize a photo; `name` distinguishes the file from earlier results."""
    directory = photo_directory(context.settings, row.id)
    directory.mkdir(parents=True, exist_ok=True)
    try:
        return _colorize(context, row, directory, name)
    finally:
        if not PhotoTable(context.database).exists(row.id):  # it was deleted meanwhile
            delete_tree(directory)


def _colorize(
    context: JobContext, row: PhotoRow, directory: Path, name: str
) -> tuple[Path, PhotoResult]:
    """Write the result of a photo to its directory, and remove earlier results."""
    table, settings = PhotoTable(context.database), context.settings
    limit_pixels(settings.max_pixels)
    decisions = table.get_revision(row.id, row.revision).decisions
    options = PhotoDecisions.from_payload(make_payload(settings, row, decisions)).to_options(
        model=settings.model,
        device=settings.device,
        quality=row.output.get("quality"),
        mark=row.output.get("mark", False),
        force=True,
    )
    suffix = row.output.get("format") or default_target(row.path).suffix
    target = directory / f"result-{name}{suffix}"
    try:
        result = colorize_photo(row.path, target, options, colorizer=context.colorizer)
        context.check()
    except VidcolorError as error:
        text = hide_path(str(error), row, settings)
        if isinstance(error, InputError):  # other errors are not about the photo itself
            table.set_error(row.id, text)
            context.events.publish_revision("photo", row.id, row.revision, row.viewer)
        raise type(error)(text) from error
    if result.size is not None and result.tint is not None:
        table.set_examined(row.id, *result.size, result.tint)
    if not table.set_result(row, target):
        raise NotFoundError("the photo was deleted")
    for path in directory.glob("result-*"):
        if path != target:
            path.unlink(missing_ok=True)
    context.events.publish_revision("photo", row.id, row.revision, row.viewer)
    return target, result


def run_archive(context: JobContext, job: Job) -> dict[str, Any]:
    """Write the current results of photos to a ZIP file; what is out of date is colorized first.

    Photos that cannot be read, or that were deleted, are left out and listed in the result.

    Raises:
        InputError: no photo is left.
        OutputError: the archive cannot be written.
    """
    table = PhotoTable(context.database)
    ids: list[str] = job.options["photos"]
    found: list[tuple[PhotoRow, Path]] = []
    failed = []
    for number, photo_id in enumerate(ids):
        try:
            row = table.get(photo_id)
            context.report(Progress(row.path, "photos", number, len(ids)))
            path = row.result_path if row.has_result else None
            found.append((row, path or _make_result(context, row, job.id)[0]))
        except VidcolorError as error:
            failed.append({"id": photo_id, "error": " ".join(str(error).split())})
    if not found:
        raise InputError(f"no photo can be archived; {failed[0]['error']}")
    names = make_unique(make_result_name(row.name, path.suffix) for row, path in found)
    target = archive_path(context.settings, job.subject)
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_output(target) as partial:
        _write_archive(partial, [path for _, path in found], names, context)
    return {
        "photos": [row.id for row, _ in found],
        "failed": failed,
        "bytes": target.stat().st_size,
    }


def _write_archive(target: Path, paths: list[Path], names: list[str], context: JobContext) -> None:
    """Write files under names without folders; images are compressed already."""
    date = time.localtime()[:6]
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for path, name in zip(paths, names, strict=True):
            context.check()
            entry = zipfile.ZipInfo(name, date)
            entry.external_attr = 0o644 << 16
            with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
