"""Joining of segments: copies their packets into the result and muxes all other streams."""

from __future__ import annotations

import contextlib
import errno
import shutil
from typing import TYPE_CHECKING

from vidcolor.errors import OutputError
from vidcolor.fileio import atomic_output, describe_os_error, publish, temporary_path
from vidcolor.film.segment import CONFIDENCE_NAME, VIDEO_NAME
from vidcolor.media.concat import EncodedSegment, concat_segments, get_segment_suffix
from vidcolor.media.streams import StreamCopier
from vidcolor.media.tags import read_content_tags
from vidcolor.media.writer import VideoWriter
from vidcolor.progress import Progress
from vidcolor.provenance import make_film_tags
from vidcolor.system import fsync_path

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from vidcolor.film.segment import OutputEncoding, RenderJob, SegmentResult
    from vidcolor.film.workdir import WorkDir
    from vidcolor.progress import ProgressCallback


def join_segments(
    job: RenderJob,
    work: WorkDir,
    results: Mapping[int, SegmentResult],
    progress: ProgressCallback | None = None,
) -> None:
    """Join the segments of a film into the result and publish it under its final name.

    A file that an interrupted run has already published is left unchanged.

    Args:
        job: the film.
        work: work directory with the finished segments.
        results: result of each segment, by number.
        progress: called after every frame.

    Raises:
        OutputError: the result cannot be written, or another process has created it meanwhile.
    """
    if job.confidence is not None and job.options.confidence is not None:
        target = job.options.confidence
        _join_film(job, work, results, CONFIDENCE_NAME, job.confidence, target)
    if job.video is None:
        _publish_images(job, work, results)
    elif not work.is_published(job.plan.target):
        with contextlib.ExitStack() as stack:
            copier, tags = _open_other_streams(job, stack)
            _join_film(
                job, work, results, VIDEO_NAME, job.video, job.plan.target, copier, tags, progress
            )


def check_mux(job: RenderJob, work: WorkDir) -> None:
    """Write the header of the result to a temporary file, to find errors before rendering.

    Args:
        job: the film.
        work: its work directory, which holds the temporary file.

    Raises:
        OutputError: the container refuses a stream, or a subtitle cannot be converted.
    """
    if job.video is None:
        return
    plan, encoding = job.plan, job.video
    with contextlib.ExitStack() as stack:
        copier, tags = _open_other_streams(job, stack)
        trial = temporary_path(work.path / plan.target.name)
        stack.callback(trial.unlink, missing_ok=True)
        writer = VideoWriter(
            trial, encoding.encoder, encoding.video, copier, tags, plan.shift_pts, plan.target
        )
        writer.abort()  # the constructor has written the header


def _open_other_streams(
    job: RenderJob, stack: contextlib.ExitStack
) -> tuple[StreamCopier | None, dict[str, str]]:
    """Open all streams except the video; return their copier and the tags of the result.

    The copier is None for an image sequence, which has no other streams.
    """
    plan, tags, copier = job.plan, dict[str, str](), None
    if job.source.sequence is None:
        shift_s = plan.shift_pts * plan.video.time_base
        copier = stack.enter_context(
            StreamCopier(plan.info.path, plan.streams, shift_s, plan.start_s, plan.end_s)
        )
        tags = read_content_tags(plan.info.path)
    separate = not plan.encoder.container.fixed_tags
    return copier, make_film_tags(job.provenance, tags, separate_tags=separate)


def _join_film(
    job: RenderJob,
    work: WorkDir,
    results: Mapping[int, SegmentResult],
    name: str,
    encoding: OutputEncoding,
    target: Path,
    copier: StreamCopier | None = None,
    tags: dict[str, str] | None = None,
    progress: ProgressCallback | None = None,
) -> None:
    """Join the films with a name (`VIDEO_NAME` or `CONFIDENCE_NAME`) of all segments."""
    if work.is_published(target):
        return
    plan, pts = job.plan, job.analysis.pts
    file_name = f"{name}{get_segment_suffix(encoding.segment_encoder)}"
    segments = [
        EncodedSegment(
            work.segment_dir(s.number) / file_name,
            s.first,
            s.end,
            results[s.number].reorder_depths[name],
        )
        for s in job.segments
    ]

    def mark_published(partial: Path) -> None:
        work.mark_published(partial, target)

    with contextlib.ExitStack() as stack:
        partial = stack.enter_context(atomic_output(target, job.options.force, mark_published))
        writer = VideoWriter(
            partial, encoding.encoder, encoding.video, copier, tags, plan.shift_pts, target
        )
        stack.enter_context(writer)
        for count in concat_segments(writer, segments, pts, job.analysis.end_pts):
            if progress is not None:
                progress(Progress(plan.info.path, "join", count, len(pts)))
        writer.finish()


def _publish_images(job: RenderJob, work: WorkDir, results: Mapping[int, SegmentResult]) -> None:
    """Move the images of all segments to their final names.

    Images that are missing were moved by an interrupted run.
    """
    target = job.plan.target
    work.mark_publishing(target)
    for segment in job.segments:
        folder, result = work.segment_dir(segment.number), results[segment.number]
        for name in result.files:
            image, final = folder / name, target.with_name(name)
            # The files of a segment include its confidence film, which is joined instead.
            is_film = image.stem in result.reorder_depths
            if not is_film and image.exists():
                move_image(image, final, job.options.force)
    fsync_path(target.parent)


def move_image(image: Path, final: Path, force: bool) -> None:
    """Move a finished image to its final name, which may be on another disk.

    Args:
        image: the image in the work directory.
        final: its final name.
        force: replace an existing file.

    Raises:
        OutputError: the image cannot be written, or another process has created it meanwhile.
    """
    try:
        if final.exists() and image.samefile(final):  # a run was interrupted after the link
            image.unlink()
            return
        try:
            publish(image, final, force)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            # A rename cannot cross file systems: copy to the target's one, then rename there.
            copy = temporary_path(final)
            shutil.copyfile(image, copy)
            fsync_path(copy)
            publish(copy, final, force)
            copy.unlink(missing_ok=True)
        image.unlink(missing_ok=True)
    except FileExistsError as error:
        raise OutputError(
            f"{final}: was created by another process and is left unchanged; "
            "choose another output or use --force"
        ) from error
    except OSError as error:
        raise OutputError(f"{final}: {describe_os_error(error)}") from error
