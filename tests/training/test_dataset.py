"""What is learned from: every source, only fit pictures, always divided the same way."""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.helpers.albums import colorful, make_album, save
from vidcolor.errors import InputError
from vidcolor.training.dataset import Collection, gather_photographs

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.clips import ClipMaker


def pixels(collection: Collection) -> set[bytes]:
    stores = (collection.train, collection.validation)
    return {store[i].tobytes() for store in stores for i in range(len(store))}


def reasons(collection: Collection) -> dict[str, str]:
    return {name.rsplit("/", 1)[-1]: reason for name, reason in collection.dropped}


def test_only_what_has_color_is_learned_from(tmp_path: Path) -> None:
    album = make_album(tmp_path / "album", 6)
    picture = colorful(50)
    gray = np.repeat(picture.mean(2, keepdims=True).astype(np.uint8), 3, axis=2)
    save(album / "gray.png", gray)
    save(album / "sepia.png", (gray * np.array([1.0, 0.8, 0.6])).astype(np.uint8))
    save(album / "again.jpg", colorful(3))
    save(album / "icon.png", picture[:40, :40])
    save(album / "black.png", picture // 64)
    whole = save(album / "cut.jpg", colorful(51)).read_bytes()
    (album / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (album / "notes.txt").write_text("no picture")
    collection = gather_photographs([album], tmp_path / "cache", holdout=0)
    assert len(collection.train) == 6
    assert reasons(collection) == {
        "gray.png": "gray",
        "sepia.png": "toned in one hue",
        "again.jpg": "near-duplicate",
        "icon.png": "too small",
        "black.png": "blank or nearly black",
        "cut.jpg": "damaged or unreadable",
    }
    assert "album: 6 photographs" in "\n".join(map(str, collection.counts))


def test_folder_and_shard_give_the_same(tmp_path: Path) -> None:
    album = make_album(tmp_path / "album", 8)
    shard = tmp_path / "album.tar"
    with tarfile.open(shard, "w") as tar:
        for path in sorted(album.iterdir()):
            tar.add(path, path.name)
    of_folder = gather_photographs([album], tmp_path / "a", holdout=0.3)
    of_shard = gather_photographs([shard], tmp_path / "b", holdout=0.3)
    assert pixels(of_folder) == pixels(of_shard)
    held = [{n.rsplit("/", 1)[-1] for n in c.validation.names} for c in (of_folder, of_shard)]
    assert held[0] == held[1] != set()


def test_files_stay_on_their_side_when_others_come(tmp_path: Path) -> None:
    album = make_album(tmp_path / "album", 12)
    before = gather_photographs([album], tmp_path / "cache", holdout=0.4)
    make_album(album, 12, first=100)
    after = gather_photographs([album], tmp_path / "cache", holdout=0.4)
    assert len(after.train) + len(after.validation) == 24
    assert set(before.validation.names) <= set(after.validation.names)
    assert set(before.train.names) <= set(after.train.names)


def test_named_validation_pictures_are_not_learned_from(tmp_path: Path) -> None:
    album = make_album(tmp_path / "album", 5)
    judges = make_album(tmp_path / "judges", 3, first=3)  # 3 and 4 are in the album, too
    collection = gather_photographs([album], tmp_path / "cache", validation=[judges])
    assert len(collection.validation) == 3
    assert len(collection.train) == 3
    assert sorted(reasons(collection).values()) == ["also in the validation set"] * 2


def test_the_cache_is_used_again(tmp_path: Path) -> None:
    album = make_album(tmp_path / "album", 3)
    seen: list[int] = []
    for _ in range(2):
        gather_photographs([album], tmp_path / "cache", progress=lambda p: seen.append(p.done))
    assert seen == [1, 2, 3]
    save(album / "more.png", colorful(77))
    gather_photographs([album], tmp_path / "cache", progress=lambda p: seen.append(p.done))
    assert seen[3:] == [1, 2, 3, 4]


def test_a_film_lends_frames_of_its_shots(tmp_path: Path, clip: ClipMaker) -> None:
    first = "testsrc2=size=192x128:rate=24:duration=2"
    second = "mandelbrot=size=192x128:rate=24:start_scale=0.5,trim=duration=2,hue=h=90"
    film = clip(
        "mkv", "libx264", "yuv420p", "-map", "1:v",
        inputs=("-f", "lavfi", "-i", f"{first}[a];{second},format=yuv420p[b];[a][b]concat"),
    )  # fmt: skip
    collection = gather_photographs([film], tmp_path / "cache", holdout=0)
    assert 2 <= len(collection.train) <= 12  # of 96 frames
    assert all(film.name in name for name in collection.train.names)


def test_nothing_to_learn_from_is_said(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match="empty: no picture"):
        gather_photographs([empty], tmp_path / "cache")
    gray = save(tmp_path / "gray.png", np.full((120, 160, 3), 90, np.uint8))
    with pytest.raises(InputError, match="fit to learn color from"):
        gather_photographs([gray], tmp_path / "cache")
