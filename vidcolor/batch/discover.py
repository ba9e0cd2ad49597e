"""Discovery of the tasks of a run: films, photos and image sequences, and their targets."""

from __future__ import annotations

import fnmatch
import glob
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vidcolor.batch.projects import make_project_task
from vidcolor.batch.task import LeftOut, Task
from vidcolor.errors import InputError, UsageError
from vidcolor.fileio import check_source, check_url
from vidcolor.hints.io import check_hint_files, load_hints, select_hints
from vidcolor.media.containers import is_video_name
from vidcolor.media.extensions import (
    ANIMATIONS,
    EXCERPT_SUFFIX,
    RESULT_FOLDER_SUFFIX,
    RESULT_SUFFIX,
    UNSUPPORTED_IMAGES,
    is_photo,
    is_photo_name,
)
from vidcolor.media.film_scans import find_film_scans
from vidcolor.media.sequence import is_sequence_pattern
from vidcolor.media.stills.formats import STILL_SUFFIXES
from vidcolor.media.stills.registry import read_still_recipe
from vidcolor.option import TaskKind
from vidcolor.options import ColorizeOptions
from vidcolor.project.store import is_project_name
from vidcolor.system import normalize_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

WORK_SUFFIX = ".vidcolor"
"""Suffix of work directories; see `vidcolor.film.workdir`."""


_MAX_LISTED_NAMES = 8
_PACK_START_CODE = b"\0\0\1\xba"
"""First bytes of an MPEG program stream (ISO/IEC 13818-1)."""
_EXCERPT_NAME = re.compile(re.escape(EXCERPT_SUFFIX) + r"\d+(-\d+)?$")
_HIDDEN, _RESULT = "hidden", "from an earlier run"
_SYSTEM_FOLDERS = {
    *("@eadir", "#recycle", "@recycle", "@recently-snapshot", "#snapshot"),  # of network storage
    *("$recycle.bin", "system volume information", "__macosx"),
}
"""Lower-case names of folders in which systems keep thumbnails, old versions and deleted files."""
_RESULT_NAME = "with the name of a result; to colorize such a file, name it as an input"


def discover(
    inputs: Sequence[Path],
    out: Path | None,
    out_dir: Path | None,
    options: ColorizeOptions,
    left_out: list[LeftOut] | None = None,
) -> list[Task]:
    """Find the tasks of the inputs, with their kinds and targets.

    If there are several inputs, an input that cannot be read becomes a task with an `error`.

    Args:
        inputs: files, folders, glob patterns (``reels/**/*.mov``) and sequence patterns.
        out: target of a single input; None for a default name.
        out_dir: directory of the targets; None for the directory of each source.
        options: options of every task.
        left_out: receives the files and folders in input folders that are not colorized.

    Raises:
        InputError: the only input does not exist, or is a folder without a film or photo.
        UsageError: the arguments contradict each other.
    """
    if out is not None and out_dir is not None:
        raise UsageError("--out and --out-dir cannot be used together; remove one of them")
    if out_dir is not None and out_dir.exists() and not out_dir.is_dir():
        raise UsageError(f"{out_dir}: is a file; --out-dir must be a directory")
    inputs = [path for argument in inputs for path in _expand_glob(argument)]
    if out is not None and len(inputs) > 1:
        raise UsageError("--out names one file; use --out-dir for several inputs")
    if len(inputs) > 1:  # a repeated `colorize *.mp4` also matches the results of the first run
        inputs = [path for path in inputs if not _is_result(path)]
    tasks: list[Task] = []
    left_out = [] if left_out is None else left_out
    for path in inputs:
        try:
            tasks += _tasks_of(path, out, out_dir, options, left_out)
        except InputError as error:
            if len(inputs) == 1:
                raise
            tasks.append(Task("film", path, path, options, error=error))
    return _assign_hints(merge_tasks(tasks), options)


def _expand_glob(path: Path) -> list[Path]:
    """Return the files that match a glob pattern which the shell has not expanded."""
    check_url(path)
    if path.exists() or is_sequence_pattern(path) or not glob.has_magic(str(path)):
        return [path]
    root = Path(path.anchor)
    # As in a shell, only a dot in the pattern matches the first dot of a hidden name.
    dotted = [part for part in path.parts if part.startswith(".")]
    matches = [
        match
        for match in sorted(root.glob(str(path.relative_to(path.anchor))))
        if all(_matches_any(name, dotted) for name in match.parts if name.startswith("."))
    ]
    if not matches:
        raise InputError(f"{path}: no file matches this pattern")
    return matches


