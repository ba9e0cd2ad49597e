"""Ground truth in folders, tar files and films, and results for the ground truth."""

from __future__ import annotations

import shutil
import tarfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.albums import colorful, save
from vidcolor.errors import InputError
from vidcolor.evaluation.dataset import (
    ResultFolder,
    crop_and_resize,
    find_defect,
    find_ground_truth,
)


def names_in(folder: Path) -> list[str]:
    return [image.name for image in find_ground_truth([folder], frames=1)]


def test_photos_are_found_in_subfolders_and_tar_files(album: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "album.tar", "w") as tar:
        tar.add(album / "0.png", "a/0.png")
    images = find_ground_truth([album, tmp_path / "album.tar"], frames=1)
    assert [image.name for image in images] == ["0.png", "1.png", "more/2.png", "a/0.png"]
    assert np.array_equal(images[0].read(), images[3].read())
    assert np.array_equal(images[0].read(), colorful(0, (96, 128)))


def test_frames_are_the_centers_of_equal_parts_of_a_film(films: tuple[Path, Path]) -> None:
    images = find_ground_truth([films[1]], frames=3)
    assert [image.is_frame for image in images] == [True] * 3
    times = [image.time_s for image in images]
    assert times == [Fraction(n, 12) for n in (1, 3, 5)]
    assert images[0].read().shape == (48, 64, 3)


def test_limit_selects_evenly_spaced_images(album: Path) -> None:
    assert [i.name for i in find_ground_truth([album], frames=1, limit=1)] == ["1.png"]


def test_results_hidden_files_and_training_runs_are_excluded(album: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(album, tmp_path / "album")
    shutil.copytree(album, folder / "more-color")
    for name in (".hidden/0.png", "0.color.png", "ours.train/validation.png"):
        save(folder / name, colorful(9, (40, 40)))
    (folder / "ours.train" / "log.jsonl").touch()
    assert names_in(folder) == ["0.png", "1.png", "more/2.png"]


def test_missing_and_empty_folders_are_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        names_in(tmp_path / "none")
    with pytest.raises(InputError, match="contains no photo and no film"):
        names_in(tmp_path)
    with pytest.raises(InputError, match="no such folder of results"):
        ResultFolder(tmp_path / "none")


def test_gray_and_small_images_are_not_ground_truth() -> None:
    rgb = colorful(0, (40, 40))
    assert find_defect(rgb) is None
    assert find_defect(rgb[:20]) == "smaller than 32 pixels"
    assert find_defect(np.full((40, 40, 3), 128, np.uint8)) == "has no color"


def test_crop_is_the_centered_square() -> None:
    rgb = colorful(0, (96, 128))
    assert np.array_equal(crop_and_resize(rgb, 96), rgb[:, 16:112])
    assert crop_and_resize(rgb, 64).shape == (64, 64, 3)
    assert crop_and_resize(rgb, None) is rgb


def test_results_are_found_by_path_then_by_unique_name(album: Path, tmp_path: Path) -> None:
    images = find_ground_truth([album], frames=1)
    for name in ("0.jpg", "0.png", "other/1.color.png", "a/2.png", "b/2.png"):
        save(tmp_path / name, colorful(0, (96, 128)))
    folder = ResultFolder(tmp_path)
    assert folder.find(images[0]) == tmp_path / "0.png"
    assert folder.find(images[1]) == tmp_path / "other/1.color.png"
    assert folder.find(images[2]) is None  # two files at other paths have the name


def test_results_of_another_size_are_resized_and_counted(album: Path, tmp_path: Path) -> None:
    (image,) = find_ground_truth([album], frames=1, limit=1)
    save(tmp_path / "1.png", colorful(1, (48, 64)))
    folder = ResultFolder(tmp_path)
    assert folder.read(image, (96, 128, 3), None).shape == (96, 128, 3)
    assert folder.num_resized == 1
    save(tmp_path / "1.png", colorful(1, (64, 64)))
    assert np.array_equal(folder.read(image, (96, 128, 3), 64), colorful(1, (64, 64)))
    assert folder.num_resized == 1
