"""The pipeline of one film: plan → analyze → render → join.

All intermediate files are in a work directory (`film.workdir`). If the process is interrupted, the
next run of the same request reuses the analysis and every finished segment.
"""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from vidcolor.errors import OutputError, UsageError
from vidcolor.fileio import (
    check_confidence_target,
    compute_content_digest,
    compute_source_digest,
    describe_os_error,
    remove_stale_temporaries,
    temporary_path,
)
from vidcolor.film.analysis import FilmAnalysis
from vidcolor.film.join import check_mux, join_segments
from vidcolor.film.outputs import OutputFilm, plan_confidence_film, plan_result_film
from vidcolor.film.parts import measure_parts
from vidcolor.film.plan import check_film_target
from vidcolor.film.render_lock import lock_rendering
from vidcolor.film.request import FilmResult
from vidcolor.film.resume import (
    RenderFingerprint,
    SavedPlan,
    compute_render_fingerprint,
    compute_source_fingerprint,
    find_saved_plan,
)
from vidcolor.film.segment import RenderJob, split_segments
from vidcolor.film.segment_cache import (
    SegmentCache,
    load_or_analyze,
    make_timeline,
    open_cache,
    open_overlay_cache,
)
from vidcolor.film.sources import SegmentReader
from vidcolor.film.stages import start_stage
from vidcolor.film.titles import locate_titles
from vidcolor.film.workdir import PLAN_FILE, SegmentResult, WorkDir, work_path
from vidcolor.hints.film_tracking import track_hints
from vidcolor.hints.overlays import OVERLAYS_FILE, OverlayIndex
from vidcolor.media.writer import check_constant_rate
from vidcolor.progress import Progress
from vidcolor.recolor import NO_COLOR_WARNING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidcolor.colorizer import Colorizer
    from vidcolor.film.engines.base import Engine
    from vidcolor.film.plan import FilmPlan
    from vidcolor.film.request import FilmRequest
    from vidcolor.film.segment import Segment

_encoder_lock = threading.Lock()
"""Encoders are opened one at a time, because FFmpeg has one log for the whole process."""


def run_pipeline(request: FilmRequest, colorizer: Colorizer, engine: Engine) -> FilmResult:
    """Colorize a film; reuse what an interrupted run has finished.

    The colorizer tracks the hints. The engine renders the segments with the same weights.

    Raises:
        VidcolorError: see `vidcolor.film.api.colorize_film`.
    """
    work = WorkDir(work_path(request.target, request.options.work_dir))
    for folder in {request.target.parent, work.path.parent}:
        remove_stale_temporaries(folder)
    _check_target(request, work)
    with work.locked(), lock_rendering(request):
        try:
            _check_target(request, work)  # another process may have written it meanwhile
            return _Pipeline(request, colorizer, engine, work).run()
        except BaseException as error:
            # Finished parts stay for the next run. Without any, the directory is removed.
            has_finished_work = work.has_finished_work()
            work.remove_incomplete()
            if not has_finished_work:
                work.reset()
            if isinstance(error, OSError):
                path = error.filename or work.path
                raise OutputError(f"{path}: {describe_os_error(error)}") from error
            if has_finished_work and isinstance(error, KeyboardInterrupt):
                error.add_note(f"{request.source}: partly finished; run the same command to resume")
            raise


def _check_target(request: FilmRequest, work: WorkDir) -> None:
    """Refuse to overwrite the target, unless an interrupted run has published it."""
    if not work.is_published(request.target):
        check_film_target(request.target, request.source_files, request.options.force)


