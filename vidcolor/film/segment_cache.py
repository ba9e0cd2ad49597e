"""Finished segments of earlier renderings of a project, by everything that their pixels depend on.

::

    reel.vidcolor/                the cache directory of a project
        analysis-KEY.json         the last analysis with corrected shots
        segments/KEY/             a finished segment, as in a work directory

Segments enter and leave a work directory as hard links, so they take no space twice there. The
directory may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from dataclasses import asdict, dataclass
from typing import IO, TYPE_CHECKING, Any

from vidcolor._version import __version__
from vidcolor.errors import OutputError
from vidcolor.fileio import atomic_output, compute_source_digest, temporary_path
from vidcolor.film.analysis import FilmAnalysis, analyze_film
from vidcolor.film.resume import FORMAT_VERSION, compute_source_fingerprint
from vidcolor.hints.overlays import OVERLAYS_FILE
from vidcolor.schema import dump_json, load_json

if TYPE_CHECKING:
    from collections.abc import Mapping
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
_KEPT_FACTOR = 3
"""Number of segments that are kept, relative to that of the last rendering. The older ones serve
changes that are taken back."""


def compute_segment_keys(
    job: RenderJob, fingerprint: RenderFingerprint, source: str, vividness: float | None, work: Path
) -> dict[int, str]:
    """Return the key of each segment of a film: a digest of all that its files depend on.

    Args:
        job: the film.
        fingerprint: fingerprint of the rendering, of which the target is not used.
        source: digest of the source.
        vividness: vividness of the colorizer, where the options have none.
        work: work directory with the overlays of the job.
    """
    shared = asdict(fingerprint)
    del shared["target"]
    options = {k: v for k, v in shared["options"].items() if k not in _BY_SEGMENT}
    shared |= {"options": options, "source": source, "vividness": vividness}
    with contextlib.ExitStack() as stack:
        file = None
        if job.overlays is not None:
            file = stack.enter_context((work / OVERLAYS_FILE).open("rb"))
        return {
            segment.number: _digest([shared, _describe_segment(job, segment, file)])
            for segment in job.segments
        }


def _describe_segment(job: RenderJob, segment: Segment, file: IO[bytes] | None) -> dict[str, Any]:
    """Return everything that distinguishes a segment from others of a film with the same options.

    Frame numbers are part of it: segments of a film have the same numbers in each rendering.
    """
    analysis, frames = job.analysis, range(segment.first, segment.end)
    rows = job.options.shots if isinstance(job.options.shots, tuple) else ()
    end_pts = analysis.pts[segment.end] if segment.end < analysis.num_frames else analysis.end_pts
    return {
        "frames": [segment.first, segment.end],
        "pts": [*analysis.pts[segment.first : segment.end], end_pts],
        "checksums": [*analysis.checksums[segment.first : segment.end]],
        "shots": [asdict(shot) for shot in analysis.shots if shot.first in frames],
        "options": [shot.to_json() for shot in rows if shot.first in frames],
        "titles": [
            asdict(title)
            for title in analysis.titles
            if title.first < segment.end and segment.first < title.end
        ],
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
    fingerprint: RenderFingerprint,
    vividness: float | None,
    work: WorkDir,
) -> SegmentCache:
    """Return the cache of the segments of a job, which keeps nothing for films without a project.

    The files of an image sequence leave the work directory, so they are not kept either.
    `vividness` is that of the colorizer, where the options have none.
    """
    if request.cache is None or job.result is None:
        return SegmentCache(work.path, work, {})
    assert job.provenance.settings is not None
    source = str(job.provenance.settings.source)
    keys = compute_segment_keys(job, fingerprint, source, vividness, work.path)
    return SegmentCache(request.cache, work, keys)


@dataclass(frozen=True, slots=True)
class SegmentCache:
    """The segments of a job in the cache of its project.

    A failure of the file system has the effect of an empty cache.
    """

    path: Path
    """The cache directory."""
    work: WorkDir
    keys: Mapping[int, str]
    """Key of each segment, by its number."""

    def restore(self) -> None:
        """Put the kept segments into the work directory, unless it has finished them."""
        for number, key in self.keys.items():
            target = self.work.segment_dir(number)
            if not target.exists():
                _link_folder(self._folder(key), target)

    def store(self) -> None:
        """Keep the finished segments of the work directory, and remove old ones."""
        for number, key in self.keys.items():
            folder = self._folder(key)
            if not folder.exists():
                _link_folder(self.work.segment_dir(number), folder)
            with contextlib.suppress(OSError):
                os.utime(folder)
        if self.keys:
            self._prune()

    def _folder(self, key: str) -> Path:
        return self.path / "segments" / key

    def _prune(self) -> None:
        """Remove the segments that were not used for the longest time."""
        names = set(self.keys.values())
        with contextlib.suppress(OSError):
            entries = [e for e in (self.path / "segments").iterdir() if e.name not in names]
            entries.sort(key=lambda entry: entry.stat().st_mtime, reverse=True)
            for entry in entries[(_KEPT_FACTOR - 1) * len(names) :]:
                shutil.rmtree(entry, ignore_errors=True)


def load_or_analyze(
    request: FilmRequest, plan: FilmPlan, progress: ProgressCallback
) -> FilmAnalysis:
    """Analyze a film, unless the cache has the analysis of the same source and shots.

    Raises:
        VidcolorError: see `analyze_film`.
    """
    path = None
    if request.cache is not None:
        key = compute_analysis_key(request)
        path = request.cache / f"analysis-{key}.json"
        with contextlib.suppress(OSError, ValueError):
            return load_json(FilmAnalysis, path.read_bytes())
    reader = request.make_source(plan).open(plan.start_s, plan.end_s)
    analysis = analyze_film(plan, reader, request.options, progress)
    if path is not None:
        with contextlib.suppress(OSError, OutputError):
            path.parent.mkdir(exist_ok=True)
            with atomic_output(path) as partial:
                partial.write_text(dump_json(analysis), "utf-8")
            for other in path.parent.glob("analysis-*.json"):
                if other != path:
                    other.unlink(missing_ok=True)
    return analysis


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
