"""The default engine, which renders in the current process, and the renderer of all workers."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from vidcolor.concurrency import single_threaded_opencv
from vidcolor.errors import WeightsError
from vidcolor.film.segment import render_segment
from vidcolor.film.sources import SegmentReader

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from vidcolor.colorizer import Colorizer
    from vidcolor.film.segment import RenderJob, Segment
    from vidcolor.film.workdir import SegmentResult, WorkDir
    from vidcolor.hints.overlays import OverlayReader


_GENERATOR_OPTIONS = ("model", "device", "precision", "vividness", "size")
"""The options that affect how a generator is loaded."""


class SegmentRenderer:
    """Renders segments; keeps the generator and the source open between them."""

    def __init__(self, colorizer: Colorizer | None = None) -> None:
        """Create a renderer; without a colorizer, it loads the one that each film needs."""
        self._fixed_colorizer = colorizer
        self._loaded: Colorizer | None = None
        self._loaded_settings: tuple[object, ...] = ()
        self._reader: SegmentReader | None = None

    def open(self, job: RenderJob, work: Path) -> None:
        """Open a film, whose overlays are in the directory `work`; close the previous one.

        Raises:
            VidcolorError: the generator cannot be loaded.
            WeightsError: the weights are not those that the film was planned with.
        """
        self.close()
        colorizer = self._fixed_colorizer or self._load_colorizer(job)
        self._reader = SegmentReader(job.plan, job.analysis, job.source)
        self._film = job, work, colorizer, self._reader

    def _load_colorizer(self, job: RenderJob) -> Colorizer:
        """Load the generator of a film, unless the previous film used the same one."""
        options = job.options
        settings = tuple(getattr(options, name) for name in _GENERATOR_OPTIONS)
        if self._loaded is None or self._loaded_settings != settings:
            from vidcolor.colorizer import Colorizer

            self._loaded = Colorizer.from_options(options)
            self._loaded_settings = settings
        shot_weights = job.provenance.shot_weights.items()
        expected = [(None, job.provenance.weights_sha256), *shot_weights]
        for model, digest in expected:
            if self._loaded.models.get(model).digest != digest:
                raise WeightsError(
                    f"{model or options.model}: the weights of a worker differ; "
                    "install the same weights for all workers"
                )
        return self._loaded

    def render(
        self, segment: Segment, folder: Path, progress: Callable[[int], None]
    ) -> SegmentResult:
        """Render a segment of the opened film into a folder; see `render_segment`."""
        job, work, colorizer, reader = self._film
        with contextlib.ExitStack() as stack:
            # The stages of rendering run in parallel, so OpenCV must not start threads in each.
            stack.enter_context(single_threaded_opencv())
            overlays: OverlayReader | None = None
            if job.overlays is not None:
                # Closed after each segment: Windows cannot remove a directory with an open file.
                overlays = job.overlays.open(work)
                stack.callback(overlays.close)
            return render_segment(job, segment, folder, colorizer, reader, overlays, progress)

    def close(self) -> None:
        """Close the film."""
        if self._reader is not None:
            self._reader.close()
        self._reader = None


class LocalEngine:
    """Renders one segment after another in the current process; see `Engine`."""

    def __init__(self, colorizer: Colorizer) -> None:
        """Create the engine with the colorizer of all films."""
        self._colorizer = colorizer

    def render(
        self,
        job: RenderJob,
        segments: Sequence[Segment],
        work: WorkDir,
        progress: Callable[[int, int], None],
    ) -> None:
        """Render segments; see `Engine.render`."""
        with contextlib.closing(SegmentRenderer(self._colorizer)) as renderer:
            renderer.open(job, work.path)
            for segment in segments:
                # The default value binds the number of this segment, not of the last one.
                def report(done: int, number: int = segment.number) -> None:
                    progress(number, done)

                folder = work.create_segment_dir(segment.number)
                result = renderer.render(segment, folder, report)
                work.commit(segment.number, result)
                report(segment.num_frames)

    def stop(self) -> None:
        """Do nothing: Ctrl-C raises KeyboardInterrupt in this process without an engine's help."""
