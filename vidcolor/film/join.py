"""Joining of segments: copies their packets into the result and muxes all other streams."""

from __future__ import annotations

import contextlib
import errno
import shutil
from array import array
from dataclasses import replace
from typing import TYPE_CHECKING

from vidcolor.errors import OutputError
from vidcolor.fileio import atomic_output, describe_os_error, publish, temporary_path
from vidcolor.film.workdir import part_dir
from vidcolor.media.concat import EncodedSegment, concat_segments
from vidcolor.media.constant_rate import FrameTimes, restore_constant_rate
from vidcolor.media.streams import StreamCopier, read_content_tags
from vidcolor.media.writer import VideoWriter
from vidcolor.progress import Progress
from vidcolor.provenance import make_film_tags
from vidcolor.system import fsync_path

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from vidcolor.film.outputs import OutputFilm
    from vidcolor.film.segment import RenderJob
    from vidcolor.film.workdir import SegmentResult, WorkDir
    from vidcolor.progress import ProgressCallback


def join_segments(
    job: RenderJob,
    work: WorkDir,
    results: Mapping[int, SegmentResult],
    progress: ProgressCallback | None = None,
) -> list[str]:
    """Join the segments of a film into the result and publish it under its final name.

    A file that an interrupted run has already published is left unchanged. `results` are those of
    the segments, by number. `progress` is called after every frame. The returned warnings are about
    streams other than the video.

    Raises:
        OutputError: the result cannot be written, or another process has created it meanwhile.
    """
    if job.confidence is not None:
        _join_film(job, work, results, job.confidence)
    if job.result is not None:
        return _join_film(job, work, results, job.result, progress)
    _publish_images(job, work, results)
    return []


def check_mux(job: RenderJob, work: WorkDir) -> None:
    """Write the header of the result to a file in the work directory, to find errors early.

    Raises:
        OutputError: the container refuses a stream, or a subtitle cannot be converted.
    """
    if job.result is None:
        return
    with contextlib.ExitStack() as stack:
        trial = temporary_path(work.path / job.plan.target.name)
        stack.callback(trial.unlink, missing_ok=True)
        _open_writer(job, job.result, trial, stack).abort()  # opening has written the header


def _open_writer(
    job: RenderJob, film: OutputFilm, path: Path, stack: contextlib.ExitStack
) -> VideoWriter:
    """Open the writer of a film; that of the result also writes all other streams and the tags."""
    plan = job.plan
    tags: dict[str, str] | None = None
    copier = None
    if film is job.result:
        tags = {}
        if job.source.sequence is None:  # image sequences have no other streams
            shift_s = _find_shift(job) * plan.video.time_base
            start_s, end_s = (
                pts * plan.video.time_base - shift_s
                for pts in (job.analysis.pts[0], job.analysis.end_pts)
            )
            # MXF has no timestamps, so audio must have the duration of the video. Elsewhere, audio
            # that is decoded can start exactly with the first frame of a trim.
            must_align = plan.encoder.container.constant_rate
            copier = stack.enter_context(
                StreamCopier(
                    plan.info.path,
                    plan.streams,
                    shift_s,
                    None if plan.start_s is None else max(plan.start_s, shift_s),
                    plan.end_s,
                    audio_start=start_s if must_align or plan.start_s is not None else None,
                    audio_end=end_s if must_align else None,
                    video_index=plan.video.index,
                )
            )
            tags = read_content_tags(plan.info.path)
        separate = "tags" in plan.encoder.container.holds
        tags = make_film_tags(job.provenance, tags, separate, plan.encoder.container.comment_key)
    timecode, times = film.video.timecode_at(job.analysis.pts[0]), _make_frame_times(job, film)
    video = replace(
        film.video,
        time_base=times.time_base,
        start_pts=times.pts[0],
        timecode=None if timecode is None else str(timecode),
    )
    return VideoWriter(path, film.encoder, video, copier, tags, target=film.target)


def _find_shift(job: RenderJob) -> int:
    """Return the ticks to subtract from all timestamps.

    A trim starts with its first frame. Otherwise MOV would show a gap of less than a frame before
    it, which editing programs count as a frame of the timecode.
    """
    plan, first = job.plan, job.analysis.pts[0]
    if plan.start_s is None or plan.video.rate is None:
        return plan.shift_pts
    gap_s = first * plan.video.time_base - plan.start_s
    return first if gap_s * plan.video.rate < 1 else plan.shift_pts


def _make_frame_times(job: RenderJob, film: OutputFilm) -> FrameTimes:
    """Return the timestamps of the frames in a film that is written."""
    analysis, shift = job.analysis, _find_shift(job)
    pts = array("q", (timestamp - shift for timestamp in analysis.pts))
    times = FrameTimes(film.video.time_base, pts, analysis.end_pts - shift)
    # Other containers round timestamps, or store a frame rate instead.
    if film.encoder.container.edit_lists:
        return restore_constant_rate(times, film.video.rate)
    return times


def _join_film(
    job: RenderJob,
    work: WorkDir,
    results: Mapping[int, SegmentResult],
    film: OutputFilm,
    progress: ProgressCallback | None = None,
) -> list[str]:
    if work.is_published(film.target):
        return []
    plan, times = job.plan, _make_frame_times(job, film)
    segments = [
        EncodedSegment(
            part_dir(work.segment_dir(segment.number), number) / film.file_name,
            part.start,
            part.stop,
            results[segment.number].reorder_depths[film.name],
        )
        for segment in job.segments
        for number, part in enumerate(job.split_parts(segment))
    ]

    def mark_published(partial: Path) -> None:
        work.mark_published(film.target, partial)

    with contextlib.ExitStack() as stack:
        partial = stack.enter_context(atomic_output(film.target, job.options.force, mark_published))
        writer = stack.enter_context(_open_writer(job, film, partial, stack))
        for count in concat_segments(writer, segments, times.pts, times.end_pts):
            if progress is not None:
                progress(Progress(plan.info.path, "join", count, len(times.pts)))
        writer.finish()
        return writer.describe_damage()


def _publish_images(job: RenderJob, work: WorkDir, results: Mapping[int, SegmentResult]) -> None:
    target = job.plan.target
    work.mark_published(target)
    for segment in job.segments:
        folder, result = work.segment_dir(segment.number), results[segment.number]
        for name in result.files:
            image = folder / name
            final = target.with_name(image.name)
            # The files of a segment include its confidence film, which is joined instead.
            is_film = image.stem in result.reorder_depths
            # An image that is missing was moved by an interrupted run.
            if not is_film and image.exists():
                move_image(image, final, job.options.force)
    fsync_path(target.parent)


def move_image(image: Path, final: Path, force: bool) -> None:
    """Move an image from the work directory to its final name, which may be on another disk.

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
