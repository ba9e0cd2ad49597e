"""Frames of film scans must be distinguished from photographs with numbered names."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.helpers.albums import colorful
from vidcolor.media.film_scans import find_film_scans


def write_images(folder: Path, suffix: str, images: list[np.ndarray]) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = [folder / f"a_{n:03}{suffix}" for n in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        cv2.imwrite(str(path), image)
    return paths


def make_film(count: int = 8) -> list[np.ndarray]:
    """Return 8-bit frames of a moving scene with a cut, flicker and grain."""
    rng = np.random.default_rng(0)
    scenes = [colorful(n, (90, 140))[..., 0].astype(float) for n in range(2)]
    frames = [scenes[n > count // 2][:60, n : n + 100] * (1 - 0.05 * (n % 2)) for n in range(count)]
    return [np.clip(f + rng.normal(0, 8, f.shape), 0, 255).astype(np.uint8) for f in frames]


def make_photos(count: int = 8) -> list[np.ndarray]:
    """Return photographs of one size in equal white frames."""
    photos = [colorful(n, (60, 100))[..., 0] for n in range(count)]
    return [cv2.copyMakeBorder(p, 10, 10, 10, 10, cv2.BORDER_CONSTANT, value=255) for p in photos]


def test_tiffs_are_frames_if_successive_ones_are_similar(tmp_path: Path) -> None:
    frames = write_images(tmp_path / "film", ".tif", make_film())
    photos = write_images(tmp_path / "album", ".tif", make_photos())
    assert find_film_scans(frames) == {tmp_path / "film/a_%d.tif": frames}
    assert find_film_scans(photos) == {}
    assert find_film_scans(frames[:4]) == {}
    assert find_film_scans(write_images(tmp_path / "png", ".png", make_film())) == {}


@pytest.mark.parametrize("suffix", [".dpx", ".exr"])
def test_numbered_dpx_and_exr_are_frames(tmp_path: Path, suffix: str) -> None:
    names = ("b_1", "b_2", "c9", "c10", "d_1", "e", "f (1)", "f (2)", "0_4k", "1_4k", "g1_h1")
    paths = [tmp_path / f"{name}{suffix}" for name in names]
    paths[1] = paths[1].with_suffix(suffix.upper())
    assert find_film_scans(paths) == {
        tmp_path / f"b_%d{suffix}": paths[:2],
        tmp_path / f"c%d{suffix}": paths[2:4],
        tmp_path / f"f (%d){suffix}": paths[6:8],
        tmp_path / f"%d_4k{suffix}": paths[8:10],
    }
