"""Recognition of film scans: which images of a folder are the frames of a film."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vidcolor.errors import InputError
from vidcolor.imaging.resize import resize_area
from vidcolor.media.sequence import group_by_pattern
from vidcolor.media.stills.formats import STILL_SUFFIXES
from vidcolor.media.stills.registry import read_still

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from vidcolor.imaging.types import FloatArray

_FORMATS_OF_SCANS = ("tiff", "jp2", "j2k")
"""Formats that scanners of films use as well as scanners of photographs."""
_MIN_FRAMES = 5
"""Minimum number of images in such a format that are compared."""
_NUM_COMPARISONS = 4
"""Number of pairs of successive images that are compared."""
_MIN_CORRELATION = 0.95
"""Minimum correlation of two successive frames of a shot. It does not depend on flicker."""
_THUMBNAIL_SIZE = (48, 64)
"""Height and width to which images are averaged for the comparison; this removes grain."""


def find_film_scans(paths: Iterable[Path]) -> dict[Path, list[Path]]:
    """Find the image sequences among the files of one folder.

    Numbered DPX and OpenEXR files are frames of a film. Numbered TIFF and JPEG 2000 files are,
    if most of the compared pairs of successive images are similar and have the same size:
    photographs of an album are not.

    Returns:
        The files of each sequence, by its pattern, such as ``scan_%06d.dpx``.
    """
    return {
        pattern: list(files.values())
        for pattern, files in group_by_pattern(paths).items()
        if _is_film_scan(list(files.values()))
    }


def _is_film_scan(files: Sequence[Path]) -> bool:
    row = STILL_SUFFIXES[files[0].suffix.lower()]
    if row.is_film_scan:
        return len(files) > 1
    if row.name not in _FORMATS_OF_SCANS or len(files) < _MIN_FRAMES:
        return False
    num_different = 0
    for k in range(_NUM_COMPARISONS):
        n = len(files) * k // _NUM_COMPARISONS
        num_different += not _are_similar(files[n], files[n + 1])
        if num_different > 1:  # a cut may separate one pair
            return False
    return True


def _are_similar(path: Path, other: Path) -> bool:
    """Return whether two images have the same shape and correlate as frames of one shot do."""
    try:
        (shape, a), (other_shape, b) = _read_thumbnail(path), _read_thumbnail(other)
    except InputError:
        return False
    if shape != other_shape or a.std() == 0 or b.std() == 0:
        return False
    return bool(np.corrcoef(a.ravel(), b.ravel())[0, 1] >= _MIN_CORRELATION)


def _read_thumbnail(path: Path) -> tuple[tuple[int, ...], FloatArray]:
    """Return height, width and orientation of an image, and its thumbnail."""
    still = read_still(path, allow_damaged=True)
    luma = still.luma
    return (*luma.shape, still.orientation), resize_area(luma, _THUMBNAIL_SIZE).astype(np.float32)
