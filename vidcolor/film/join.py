"""Finished segments become the result: packets are copied, everything else comes beside them."""

from __future__ import annotations

import contextlib
import errno
import shutil
from typing import TYPE_CHECKING

from vidcolor.errors import OutputError
from vidcolor.fileio import atomic_output, describe_os_error, leftover_name, publish, sync
from vidcolor.film.segment import CONFIDENCE, PICTURE
from vidcolor.media.concat import Part, join_parts, part_suffix
from vidcolor.media.streams import StreamCopier
from vidcolor.media.tags import film_tags
from vidcolor.media.writer import FilmWriter
from vidcolor.progress import Progress
from vidcolor.provenance import film_tags as provenance_tags

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from vidcolor.film.segment import Encoding, Job, Rendered
    from vidcolor.film.workdir import WorkDir
    from vidcolor.progress import ProgressCallback


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
        progress: told after every picture.

    Raises:
        OutputError: the result cannot be written, or was made by somebody else meanwhile.
    """
    plan, options = job.plan, job.options
    if job.confidence is not None and options.confidence is not None:
        _join_film(job, work, done, CONFIDENCE, job.confidence, options.confidence)
    if job.picture is None:
        _place_pictures(job, work, done)
    elif not work.placed(plan.target):
        with contextlib.ExitStack() as stack:
            company, tags = _company(job, stack)
            _join_film(job, work, done, PICTURE, job.picture, plan.target, company, tags, progress)


def check_mux(job: Job, work: WorkDir) -> None:
    """Begin the result and throw it away: what hinders it is found out before the night's work.

    Raises:
        OutputError: the container refuses a stream, or a subtitle cannot be converted.
    """
    if job.picture is None:
        return
    plan = job.plan
    with contextlib.ExitStack() as stack:
        company, tags = _company(job, stack)
        scratch = leftover_name(work.path / plan.target.name)
        stack.callback(scratch.unlink, missing_ok=True)
        encoder, video = job.picture.encoder, job.picture.video
        FilmWriter(scratch, encoder, video, company, tags, plan.shift_pts, plan.target).abandon()


def _company(job: Job, stack: contextlib.ExitStack) -> tuple[StreamCopier | None, dict[str, str]]:
    """What comes beside the picture, and the tags of the result."""
    plan, tags, company = job.plan, dict[str, str](), None
    if job.sequence is None:
        shift_s = plan.shift_pts * plan.video.time_base
        others = StreamCopier(plan.info.path, plan.company, shift_s, plan.start_s, plan.end_s)
        company, tags = stack.enter_context(others), film_tags(plan.info.path)
    return company, provenance_tags(job.provenance, tags, plan.encoder.muxer)


def _join_film(
    job: Job,
    work: WorkDir,
    done: Mapping[int, Rendered],
    name: str,
    encoding: Encoding,
    target: Path,
    company: StreamCopier | None = None,
    tags: dict[str, str] | None = None,
    progress: ProgressCallback | None = None,
) -> None:
    """Join what is called `name` in every segment."""
    if work.placed(target):
        return  # by a run that died then
    plan, file = job.plan, f"{name}{part_suffix(encoding.part)}"
    parts = [
        Part(work.folder(s.number) / file, s.first, s.last, done[s.number].depth[name])
        for s in job.segments
    ]

    def about_to_place(made: Path) -> None:
        work.write_placed(made, target)

    with contextlib.ExitStack() as stack:
        partial = stack.enter_context(atomic_output(target, job.options.force, about_to_place))
        writer = FilmWriter(
            partial, encoding.encoder, encoding.video, company, tags, plan.shift_pts, target
        )
        stack.enter_context(writer)
        total = len(plan.pts)
        for count in join_parts(writer, parts, plan.pts, plan.seen.end_pts):
            if progress is not None:
                progress(Progress(plan.info.path, "join", count, total))
        writer.finish()


def _place_pictures(job: Job, work: WorkDir, done: Mapping[int, Rendered]) -> None:
    """Move numbered pictures to where they are wanted; those that are gone have been moved."""
    target = job.plan.target
    work.write_placing(target)
    for segment in job.segments:
        folder = work.folder(segment.number)
        rendered = done[segment.number]
        for name in rendered.files:
            made, final = folder / name, target.with_name(name)
            if made.stem not in rendered.depth and made.exists():
                _move(made, final, job.options.force)
    sync(target.parent)


def _move(made: Path, final: Path, force: bool) -> None:
    try:
        if final.exists() and made.samefile(final):  # whoever linked it there died then
            made.unlink()
            return
        try:
            publish(made, final, force)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            copied = leftover_name(final)
            shutil.copyfile(made, copied)
            sync(copied)
            publish(copied, final, force)
            copied.unlink(missing_ok=True)
        made.unlink(missing_ok=True)
    except FileExistsError as error:
        raise OutputError(
            f"{final}: was made by somebody else meanwhile and is left as it is; "
            "choose another name or say --force"
        ) from error
    except OSError as error:
        raise OutputError(f"{final}: {describe_os_error(error)}") from error
