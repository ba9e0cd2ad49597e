"""Finished segments of earlier renderings of a project, by everything that their pixels depend on.

::

    reel.vidcolor/                the cache directory of a project
        analysis-KEY.json         the last analysis with corrected shots
        segments/KEY/             a finished segment, as in a work directory
        rendered.json             what the segments of the last rendering depend on
        render.lock               see `film.render_lock`
        hints/KEY.bin             the overlays of a hinted shot; see `hints.overlay_cache`

Segments enter and leave a work directory as hard links, so they take no space twice there. The
directory may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from dataclasses import asdict, dataclass, replace
from typing import IO, TYPE_CHECKING, Any

from pydantic import with_config

from vidcolor._version import __version__
from vidcolor.errors import OutputError
from vidcolor.fileio import (
    atomic_output,
    compute_source_digest,
    remove_stale_temporaries,
    temporary_path,
)
from vidcolor.film.analysis import FilmAnalysis, analyze_film
from vidcolor.film.resume import FORMAT_VERSION, compute_source_fingerprint
from vidcolor.generators.store.weights import SEGMENTATION_WEIGHTS
from vidcolor.hints.overlay_cache import OverlayCache, find_mixed_ranges
from vidcolor.hints.overlays import OVERLAYS_FILE
from vidcolor.hints.timeline import Timeline
from vidcolor.schema import STORED, dump_json, load_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from vidcolor.film.plan import FilmPlan
    from vidcolor.film.request import FilmRequest
    from vidcolor.film.resume import RenderFingerprint
    from vidcolor.film.segment import RenderJob, Segment
    from vidcolor.film.workdir import WorkDir
    from vidcolor.hints.overlays import OverlayIndex
    from vidcolor.progress import ProgressCallback

_BY_SEGMENT = ("shots", "hints", "reference", "reference_time")
"""Options of which a segment depends on the part for its own frames only."""
_ANALYSIS_OPTIONS = ("start", "end", "fps", "gray_from", "titles", "trust", "range")
"""Options that the analysis depends on, besides the shots."""
_HINT_OPTIONS = ("start", "end", "fps", "gray_from", "range", "size")
"""Options that the overlays of hints depend on, besides the hints, references and vividness."""
_RECORD_FILE = "rendered.json"
_KEPT_FACTOR = 3
"""Number of segments that are kept, relative to that of the last rendering. The older ones serve
changes that are taken back."""


@with_config(STORED)
@dataclass(frozen=True, slots=True)
class SegmentRecord:
    """What a segment depends on, besides what all segments of its film depend on."""

    first: int
    """Index of its first frame."""
    end: int
    """Index of the frame after its last one."""
    digests: dict[str, str]
    """Digest of each thing that it depends on, by name."""


@with_config(STORED)
@dataclass(frozen=True, slots=True)
class RenderRecord:
    """What the segments of a film depend on: those of the last rendering are stored."""

    shared: dict[str, str]
    """Digest of each thing that all segments depend on, by name."""
    segments: tuple[SegmentRecord, ...]
    frames_per_s: float | None = None
    """Speed of rendering; None if it was not measured."""

    def make_keys(self) -> list[str]:
        """Return the key of each segment: a digest of all that it depends on."""
        return [_digest([self.shared, s.first, s.end, s.digests]) for s in self.segments]


def describe_segments(
    job: RenderJob,
    segments: Sequence[Segment],
    fingerprint: RenderFingerprint,
    source: str,
    vividness: float | None,
    work: Path,
) -> RenderRecord:
    """Return everything that the files of segments of a film depend on.

    Args:
        job: the film.
        segments: the segments.
        fingerprint: fingerprint of the rendering, of which the target is not used.
        source: digest of the source.
        vividness: vividness of the colorizer, where the options have none.
        work: directory with the overlays of the job.
    """
    shared = asdict(fingerprint)
    del shared["target"], shared["excerpt"], shared["shot_weights"]
    options = {k: v for k, v in shared.pop("options").items() if k not in _BY_SEGMENT}
    shared |= {"source": source, "default vividness": vividness}
    shared |= {job.options.flag(name): value for name, value in options.items()}
    with contextlib.ExitStack() as stack:
        file = None
        if job.overlays is not None:
            file = stack.enter_context((work / OVERLAYS_FILE).open("rb"))
        records = tuple(
            SegmentRecord(
                segment.first, segment.end, _digest_values(_describe_segment(job, segment, file))
            )
            for segment in segments
        )
    return RenderRecord(_digest_values(shared), records)


def _digest_values(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: _digest(value) for name, value in values.items()}


def _describe_segment(job: RenderJob, segment: Segment, file: IO[bytes] | None) -> dict[str, Any]:
    """Return everything that distinguishes a segment from others of a film with the same options.

    Its frame numbers are not part of it.
    """
    analysis, frames = job.analysis, range(segment.first, segment.end)
    rows = job.options.shots if isinstance(job.options.shots, tuple) else ()
    weights = job.provenance.shot_weights
    end_pts = analysis.pts[segment.end] if segment.end < analysis.num_frames else analysis.end_pts
    return {
        "pts": [*analysis.pts[segment.first : segment.end], end_pts],
        "checksums": [*analysis.checksums[segment.first : segment.end]],
        "shots": [asdict(shot) for shot in analysis.shots if shot.first in frames],
        "options": [shot.to_json() for shot in rows if shot.first in frames],
        "weights": [weights.get(shot.model or "") for shot in rows if shot.first in frames],
        "titles": [
            asdict(title)
            for title in analysis.titles
            if title.first < segment.end and segment.first < title.end
        ],
        "burnt_in_text": [asdict(text) for text in analysis.burnt_in_text],
        "overlays": _digest_overlays(frames, job.overlays, file),
        "parts": [[part.start, part.stop] for part in job.split_parts(segment)],
    }


def _digest_overlays(
    frames: range, overlays: OverlayIndex | None, file: IO[bytes] | None
) -> str | None:
    """Return a digest of the overlays of frames; None if they have none."""
    records = {} if overlays is None else overlays.records
    digest, found = hashlib.sha256(), [frame for frame in frames if frame in records]
    for frame in found:
        assert overlays is not None and file is not None
        offset, size = records[frame]
        file.seek(offset)
        digest.update(f"{frame} {size} {overlays.shape} ".encode() + file.read(size))
    return digest.hexdigest() if found else None


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def open_cache(
    request: FilmRequest,
    job: RenderJob,
    segments: Sequence[Segment],
    fingerprint: RenderFingerprint,
    vividness: float | None,
    work: WorkDir,
) -> SegmentCache:
    """Return the cache of segments of a job, which keeps nothing for films without a project.

    The files of an image sequence leave the work directory, so they are not kept either.
    `vividness` is that of the colorizer, where the options have none.
    """
    if request.cache is None or job.result is None:
        return SegmentCache(work.path, work, RenderRecord({}, ()), {})
    assert job.provenance.settings is not None
    source = str(job.provenance.settings.source)
    record = describe_segments(job, segments, fingerprint, source, vividness, work.path)
    keys = {s.number: key for s, key in zip(segments, record.make_keys(), strict=True)}
    return SegmentCache(request.cache, work, record, keys, len(job.segments))


def open_overlay_cache(
    request: FilmRequest,
    plan: FilmPlan,
    analysis: FilmAnalysis,
    fingerprint: RenderFingerprint,
    vividness: float | None,
) -> OverlayCache | None:
    """Return the cache of the overlays of a film; None for films without a project.

    `vividness` is that of the colorizer, where the options have none.
    """
    if request.cache is None:
        return None
    video = plan.video
    names = ("format", "weights", "version", "libraries", "device", "precision")
    shared = {name: getattr(fingerprint, name) for name in names} | {
        "segmentation": SEGMENTATION_WEIGHTS.sha256,
        "source": compute_source_digest(request.source_files),
        "options": {name: fingerprint.options[name] for name in _HINT_OPTIONS},
        "vividness": vividness if request.options.references else None,
        "size": [video.width, video.height],
        "coding": repr(video.coding),
        "geometry": repr(video.geometry),
    }
    mixed = find_mixed_ranges(analysis.shots)
    return OverlayCache(request.cache / "hints", shared, analysis.checksums, mixed)


@dataclass(frozen=True, slots=True)
class SegmentCache:
    """The segments of a job in the cache of its project.

    A failure of the file system has the effect of an empty cache.
    """

    path: Path
    """The cache directory."""
    work: WorkDir
    record: RenderRecord
    keys: Mapping[int, str]
    """Key of each segment that is rendered, by its number."""
    num_segments: int = 0
    """Number of segments of the whole film."""

    @property
    def is_excerpt(self) -> bool:
        """Whether only some segments of the film are rendered."""
        return len(self.keys) < self.num_segments

    def restore(self) -> None:
        """Put the kept segments into the work directory, unless it has finished them."""
        if self.keys:
            remove_stale_temporaries(self.path / "segments")
        for number, key in self.keys.items():
            target = self.work.segment_dir(number)
            if target.exists():
                self.store(number)
            else:
                _link_folder(self._folder(key), target)
                self._touch(key)

    def store(self, number: int, is_new: bool = False) -> None:
        """Keep a segment of the work directory, if it is finished there.

        A new one replaces a kept segment, which was damaged.
        """
        source = self.work.segment_dir(number)
        if number in self.keys and source.exists():
            key = self.keys[number]
            folder = self._folder(key)
            if is_new:
                shutil.rmtree(folder, ignore_errors=True)
            if not folder.exists():
                _link_folder(source, folder)
            self._touch(key)

    def finish(self, num_rendered: int, seconds: float) -> None:
        """Store what the segments depend on and the speed of rendering; remove old segments.

        After an excerpt, the record is still that of the last rendering of the whole film.
        """
        if not self.keys:
            return
        earlier = load_render_record(self.path)
        record = (earlier or RenderRecord({}, ())) if self.is_excerpt else self.record
        frames_per_s: float | None = num_rendered / max(seconds, 1e-9)
        if not num_rendered or (self.is_excerpt and earlier is not None):
            frames_per_s = None if earlier is None else earlier.frames_per_s
        text = dump_json(replace(record, frames_per_s=frames_per_s))
        with (
            contextlib.suppress(OSError, OutputError),
            atomic_output(self.path / _RECORD_FILE) as partial,
        ):
            partial.write_text(text, "utf-8")
        self._prune()

    def _folder(self, key: str) -> Path:
        return segment_path(self.path, key)

    def _touch(self, key: str) -> None:
        with contextlib.suppress(OSError):
            os.utime(self._folder(key))

    def _prune(self) -> None:
        """Remove the segments that were not used for the longest time."""
        names = set(self.keys.values())
        with contextlib.suppress(OSError):
            entries = [e for e in (self.path / "segments").glob("[!.]*") if e.name not in names]
            entries.sort(key=lambda entry: entry.stat().st_mtime, reverse=True)
            for entry in entries[_KEPT_FACTOR * self.num_segments - len(names) :]:
                shutil.rmtree(entry, ignore_errors=True)


def segment_path(cache: Path, key: str) -> Path:
    """Return the directory of a kept segment."""
    return cache / "segments" / key


def load_render_record(cache: Path) -> RenderRecord | None:
    """Return what the segments of the last rendering depend on; None if it is unknown."""
    with contextlib.suppress(OSError, ValueError):
        return load_json(RenderRecord, (cache / _RECORD_FILE).read_bytes())
    return None


def make_timeline(plan: FilmPlan, analysis: FilmAnalysis) -> Timeline:
    """Return the times and shots of a film, for its hints."""
    video = plan.video
    times = [pts * video.time_base - video.start_s for pts in analysis.pts]
    start_s = (plan.start_s or video.start_s) - video.start_s
    return Timeline(plan.info.path, times, analysis.shots, start_s)


def load_or_analyze(
    request: FilmRequest, plan: FilmPlan, progress: ProgressCallback | None, save: bool = True
) -> FilmAnalysis:
    """Analyze a film, unless the cache has the analysis of the same source and shots.

    `save` stores a new analysis in the cache.

    Raises:
        VidcolorError: see `analyze_film`.
    """
    path = _analysis_path(request)
    if path is not None:
        with contextlib.suppress(OSError, ValueError):
            return load_json(FilmAnalysis, path.read_bytes())
    reader = request.make_source(plan).open(plan.start_s, plan.end_s)
    analysis = analyze_film(plan, reader, request.options, progress)
    if path is not None and save:
        with contextlib.suppress(OSError, OutputError):
            path.parent.mkdir(exist_ok=True)
            with atomic_output(path) as partial:
                partial.write_text(dump_json(analysis), "utf-8")
            for other in path.parent.glob("analysis-*.json"):
                if other != path:
                    other.unlink(missing_ok=True)
    return analysis


def has_analysis(request: FilmRequest) -> bool:
    """Return whether the cache has the analysis of the source and shots of a request."""
    return bool((path := _analysis_path(request)) and path.exists())


def _analysis_path(request: FilmRequest) -> Path | None:
    return request.cache and request.cache / f"analysis-{compute_analysis_key(request)}.json"


def compute_analysis_key(request: FilmRequest) -> str:
    """Return a digest of all that the analysis of a source with given shots depends on.

    It contains the modification time, because the digest of a film covers its ends only.
    """
    options, values = request.options, request.options.fingerprint_values()
    source = compute_source_digest(request.source_files)
    stamp = asdict(compute_source_fingerprint(request.source))
    shots = options.shots if isinstance(options.shots, tuple) else ()
    names = ("first", "transition", "mixed_frames", "kind")
    rows = [[getattr(shot, name) for name in names] for shot in shots]
    selected = {name: values[name] for name in _ANALYSIS_OPTIONS}
    return _digest([FORMAT_VERSION, __version__, source, stamp, selected, rows])


def _link_folder(source: Path, target: Path) -> None:
    """Make a directory with hard links to the files of another one, atomically; ignore failures."""
    partial = temporary_path(target)
    try:
        partial.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, partial, copy_function=_link_file)
        partial.replace(target)
    except (OSError, shutil.Error):  # it is missing, or was removed meanwhile
        shutil.rmtree(partial, ignore_errors=True)


def _link_file(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(source, target)
