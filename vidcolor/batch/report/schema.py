"""The records of a report. `vidcolor.batch.report.make` makes them from outcomes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from vidcolor.option import TaskKind
from vidcolor.schema import Record
from vidcolor.titles.burnt_in import BurntInText

COLOR_PLACEHOLDER = "?"
"""Value of the color in a hint row, to be replaced by the user."""


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
