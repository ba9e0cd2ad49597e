"""Shot lists and hint files in and out of projects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vidcolor.errors import UsageError
from vidcolor.fileio import check_suffix, check_target
from vidcolor.hints.io import read_hints, select_hints
from vidcolor.hints.timeline import Timeline
from vidcolor.media.probe import probe
from vidcolor.media.sequence import find_sequence
from vidcolor.media.sequence_reader import probe_sequence
from vidcolor.project.edits import replace_shots
from vidcolor.project.identity import is_sequence
from vidcolor.shots.edl import DEFAULT_EDL_RATE, SourceFilm
from vidcolor.shots.shot_list import (
    SUFFIXES,
    ShotList,
    describe_variable_rate,
    read_shots,
    write_shots,
)

if TYPE_CHECKING:
    from fractions import Fraction
    from pathlib import Path

    from vidcolor.media.probe import VideoInfo
    from vidcolor.options import Hint
    from vidcolor.progress import ProgressCallback
    from vidcolor.project.api import Project
    from vidcolor.project.rows import Change


def get_times(project: Project, progress: ProgressCallback | None = None) -> list[Fraction]:
    """Return the time of each frame and the end of the film, in seconds from its first frame."""
    analysis = project.analyze(progress)
    video = _probe(project)
    origin, base = video.start_pts or 0, video.time_base
    return [(pts - origin) * base for pts in (*analysis.pts, analysis.end_pts)]


def find_frame(project: Project, name: str, time_s: Fraction) -> int:
    """Return the frame at a time; `name` starts messages.

    Raises:
        UsageError: the film does not have this time, or the frame is in a dissolve.
    """
    return _make_timeline(project).find_frame(name, time_s, None)


def _make_timeline(project: Project) -> Timeline:
    times = get_times(project)[:-1]
    return Timeline(project.find_source(), times, project.document.spans, times[0])


def _probe(project: Project) -> VideoInfo:
    source, options = project.find_source(), project.options
    if is_sequence(source):
        return probe_sequence(find_sequence(source), options.fps).video
    return probe(source, options.start).video


# Shot lists


def export_shots(
    project: Project, path: Path, force: bool = False, progress: ProgressCallback | None = None
) -> list[str]:
    """Write the shots of a project as .csv, .json, .edl or .otio, and return warnings.

    Raises:
        UsageError: the file exists and `force` is False, or has another suffix.
        InputError: the source, whose timecode the list needs, is missing.
        OutputError: the file cannot be written.
    """
    check_suffix(path, SUFFIXES, "shot list")
    source = project.find_source()
    check_target(path, [source, project.path], force)
    shots, film = list_shots(project, progress)
    write_shots(path, shots, film, force)
    return describe_variable_rate(path, shots, film)


def list_shots(
    project: Project, progress: ProgressCallback | None = None
) -> tuple[ShotList, SourceFilm]:
    """Return the shots of a project with their times, and the film that they are of.

    Raises:
        InputError: the source is missing.
    """
    times, video = get_times(project, progress), _probe(project)
    document = project.document
    bounds = [*(span.first for span in document.spans), document.source.num_frames]
    shots = ShotList(
        document.spans, document.source.num_frames, tuple(times[frame] for frame in bounds)
    )
    start_pts = (video.start_pts or 0) + round(times[0] / video.time_base)
    rate = video.rate or DEFAULT_EDL_RATE
    name = project.find_source().name
    return shots, SourceFilm(name, rate, video.timecode_at(start_pts), video.reel)


def import_shots(project: Project, path: Path) -> Change | None:
    """Replace the boundaries of the shots by those of a list: .csv, .json, .edl or .otio.

    Each shot keeps the decisions about the frames that it starts with.

    Raises:
        InputError: the list cannot be read.
        UsageError: it is invalid, or belongs to a longer film.
    """
    rate = timecode = None
    if path.suffix.lower() in (".edl", ".otio"):  # they count by the rate of the film
        video = _probe(project)
        times = get_times(project)
        rate = video.rate
        timecode = video.timecode_at((video.start_pts or 0) + round(times[0] / video.time_base))
    shots, num_frames = read_shots(path, rate, timecode), project.document.source.num_frames
    for number, shot in enumerate(shots.shots, 1):
        if shot.first >= num_frames:
            raise UsageError(
                f"{path}: shot {number} starts at frame {shot.first}, but the film has "
                f"{num_frames} frames; use the list of this film"
            )
    if shots.num_frames > num_frames:
        raise UsageError(
            f"{path}: ends at frame {shots.num_frames - 1}, but the last frame of the film is "
            f"{num_frames - 1}; use the list of this film"
        )
    spans = shots.with_length(num_frames).shots
    return project.change(
        "import-shots", lambda document: replace_shots(document, spans), f"list {path.name}"
    )


# Hints


def import_hints(project: Project, path: Path, evidence: str | None = None) -> Change | None:
    """Add all hints of a hint file, in one change. Hints for other files are left out.

    Raises:
        InputError: the file cannot be read.
        UsageError: a hint is invalid, outside the film, or in a dissolve.
    """
    hints = read_hints(path)
    if any(hint.file is not None for hint in hints):
        hints = select_hints(hints, project.find_source())
        if not hints:
            raise UsageError(
                f"{path}: all hints name other files; remove the key file, or use hints of this "
                "film"
            )
    timeline = _make_timeline(project) if any(h.time is not None for h in hints) else None
    rows = [_make_row(hint, timeline) for hint in hints]
    return project.hints.add_rows(rows, evidence=evidence)


def _make_row(hint: Hint, timeline: Timeline | None) -> dict[str, Any]:
    frame = hint.frame
    if timeline is not None and hint.time is not None:
        frame = timeline.find_frame(hint.name, hint.time, None)
    row: dict[str, Any] = {"frame": frame or 0, "x": hint.x, "y": hint.y, "color": hint.color}
    row["radius"] = hint.radius
    if hint.in_fractions:
        lengths = {key: row[key] for key in ("x", "y", "radius") if row[key] is not None}
        row |= {key: f"{100 * value:.10g}%" for key, value in lengths.items()}
    else:
        row["unit"] = hint.unit
    return row
