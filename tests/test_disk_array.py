"""Disk-backed arrays: precision and files."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

import numpy as np
import pytest

from vidcolor.disk_array import DiskArray

if TYPE_CHECKING:
    from pathlib import Path


def test_arrays_are_stored_as_float16(tmp_path: Path) -> None:
    arrays = np.random.default_rng(0).random((5, 3, 4)).astype(np.float32)
    stored = DiskArray(tempfile.TemporaryFile(dir=tmp_path))  # noqa: SIM115 -- closed below
    for array in arrays:
        stored.append(array)
    stored[1] = arrays[4]
    assert (len(stored), stored.shape) == (5, (3, 4))
    assert np.array_equal(stored[1], arrays[4].astype(np.float16).astype(np.float32))
    assert stored[0].dtype == np.float32
    with pytest.raises(IndexError):
        stored[5]
    stored.close()
    assert not list(tmp_path.iterdir()), "an anonymous file leaves nothing behind"


def test_named_file_can_be_opened_again(tmp_path: Path) -> None:
    stored = DiskArray((tmp_path / "tracks.f16").open("w+b"))
    stored.append(np.full((2, 2), 0.5, np.float32))
    stored.flush()
    stored.close()
    opened = DiskArray((tmp_path / "tracks.f16").open("rb"), (2, 2), 1)
    assert (opened[0] == 0.5).all()
    opened.close()
