"""Masks of an object are read from images and NumPy files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.helpers.albums import save
from vidcolor.errors import InputError, VidcolorError
from vidcolor.evaluation.masks import ObjectMasks


def make_masks(count: int = 3) -> np.ndarray:
    """Return masks of an object of 4x5 pixels that moves to the right: (n, 12, 21) bool."""
    masks = np.zeros((count, 12, 21), bool)
    for n in range(count):
        masks[n, 4:8, n : n + 5] = True
    return masks


def write_packed(path: Path, masks: np.ndarray) -> Path:
    np.savez(path, bits=np.packbits(masks, axis=-1), shape=np.array(masks.shape))
    return path


def write_images(folder: Path, masks: np.ndarray) -> Path:
    for n, mask in enumerate(masks):
        save(folder / f"mask{n + 8}.png", np.uint8(255 * mask))
    return folder


def write_plain(path: Path, masks: np.ndarray) -> Path:
    np.savez_compressed(path, masks=masks)
    return path


@pytest.mark.parametrize(
    ("write", "name"),
    [(write_packed, "a.npz"), (write_plain, "b.npz"), (write_images, "folder")],
)
def test_masks_are_read_in_order(write: object, name: str, tmp_path: Path) -> None:
    expected = make_masks()  # the images are mask8.png, mask9.png and mask10.png
    masks = ObjectMasks(write(tmp_path / name, expected))  # type: ignore[operator]
    assert len(masks) == 3
    for n, mask in enumerate(expected):
        assert np.array_equal(masks.read(n), mask)
        assert masks.read(n).dtype == np.float32


def test_gray_of_a_mask_is_rounded(tmp_path: Path) -> None:
    save(tmp_path / "0.png", np.uint8([[0, 100, 160, 255]]))
    assert ObjectMasks(tmp_path).read(0).tolist() == [[0, 0, 1, 1]]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"other": np.zeros(3)}, "has neither masks nor bits and shape"),
        ({"masks": np.zeros((4, 4))}, "wrong type or shape"),
        ({"masks": np.zeros((0, 4, 4), bool)}, "wrong type or shape"),
        ({"bits": np.zeros((2, 4, 1), np.uint8), "shape": [2, 4, 9]}, "wrong type or shape"),
        ({"bits": np.zeros((2, 4, 1), np.uint8), "shape": [2.0, 4, 8]}, "wrong type or shape"),
    ],
)
def test_wrong_arrays_are_errors(arrays: dict[str, object], message: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", **arrays)
    with pytest.raises(InputError, match=rf"m\.npz: .*{message}"):
        ObjectMasks(tmp_path / "m.npz")


def test_unreadable_masks_are_errors(tmp_path: Path) -> None:
    (tmp_path / "m.npz").write_bytes(b"PK\3\4 cut")
    with pytest.raises(InputError, match=r"m\.npz: cannot read masks"):
        ObjectMasks(tmp_path / "m.npz")
    np.save(tmp_path / "m.npy", make_masks())
    with pytest.raises(InputError, match=r"m\.npy: is a \.npy file"):
        ObjectMasks(tmp_path / "m.npy")
    with pytest.raises(VidcolorError, match="no such file"):
        ObjectMasks(tmp_path / "missing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="contains no image"):
        ObjectMasks(tmp_path / "empty")
    (tmp_path / "empty" / "0.png").write_bytes(b"\x89PNG cut")
    with pytest.raises(InputError, match=r"0\.png"):
        ObjectMasks(tmp_path / "empty").read(0)
