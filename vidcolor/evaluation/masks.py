"""Masks of an object in the frames of a film, read from images or from a NumPy file."""

from __future__ import annotations

import re
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from vidcolor.errors import InputError
from vidcolor.fileio import check_source
from vidcolor.media.extensions import is_photo_name
from vidcolor.media.preview_image import read_image_rgb

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from vidcolor.imaging.types import FloatArray

_REMEDY = "store masks (n, h, w) of bool, or bits (n, h, w / 8) of uint8 with their shape"


class ObjectMasks:
    """The masks of an object, one for each frame from the first one on."""

    def __init__(self, path: Path) -> None:
        """Open a folder of images or a .npz file.

        In images the object is white. They are sorted by name, and numbers in names by value. A
        .npz file has the array ``masks``, (n, h, w) of bool, or ``bits`` and ``shape``, where
        ``bits`` is the result of `numpy.packbits` along the last axis and ``shape`` is (n, h, w).

        Raises:
            InputError: the path does not exist, or has no masks.
        """
        check_source(path)
        self.path = path
        self._files: list[Path] = []
        self._array, self._width = np.empty((0, 0, 0), np.uint8), 0
        self._is_packed = False
        if path.is_dir():
            self._files = _list_images(path)
        else:
            self._load(path)

    def __len__(self) -> int:
        """Return the number of masks."""
        return len(self._files) or len(self._array)

    def get_name(self, index: int) -> str:
        """Return the name of a mask for messages."""
        return str(self._files[index]) if self._files else f"{self.path}: mask {index}"

    def read(self, index: int) -> FloatArray:
        """Return a mask: (h, w) float32, 1 in the object and 0 elsewhere.

        Raises:
            InputError: the image cannot be read.
        """
        if self._files:
            is_object = read_image_rgb(self._files[index]).mean(-1) > 127.5
        else:
            mask = self._array[index]
            if self._is_packed:
                mask = np.unpackbits(mask, axis=-1)[:, : self._width]
            is_object = mask != 0
        return np.asarray(is_object, np.float32)

    def _load(self, path: Path) -> None:
        """Load the arrays of a .npz file."""
        arrays = _read_arrays(path)
        if "masks" in arrays:
            self._array = arrays["masks"]
            is_valid = self._array.ndim == 3 and self._array.dtype.kind in "bui"
        elif "bits" in arrays and "shape" in arrays:
            self._array, shape = arrays["bits"], arrays["shape"]
            is_valid = shape.shape == (3,) and shape.dtype.kind in "ui"
            if is_valid:
                n, height, self._width = map(int, shape)
                packed_shape = (n, height, -(-self._width // 8))
                is_valid = self._array.dtype == np.uint8 and self._array.shape == packed_shape
            self._is_packed = True
        else:
            raise InputError(f"{path}: has neither masks nor bits and shape; {_REMEDY}")
        if not is_valid or not self._array.size:
            raise InputError(f"{path}: the arrays have the wrong type or shape; {_REMEDY}")


def _read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with path.open("rb") as stream:
            loaded = np.load(stream, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                raise InputError(f"{path}: is a .npy file; save the masks with numpy.savez")
            return {name: loaded[name] for name in ("masks", "bits", "shape") if name in loaded}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(
            f"{path}: cannot read masks; name a folder of images or a .npz file"
        ) from error


def _list_images(folder: Path) -> list[Path]:
    files = [
        path
        for path in folder.iterdir()
        if is_photo_name(path) and path.is_file() and not path.name.startswith(".")
    ]
    if not files:
        raise InputError(f"{folder}: contains no image; add one mask for each frame")
    return sorted(files, key=_natural_key)


def _natural_key(path: Path) -> tuple[list[tuple[int, str]], str]:
    """Return a key that sorts numbers in names by value: 2.png before 10.png."""
    parts = re.split(r"(\d+)", path.name)
    return [(int(p), "") if p.isdecimal() else (-1, p) for p in parts], path.name
