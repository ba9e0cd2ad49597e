"""Who renders a film's segments: the contract, and the engine that does it in this process."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol

from vidcolor.film.segment import render_segment
from vidcolor.film.segment_reader import SegmentReader

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vidcolor.colorizer import Colorizer
    from vidcolor.film.segment import Job
    from vidcolor.film.segments import Segment
    from vidcolor.film.workdir import WorkDir


class Engine(Protocol):
    """Renders segments, here or elsewhere, one after another or side by side."""

    def render(
        self,
        job: Job,
        segments: Sequence[Segment],
        work: WorkDir,
        progress: Callable[[int, int], None],
    ) -> None:
        """Render segments into their places in a work directory, each as soon as it can be.

        Films may be rendered from several threads at a time; those that were begun first have
        first call on whatever does the work.

        Args:
            job: the film.
            segments: those of its segments that are wanted.
            work: claimed by the caller; every finished segment is adopted by it.
            progress: told a segment's number and how many of its frames are done; from any thread.

        Raises:
            VidcolorError: what `render_segment` raises.
            WorkerError: what does the work died over a segment again and again.
        """
        ...

    def stop(self) -> None:
        """Render nothing any more; who waits for segments is told by KeyboardInterrupt."""
        ...


class LocalEngine:
    """Renders in this process, one segment after another, with a generator that is loaded."""

    def __init__(self, colorizer: Colorizer) -> None:
        self._colorizer = colorizer

    def render(
        self,
        job: Job,
        segments: Sequence[Segment],
        work: WorkDir,
        progress: Callable[[int, int], None],
    ) -> None:
        """See `Engine`."""
        with contextlib.ExitStack() as stack:
            source = stack.enter_context(contextlib.closing(SegmentReader(job.plan, job.read)))
            pins = None
            if job.pins is not None:
                pins = stack.enter_context(contextlib.closing(job.pins.open(work.path)))
            for segment in segments:

                def tell(done: int, number: int = segment.number) -> None:
                    progress(number, done)

                folder = work.place_to_render(segment.number)
                rendered = render_segment(job, segment, folder, self._colorizer, source, pins, tell)
                work.adopt(segment.number, rendered)

    def stop(self) -> None:
        """See `Engine`; who renders in this process is stopped as anything in it."""
