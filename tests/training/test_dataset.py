"""Datasets: sources, rejection of unsuitable images, and a stable split."""

from __future__ import annotations

import os
import sys
import tarfile
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.helpers.albums import colorful, make_album, save
from vidcolor.errors import InputError
from vidcolor.training.dataset import PhotoDataset, build_dataset, write_photo_list

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.clips import ClipMaker


def collect_pixels(dataset: PhotoDataset) -> set[bytes]:
    stores = (dataset.train, dataset.validation)
    return {store[i].tobytes() for store in stores for i in range(len(store))}


def collect_reasons(dataset: PhotoDataset) -> dict[str, str]:
    return {e.name.rsplit("/", 1)[-1]: e.reason or "" for e in dataset.dropped}


def test_unsuitable_images_are_rejected(tmp_path: Path) -> None:
    album = make_album(tmp_path / "album", 6)
    image = colorful(50)
    gray = np.repeat(image.mean(2, keepdims=True).astype(np.uint8), 3, axis=2)
    save(album / "gray.png", gray)
    save(album / "sepia.png", (gray * np.array([1.0, 0.8, 0.6])).astype(np.uint8))
    save(album / "again.jpg", colorful(3))
    save(album / "icon.png", image[:40, :40])
    save(album / "black.png", image // 64)
    content = save(album / "truncated.jpg", colorful(51)).read_bytes()
    (album / "truncated.jpg").write_bytes(content[: len(content) // 2])
    (album / "notes.txt").write_text("not an image")
    dataset = build_dataset([album], tmp_path / "cache", holdout=0)
    assert len(dataset.train) == 6
    assert collect_reasons(dataset) == {
        "gray.png": "gray",
        "sepia.png": "toned in one hue",
        "again.jpg": "near-duplicate",
        "icon.png": "too small",
        "black.png": "blank or nearly black",
        "truncated.jpg": "damaged or unreadable",
    }
    assert "album: 6 photographs" in "\n".join(map(str, dataset.statistics))


def test_directory_and_shard_give_the_same_dataset(tmp_path: Path) -> None:
    album = make_album(tmp_path / "album", 8)
    shard = tmp_path / "album.tar"
    with tarfile.open(shard, "w") as tar:
        for path in sorted(album.iterdir()):
            tar.add(path, path.name)
    from_directory = build_dataset([album], tmp_path / "a", holdout=0.3)
    from_shard = build_dataset([shard], tmp_path / "b", holdout=0.3)
    assert collect_pixels(from_directory) == collect_pixels(from_shard)
    held_out = [
        {name.rsplit("/", 1)[-1] for name in dataset.validation.names}
        for dataset in (from_directory, from_shard)
    ]
    assert held_out[0] == held_out[1] != set()


def test_split_does_not_depend_on_other_files(tmp_path: Path) -> None:
    album = make_album(tmp_path / "album", 12)
    before = build_dataset([album], tmp_path / "cache", holdout=0.4)
    make_album(album, 12, first=100)
    after = build_dataset([album], tmp_path / "cache", holdout=0.4)
    assert len(after.train) + len(after.validation) == 24
    assert set(before.validation.names) <= set(after.validation.names)
    assert set(before.train.names) <= set(after.train.names)


def test_validation_images_are_not_used_for_training(tmp_path: Path) -> None:
    album = make_album(tmp_path / "album", 5)
    validation = make_album(tmp_path / "validation", 3, first=3)  # 3 and 4 are also in the album
    dataset = build_dataset([album], tmp_path / "cache", validation=[validation])
    assert len(dataset.validation) == 3
    assert len(dataset.train) == 3
    assert sorted(collect_reasons(dataset).values()) == ["also in the validation set"] * 2


def test_cache_is_reused_until_the_files_change(tmp_path: Path) -> None:
    album = make_album(tmp_path / "album", 3)
    read: list[int] = []
    for _ in range(2):
        build_dataset([album], tmp_path / "cache", progress=lambda p: read.append(p.done))
    assert read == [1, 2, 3]
    save(album / "more.png", colorful(77))
    build_dataset([album], tmp_path / "cache", progress=lambda p: read.append(p.done))
    assert read[3:] == [1, 2, 3, 4]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems reject such names")
def test_names_that_are_not_utf8_are_listed(tmp_path: Path) -> None:
    album = make_album(tmp_path / "album", 2)
    (album / "001.png").rename(album / os.fsdecode(b"caf\xe9.png"))
    for _ in range(2):  # the second data set comes from the cache
        dataset = build_dataset([album], tmp_path / "cache", holdout=0)
        write_photo_list(tmp_path / "list.csv", dataset, None)
    assert "album/caf?.png,training," in (tmp_path / "list.csv").read_text(encoding="utf-8")


def test_film_is_sampled_by_shots(tmp_path: Path, clip: ClipMaker) -> None:
    first = "testsrc2=size=192x128:rate=24:duration=2"
    second = "mandelbrot=size=192x128:rate=24:start_scale=0.5,trim=duration=2,hue=h=90"
    film = clip(
        "mkv", "libx264", "yuv420p", "-map", "1:v",
        inputs=("-f", "lavfi", "-i", f"{first}[a];{second},format=yuv420p[b];[a][b]concat"),
    )  # fmt: skip
    dataset = build_dataset([film], tmp_path / "cache", holdout=0)
    assert 2 <= len(dataset.train) <= 12  # of 96 frames
    assert all(film.name in name for name in dataset.train.names)


def test_source_without_suitable_photographs_is_an_error(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match="empty: contains no image"):
        build_dataset([empty], tmp_path / "cache")
    gray = save(tmp_path / "gray.png", np.full((120, 160, 3), 90, np.uint8))
    with pytest.raises(InputError, match="no suitable color photograph"):
        build_dataset([gray], tmp_path / "cache")
