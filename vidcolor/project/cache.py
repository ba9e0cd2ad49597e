"""The cache directory of a project: NAME.vidcolor beside NAME.vidcolor.json.

It may be deleted at any time: what is missing is computed again.
"""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import with_config

from vidcolor.concurrency import single_threaded_opencv
from vidcolor.errors import InputError, OutputError
from vidcolor.fileio import atomic_output
from vidcolor.film.analysis import FilmAnalysis, analyze_film
from vidcolor.film.plan import default_film_target, default_sequence_target
from vidcolor.film.request import FilmRequest
from vidcolor.media.sequence import find_sequence
from vidcolor.project.identity import compute_frames_digest, is_sequence
from vidcolor.project.store import ANALYSIS_FILE, cache_path
from vidcolor.schema import STORED, dump_json, load_json
from vidcolor.timecode import format_frames

if TYPE_CHECKING:
    from pathlib import Path

    from vidcolor.film.plan import FilmPlan
    from vidcolor.options import ColorizeOptions
    from vidcolor.progress import ProgressCallback
    from vidcolor.project.rows import SourceRow


@single_threaded_opencv()
def analyze_source(
    source: Path, options: ColorizeOptions, progress: ProgressCallback | None = None
) -> tuple[FilmPlan, FilmAnalysis]:
    """Probe and decode a source once, and detect its shots.

    Raises:
        InputError: the source cannot be read.
        UsageError: the options do not fit the source.
    """
    sequence = find_sequence(source) if is_sequence(source) else None
    make_target = default_film_target if sequence is None else default_sequence_target
    target = make_target(source, options)
    request = FilmRequest(source, target, options, sequence, progress)
    plan = request.make_plan()
    reader = request.make_source(plan).open(plan.start_s, plan.end_s)
    return plan, analyze_film(plan, reader, options, progress)


@with_config(STORED)
@dataclass(frozen=True, slots=True)
class SavedAnalysis:
    """The analysis of a source, with the digest of its files."""

    source_digest: str
    analysis: FilmAnalysis


def load_analysis(project: Path, source: SourceRow) -> FilmAnalysis | None:
    """Return the saved analysis of a source; None if it is missing, damaged, or of another one."""
    path = cache_path(project) / ANALYSIS_FILE
    try:
        saved = load_json(SavedAnalysis, path.read_bytes())
    except (OSError, ValueError):
        return None
    return saved.analysis if saved.source_digest == source.digest else None


def save_analysis(project: Path, source: SourceRow, analysis: FilmAnalysis) -> None:
    """Save an analysis, unless the directory cannot be written: it can be computed again."""
    folder = cache_path(project)
    with contextlib.suppress(OSError, OutputError):
        folder.mkdir(exist_ok=True)
        with atomic_output(folder / ANALYSIS_FILE) as partial:
            partial.write_text(dump_json(SavedAnalysis(source.digest, analysis)), "utf-8")


def check_frames(source: Path, row: SourceRow, analysis: FilmAnalysis) -> None:
    """Check that an analysis has the frames of the project.

    Raises:
        InputError: it does not.
    """
    if analysis.num_frames != row.num_frames:
        raise InputError(
            f"{source}: has {format_frames(analysis.num_frames)}, but the film of the project has "
            f"{row.num_frames}; name that film"
        )
    if compute_frames_digest(analysis) != row.frames_digest:
        raise InputError(
            f"{source}: has as many frames as the film of the project, but other pictures; "
            "name that film"
        )


def clear_cache(project: Path) -> int:
    """Remove the cache directory; return its size in bytes."""
    folder = cache_path(project)
    if not folder.is_dir():
        return 0
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be removed ({error.strerror})") from None
    return size
