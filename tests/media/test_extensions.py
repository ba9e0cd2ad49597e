"""Recognition of photos and videos by extension and by first bytes."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from vidcolor.media.containers import CONTAINERS, is_video_name
from vidcolor.media.extensions import (
    UNSUPPORTED_IMAGES,
    is_photo,
    is_photo_name,
)


def test_extensions_are_case_insensitive() -> None:
    assert is_photo_name(Path("a.PNG"))
    assert is_video_name(Path("a.MkV"))
    assert not is_photo_name(Path("a.mkv"))
    assert not is_video_name(Path("a"))


def test_extension_tables_are_disjoint() -> None:
    extensions = [e for c in CONTAINERS.values() for e in (*c.extensions, *c.read_extensions)]
    assert len(extensions) == len(set(extensions))
    assert not UNSUPPORTED_IMAGES.keys() & extensions
    for extension in (*extensions, *UNSUPPORTED_IMAGES):
        assert not is_photo_name(Path(f"a{extension}"))


@pytest.mark.parametrize(("name", "expected"), [("scan", True), ("a.dat", True), ("a.mov", False)])
def test_first_bytes_decide_unless_the_extension_is_known(
    tmp_path: Path, name: str, expected: bool
) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / name, format="PNG")
    assert is_photo(tmp_path / name) is expected


@pytest.mark.parametrize("suffix", [".gif", ".apng", ".webp", ".avif"])
def test_animations_are_films_and_single_images_photos(tmp_path: Path, suffix: str) -> None:
    frames = [Image.new("L", (8, 8), 60 * n) for n in range(3)]
    kind, path = "PNG" if suffix == ".apng" else None, tmp_path / f"a{suffix}"
    frames[0].save(path, format=kind)
    assert is_photo(path)
    frames[0].save(path, format=kind, save_all=True, append_images=frames[1:])
    assert not is_photo(path)
