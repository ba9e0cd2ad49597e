"""What a rendering of a project would render, and why, without rendering it."""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vidcolor.fileio import compute_source_digest
from vidcolor.film.outputs import plan_confidence_film, plan_result_film
from vidcolor.film.resume import compute_render_fingerprint
from vidcolor.film.segment import RenderJob
from vidcolor.film.segment_cache import (
    describe_segments,
    load_or_analyze,
    load_render_record,
    make_timeline,
    open_overlay_cache,
    segment_path,
)
from vidcolor.film.sources import SegmentReader
from vidcolor.hints.film_tracking import restore_overlays

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vidcolor.colorizer import Colorizer
    from vidcolor.film.analysis import FilmAnalysis
    from vidcolor.film.plan import FilmPlan
    from vidcolor.film.request import FilmRequest
    from vidcolor.film.resume import RenderFingerprint
    from vidcolor.film.segment import Segment
    from vidcolor.film.segment_cache import RenderRecord, SegmentRecord
    from vidcolor.hints.overlays import OverlayIndex

_DESCRIPTIONS = {
    "format": "version of vidcolor",
    "version": "version of vidcolor",
    "weights": "model",
    "libraries": "version of torch, FFmpeg or OpenCV",
    "device": "--device",
    "video_encoding": "encoder settings",
    "confidence_encoding": "encoder settings of the confidence film",
    "pts": "time stamps",
    "checksums": "frames of the source",
    "shots": "boundaries, transition or kind of the shot",
    "options": "settings of the shot",
    "titles": "title cards",
    "burnt_in_text": "burnt-in text",
    "overlays": "hints or references",
    "parts": "division of the shot",
}
"""Description of what a segment depends on, by its name; other names are clear."""
_NEVER_RENDERED = "not rendered before"
_OTHER_FRAMES = "boundaries of the shot"
_REMOVED = "no longer in the cache"


@dataclass(frozen=True, slots=True)
class PlannedSegment:
    """A segment that would be rendered or reused."""

    shots: range
    """Numbers of its shots, from 1."""
    num_frames: int
    reasons: tuple[str, ...]
    """What has changed since it was rendered; empty if it would be reused."""


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a rendering would do."""

    segments: tuple[PlannedSegment, ...]
    frames_per_s: float | None
    """Speed of the last rendering; None if it is unknown."""

    @property
    def num_rendered_frames(self) -> int:
        """Number of frames that would be rendered."""
        return sum(segment.num_frames for segment in self.segments if segment.reasons)

    @property
    def seconds(self) -> float | None:
        """Estimated duration; None if it is unknown."""
        return self.num_rendered_frames / self.frames_per_s if self.frames_per_s else None


def plan_rendering(
    request: FilmRequest, colorizer: Colorizer, analysis: FilmAnalysis | None = None
) -> DryRun:
    """Return what the rendering of a project would do. Nothing is written beside it.

    If the overlays of a shot are not in the cache, its segment counts as changed.

    Args:
        request: the project as it would be rendered.
        colorizer: the generator.
        analysis: analysis of the source with the shots of the project; None to load it, or to
            decode the film.

    Raises:
        VidcolorError: see `colorize_film`.
    """
    assert request.cache is not None, "only projects keep segments"
    options, plan = request.options, request.make_plan()
    confidence = None
    if options.confidence is not None:
        confidence = plan_confidence_film(plan, options.confidence)
    result, provenance = plan_result_film(plan), colorizer.make_provenance(options)
    excerpt = None if request.excerpt is None else request.excerpt.frames
    fingerprint = compute_render_fingerprint(
        plan.target, options, provenance, result, confidence, excerpt
    )
    if analysis is None:
        analysis = load_or_analyze(request, plan, request.progress, save=False)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        overlays, untracked = _restore_overlays(
            request, plan, analysis, fingerprint, colorizer, folder
        )
        job = RenderJob(
            plan, analysis, request.make_source(plan), options, provenance, result, confidence,
            overlays, request.min_segment_s,
        )  # fmt: skip
        source = compute_source_digest(request.source_files)
        segments = job.select_segments(excerpt)
        record = describe_segments(job, segments, fingerprint, source, colorizer.vividness, folder)
    earlier = load_render_record(request.cache)
    planned = []
    for number, (segment, key) in enumerate(zip(segments, record.make_keys(), strict=True)):
        is_tracked = not any(s.start < segment.end and segment.first < s.stop for s in untracked)
        is_kept = result is not None and segment_path(request.cache, key).exists()
        reasons: tuple[str, ...] = ()
        if not (is_kept and is_tracked):
            current = record.segments[number]
            reasons = _explain(current, record.shared, earlier, is_tracked)
        planned.append(PlannedSegment(_find_shots(job, segment), segment.num_frames, reasons))
    return DryRun(tuple(planned), earlier.frames_per_s if earlier is not None else None)


def _restore_overlays(
    request: FilmRequest,
    plan: FilmPlan,
    analysis: FilmAnalysis,
    fingerprint: RenderFingerprint,
    colorizer: Colorizer,
    folder: Path,
) -> tuple[OverlayIndex | None, tuple[range, ...]]:
    cache = open_overlay_cache(request, plan, analysis, fingerprint, colorizer.vividness)
    assert cache is not None
    timeline = make_timeline(plan, analysis)
    reader = SegmentReader(plan, analysis, request.make_source(plan))
    with contextlib.closing(reader):
        return restore_overlays(
            timeline, plan.video, reader, colorizer, request.options, folder, cache
        )


def _find_shots(job: RenderJob, segment: Segment) -> range:
    frames = range(segment.first, segment.end)
    numbers = [n for n, shot in enumerate(job.analysis.shots, start=1) if shot.first in frames]
    return range(numbers[0], numbers[-1] + 1)


def _explain(
    segment: SegmentRecord,
    shared: Mapping[str, str],
    earlier: RenderRecord | None,
    is_tracked: bool,
) -> tuple[str, ...]:
    """Return why a segment is rendered."""
    if earlier is None or not earlier.segments:  # only an excerpt was rendered
        return (_NEVER_RENDERED,)
    frames = (segment.first, segment.end)
    before = next((s for s in earlier.segments if (s.first, s.end) == frames), None)
    changed = _list_changes(earlier.shared, shared)
    if before is None:
        return (_OTHER_FRAMES, *changed)
    changed += _list_changes(before.digests, segment.digests)
    if not is_tracked:
        changed.append(_DESCRIPTIONS["overlays"])
    return tuple(dict.fromkeys(changed)) or (_REMOVED,)


def _list_changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    names = [name for name, digest in after.items() if before.get(name) != digest]
    return [_DESCRIPTIONS.get(name, name) for name in names]
