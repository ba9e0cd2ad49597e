"""Comparison of a task with the result of an earlier run, from the metadata of the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vidcolor.batch.unused import explain_unused
from vidcolor.errors import InputError
from vidcolor.fileio import (
    compute_content_digest,
    compute_source_digest,
    is_same_file,
    remove_stale_temporaries_once,
)
from vidcolor.media.extensions import is_photo_name
from vidcolor.media.sequence import find_sequence, is_sequence_pattern
from vidcolor.options import ColorizeOptions
from vidcolor.project.options import PROJECT_OPTIONS
from vidcolor.provenance import Settings, read_recipe, read_settings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vidcolor.batch.task import Task
    from vidcolor.provenance import Provenance

_FILES = ("hints", "reference", "shots")
"""Keys of fingerprints whose values are digests of files."""
_FIELDS = {"reference": "references", "reference_time": "references"}
"""Fields of the options for keys of fingerprints that have other names."""


@dataclass(frozen=True, slots=True)
class EarlierResult:
    """The result of an earlier run at the target of a task."""

    differences: tuple[str, ...]
    """What has changed since then; empty if the same command would make the same result."""
    damaged: bool
    """Whether its source was truncated or partly unreadable."""


def find_earlier_result(task: Task, provenance: Provenance) -> EarlierResult | None:
    """Compare a task with the result at its target.

    Args:
        task: the task.
        provenance: provenance of the result that the task would make.

    Returns:
        The earlier result; None if the target is missing, unfinished, the source itself, or no
        result of vidcolor.
    """
    if is_same_file(task.source, task.target):  # refused later, also with --force
        return None
    files = _list_files(task.target)
    if not files or _has_unfinished_work(task):
        return None
    texts = _read_declarations(files[0])
    recipe = next(filter(None, map(read_recipe, texts)), None)
    if recipe is None:
        return None
    saved = next(filter(None, map(read_settings, texts)), None)
    differences = _find_source_differences(task, files, saved) + _describe_truncation(files)
    if saved is not None and saved.num_frames is not None and len(files) < saved.num_frames:
        count = saved.num_frames - len(files)
        differences.append("1 frame is missing" if count == 1 else f"{count} frames are missing")
    shots = None if task.excerpt is None else task.excerpt.numbers
    if saved is not None and saved.shots != shots:
        has = "all shots" if saved.shots is None else f"shots {saved.shots} only"
        differences.append(f"--shots (it has {has})")
    confidence = task.options.confidence
    if confidence is not None and not confidence.exists():
        differences.append(f"{confidence} is missing")
    if recipe != provenance.recipe:
        differences += _describe_differences(saved, provenance.settings, task)
    return EarlierResult(tuple(differences), saved is not None and saved.damaged)


def _describe_differences(
    saved: Settings | None, current: Settings | None, task: Task
) -> list[str]:
    """Return the options with an effect on the task, the model and the version that differ."""
    if saved is None or current is None:
        return ["the options, the model or the version of vidcolor"]
    decisions = _describe_decisions(saved, task)
    differences, options = list(decisions or ()), task.options
    defaults = ColorizeOptions().fingerprint_values()
    for name in dict.fromkeys((*saved.options, *current.options)):
        before, after = (s.options.get(name, defaults.get(name)) for s in (saved, current))
        field = _FIELDS.get(name, name)
        if decisions is not None and (name in _FILES or field in PROJECT_OPTIONS):
            continue  # a decision of the project
        if before == after or explain_unused(field, [task], options):
            continue
        flag = f"{options.flag(field)} @TIME" if name == "reference_time" else options.flag(field)
        if name in _FILES:
            change = "added" if before is None else "left out" if after is None else "changed"
            differences.append(f"{flag} ({change})")
        else:
            differences.append(f"{flag} (was {_format(before)}, is {_format(after)})")
    if saved.weights != current.weights:
        differences.append("the model")
    if saved.version != current.version:
        differences.append(f"the version of vidcolor (was {saved.version})")
    return differences


def _describe_decisions(saved: Settings, task: Task) -> list[str] | None:
    """Return the decisions since the result was made; None if it is not of the task's project."""
    made = saved.project
    if task.project is None or task.project_path is None or not isinstance(made, Mapping):
        return None
    revision = made.get("revision")
    if made.get("name") != task.project.name or not isinstance(revision, int):
        return None
    from vidcolor.project.api import Project
    from vidcolor.project.describe import select_color_changes, summarize_changes

    project = Project.open(task.project_path)
    if not 1 <= revision < project.revision:
        return None
    changes = select_color_changes(project.diff(revision))
    return (
        [f"decisions since revision {revision} ({summarize_changes(changes)})"] if changes else []
    )


def _format(value: Any) -> str:
    if isinstance(value, list):
        return " ".join("=".join(map(str, item)) for item in value) or "not set"
    return "not set" if value is None else str(value)


def _find_source_differences(
    task: Task, files: Sequence[Path], saved: Settings | None
) -> list[str]:
    """Return how the source differs from that of the result."""
    sources = list_source_files(task.source)
    if saved is not None and saved.source not in (None, compute_source_digest(sources)):
        return ["the source"]
    if max(p.stat().st_mtime_ns for p in sources) <= min(p.stat().st_mtime_ns for p in files):
        return []
    # A file that was copied or restored has another date.
    if len(sources) == 1 and saved is not None and saved.content is not None:
        is_same = compute_content_digest(sources[0]) == saved.content
        return [] if is_same else ["the source"]
    return ["the source (it is newer than the result)"]


def _describe_truncation(files: Sequence[Path]) -> list[str]:
    """Return which files of a result were truncated after they were written."""
    from vidcolor.media.truncation import count_missing_bytes

    names = [p.name for p in files if count_missing_bytes(p)]
    if not names:
        return []
    others = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return [f"the result ({names[0]}{others} is truncated)"]


def list_source_files(source: Path) -> Sequence[Path]:
    """Return the files of a film, a photo, or an image sequence."""
    if source.is_dir() or (is_sequence_pattern(source) and not source.exists()):
        return list(find_sequence(source).files.values())
    return [source]


def _list_files(target: Path) -> Sequence[Path]:
    """Return the files of a result; empty if there is none."""
    try:
        if target.exists() or not is_sequence_pattern(target):
            return [target] if target.is_file() else []
        return list(find_sequence(target).files.values())
    except (InputError, OSError):  # such as a name that is too long, which is refused later
        return []


def remove_stale_files(task: Task) -> None:
    """Remove what a run of a task left that was killed after its result had the final name."""
    remove_stale_temporaries_once(task.target.parent)
    if task.options.work_dir is not None:
        remove_stale_temporaries_once(task.options.work_dir)


def _has_unfinished_work(task: Task) -> bool:
    if task.kind == "photo":  # a run with photos alone does not need the film modules
        return False
    from vidcolor.film.workdir import work_path

    return work_path(task.target, task.options.work_dir).exists()


def _read_declarations(path: Path) -> list[str | bytes]:
    """Return the metadata of a file that may contain a recipe and settings."""
    if is_photo_name(path):
        from vidcolor.media.stills.registry import read_still_xmp

        packet = read_still_xmp(path)
        return [] if packet is None else [packet]
    from vidcolor.media.streams import read_content_tags

    try:
        return list(read_content_tags(path).values())
    except InputError:
        return []
