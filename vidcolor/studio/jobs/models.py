"""Jobs as the services and the API see them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

if TYPE_CHECKING:
    import sqlite3

JobState = Literal["queued", "running", "done", "failed", "canceled"]
"""State of a job: waiting, being run, or one of three ends."""
ACTIVE_STATES = ("queued", "running")
ALL_CLIENTS = ""
"""Client of jobs that every client may see, such as those of the films of the command line."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What a client submits."""

    kind: str
    subject: str
    part: str
    name: str
    options: dict[str, Any]
    client: str
    priority: int


@dataclass(frozen=True, slots=True)
class JobProgress:
    """Progress of the current stage of a job."""

    stage: str
    """Name of the stage; see `vidcolor.progress.Stage`."""
    done: int
    """Amount that is done, in the unit of the stage."""
    total: int | None
    """Amount at completion; None if unknown."""
    since: float
    """Time of the first report of the stage, in seconds since 1970."""
    first_done: int
    """Amount that was done at that time: a resumed render does not start at 0."""

    def to_json(self) -> dict[str, Any]:
        """Return what the API shows."""
        return {"stage": self.stage, "done": self.done, "total": self.total}

    def dump(self) -> str:
        """Return the text that is stored."""
        return json.dumps(asdict(self))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the progress that was stored."""
        return cls(**json.loads(text))


@dataclass(frozen=True, slots=True)
class Job:
    """One job, as its row was when it was read."""

    id: str
    client: str
    """Client that may see the job; `ALL_CLIENTS` for all."""
    kind: str
    """Key of the table of kinds."""
    subject: str
    """ID of the photo, film or archive."""
    part: str
    """Distinguishes jobs of one kind for one subject, such as the shot of a loop."""
    name: str
    """Name of the subject, for display."""
    options: dict[str, Any]
    state: JobState
    priority: int
    attempts: int
    """Number of times that the job was started, not counting those that ended with the server."""
    progress: JobProgress | None
    result: dict[str, Any] | None
    """What the function of the kind returned; None if the job is not done."""
    error: str | None
    """Why the job failed, on one line."""
    created: float
    """Time of the submission, in seconds since 1970, as the other times."""
    started: float | None
    finished: float | None
    position: int | None = None
    """Position in the queue: 0 while it runs, 1 for the job that runs next; None at the end, or if
    it was not computed."""
    seconds_left: float | None = None
    """Estimated time until the job is finished, in seconds; None if unknown. While a job runs, it
    is the time of the current stage."""

    @property
    def is_active(self) -> bool:
        """Whether the job waits or runs."""
        return self.state in ACTIVE_STATES

    def is_visible_to(self, client: str) -> bool:
        """Return whether a client may see the job."""
        return self.client in (client, ALL_CLIENTS)

    @classmethod
    def from_row(cls, row: sqlite3.Row) -> Self:
        """Return the job of a row of the table."""
        return cls(
            id=row["id"],
            client=row["client"],
            kind=row["kind"],
            subject=row["subject"],
            part=row["part"],
            name=row["name"],
            options=json.loads(row["options"]),
            state=row["state"],
            priority=row["priority"],
            attempts=row["attempts"],
            progress=None if row["progress"] is None else JobProgress.parse(row["progress"]),
            result=None if row["result"] is None else json.loads(row["result"]),
            error=row["error"],
            created=row["created"],
            started=row["started"],
            finished=row["finished"],
        )

    def to_json(self) -> dict[str, Any]:
        """Return the job as the API shows it."""
        seconds_left = self.seconds_left
        return {
            "id": self.id,
            "kind": self.kind,
            "subject": self.subject,
            "part": self.part,
            "name": self.name,
            "state": self.state,
            "progress": None if self.progress is None else self.progress.to_json(),
            "error": self.error,
            "result": self.result,
            "created": self.created,
            "started": self.started,
            "finished": self.finished,
            "position": self.position,
            "seconds_left": None if seconds_left is None else round(seconds_left, 1),
        }
