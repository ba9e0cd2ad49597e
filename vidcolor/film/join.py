"""Finished segments become the result: packets are copied, everything else comes beside them."""

from __future__ import annotations

import contextlib
import errno
import shutil
from typing import TYPE_CHECKING

from vidcolor.errors import OutputError
from vidcolor.files import describe_os_error, leftover_name, place, published, sync
from vidcolor.film.segment import CONFIDENCE, PICTURE
from vidcolor.media.company import Company
from vidcolor.media.parts import Part, join_parts, part_suffix
from vidcolor.media.tags import film_tags
from vidcolor.media.write import FilmWriter
from vidcolor.progress import Progress
from vidcolor.provenance import film_tags as provenance_tags

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from vidcolor.film.segment import Encoding, Job, Rendered
    from vidcolor.film.workdir import WorkDir
    from vidcolor.progress import ProgressCallback

_TOLD_EVERY = 100
"""Pictures between two steps of progress: thousands are copied in a second."""


def join(
    job: Job,
    work: WorkDir,
    done: Mapping[int, Rendered],
    progress: ProgressCallback | None = None,
) -> None:
    """Make the result of a film's segments, and give it its name.

    What has been given its name before, by a run that died then, is left as it is.

    Args:
        job: the film.
        work: where its segments lie.
        done: what became of each.
        progress: told of every so many pictures.

    Raises:
        OutputError: the result cannot be written, or was made by somebody else meanwhile.
    """
    if job.picture is None:
        _place_pictures(job, work, done)
        return
    plan, options = job.plan, job.options
    if job.confidence is not None and options.confidence is not None:
        _join_film(job, work, done, CONFIDENCE, job.confidence, options.confidence)
    if work.placed(plan.target):
        return
    with contextlib.ExitStack() as stack:
        company, tags = None, dict[str, str]()
        if job.sequence is None:
            shift_s = plan.shift_pts * plan.video.time_base
            others = Company(plan.info.path, plan.company, shift_s, plan.start_s, plan.end_s)
            company, tags = stack.enter_context(others), film_tags(plan.info.path)
        tags = provenance_tags(job.provenance, tags, plan.encoder.muxer)
        _join_film(job, work, done, PICTURE, job.picture, plan.target, company, tags, progress)


def _join_film(
    job: Job,
    work: WorkDir,
    done: Mapping[int, Rendered],
    name: str,
    encoding: Encoding,
    target: Path,
    company: Company | None = None,
    tags: dict[str, str] | None = None,
    progress: ProgressCallback | None = None,
) -> None:
    """Join what is called `name` in every segment."""
    if work.placed(target):
        return
    plan, file = job.plan, f"{name}{part_suffix(encoding.part)}"
    parts = [
        Part(work.folder(s.number) / file, s.first, s.last, done[s.number].depth[name])
        for s in job.segments
    ]

    def about_to_place(made: Path) -> None:
        work.write_placed(made, target)

    with contextlib.ExitStack() as stack:
        partial = stack.enter_context(published(target, job.options.force, about_to_place))
        writer = FilmWriter(
            partial, encoding.encoder, encoding.video, company, tags, plan.shift_pts, target
        )
        stack.enter_context(writer)
        total = len(plan.pts)
        for count in join_parts(writer, parts, plan.pts, plan.seen.end_pts):
            if progress is not None and (count % _TOLD_EVERY == 0 or count == total):
                progress(Progress(plan.info.path, "join", count, total))
        writer.finish()


def _place_pictures(job: Job, work: WorkDir, done: Mapping[int, Rendered]) -> None:
    """Move numbered pictures to where they are wanted; those that are gone have been moved."""
    target = job.plan.target
    work.write_placing(target)
    for segment in job.segments:
        folder = work.folder(segment.number)
        for name in done[segment.number].files:
            made, final = folder / name, target.with_name(name)
            if made.exists():
                _move(made, final, job.options.force)
    sync(target.parent)


def _move(made: Path, final: Path, force: bool) -> None:
    try:
        if final.exists() and made.samefile(final):  # whoever linked it there died then
            made.unlink()
            return
        try:
            place(made, final, force)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            copied = leftover_name(final)
            shutil.copyfile(made, copied)
            sync(copied)
            place(copied, final, force)
            copied.unlink(missing_ok=True)
        made.unlink(missing_ok=True)
    except FileExistsError as error:
        raise OutputError(
            f"{final}: was made by somebody else meanwhile and is left as it is; "
            "choose another name or say --force"
        ) from error
    except OSError as error:
        raise OutputError(f"{final}: {describe_os_error(error)}") from error
