"""What the user named, as pieces of work: films, photographs, sequences, folders of them."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vidcolor.errors import InputError, UsageError, VidcolorError
from vidcolor.hints.io import check_hint_files, load_hints
from vidcolor.media.sequence import is_pattern
from vidcolor.media.stills import STILL_SUFFIXES, is_still, read_still_recipe
from vidcolor.options import ColorizeOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Kind = Literal["film", "photo", "sequence"]

FILM_SUFFIXES = frozenset(
    (
        *(".mp4", ".m4v", ".mov", ".qt", ".mkv", ".webm", ".avi", ".divx", ".mxf", ".nut"),
        *(".mpg", ".mpeg", ".m2v", ".vob", ".ts", ".m2ts", ".mts", ".dv", ".3gp", ".ogv"),
        *(".wmv", ".asf", ".flv", ".rm", ".y4m", ".h264", ".264", ".hevc", ".mjpg", ".mjpeg"),
    )
)
"""What counts as a film in a folder; a file named by itself may be called anything."""


OTHER_PICTURES = frozenset(
    (
        *(".heic", ".heif", ".avif", ".jp2", ".j2k", ".jxl", ".psd", ".tga", ".pcx", ".svg"),
        *(".ppm", ".pgm", ".pnm", ".pbm", ".cr2", ".cr3", ".nef", ".arw", ".dng", ".raf", ".orf"),
        *(".rw2", ".pdf", ".ico", ".cin", ".sgi"),
    )
)
"""Pictures that are not read; FFmpeg would make films of one frame of some."""

RESULT_SUFFIX = ".color"
"""Stands before the suffix of a result that lies beside its source."""
RESULT_FOLDER = "-color"
"""Ends the name of a folder of results that lies beside the folder of sources."""
WORK_SUFFIX = ".vidcolor"
"""Ends the name of a folder of unfinished work: see `vidcolor.film.workdir`."""


@dataclass(frozen=True, slots=True)
class Task:
    """One piece of work."""

    kind: Kind
    source: Path
    """A file; for a sequence its pattern (``scan_%06d.dpx``) or folder."""
    target: Path
    repeatable: bool = False
    """One of several: skipped if it was done before, by the same recipe."""
    problem: VidcolorError | None = None
    """Why there is nothing to be done."""
    options: ColorizeOptions | None = None
    """Its own, hints included; None for those of the whole run."""


def discover(
    inputs: Sequence[Path], out: Path | None, out_dir: Path | None, options: ColorizeOptions
) -> list[Task]:
    """Decide what each input is and where its result goes.

    Of several inputs, one that cannot be read becomes an item with a `problem`.

    Raises:
        InputError: the only input does not exist, or is a folder that holds nothing to color.
        UsageError: the request contradicts itself.
    """
    if out is not None and out_dir is not None:
        raise UsageError("say either --out or --out-dir, not both")
    if out_dir is not None and out_dir.exists() and not out_dir.is_dir():
        raise UsageError(f"{out_dir}: is a file, and --out-dir names a directory")
    inputs = [path for named in inputs for path in _matching(named)]
    if out is not None and len(inputs) > 1:
        raise UsageError("--out names one file; with several inputs use --out-dir")
    if len(inputs) > 1:  # `colorize *.mp4` a second time means the sources again
        inputs = [path for path in inputs if not _is_result(path)]
    items: list[Task] = []
    for path in inputs:
        try:
            items += _items_of(path, out, out_dir, options, several=len(inputs) > 1)
        except InputError as error:
            if len(inputs) == 1:
                raise
            items.append(Task("film", path, path, problem=error))
    if options.confidence is not None and len(items) > 1:
        raise UsageError("--confidence names one file; color one film or picture at a time")
    check_collisions(items)
    _check_hints(items, options)
    return items


def _matching(path: Path) -> list[Path]:
    """What a pattern of the shell's kind (``reels/**/*.mov``) names, if the shell has left it."""
    if path.exists() or is_pattern(path) or not glob.has_magic(str(path)):
        return [path]
    root = Path(path.anchor)
    found = sorted(root.glob(str(path.relative_to(path.anchor))))
    if not found:
        raise InputError(f"{path}: nothing is called so")
    return found


def _check_hints(items: Sequence[Task], options: ColorizeOptions) -> None:
    """See to it before the work that every hint has its picture or film."""
    check_hint_files(load_hints(options), [item.source for item in items])
    if options.reference is not None and not options.reference.exists():
        raise InputError(f"{options.reference}: no such file")


