"""What a run did, in plain values: one record a result, for reports and scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypedDict

from vidcolor.batch.report.uncertainty import ShotRecord, doubts_of_film, doubts_of_photo
from vidcolor.digests import sha256_of, versions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from vidcolor.batch.runner import BatchSummary, TaskResult
    from vidcolor.film.pipeline import FilmResult
    from vidcolor.film.plan import FilmPlan
    from vidcolor.options import ColorizeOptions
    from vidcolor.provenance import Provenance

Kind = Literal["film", "photo", "sequence"]


class StreamRecord(TypedDict):
    """What became of one stream beside the picture."""

    index: int
    kind: str
    codec: str
    language: str | None
    title: str | None
    kept: bool
    note: str


class PictureRecord(TypedDict):
    """A film's picture, before and after; see `VideoInfo` and `EncoderPlan`."""

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
    """How the color came about; see `Provenance`."""

    version: str
    model: str
    weights_sha256: str
    recipe: str
    sentence: str


class ResultRecord(TypedDict):
    """One film, photograph or sequence, and what came of it."""

    kind: Kind
    source: str
    target: str
    source_sha256: str | None
    """Of a sequence: over its files' names and digests. None where it could not be read."""
    target_sha256: str | None
    num_frames: int
    seconds: float
    """Wall-clock time of the work."""
    fps: float
    """Frames that were colored in a second of work."""
    timings: dict[str, float]
    """Seconds by stage."""
    warnings: list[str]
    damaged: bool
    skipped: bool
    """True if it was done before, by the same recipe."""
    error: str | None
    """Why it failed; None if it did not."""
    picture: PictureRecord | None
    streams: list[StreamRecord]
    doubts: list[ShotRecord] | None
    """Every shot with its least certain regions; None if nothing was colored."""
    options: dict[str, Any]
    provenance: ProvenanceRecord | None
    versions: dict[str, str]


def record(
    kind: Kind,
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
    """A record from simple values: of a photograph, of work that failed or was skipped.

    Args:
        kind: what the source was taken for.
        source: file, pattern or folder.
        target: the same.
        num_frames: how many pictures were written.
        seconds: how long that took.
        warnings: what the user was told.
        damaged: whether the source lost picture.
        skipped: whether it had been done before.
        error: why it failed, in one line.
        options: what was asked for.
        provenance: what was written into the result.
        timings: seconds by stage; the total if None.
        hashes: whether to read both files for their digests.
    """
    return ResultRecord(
        kind=kind,
        source=str(source),
        target=str(target),
        source_sha256=sha256_of(source) if hashes else None,
        target_sha256=sha256_of(target) if hashes and error is None else None,
        num_frames=num_frames,
        seconds=round(seconds, 3),
        fps=round(num_frames / seconds, 3) if seconds else 0.0,
        timings=dict(timings) if timings else {"total": round(seconds, 3)},
        warnings=list(warnings),
        damaged=damaged,
        skipped=skipped,
        error=error,
        picture=None,
        streams=[],
        doubts=None,
        options=options.to_json() if options else {},
        provenance=_provenance(provenance) if provenance else None,
        versions=versions(),
    )


def record_of_film(
    result: FilmResult,
    options: ColorizeOptions | None = None,
    *,
    kind: Kind = "film",
    timings: Mapping[str, float] | None = None,
    hashes: bool = True,
) -> ResultRecord:
    """A record of a film, or of a sequence that was colored as one.

    Args:
        result: what `colorize_film` or `colorize_sequence` gave.
        options: what they were given.
        kind: ``film`` or ``sequence``.
        timings: seconds by stage, if they were measured.
        hashes: whether to read both files for their digests.
    """
    plain = record(
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
    plain["picture"] = _picture(result.plan)
    plain["streams"] = [_stream(fate) for fate in result.plan.company]
    trimmed = options is not None and options.start is not None
    plain["doubts"] = doubts_of_film(result, trimmed)
    return plain


def records_of(
    tally: BatchSummary, options: ColorizeOptions, *, hashes: bool = True
) -> list[ResultRecord]:
    """Records of a whole run, in its order."""
    return [_record_of(outcome, options, hashes) for outcome in tally.outcomes]


def _record_of(outcome: TaskResult, options: ColorizeOptions, hashes: bool) -> ResultRecord:
    item, result = outcome.item, outcome.result
    if result is None:
        error = str(outcome.error) if outcome.error is not None else None
        return record(
            item.kind,
            item.source,
            item.target,
            skipped=outcome.skipped,
            error=error,
            options=options,
            hashes=hashes,
        )
    plan = getattr(result, "plan", None)
    if plan is not None:
        film: Any = result
        return record_of_film(film, options, kind=item.kind, hashes=hashes)
    photo: Any = result
    plain = record(
        item.kind,
        result.source,
        result.target,
        num_frames=result.num_frames,
        seconds=result.seconds,
        warnings=result.warnings,
        damaged=result.damaged,
        options=options,
        provenance=result.provenance,
        hashes=hashes,
    )
    plain["doubts"] = doubts_of_photo(photo)
    return plain


def _picture(plan: FilmPlan) -> PictureRecord:
    video, encoder = plan.video, plan.encoder
    return PictureRecord(
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


def _stream(fate: Any) -> StreamRecord:
    stream = fate.stream
    return StreamRecord(
        index=stream.index,
        kind=stream.kind,
        codec=stream.codec,
        language=stream.language,
        title=stream.title,
        kept=fate.kept,
        note=fate.note,
    )


def _provenance(provenance: Provenance) -> ProvenanceRecord:
    return ProvenanceRecord(
        version=provenance.version,
        model=provenance.model,
        weights_sha256=provenance.weights_sha256,
        recipe=provenance.recipe,
        sentence=provenance.sentence,
    )
