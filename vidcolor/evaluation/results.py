"""Pictures and films that somebody has colored already, found by the originals' names."""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from vidcolor.batch.discover import FILM_SUFFIXES, RESULT_SUFFIX
from vidcolor.errors import InputError
from vidcolor.evaluation.preprocessing import in_shape
from vidcolor.media.preview import DisplayReader, scale
from vidcolor.media.preview_still import picture_rgb
from vidcolor.media.stills import STILL_SUFFIXES

if TYPE_CHECKING:
    from vidcolor.evaluation.dataset import Original
    from vidcolor.media.preview import Rgb


class ResultFolder:
    """A folder of results of any program.

    A result is called like its original, whatever the suffix, with or without ``.color``, in the
    same place below the folder, or anywhere in it if there is only one of the name.
    """

    def __init__(self, folder: Path) -> None:
        """List the folder.

        Raises:
            InputError: there is no such folder, or neither picture nor film in it.
        """
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder of results")
        self.folder = folder
        self.rescaled = 0
        """How many results had another size than their original."""
        self._by_place: dict[tuple[bool, PurePosixPath], list[Path]] = defaultdict(list)
        self._by_stem: dict[tuple[bool, str], list[Path]] = defaultdict(list)
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                self._note(path)
        if not self._by_stem:
            raise InputError(f"{folder}: holds no picture and no film")

    def _note(self, path: Path) -> None:
        suffix = path.suffix.lower()
        if suffix in STILL_SUFFIXES or suffix in FILM_SUFFIXES:
            is_film = suffix in FILM_SUFFIXES
            place = PurePosixPath(path.relative_to(self.folder).as_posix())
            stem = place.stem.removesuffix(RESULT_SUFFIX)
            self._by_place[is_film, place.parent / stem].append(path)
            self._by_stem[is_film, stem].append(path)

    def find(self, original: Original) -> Path | None:
        """The result of an original; of several in its place the one of the same suffix."""
        place = original.place
        there = self._by_place.get((original.is_frame, place.with_suffix("")))
        if there:
            return next((p for p in there if p.suffix == place.suffix), there[0])
        anywhere = self._by_stem.get((original.is_frame, place.stem), [])
        return anywhere[0] if len(anywhere) == 1 else None

    def read(self, original: Original, shape: tuple[int, ...], size: int | None) -> Rgb:
        """A result in the shape in which its original is judged.

        Args:
            original: whose result it is; `find` knows it.
            shape: of the original as stored, (H, W, …).
            size: see `in_shape`. A result that has this size already is taken as it is.

        Raises:
            InputError: it cannot be read, or there is none.
        """
        path = self.find(original)
        if path is None:
            raise InputError(f"{self.folder}: has no result called {original.place}")
        rgb = _read(path, original)
        if rgb.shape[:2] == (size, size):
            return rgb
        if rgb.shape[:2] != shape[:2]:
            self.rescaled += 1
            rgb = scale(rgb, (shape[1], shape[0]))
        return in_shape(rgb, size)


def _read(path: Path, original: Original) -> Rgb:
    if original.time_s is None:
        return picture_rgb(path)
    film = _film(path)
    return film.at(original.time_s).rgb(film.size)


@lru_cache(maxsize=4)
def _film(path: Path) -> DisplayReader:
    return DisplayReader(path)
