"""Makes the records of a report from the outcomes of tasks."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import TYPE_CHECKING

from vidcolor.batch.report.schema import (
    COLOR_PLACEHOLDER,
    LeftOutRecord,
    LostHintRecord,
    ProjectRecord,
    ProvenanceRecord,
    RegionRecord,
    ResultRecord,
    ShotRecord,
    StreamRecord,
    TitleRecord,
    VideoRecord,
)
from vidcolor.environment import get_library_versions
from vidcolor.errors import VidcolorError
from vidcolor.fileio import sha256_file
from vidcolor.media.sequence import find_sequence

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from vidcolor.batch.runner import TaskResult
    from vidcolor.batch.task import LeftOut, Task
    from vidcolor.film.plan import FilmPlan
    from vidcolor.film.request import FilmResult
    from vidcolor.media.streams import StreamDecision
    from vidcolor.options import ColorizeOptions
    from vidcolor.photo import PhotoResult
    from vidcolor.provenance import Provenance
    from vidcolor.uncertainty import ShotUncertainty, UncertainRegion

_HINT_RADIUS_SHARE = 0.5
"""Radius of a hint disc relative to the largest disc inside the region."""


def make_left_out_record(item: LeftOut) -> LeftOutRecord:
    """Return the record of a file or folder that the run did not colorize."""
    return LeftOutRecord(source=str(item.path), reason=item.reason, expected=item.is_expected)


def make_record(outcome: TaskResult) -> ResultRecord:
    """Return the record of a task; its source and target are read for their digests."""
    task, result, error = outcome.task, outcome.result, outcome.error
    num_frames, seconds = (result.num_frames, result.seconds) if result else (0, 0.0)
    plan: FilmPlan | None = getattr(result, "plan", None)  # photos have none
    return ResultRecord(
        kind=task.kind,
        source=str(task.source),
        target=str(task.target),
        source_sha256=hash_media(task.source),
        target_sha256=hash_media(task.target) if error is None else None,
        num_frames=num_frames,
        seconds=round(seconds, 3),
        fps=round(num_frames / seconds, 3) if seconds else 0.0,
        timings={"total": round(seconds, 3)},
        warnings=result.warnings if result else (),
        damaged=outcome.is_damaged,
        skipped=outcome.skipped,
        left_out=outcome.left_out,
        error=None if error is None else str(error),
        video=_make_video_record(plan) if plan else None,
        streams=tuple(_make_stream_record(decision) for decision in plan.streams) if plan else (),
        uncertainty=_make_shot_records(result, task.options) if result else None,
        titles=_make_title_records(result),
        burnt_in_text=getattr(result, "burnt_in_text", ()),
        lost_hints=_make_lost_records(result),
        options=task.options.to_json(),
        provenance=_make_provenance_record(result.provenance) if result else None,
        project=_make_project_record(task),
        versions=get_library_versions(),
    )


def _make_project_record(task: Task) -> ProjectRecord | None:
    if task.project is None:
        return None
    shots = None if task.excerpt is None else task.excerpt.numbers
    return ProjectRecord(**asdict(task.project), shots=shots)


def _make_video_record(plan: FilmPlan) -> VideoRecord:
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


def _make_stream_record(decision: StreamDecision) -> StreamRecord:
    names = ("index", "kind", "codec", "language", "title")
    values = {name: getattr(decision.stream, name) for name in names}
    return StreamRecord(**values, kept=decision.kept, note=decision.note)


def _make_provenance_record(provenance: Provenance) -> ProvenanceRecord:
    names = ("version", "model", "weights_sha256", "recipe", "sentence")
    return ProvenanceRecord(**{name: getattr(provenance, name) for name in names})


def _make_shot_records(
    result: FilmResult | PhotoResult, options: ColorizeOptions
) -> tuple[ShotRecord, ...] | None:
    """Return a record of every shot, or of the photo; None if the model has no confidence."""
    from vidcolor.photo import PhotoResult

    if isinstance(result, PhotoResult):
        regions, size = result.uncertain_regions, result.size
        if size is None or regions is None:
            return None
        position = {"file": result.source.name}
        record = ShotRecord(
            review_priority=sum(region.priority for region in regions),
            regions=tuple(_make_region_record(region, size, position) for region in regions),
        )
        return (record,)
    size = result.plan.video.displayed_size
    records = (
        _make_shot_record(number, shot, size, is_trimmed=options.start is not None)
        for number, shot in enumerate(result.shot_uncertainty, start=1)
    )
    return tuple(records) or None


def _make_title_records(result: FilmResult | PhotoResult | None) -> tuple[TitleRecord, ...]:
    confidence = getattr(result, "title_confidence", None)  # of a photo
    if confidence is not None:
        return (TitleRecord(confidence=confidence),)
    return tuple(TitleRecord(**asdict(title)) for title in getattr(result, "titles", ()))


def _make_lost_records(result: FilmResult | PhotoResult | None) -> tuple[LostHintRecord, ...]:
    lost = getattr(result, "lost_hints", ())  # photos have none
    return tuple(LostHintRecord(**asdict(item)) for item in lost)


def _make_shot_record(
    number: int, shot: ShotUncertainty, size: tuple[int, int], is_trimmed: bool
) -> ShotRecord:
    position: dict[str, float] = {"frame": shot.frame}
    if is_trimmed:  # frame numbers of a trimmed film would refer to another frame in the whole film
        position = {"time": round(float((shot.time_s + shot.frame_end_s) / 2), 3)}
    names = ("first_frame", "last_frame", "start_s", "end_s", "confidence", "frame", "time_s")
    return ShotRecord(
        **{name: getattr(shot, name) for name in names},
        shot=number,
        review_priority=shot.priority,
        regions=tuple(_make_region_record(region, size, position) for region in shot.regions),
    )


def _make_region_record(
    region: UncertainRegion, size: tuple[int, int], position: Mapping[str, str | float]
) -> RegionRecord:
    (width, height), (left, top, right, bottom), (x, y) = size, region.box, region.point
    hint = {
        **position,
        "x": min(int(x * width), width - 1),
        "y": min(int(y * height), height - 1),
        "radius": max(1, round(region.radius * min(size) * _HINT_RADIUS_SHARE)),
        "color": COLOR_PLACEHOLDER,
    }
    return RegionRecord(
        box=region.box,
        box_px=(
            round(left * width), round(top * height), round(right * width), round(bottom * height)
        ),
        point=region.point,
        outline=region.outline,
        area=region.area,
        confidence=region.confidence,
        review_priority=region.priority,
        hint=hint,
    )  # fmt: skip


def hash_media(path: Path) -> str | None:
    """Return the digest of a file or an image sequence; see `ResultRecord.source_sha256`."""
    try:
        if path.is_file():
            return sha256_file(path)
        files = find_sequence(path).files.values()
        lines = "".join(f"{sha256_file(file)}  {file.name}\n" for file in files)
    except (OSError, VidcolorError):
        return None
    return hashlib.sha256(lines.encode()).hexdigest()