def _items_of(
    path: Path, out: Path | None, out_dir: Path | None, options: ColorizeOptions, several: bool
) -> Iterator[Task]:
    if is_pattern(path) and not path.exists():
        yield Task("sequence", path, _sequence_target(path, out, out_dir, options))
    elif path.is_dir():
        if options.fps is not None or _names_a_film(out):
            yield Task("sequence", path, _sequence_target(path, out, out_dir, options))
        else:
            yield from _items_in(path, out or out_dir, options)
    elif not path.exists():
        raise InputError(f"{path}: no such file")
    elif is_photo(path):
        yield Task("photo", path, out or _photo_target(path, out_dir), repeatable=several)
    elif path.suffix.lower() in OTHER_PICTURES:
        raise InputError(
            f"{path}: pictures called {path.suffix} are not read; convert it to TIFF or PNG"
        )
    else:
        yield Task("film", path, out or _film_target(path, out_dir, options), repeatable=several)


def _names_a_film(out: Path | None) -> bool:
    """Whether an output is a file or numbered files, and so its folder of pictures a sequence."""
    return out is not None and not out.is_dir() and (is_pattern(out) or bool(out.suffix))


def is_photo(path: Path) -> bool:
    """Whether a file is a still picture, by its name, or by its first bytes if that is silent."""
    suffix = path.suffix.lower()
    return suffix in STILL_SUFFIXES or (suffix not in FILM_SUFFIXES and is_still(path))


def _photo_target(path: Path, directory: Path | None) -> Path:
    from vidcolor.photo import default_target

    return default_target(path, directory)


def _film_target(path: Path, directory: Path | None, options: ColorizeOptions) -> Path:
    from vidcolor.film.plan import default_target

    return default_target(path, options, directory)


def _sequence_target(
    path: Path, out: Path | None, out_dir: Path | None, options: ColorizeOptions
) -> Path:
    from vidcolor.film.sequence import default_target

    return out or default_target(path, options, out_dir)


def _items_in(folder: Path, mirror: Path | None, options: ColorizeOptions) -> list[Task]:
    """Everything that can be colored below a folder, mirrored into another."""
    whole = folder.resolve()
    root = mirror or whole.with_name(f"{whole.name}{RESULT_FOLDER}")
    if mirror is None and not folder.is_absolute():
        root = Path(os.path.relpath(root))
    if root.resolve() == whole:
        raise UsageError(f"{root}: is the folder of the sources itself; name another --out-dir")
    items: list[Task] = []
    taken: set[Path] = set()
    for path in _sources_in(folder, root):
        item = _item_in(path, root / path.relative_to(folder).parent, options)
        if item.target in taken:  # reel.avi and reel.mpg would both become reel.mp4
            target = item.target.with_name(f"{path.name}{item.target.suffix}")
            item = Task(item.kind, path, target, repeatable=True)
        taken.add(item.target)
        items.append(item)
    if not items:
        raise InputError(f"{folder}: holds no film and no picture")
    return items


def _item_in(path: Path, place: Path, options: ColorizeOptions) -> Task:
    if path.suffix.lower() in STILL_SUFFIXES:
        return Task("photo", path, _photo_target(path, place), repeatable=True)
    try:
        return Task("film", path, _film_target(path, place, options), repeatable=True)
    except InputError as error:  # its streams decide about the container, and it has none
        return Task("film", path, place / path.name, problem=error)


def _sources_in(folder: Path, results: Path) -> Iterator[Path]:
    """Films and pictures below a folder, in order; neither hidden ones nor earlier results."""
    results = results.resolve()
    for place, folders, names in os.walk(folder):
        here = Path(place)
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and not name.endswith(WORK_SUFFIX)
            and not (name.endswith(RESULT_FOLDER) and name[: -len(RESULT_FOLDER)] in folders)
            and (here / name).resolve() != results
        )
        for name in sorted(names):
            path = here / name
            suffix = path.suffix.lower()
            known = suffix in STILL_SUFFIXES or suffix in FILM_SUFFIXES
            if known and not name.startswith(".") and not path.stem.endswith(RESULT_SUFFIX):
                yield path


def check_collisions(items: Sequence[Task]) -> None:
    """See to it that no two results get the same name.

    Raises:
        UsageError: two would.
    """
    taken: dict[Path, Path] = {}
    for item in items:
        other = taken.setdefault(item.target.absolute(), item.source)
        if other != item.source:
            raise UsageError(f"{other} and {item.source} would both be written to {item.target}")


def _is_result(path: Path) -> bool:
    """Whether an input is what vidcolor made of another beside it."""
    if not path.stem.endswith(RESULT_SUFFIX) or not path.is_file():
        return False
    return read_result_recipe(path, is_photo=path.suffix.lower() in STILL_SUFFIXES) is not None


def read_result_recipe(path: Path, is_photo: bool) -> str | None:
    """The recipe that a result carries; None if it is no result of ours."""
    if is_photo:
        return read_still_recipe(path)
    from vidcolor.media.tags import film_tags
    from vidcolor.provenance import read_recipe

    try:
        tags = film_tags(path)
    except InputError:
        return None
    return next(filter(None, map(read_recipe, tags.values())), None)
