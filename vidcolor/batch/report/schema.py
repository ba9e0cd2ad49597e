"""The records of a report: one for each task of a run."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator

from vidcolor.environment import get_library_versions
from vidcolor.errors import VidcolorError
from vidcolor.fileio import sha256_file
from vidcolor.media.sequence import find_sequence
from vidcolor.option import TaskKind
from vidcolor.schema import Record
from vidcolor.titles.burnt_in import BurntInText

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

COLOR_PLACEHOLDER = "?"
"""Value of the color in a hint row, to be replaced by the user."""
_HINT_RADIUS_SHARE = 0.5
"""Radius of a hint disc relative to the largest disc inside the region."""


def _round_to(digits: int) -> BeforeValidator:
    return BeforeValidator(lambda value: round(float(value), digits))


Share = Annotated[float, _round_to(4)]
"""A coordinate as a fraction of the displayed size, an area as a fraction of the image, or a
confidence."""
Priority = Annotated[float, _round_to(5)]
Seconds = Annotated[float, _round_to(6)]


class StreamRecord(Record):
    """A stream of the source other than the video stream, and whether it was copied."""

    index: int
    kind: str
    codec: str
    language: str | None
    title: str | None
    kept: bool
    note: str
    """How the stream was copied, or why it was not."""


class VideoRecord(Record):
    """The video streams of the source and of the result."""

    width: int
    height: int
    duration_s: float | None
    frame_rate: str | None
    """Frames per second as a fraction."""
    codec: str
    pix_fmt: str
    encoder: str
    out_pix_fmt: str
    container: str


class ProvenanceRecord(Record):
    """The provenance of the color; see `vidcolor.provenance.Provenance`."""

    version: str
    model: str
    weights_sha256: str
    recipe: str
    sentence: str


class ProjectRecord(Record):
    """The project that a result was made from, and its revision."""

    name: str
    revision: int
    decisions: int
    """Number of decisions of people."""
    shots: str | None = None
    """Numbers of the shots, such as ``12-15``, if the result is an excerpt."""


class RegionRecord(Record):
    """An uncertain region. Fractions are relative to the displayed width and height."""

    box: tuple[Share, Share, Share, Share]
    """Left, top, right, bottom, in fractions."""
    box_px: tuple[int, int, int, int]
    """Left, top, right, bottom, in pixels; right and bottom are exclusive."""
    point: tuple[Share, Share]
    """x, y of a point inside the region, away from its edge, in fractions."""
    outline: tuple[tuple[Share, Share], ...]
    """Corners x, y of the polygon around the region, in fractions."""
    area: Share
    """Area as a fraction of the image."""
    confidence: Share
    """Mean confidence in the region, 0 to 1."""
    review_priority: Priority
    """Visible uncertainty summed over the region; 1 for a fully uncertain image."""
    hint: dict[str, str | int | float]
    """A row for a hint file, with a ``?`` in place of the color. It has the file name of a photo;
    in a film the frame, or if the film was trimmed the time of the middle of the frame."""


class ShotRecord(Record):
    """A shot, or a photo, with the regions where a hint would help most.

    Times are in seconds from the first frame of the source. Frame 0 is the first colorized frame,
    at ``--start``. All times and frame numbers of a photo are 0.
    """

    shot: int = 1
    """Number of the shot, from 1."""
    first_frame: int = 0
    last_frame: int = 0
    """Last frame of the shot, inclusive."""
    start_s: Seconds = 0.0
    end_s: Seconds = 0.0
    """End of the last frame."""
    confidence: Share | None = None
    """Mean confidence of the shot; None for a photo."""
    review_priority: Priority
    """Visible uncertainty summed over image and time, in seconds of a fully uncertain image. For a
    photo it is the sum over its regions."""
    frame: int = 0
    """Frame with the highest review priority, in which the regions were found."""
    time_s: Seconds = 0.0
    """Time of that frame."""
    regions: tuple[RegionRecord, ...]
    """At most three regions, by decreasing review priority; empty if no region is uncertain."""


class LostHintRecord(Record):
    """Frames in which the object of a hint is not found, so that the hint has no effect.

    Times are in seconds from the first frame of the source. Frame 0 is the first colorized frame.
    """

    hint: str
    """Name of the hint: its file and number."""
    first_frame: int
    last_frame: int
    """Last frame, inclusive."""
    start_s: Seconds
    end_s: Seconds
    """Time of the last frame."""


class TitleRecord(Record):
    """Frames that show a title card, credits or blank leader, or a photo of text.

    They are neutral, or have one tint with ``--titles tint``. Times are in seconds from the first
    frame of the source. Frame 0 is the first colorized frame. All times and frame numbers of a
    photo are 0.
    """

    first_frame: int = 0
    last_frame: int = 0
    """Last frame, inclusive."""
    start_s: Seconds = 0.0
    end_s: Seconds = 0.0
    """End of the last frame."""
    confidence: Share
    """Confidence that they show a title, 0 to 1; 1 if a shot list says so."""


class ResultRecord(Record):
    """A film, photo or sequence, and the outcome of its task."""

    kind: TaskKind
    source: str
    """Path of a file, pattern or folder."""
    target: str
    source_sha256: str | None
    """SHA-256 of the source; None if it cannot be read. That of a sequence is what
    ``sha256sum NAMES... | sha256sum`` prints in its directory."""
    target_sha256: str | None
    """SHA-256 of the result; None if the task failed."""
    num_frames: int
    seconds: float
    """Wall-clock time of the task."""
    fps: float
    """Frames per second of wall-clock time."""
    timings: dict[str, float]
    """Wall-clock seconds by stage."""
    warnings: tuple[str, ...]
    damaged: bool
    """Whether the source is truncated or partly unreadable."""
    skipped: bool
    """Whether the target was already a result of the same source and recipe."""
    left_out: str | None = None
    """Reason why the source was left out on request; None if it was not."""
    error: str | None
    """Error message of the task; None if the task did not fail."""
    video: VideoRecord | None
    """Video properties; None for photos, and for films that failed or were skipped."""
    streams: tuple[StreamRecord, ...]
    """Streams of the source other than the video stream; empty for photos."""
    uncertainty: tuple[ShotRecord, ...] | None
    """Uncertain regions of every shot; None if the task did not run, or if the model has no
    confidence."""
    titles: tuple[TitleRecord, ...] = ()
    """Title cards, credits and blank leader, which got no color."""
    burnt_in_text: tuple[BurntInText, ...] = ()
    """Text at the same place in all frames, such as time code, which got no color."""
    lost_hints: tuple[LostHintRecord, ...] = ()
    """Frames in which the objects of hints are not found."""
    options: dict[str, Any]
    """Options of this task."""
    provenance: ProvenanceRecord | None
    project: ProjectRecord | None = None
    """The project, if the input was one."""
    versions: dict[str, str]
    """Versions of vidcolor, Python and the libraries."""

    @property
    def state(self) -> Literal["failed", "left out", "skipped", "damaged", "done"]:
        """The outcome in one word."""
        if self.error is not None:
            return "failed"
        if self.left_out is not None:
            return "left out"
        if self.skipped:
            return "skipped"
        return "damaged" if self.damaged else "done"


class LeftOutRecord(Record):
    """A file or folder that the run did not colorize: it has no task, or ``--skip-color`` applies.

    A source that ``--skip-color`` left out is also one of the results.
    """

    source: str
    """Path of the file or folder."""
    reason: str
    expected: bool
    """Whether this is usual, as for hidden files, results of earlier runs, and files that the
    options leave out."""


class Report(Record):
    """The report of a run."""

    vidcolor: str
    """Version of vidcolor."""
    created: str
    """ISO 8601 date and time."""
    results: tuple[ResultRecord, ...]
    left_out: tuple[LeftOutRecord, ...] = ()
    """What the input folders contain and the run did not colorize."""


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