class _Pipeline:
    """One run of a request in its locked work directory."""

    def __init__(
        self, request: FilmRequest, colorizer: Colorizer, engine: Engine, work: WorkDir
    ) -> None:
        self._request, self._work = request, work
        self._colorizer, self._engine = colorizer, engine
        self._options, self._target = request.options, request.target
        excerpt = request.excerpt
        self._frames = None if excerpt is None else excerpt.frames
        """Frames to render; None for all."""
        self._start_stage = partial(start_stage, request, work)
        self._start_time = time.monotonic()
        self._warnings: list[str] = []

    def run(self) -> FilmResult:
        """Plan, analyze, render and join; remove the work directory at the end."""
        request, options, work = self._request, self._options, self._work
        with _encoder_lock:
            plan = request.make_plan()
            result, confidence = plan_result_film(plan), self._plan_confidence(plan)
        provenance = self._colorizer.make_provenance(options)
        fingerprint = compute_render_fingerprint(
            plan.target, options, provenance, result, confidence, self._frames
        )
        analysis, overlays = self._analyze(plan, fingerprint)
        num_frames = analysis.num_frames if self._frames is None else len(self._frames)
        assert provenance.settings is not None
        settings = replace(
            provenance.settings,
            source=compute_source_digest(request.source_files),
            content=self._compute_content_digest(),
            num_frames=num_frames if result is None else None,
            shots=None if request.excerpt is None else request.excerpt.numbers,
            damaged=analysis.damage.is_damaged,
            project=request.project,
        )
        provenance = replace(provenance, settings=settings)
        job = RenderJob(
            plan=plan,
            analysis=analysis,
            source=request.make_source(plan),
            options=options,
            provenance=provenance,
            result=result,
            confidence=confidence,
            overlays=overlays,
            min_segment_s=request.min_segment_s,
        )
        segments, joined = job.select_segments(self._frames), job.cut(self._frames)
        # Containers that cannot hold the outputs are found before rendering.
        for film in job.films:
            check_constant_rate(film.encoder, plan.video, joined.analysis.pts, film.target)
        check_mux(joined, work)
        cache = open_cache(request, job, segments, fingerprint, self._colorizer.vividness, work)
        cache.restore()
        finished = self._load_finished(segments)
        resumed = {
            segment.number: segment.num_frames
            if segment.number in finished
            else self._count_finished_parts(job, segment)
            for segment in segments
        }
        results = finished | self._render(job, segments, finished, resumed, cache)
        cache.finish(num_frames - sum(resumed.values()), time.monotonic() - self._start_time)
        unfinished = temporary_path(plan.target)
        report = self._start_stage(
            "join",
            num_frames,
            lambda: unfinished.stat().st_size if unfinished.exists() else 0,
            sum(size for r in results.values() for size, _ in r.files.values()),
        )
        self._warnings += join_segments(joined, work, results, report)
        work.remove()
        return self._make_result(job, segments, results, sum(resumed.values()))

    def _compute_content_digest(self) -> str | None:
        """Return the digest of a film. Reading an image sequence again would take too long."""
        files = self._request.source_files
        return compute_content_digest(files[0]) if len(files) == 1 else None

    def _plan_confidence(self, plan: FilmPlan) -> OutputFilm | None:
        target = self._options.confidence
        if target is None:
            return None
        if not self._work.is_published(target):
            check_confidence_target(target, plan.info.path, plan.target, self._options.force)
        return plan_confidence_film(plan, target)

    def _analyze(
        self, plan: FilmPlan, fingerprint: RenderFingerprint
    ) -> tuple[FilmAnalysis, OverlayIndex | None]:
        """Analyze the film and track its hints, or load both from the work directory."""
        work, source = self._work, self._request.source
        saved = self._load_saved_plan(fingerprint)
        if saved is not None and saved.num_segments != self._count_segments(plan, saved.analysis):
            self._discard_work(["the film was divided in another way"])  # without a project
            saved = None
        current_source = compute_source_fingerprint(source)
        if saved is not None and saved.source_fingerprint == current_source:
            analysis = saved.analysis
        else:
            progress = self._start_stage("analyze", plan.estimated_num_frames)
            analysis = load_or_analyze(self._request, plan, progress)
            # A file that was copied has another date, but may have the same frames.
            if saved is not None and not saved.analysis.has_same_frames(analysis):
                self._discard_work([f"{source} has changed"])
                saved = None
        if saved is not None:
            self._warnings += saved.hint_warnings
            work.remove_incomplete()
            return analysis, saved.overlays
        overlays, hint_warnings = self._make_overlays(plan, analysis, fingerprint)
        self._warnings += hint_warnings
        new_plan = SavedPlan(
            source=str(source.absolute()),
            num_segments=self._count_segments(plan, analysis),
            fingerprint=fingerprint,
            source_fingerprint=current_source,
            analysis=analysis,
            overlays=overlays,
            hint_warnings=hint_warnings,
        )
        work.write(PLAN_FILE, new_plan)
        return analysis, overlays

    def _count_segments(self, plan: FilmPlan, analysis: FilmAnalysis) -> int:
        min_segment_s = self._request.min_segment_s
        time_base = plan.video.time_base
        segments = split_segments(analysis.shots, analysis.pts, time_base, min_segment_s)
        return sum(self._frames is None or s.first in self._frames for s in segments)

    def _load_saved_plan(self, fingerprint: RenderFingerprint) -> SavedPlan | None:
        """Load the plan of an interrupted run; clear the work directory if it does not match."""
        saved, reasons = find_saved_plan(self._work, fingerprint, self._options.resume)
        if saved is not None:
            return saved
        if reasons:
            self._discard_work(reasons)
        elif self._options.resume == "only":
            raise UsageError(
                f"{self._target}: no unfinished work to resume; leave out --resume only"
            )
        else:
            self._work.reset()
        return None

    def _discard_work(self, reasons: Sequence[str]) -> None:
        """Clear the work directory, unless `resume` forbids it."""
        reason, has_finished_work = "; ".join(reasons), self._work.has_finished_work()
        if self._options.resume == "only":
            raise UsageError(
                f"{self._target}: the unfinished work does not match this command ({reason}); "
                "leave out --resume only to start again"
            )
        self._work.reset()
        _check_target(self._request, self._work)
        if has_finished_work and self._request.cache is None:  # it keeps finished segments
            self._warnings.append(f"the finished part of an earlier run is not reused: {reason}")

    def _make_overlays(
        self, plan: FilmPlan, analysis: FilmAnalysis, fingerprint: RenderFingerprint
    ) -> tuple[OverlayIndex | None, tuple[str, ...]]:
        request, work, video, options = self._request, self._work, plan.video, self._options
        if not (options.hints or options.references):
            return None, ()

        def report(done: int, total: int) -> None:
            if request.progress is not None:
                request.progress(Progress(request.source, "hints", done, total))

        (work.path / OVERLAYS_FILE).unlink(missing_ok=True)
        timeline = make_timeline(plan, analysis)
        cache = open_overlay_cache(request, plan, analysis, fingerprint, self._colorizer.vividness)
        reader = SegmentReader(plan, analysis, request.make_source(plan))
        with contextlib.closing(reader):
            return track_hints(
                timeline, video, reader, self._colorizer, options, work.path, report, cache,
                self._frames,
            )  # fmt: skip

    def _load_finished(self, segments: Sequence[Segment]) -> dict[int, SegmentResult]:
        work = self._work
        # Files of a published result may have been moved out of the work directory.
        verify = not work.is_published(self._target)
        results: dict[int, SegmentResult] = {}
        for number in sorted(work.finished_segments() & {s.number for s in segments}):
            result = work.read_result(number, verify)
            if result is None:
                self._warnings.append(f"segment {number} was damaged on the disk; rendered again")
            else:
                results[number] = result
        return results

    def _count_finished_parts(self, job: RenderJob, segment: Segment) -> int:
        """Return the number of frames in the finished parts of an unfinished segment."""
        count, is_damaged = self._work.verify_parts(segment.number)
        if is_damaged:
            self._warnings.append(
                f"a part of segment {segment.number} was damaged on the disk; rendered again"
            )
        return sum(map(len, job.split_parts(segment)[:count]))

    def _render(
        self,
        job: RenderJob,
        segments: Sequence[Segment],
        finished: dict[int, SegmentResult],
        resumed: dict[int, int],
        cache: SegmentCache,
    ) -> dict[int, SegmentResult]:
        """Render all segments that are not finished; `resumed` are the finished frames of each."""
        missing = [s for s in segments if s.number not in finished]
        done, lock = dict(resumed), threading.Lock()
        num_segment_frames = {s.number: s.num_frames for s in segments}
        num_frames = sum(num_segment_frames.values())
        report = self._start_stage("colorize", num_frames, partial(measure_parts, self._work))

        def report_segment(number: int, count: int) -> None:
            if count == num_segment_frames[number]:
                cache.store(number, is_new=True)  # at once: a killed run keeps it for later ones
            with lock:
                # An engine reports the last frame again after it has committed the segment.
                is_repeated = done.get(number) == count
                done[number] = count
                total_done = sum(done.values())
            if not is_repeated:
                report(Progress(self._request.source, "colorize", total_done, num_frames))

        if missing:
            self._engine.render(job, missing, self._work, report_segment)
        results = {}
        for segment in missing:
            result = self._work.read_result(segment.number, verify=False)
            assert result is not None, "the engine did not commit a segment"
            results[segment.number] = result
        return results

    def _make_result(
        self,
        job: RenderJob,
        segments: Sequence[Segment],
        results: dict[int, SegmentResult],
        resumed_frames: int,
    ) -> FilmResult:
        plan, analysis, excerpt = job.plan, job.analysis, self._request.excerpt
        rendered = [results[s.number] for s in segments]
        first, end = segments[0].first, segments[-1].end
        titles = [title for title in analysis.titles if title.first < end and first < title.end]
        # A dict removes duplicates and keeps the order.
        segment_warnings = dict.fromkeys(text for r in rendered for text in r.warnings)
        uses_color = [r.uses_source_color for r in rendered if r.uses_source_color is not None]
        if uses_color and not any(uses_color):
            segment_warnings[NO_COLOR_WARNING] = None
        return FilmResult(
            source=self._request.source,
            target=plan.target,
            num_frames=end - first,
            seconds=time.monotonic() - self._start_time,
            warnings=(
                *plan.warnings,
                *(() if excerpt is None else excerpt.describe_added()),
                *analysis.warnings,
                *self._warnings,
                *segment_warnings,
                *analysis.damage.describe(),
            ),
            damaged=analysis.damage.is_damaged,
            provenance=job.provenance,
            plan=plan,
            shot_uncertainty=tuple(u for r in rendered for u in r.shot_uncertainty),
            titles=locate_titles(titles, analysis.pts, analysis.end_pts, plan.video),
            burnt_in_text=analysis.burnt_in_text,
            lost_hints=() if job.overlays is None else job.overlays.lost,
            resumed_frames=resumed_frames,
        )
