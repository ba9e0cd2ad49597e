"""Tracking of all hints of a film through their shots, before rendering.

Only shots with hints are decoded, and with a cache only those that have changed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vidcolor.hints.color_transfer import (
    MIN_REFERENCE_COVERAGE,
    palette_only_warning,
    read_reference,
)
from vidcolor.hints.io import load_hints
from vidcolor.hints.object_tracks import LostInterval
from vidcolor.hints.overlay_cache import TrackedShot
from vidcolor.hints.overlays import OVERLAYS_FILE, LostHint, OverlayWriter
from vidcolor.hints.timeline import (
    assign_references,
    find_hinted_frames,
    group_by_shot,
    merge_hinted_frames,
    shot_ranges,
    unused_reference_warning,
)
from vidcolor.hints.tracking import HintTracker
from vidcolor.shots.shot_options import make_vividness_finder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from vidcolor.colorizer import Colorizer
    from vidcolor.hints.overlay_cache import OverlayCache
    from vidcolor.hints.overlays import OverlayIndex
    from vidcolor.hints.timeline import HintedFrame, Timeline
    from vidcolor.hints.tracking import FrameRangeReader
    from vidcolor.media.decode import Frame
    from vidcolor.media.probe import VideoInfo
    from vidcolor.options import ColorizeOptions


@dataclass(frozen=True, slots=True)
class _HintedFilm:
    """The hinted frames of a film, and the tracker of its shots."""

    tracker: HintTracker
    frames: tuple[HintedFrame, ...]
    shots: Mapping[range, tuple[HintedFrame, ...]]
    """The hinted frames of each shot that has any."""
    matches: Mapping[int, list[float]]
    """See `HintTracker.match_references`."""


def track_hints(
    timeline: Timeline,
    video: VideoInfo,
    reader: FrameRangeReader,
    colorizer: Colorizer,
    options: ColorizeOptions,
    folder: Path,
    progress: Callable[[int, int], None],
    cache: OverlayCache | None = None,
    part: range | None = None,
) -> tuple[OverlayIndex | None, tuple[str, ...]]:
    """Carry all hints of a film, and its references, to the key frames of their shots.

    Args:
        timeline, video, reader: times, shots, video stream and frames of the film.
        options: options with the hints and the references of this film.
        folder: directory of `OVERLAYS_FILE`, and of temporary files.
        progress: called with the number of finished frames and the total number.
        cache: overlays of earlier renderings; shots that it has are not decoded.
        part: frames of complete shots, which are tracked; None for all.

    Returns:
        The index of the tracks, or None if there are no hints; and warnings.

    Raises:
        InputError: the hint file or a reference cannot be read.
        UsageError: a hint is invalid, its frame or that of a reference is not in the film, or a
            frame has two references.
    """
    if not (load_hints(options) or options.references):
        return None, ()
    film = _find_hinted_shots(timeline, video, reader, colorizer, options, folder)
    keys = _make_keys(film, options, cache)
    if part is not None:
        film = replace(film, shots={s: f for s, f in film.shots.items() if s.start in part})
    with (folder / OVERLAYS_FILE).open("w+b") as file:
        writer = OverlayWriter(file)
        lost = _track_shots(film, reader, writer, progress, cache, keys)
        index = writer.finish([_add_times(interval, timeline) for interval in lost])
    return index, (*map(str, index.lost), *_warn_about_references(film, options))


def restore_overlays(
    timeline: Timeline,
    video: VideoInfo,
    reader: FrameRangeReader,
    colorizer: Colorizer,
    options: ColorizeOptions,
    folder: Path,
    cache: OverlayCache,
) -> tuple[OverlayIndex | None, tuple[range, ...]]:
    """Write the overlays that a cache has; return also the hinted shots whose overlays it lacks.

    The arguments and errors are those of `track_hints`. Nothing is tracked.
    """
    if not (load_hints(options) or options.references):
        return None, ()
    film = _find_hinted_shots(timeline, video, reader, colorizer, options, folder)
    keys = _make_keys(film, options, cache)
    with (folder / OVERLAYS_FILE).open("w+b") as file:
        writer = OverlayWriter(file)
        missing = tuple(shot for shot in film.shots if cache.load(keys[shot], writer) is None)
        return writer.finish(), missing


def _find_hinted_shots(
    timeline: Timeline,
    video: VideoInfo,
    reader: FrameRangeReader,
    colorizer: Colorizer,
    options: ColorizeOptions,
    folder: Path,
) -> _HintedFilm:
    """Assign the hints and references to frames."""
    references = options.references
    hinted_frames = find_hinted_frames(load_hints(options), references, timeline)
    images = [read_reference(reference.path) for reference in references]
    find_vividness = make_vividness_finder(options)
    tracker = HintTracker(video, timeline.shots, colorizer, find_vividness, images, folder)
    shots = shot_ranges(timeline.shots, len(timeline.times))
    untimed = [index for index, reference in enumerate(references) if not reference.is_placed]
    matches = tracker.match_references(untimed, shots, reader) if untimed else {}
    assigned = assign_references(shots, hinted_frames, matches)
    hinted_frames = merge_hinted_frames((*hinted_frames, *assigned))
    return _HintedFilm(tracker, hinted_frames, group_by_shot(hinted_frames, shots), matches)


def _make_keys(
    film: _HintedFilm, options: ColorizeOptions, cache: OverlayCache | None
) -> Mapping[range, str]:
    if cache is None:
        return {}
    return cache.make_keys(film.shots, options.references, make_vividness_finder(options))


def _track_shots(
    film: _HintedFilm,
    reader: FrameRangeReader,
    writer: OverlayWriter,
    progress: Callable[[int, int], None],
    cache: OverlayCache | None,
    keys: Mapping[range, str],
) -> list[LostInterval]:
    """Write the overlays of all hinted shots; return where objects are not found."""
    tracker, total, num_done = film.tracker, sum(map(len, film.shots)), 0
    lost: list[LostInterval] = []

    def report(frames: Iterator[Frame]) -> Iterator[Frame]:
        for count, frame in enumerate(frames, start=1):
            yield frame
            progress(num_done + count, total)

    for shot, hinted in film.shots.items():
        names = [hint.name for frame in hinted for hint in frame.hints]
        tracked = None if cache is None else cache.load(keys[shot], writer)
        if tracked is None:
            start, frames = writer.end, report(reader.frames(shot.start, shot.stop))
            found = tracker.track_shot(frames, shot, hinted, writer)
            coverage = {n: value for n, value in tracker.coverage.items() if n in shot}
            intervals = tuple((names.index(i.hint), i.first, i.last) for i in found)
            tracked = TrackedShot(intervals, coverage)
            if cache is not None:
                cache.save(keys[shot], writer, shot, start, tracked)
        lost += [LostInterval(names[n], first, last) for n, first, last in tracked.lost]
        tracker.coverage.update(tracked.coverage)
        num_done += len(shot)
    if cache is not None:
        cache.prune(list(keys.values()))
    return lost


def _warn_about_references(film: _HintedFilm, options: ColorizeOptions) -> Iterator[str]:
    used = {hinted.reference for hinted in film.frames}
    tracked = {hinted.reference for frames in film.shots.values() for hinted in frames}
    for number, reference in enumerate(options.references):
        if number not in used:
            yield unused_reference_warning(reference, any(film.matches[number]))
        elif (
            number in tracked
            and film.tracker.max_coverage(number, film.frames) < MIN_REFERENCE_COVERAGE
        ):
            yield palette_only_warning(reference.name)


def _add_times(interval: LostInterval, timeline: Timeline) -> LostHint:
    times = (float(timeline.times[n]) for n in (interval.first, interval.last))
    return LostHint(*interval, *times)
