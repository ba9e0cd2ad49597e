from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vidcolor.errors import InputError
from vidcolor.media.animations import convert_animation, describe_repeats, find_converted_format
from vidcolor.media.probe import probe


def save(path: Path, **options: object) -> list[Image.Image]:
    rng = np.random.default_rng(0)
    frames = [Image.fromarray(rng.integers(0, 256, (16, 24, 3), np.uint8)) for _ in range(3)]
    frames[0].save(path, save_all=True, append_images=frames[1:], **options)
    return frames


def test_converted_webp_has_the_same_frames_and_durations(tmp_path: Path) -> None:
    path, durations = tmp_path / "a.webp", [40, 90_000, 500]
    frames = save(path, lossless=True, duration=durations)
    with Image.open(convert_animation(path)) as converted:
        for index, (frame, duration) in enumerate(zip(frames, durations, strict=True)):
            converted.seek(index)
            np.testing.assert_array_equal(np.asarray(converted.convert("RGB")), np.asarray(frame))
            assert converted.info["duration"] == duration


@pytest.mark.parametrize("suffix", [".webp", ".avif"])
def test_converted_animations_keep_their_format_in_probe(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    save(path)
    info = probe(path)
    assert info.container == info.video.codec == find_converted_format(path) == suffix[1:]


def test_changed_animation_is_converted_again(tmp_path: Path) -> None:
    path = tmp_path / "a.webp"
    save(path, duration=40)
    first = convert_animation(path)
    assert convert_animation(path) == first
    save(path, lossless=True, duration=40)
    assert convert_animation(path) != first
    assert not first.exists()


def test_damaged_animation_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.webp"
    save(path, lossless=True)
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(InputError, match=r"a\.webp: damaged"):
        convert_animation(path)


@pytest.mark.parametrize(
    ("name", "loop", "expected"),
    [
        ("a.gif", None, None),
        ("a.gif", 0, "repeats endlessly"),
        ("a.gif", 1, "plays 2 times"),
        ("a.png", 0, "repeats endlessly"),
        ("a.png", 1, None),
        ("a.png", 3, "plays 3 times"),
        ("a.webp", 0, "repeats endlessly"),
        ("a.webp", 1, None),
    ],
)
def test_repeats_are_named(
    tmp_path: Path, name: str, loop: int | None, expected: str | None
) -> None:
    save(tmp_path / name, **{} if loop is None else {"loop": loop})
    warning = describe_repeats(tmp_path / name)
    assert warning == (expected and f"the animation {expected}; the result plays once")


def test_a_film_and_a_still_have_no_repeats(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(bytes(100))
    Image.new("L", (8, 8)).save(tmp_path / "a.webp")
    assert describe_repeats(tmp_path / "a.mp4") is None
    assert describe_repeats(tmp_path / "a.webp") is None
    assert find_converted_format(tmp_path / "a.webp") is None


@pytest.mark.parametrize("head", [b"RIFF\0\0\0\0AVI ", b"\0\0\0 ftypisom", b""])
def test_a_film_is_not_opened_with_pillow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, head: bytes
) -> None:
    """Pillow imports all of its formats for the first file."""
    monkeypatch.delattr(Image, "open")
    (tmp_path / "film").write_bytes(head)
    assert describe_repeats(tmp_path / "film") is None
    assert describe_repeats(tmp_path / "missing") is None
