"""The interfaces of engines and workers, and the exceptions that pass between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vidcolor.film.segment import RenderJob, Segment
    from vidcolor.film.workdir import SegmentResult, WorkDir


class Engine(Protocol):
    """Renders the segments of films, one after another or in parallel."""

    def render(
        self,
        job: RenderJob,
        segments: Sequence[Segment],
        work: WorkDir,
        progress: Callable[[int, int], None],
    ) -> None:
        """Render segments and commit each to the work directory as soon as it is finished.

        Several threads may render films at the same time. The film that was started first has
        priority.

        The caller has locked the work directory. `progress` is called from any thread with the
        number of a segment and the number of its finished frames.

        Raises:
            VidcolorError: a segment failed; see `render_segment`.
            WorkerError: workers died repeatedly while rendering a segment.
        """
        ...

    def stop(self) -> None:
        """Stop rendering; every `render` call in progress raises KeyboardInterrupt."""
        ...


class Worker(Protocol):
    """Renders one segment at a time in another process.

    The methods poll `is_cancelled` while they wait, and raise `CancelledError` if it is true. They
    raise `WorkerDiedError` if the worker died; the next `prepare` starts a new one.
    """

    def prepare(self, is_cancelled: Callable[[], bool]) -> None:
        """Start the worker if it is not running; called before each segment.

        Raises:
            VidcolorError: the worker cannot start, and another attempt would not help.
        """
        ...

    def render(
        self,
        job: RenderJob,
        segment: Segment,
        work: WorkDir,
        progress: Callable[[int], None],
        is_cancelled: Callable[[], bool],
    ) -> SegmentResult:
        """Render a segment into a new segment directory; the caller commits it.

        Raises:
            VidcolorError: the segment failed; see `render_segment`.
        """
        ...

    def close(self) -> None:
        """End the worker."""
        ...


class WorkerDiedError(Exception):
    """A worker died. The message completes the phrase "it died ...", for example "by SIGKILL"."""

    def __init__(self, cause: str, killed: bool) -> None:
        super().__init__(cause)
        self.killed = killed
        """True if the worker was killed from outside, for example when memory ran out; False if it
        crashed."""


class CancelledError(Exception):
    """Rendering was cancelled, because the segment is no longer needed."""


@dataclass(frozen=True, slots=True)
class WorkerResources:
    """The part of a machine that one worker uses."""

    device: str
    """Device of the generator; see `ColorizeOptions.device`."""
    threads: int
    """Number of CPU threads of torch."""
    cores: tuple[int, ...] = ()
    """CPU cores that the process is bound to; empty for no restriction."""
