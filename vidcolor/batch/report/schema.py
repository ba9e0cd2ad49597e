"""The JSON records of a report, one per task."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, TypedDict, cast

from vidcolor.batch.report.uncertainty import ShotRecord, film_uncertainty, photo_uncertainty
from vidcolor.environment import get_library_versions
from vidcolor.errors import VidcolorError
from vidcolor.fileio import sha256_file
from vidcolor.media.sequence import find_sequence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from vidcolor.batch.discover import TaskKind
    from vidcolor.batch.runner import BatchSummary, TaskResult
    from vidcolor.film.plan import FilmPlan
    from vidcolor.film.request import FilmResult
    from vidcolor.media.streams import StreamDecision
    from vidcolor.options import ColorizeOptions
    from vidcolor.photo import PhotoResult
    from vidcolor.provenance import Provenance


class StreamRecord(TypedDict):
    """A stream of the source other than the video stream, and whether it was copied."""

    index: int
    kind: str
    codec: str
    language: str | None
    title: str | None
    kept: bool
    note: str
    """How the stream was copied, or why it was not."""


class VideoRecord(TypedDict):
    """The video streams of the source and of the result; see `VideoInfo` and `EncoderPlan`."""

    width: int
    height: int
    duration_s: float | None
    frame_rate: str | None
    codec: str
    pix_fmt: str
    encoder: str
    out_pix_fmt: str
    container: str


class ProvenanceRecord(TypedDict):
    """The provenance of the color; see `Provenance`."""

    version: str
    model: str
    weights_sha256: str
    recipe: str
    sentence: str


class ResultRecord(TypedDict):
    """A film, photo or sequence, and the outcome of its task."""

    kind: TaskKind
    source: str
    target: str
    source_sha256: str | None
    """SHA-256 of the source; None if it cannot be read. See `hash_media` for sequences."""
    target_sha256: str | None
    """SHA-256 of the result; None if the task failed."""
    num_frames: int
    seconds: float
    """Wall-clock time of the task."""
    fps: float
    """Frames per second of wall-clock time."""
    timings: dict[str, float]
    """Wall-clock seconds by stage."""
    warnings: list[str]
    damaged: bool
    skipped: bool
    """Whether the target was already a result of the same source and recipe."""
    error: str | None
    """Error message of the task; None if the task did not fail."""
    video: VideoRecord | None
    """Video properties; None for photos, and for films that failed or were skipped."""
    streams: list[StreamRecord]
    """Streams of the source other than the video stream; empty for photos."""
    uncertainty: list[ShotRecord] | None
    """Uncertain regions of every shot; None if the task did not run, or if the model has no
    confidence."""
    options: dict[str, Any]
    """Options of this task."""
    provenance: ProvenanceRecord | None
    versions: dict[str, str]
    """Versions of vidcolor, Python and the libraries."""


def make_record(
    kind: TaskKind,
    source: Path,
    target: Path,
    *,
    num_frames: int = 0,
    seconds: float = 0.0,
    warnings: Sequence[str] = (),
    damaged: bool = False,
    skipped: bool = False,
    error: str | None = None,
    options: ColorizeOptions | None = None,
    provenance: Provenance | None = None,
    timings: Mapping[str, float] | None = None,
    hashes: bool = True,
) -> ResultRecord:
    """Return a record without video, streams and uncertainty.

    Args:
        kind: kind of the source.
        source: path of a file, pattern or folder.
        target: path of a file or pattern.
        num_frames: number of frames in the target.
        seconds: wall-clock time of the task.
        warnings: warnings of the task.
        damaged: whether the source is truncated or partly unreadable.
        skipped: whether the target was already a result of the same source and recipe.
        error: error message on one line; None if the task did not fail.
        options: options of the task.
        provenance: provenance in the metadata of the target.
        timings: seconds by stage; None to record only the total.
        hashes: whether to compute the digests of source and target, which reads both.
    """
    return ResultRecord(
        kind=kind,
        source=str(source),
        target=str(target),
        source_sha256=hash_media(source) if hashes else None,
        target_sha256=hash_media(target) if hashes and error is None else None,
        num_frames=num_frames,
        seconds=round(seconds, 3),
        fps=round(num_frames / seconds, 3) if seconds else 0.0,
        timings=dict(timings) if timings else {"total": round(seconds, 3)},
        warnings=list(warnings),
        damaged=damaged,
        skipped=skipped,
        error=error,
        video=None,
        streams=[],
        uncertainty=None,
        options=options.to_json() if options else {},
        provenance=_provenance_record(provenance) if provenance else None,
        versions=get_library_versions(),
    )


def make_film_record(
    result: FilmResult,
    options: ColorizeOptions | None = None,
    *,
    kind: TaskKind = "film",
    timings: Mapping[str, float] | None = None,
    hashes: bool = True,
) -> ResultRecord:
    """Return the record of a film, or of an image sequence.

    Args:
        result: result of `colorize_film` or `colorize_sequence`.
        options: options of the task.
        kind: ``film`` or ``sequence``.
        timings: seconds by stage; None to record only the total.
        hashes: whether to compute the digests of source and target, which reads both.
    """
    record = _make_result_record(kind, result, options, timings, hashes)
    is_trimmed = options is not None and options.start is not None
    record["video"] = _video_record(result.plan)
    record["streams"] = [_stream_record(decision) for decision in result.plan.streams]
    record["uncertainty"] = film_uncertainty(result, is_trimmed)
    return record


def make_photo_record(
    result: PhotoResult, options: ColorizeOptions | None = None, *, hashes: bool = True
) -> ResultRecord:
    """Return the record of a photo.

    Args:
        result: result of `colorize_photo`.
        options: options of the task.
        hashes: whether to compute the digests of source and target, which reads both.
    """
    record = _make_result_record("photo", result, options, None, hashes)
    record["uncertainty"] = photo_uncertainty(result)
    return record


def _make_result_record(
    kind: TaskKind,
    result: FilmResult | PhotoResult,
    options: ColorizeOptions | None,
    timings: Mapping[str, float] | None,
    hashes: bool,
) -> ResultRecord:
    """Return the part of a record that films and photos have in common."""
    return make_record(
        kind,
        result.source,
        result.target,
        num_frames=result.num_frames,
        seconds=result.seconds,
        warnings=result.warnings,
        damaged=result.damaged,
        options=options,
        provenance=result.provenance,
        timings=timings,
        hashes=hashes,
    )


def make_records(summary: BatchSummary, *, hashes: bool = True) -> list[ResultRecord]:
    """Return one record per task of a run, in order, with the options of the task."""
    return [_task_record(result, hashes) for result in summary.results]


def _task_record(outcome: TaskResult, hashes: bool) -> ResultRecord:
    task, result = outcome.task, outcome.result
    if result is None:
        return make_record(
            task.kind,
            task.source,
            task.target,
            skipped=outcome.skipped,
            error=None if outcome.error is None else str(outcome.error),
            options=task.options,
            hashes=hashes,
        )
    if task.kind == "photo":
        return make_photo_record(cast("PhotoResult", result), task.options, hashes=hashes)
    film = cast("FilmResult", result)
    return make_film_record(film, task.options, kind=task.kind, hashes=hashes)


def _video_record(plan: FilmPlan) -> VideoRecord:
    video, encoder = plan.video, plan.encoder
    return VideoRecord(
        width=video.width,
        height=video.height,
        duration_s=video.duration_s,
        frame_rate=str(video.rate) if video.rate else None,
        codec=video.codec,
        pix_fmt=video.layout.name,
        encoder=encoder.encoder,
        out_pix_fmt=encoder.layout.name,
        container=encoder.muxer,
    )


def _stream_record(decision: StreamDecision) -> StreamRecord:
    stream = decision.stream
    return StreamRecord(
        index=stream.index,
        kind=stream.kind,
        codec=stream.codec,
        language=stream.language,
        title=stream.title,
        kept=decision.kept,
        note=decision.note,
    )


def _provenance_record(provenance: Provenance) -> ProvenanceRecord:
    return ProvenanceRecord(
        version=provenance.version,
        model=provenance.model,
        weights_sha256=provenance.weights_sha256,
        recipe=provenance.recipe,
        sentence=provenance.sentence,
    )


def hash_media(path: Path) -> str | None:
    """Return the SHA-256 of a file or of an image sequence; None if it cannot be read.

    The digest of a sequence is what ``sha256sum NAMES... | sha256sum`` prints in its directory.
    """
    try:
        if path.is_file():
            return sha256_file(path)
        files = find_sequence(path).files.values()
        lines = "".join(f"{sha256_file(file)}  {file.name}\n" for file in files)
    except (OSError, VidcolorError):
        return None
    return hashlib.sha256(lines.encode()).hexdigest()
