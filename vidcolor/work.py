"""From what the user named to pieces of work: films, photographs, sequences, folders of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vidcolor.errors import InputError, UsageError, VidcolorError
from vidcolor.media.sequence import is_pattern
from vidcolor.media.stills import STILL_SUFFIXES, read_still_recipe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vidcolor.colorizer import Colorizer
    from vidcolor.film.job import FilmResult
    from vidcolor.options import ColorizeOptions
    from vidcolor.photos import PhotoResult
    from vidcolor.progress import ProgressCallback

Kind = Literal["film", "photo", "sequence"]

FILM_SUFFIXES = frozenset(
    (
        *(".mp4", ".m4v", ".mov", ".qt", ".mkv", ".webm", ".avi", ".divx", ".mxf", ".nut"),
        *(".mpg", ".mpeg", ".m2v", ".vob", ".ts", ".m2ts", ".mts", ".dv", ".3gp", ".ogv"),
        *(".wmv", ".asf", ".flv", ".rm", ".y4m", ".h264", ".264", ".hevc", ".mjpg", ".mjpeg"),
    )
)
"""What counts as a film in a folder; a file named by itself may be called anything."""


@dataclass(frozen=True, slots=True)
class Item:
    """One piece of work."""

    kind: Kind
    source: Path
    """A file; for a sequence its pattern (``scan_%06d.dpx``) or folder."""
    target: Path
    repeatable: bool = False
    """Part of a folder: skipped if it was done before, by the same recipe."""


@dataclass(slots=True)
class Outcome:
    """What came of an item."""

    item: Item
    result: FilmResult | PhotoResult | None = None
    error: VidcolorError | None = None
    skipped: bool = False

    @property
    def damaged(self) -> bool:
        """Whether the source lost frames."""
        return self.result is not None and self.result.damaged


@dataclass(slots=True)
class Tally:
    """What came of a whole run."""

    outcomes: list[Outcome] = field(default_factory=list)

    def count(self, what: Literal["done", "skipped", "failed", "damaged"]) -> int:
        """How many items ended so."""
        tests = {
            "done": lambda o: o.result is not None,
            "skipped": lambda o: o.skipped,
            "failed": lambda o: o.error is not None,
            "damaged": lambda o: o.damaged,
        }
        return sum(map(tests[what], self.outcomes))


def gather(
    inputs: Sequence[Path], out: Path | None, out_dir: Path | None, options: ColorizeOptions
) -> list[Item]:
    """Decide what each input is and where its result goes.

    Raises:
        InputError: an input does not exist, or a folder holds nothing to colour.
        UsageError: the request contradicts itself.
    """
    if out is not None and out_dir is not None:
        raise UsageError("say either --out or --out-dir, not both")
    if out is not None and len(inputs) > 1:
        raise UsageError("--out names one file; with several inputs use --out-dir")
    items = [item for path in inputs for item in _items_of(path, out, out_dir, options)]
    if options.confidence is not None and len(items) > 1:
        raise UsageError("--confidence names one file; colour one film or picture at a time")
    _refuse_collisions(items)
    return items


def _items_of(
    path: Path, out: Path | None, out_dir: Path | None, options: ColorizeOptions
) -> Iterator[Item]:
    if is_pattern(path) and not path.exists():
        yield Item("sequence", path, _sequence_target(path, out, out_dir, options))
    elif path.is_dir():
        if options.fps is not None or (out is not None and not is_pattern(out) and out.suffix):
            yield Item("sequence", path, _sequence_target(path, out, out_dir, options))
        else:
            yield from _items_in(path, out or out_dir, options)
    elif not path.exists():
        raise InputError(f"{path}: no such file")
    elif is_photo(path):
        yield Item("photo", path, out or _photo_target(path, out_dir))
    else:
        yield Item("film", path, out or _film_target(path, out_dir, options))


def is_photo(path: Path) -> bool:
    """Whether a file is a still picture, by its name."""
    return path.suffix.lower() in STILL_SUFFIXES


def _photo_target(path: Path, directory: Path | None) -> Path:
    from vidcolor.photos import default_target

    return default_target(path, directory)


def _film_target(path: Path, directory: Path | None, options: ColorizeOptions) -> Path:
    from vidcolor.film.plan import default_target

    return default_target(path, options, directory)


def _sequence_target(
    path: Path, out: Path | None, out_dir: Path | None, options: ColorizeOptions
) -> Path:
    from vidcolor.film.sequences import default_target

    return out or default_target(path, options, out_dir)


def _items_in(folder: Path, mirror: Path | None, options: ColorizeOptions) -> Iterator[Item]:
    """Everything that can be coloured below a folder, mirrored into another."""
    root = mirror or folder.with_name(f"{folder.resolve().name}-colour")
    if is_pattern(root):
        raise UsageError(f"{root}: names a sequence; say --fps to read {folder} as one")
    found = 0
    for path in sorted(folder.rglob("*")):
        inside_mirror = root in path.parents
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not path.is_file() or inside_mirror or hidden:
            continue
        place = root / path.relative_to(folder).parent
        if is_photo(path):
            found += 1
            yield Item("photo", path, _photo_target(path, place), repeatable=True)
        elif path.suffix.lower() in FILM_SUFFIXES:
            found += 1
            yield Item("film", path, _film_target(path, place, options), repeatable=True)
    if not found:
        raise InputError(f"{folder}: holds no film and no picture")


def _refuse_collisions(items: list[Item]) -> None:
    taken: dict[Path, Path] = {}
    for item in items:
        other = taken.setdefault(item.target.absolute(), item.source)
        if other != item.source:
            raise UsageError(f"{other} and {item.source} would both be written to {item.target}")


def is_done(item: Item, recipe: str) -> bool:
    """Whether the target was made from this source by this recipe before."""
    if not item.repeatable or not item.target.exists():
        return False
    if item.target.stat().st_mtime < item.source.stat().st_mtime:
        return False
    if item.kind == "photo":
        return read_still_recipe(item.target) == recipe
    from vidcolor.media.company import film_tags
    from vidcolor.provenance import read_recipe

    return any(read_recipe(text) == recipe for text in film_tags(item.target).values())


def run_item(
    item: Item,
    options: ColorizeOptions,
    colorizer: Colorizer,
    progress: ProgressCallback | None = None,
) -> FilmResult | PhotoResult:
    """Colour one item.

    Raises:
        VidcolorError: what `colorize_film`, `colorize_photo` or `colorize_sequence` raise.
    """
    if item.kind == "photo":
        from vidcolor.photos import colorize_photo

        return colorize_photo(item.source, item.target, options, colorizer=colorizer)
    if item.kind == "sequence":
        from vidcolor.film.sequences import colorize_sequence

        return colorize_sequence(
            item.source, item.target, options, colorizer=colorizer, progress=progress
        )
    from vidcolor.film.job import colorize_film

    return colorize_film(item.source, item.target, options, colorizer=colorizer, progress=progress)