def _matches_any(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def _assign_hints(tasks: Sequence[Task], options: ColorizeOptions) -> list[Task]:
    """Give each task the hints for its source, and check that every hint has a source."""
    hints = load_hints(options)
    check_hint_files(hints, [task.source for task in tasks if task.project is None])
    for reference in options.references:
        check_source(reference.path)
    if options.hints is None:
        return list(tasks)
    return [
        task
        if task.project is not None  # it has its own hints
        else replace(task, options=options.replace(hints=select_hints(hints, task.source) or None))
        for task in tasks
    ]


def _tasks_of(
    path: Path,
    out: Path | None,
    out_dir: Path | None,
    options: ColorizeOptions,
    left_out: list[LeftOut],
) -> list[Task]:
    """Return the task of one input, or the tasks of all files in a folder."""
    if is_project_name(path):
        return [make_project_task(path, out, out_dir, options)]
    kind: TaskKind = "film"
    if is_sequence_pattern(path) and not path.exists():
        kind = "sequence"
    elif path.is_dir():
        # If the target is a film or numbered frames, the folder is an image sequence. Otherwise
        # each image in it is a photo.
        has_film_target = (
            out is not None and not out.is_dir() and (is_sequence_pattern(out) or bool(out.suffix))
        )
        if options.fps is None and not has_film_target:
            return _tasks_in_folder(path, out or out_dir, options, left_out)
        kind = "sequence"
    else:
        check_source(path)
        if is_photo(path):
            kind = "photo"
        elif remedy := UNSUPPORTED_IMAGES.get(path.suffix.lower()):
            raise InputError(f"{path}: {path.suffix} images are not supported; {remedy}")
    target = out or _default_target(kind, path, options, out_dir)
    return [Task(kind, path, target, options)]


def _default_target(
    kind: TaskKind, source: Path, options: ColorizeOptions, directory: Path | None
) -> Path:
    """Return the default path of a result: beside its source, or in `directory`."""
    if kind == "photo":  # a run with photos alone does not need the film modules
        from vidcolor.photo import default_target

        return default_target(source, directory)
    from vidcolor.film.plan import default_film_target, default_sequence_target

    if kind == "sequence":
        return default_sequence_target(source, options, directory)
    return default_film_target(source, options, directory)


def _tasks_in_folder(
    folder: Path, mirror: Path | None, options: ColorizeOptions, left_out: list[LeftOut]
) -> list[Task]:
    """Return the tasks of all files below a folder, with targets in `mirror` or beside `folder`."""
    resolved = folder.resolve()
    root = mirror or resolved.with_name(f"{resolved.name}{RESULT_FOLDER_SUFFIX}")
    if mirror is None and not folder.is_absolute():
        root = Path(os.path.relpath(root))
    if root.resolve() == resolved:
        raise UsageError(f"{root}: is the folder of the sources; use another --out-dir")
    omissions: list[LeftOut] = []
    sources = _find_sources(folder, root, omissions)
    found = [_task_in_folder(kind, path, folder, root, options) for kind, path in sources]
    tasks: list[Task] = []
    # A source keeps the target that has its own name, also if scan.bmp joins scan.png later.
    used_targets = {task.target for task in found if task.target.name == task.source.name}
    for task in found:
        is_used = task.target in used_targets and task.target.name != task.source.name
        if is_used:  # reel.avi and reel.mpg would both become reel.mp4
            stem = f"{task.target.stem}.sequence" if task.kind == "sequence" else task.source.name
            target = task.target.with_name(f"{stem}{task.target.suffix}")
            task = replace(task, target=target)
        used_targets.add(task.target)
        tasks.append(task)
    left_out += omissions
    if not tasks:
        listed = "; ".join(describe_left_out(omissions))
        raise InputError(
            f"{folder}: contains no film and no photo" + (f" (left out: {listed})" * bool(listed))
        )
    return tasks


def describe_left_out(omissions: Sequence[LeftOut]) -> list[str]:
    """Return one text for each reason: the number of files, the reason and the first names."""
    groups: dict[str, list[str]] = {}
    for item in omissions:
        names = groups.setdefault(item.reason, [])
        names.append(str(item.path.relative_to(item.folder)))
    texts = []
    for reason, names in groups.items():
        more = len(names) - _MAX_LISTED_NAMES
        listed = ", ".join(names[:_MAX_LISTED_NAMES]) + (f" and {more} more" if more > 0 else "")
        texts.append(f"{len(names)} {reason} ({listed})")
    return texts


def _task_in_folder(
    kind: TaskKind, path: Path, folder: Path, root: Path, options: ColorizeOptions
) -> Task:
    target_folder = root / path.relative_to(folder).parent
    try:
        target = _default_target(kind, path, options, target_folder)
    except InputError as error:  # the container depends on the streams, which cannot be read
        return Task(kind, path, target_folder / path.name, options, error=error, folder=folder)
    return Task(kind, path, target, options, folder=folder)


def _find_sources(
    folder: Path, results: Path, left_out: list[LeftOut]
) -> Iterator[tuple[TaskKind, Path]]:
    """Yield the sources below a folder in order, and list everything else."""
    results = results.resolve()

    def omit_unreadable(error: OSError) -> None:
        left_out.append(LeftOut(folder, Path(error.filename), f"unreadable: {error.strerror}"))

    for parent, folders, names in os.walk(folder, onerror=omit_unreadable):
        here, result_folders = Path(parent), {name + RESULT_FOLDER_SUFFIX for name in folders}
        folders[:] = sorted(name for name in folders if (here / name).resolve() != results)
        for name in tuple(folders):
            path = here / name
            reason = (_RESULT, True) if name in result_folders else _find_folder_omission(path)
            if reason is not None:
                folders.remove(name)
                left_out.append(LeftOut(folder, path, *reason))
        files = []
        for path in sorted(here / name for name in names):
            reason = _find_file_omission(path)
            if reason is None:
                files.append(path)
            else:
                left_out.append(LeftOut(folder, path, *reason))
        yield from _classify_files(here, files)


def _classify_files(folder: Path, files: Sequence[Path]) -> list[tuple[TaskKind, Path]]:
    """Return the kinds and paths of the tasks for the films and images of one folder.

    An image sequence is named by its folder, or by its pattern if there are other images.
    """
    photos = {path: None for path in files if is_photo_name(path) and is_photo(path)}
    scans = find_film_scans(photos)
    frames = {path: pattern for pattern, paths in scans.items() for path in paths}
    is_whole = len(scans) == 1 and len(frames) == len(photos)
    tasks: dict[Path, TaskKind] = {}
    for path in files:
        if path in frames:
            tasks[folder if is_whole else frames[path]] = "sequence"
        else:
            tasks[path] = "photo" if path in photos else "film"
    return [(kind, path) for path, kind in tasks.items()]


def _find_folder_omission(path: Path) -> tuple[str, bool] | None:
    """Return why a folder is left out and whether this is expected; None if it is searched."""
    if path.name.startswith("."):
        return _HIDDEN, True
    if path.name.lower() in _SYSTEM_FOLDERS:
        return "of the system, with thumbnails or deleted files", True
    if path.name.endswith(WORK_SUFFIX):
        has_project = path.with_name(f"{path.name}.json").exists()
        return "cache of a project" if has_project else "with unfinished work", True
    if path.is_symlink():
        return "linked; to colorize a linked folder, name it as an input", False
    return None


def _find_file_omission(path: Path) -> tuple[str, bool] | None:
    """Return why a file is left out and whether this is expected; None if it is a source."""
    if path.name.startswith("."):
        return _HIDDEN, True
    if path.is_symlink() and not path.exists():
        return "broken link", False
    suffix = path.suffix.lower()
    if is_photo_name(path) or is_video_name(path):
        if _is_result(path):
            return _RESULT, True
        if path.stem.endswith(RESULT_SUFFIX):  # some formats cannot hold the metadata of a result
            return _RESULT_NAME, True
        if not path.is_file():
            return "no regular file", False
        if suffix == ".mod" and not _is_mpeg(path):
            return ".mod, but no MPEG film, as camcorders write", True
        still_format = STILL_SUFFIXES.get(suffix)
        if still_format is not None and still_format.missing_module:
            return f"{suffix}: {still_format.missing_module}", False
        return None
    if suffix in UNSUPPORTED_IMAGES:
        return f"{suffix}, not supported; {UNSUPPORTED_IMAGES[suffix]}", False
    if suffix in ANIMATIONS:
        return f"{suffix}; to colorize such a file, name it as an input", False
    return "without the extension of a film or photo; to try such a file, name it as an input", True


def _is_mpeg(path: Path) -> bool:
    """Return whether a file begins as an MPEG program stream: modules of music have this extension.

    A file that cannot be read counts as one, so that its error is reported.
    """
    try:
        with path.open("rb") as file:
            return file.read(4) == _PACK_START_CODE
    except OSError:
        return True


def merge_tasks(tasks: Iterable[Task]) -> list[Task]:
    """Return the tasks, each once, although a source may be named twice.

    Raises:
        UsageError: two different tasks have the same target.
    """
    merged: list[Task] = []
    by_target: dict[str, Task] = {}
    for task in tasks:
        # Tasks that cannot run have no target.
        other = task if task.error else by_target.setdefault(normalize_path(task.target), task)
        if other is task:
            merged.append(task)
            continue
        if normalize_path(other.source) != normalize_path(task.source):
            raise UsageError(
                f"{task.target}: is the output of both {other.source} and {task.source}; write "
                "them to different directories"
            )
        if other.options != task.options:
            raise UsageError(
                f"{task.target}: is the output of {task.source} with two sets of options; write "
                "them to different files"
            )
    return merged


def _is_result(path: Path) -> bool:
    """Return whether a file has the name and the metadata of a result beside its source."""
    is_named = path.stem.endswith(RESULT_SUFFIX) or _EXCERPT_NAME.search(path.stem) is not None
    if not is_named or not path.is_file():
        return False
    return read_result_recipe(path, is_still=is_photo_name(path)) is not None


def read_result_recipe(path: Path, is_still: bool) -> str | None:
    """Return the recipe digest in the metadata of a result; None if the file has none."""
    if is_still:
        return read_still_recipe(path)
    from vidcolor.media.streams import read_content_tags
    from vidcolor.provenance import read_recipe

    try:
        tags = read_content_tags(path)
    except InputError:
        return None
    return next(filter(None, map(read_recipe, tags.values())), None)
