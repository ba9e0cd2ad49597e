"""Image sequences become films, and films become image sequences."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from tests.helpers.checks import read_film
from vidcolor import ColorizeOptions, VidcolorError, colorize_film, colorize_sequence
from vidcolor.errors import InputError, UsageError
from vidcolor.media.sequence import find_sequence
from vidcolor.media.sequence_reader import probe_sequence
from vidcolor.media.stills.dpx import encode_dpx_file
from vidcolor.media.stills.exr import encode_exr_file, srgb_decode
from vidcolor.media.stills.registry import read_still, read_still_recipe
from vidcolor.watermark import get_watermark_fields

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tests.helpers.clips import ClipMaker
    from vidcolor import Colorizer
    from vidcolor.progress import Progress

    Codes = NDArray[Any]

WIDTH, HEIGHT = 48, 32
ARCHIVE = ColorizeOptions(fps=Fraction(24), purpose="archive")


def codes(bits: int, seed: int = 0, size: tuple[int, int] = (HEIGHT, WIDTH)) -> Codes:
    """Return noise over all code values."""
    dtype = np.uint8 if bits == 8 else np.uint16
    return np.random.default_rng(seed).integers(0, 1 << bits, size, dtype)


def rgb(gray: Codes) -> Codes:
    return np.repeat(gray[..., None], 3, axis=-1)


def write_image(path: Path, gray: Codes, bits: int) -> None:
    """Write a gray image in the format of its suffix."""
    if path.suffix == ".dpx":
        path.write_bytes(encode_dpx_file(rgb(gray), None, bits))
    elif path.suffix == ".exr":
        path.write_bytes(encode_exr_file(rgb(gray), None))
    else:
        assert cv2.imwrite(str(path), gray)


def write_scan(folder: Path, suffix: str, bits: int, numbers: tuple[int, ...] = (7, 8, 9)) -> Path:
    folder.mkdir(exist_ok=True)
    for number in numbers:
        write_image(folder / f"scan_{number:06d}{suffix}", codes(bits, number), bits)
    return folder / f"scan_%06d{suffix}"


KINDS = [
    *((".dpx", 10), (".dpx", 12), (".dpx", 16), (".dpx", 8), (".tif", 8), (".tiff", 16)),
    *((".png", 8), (".png", 16), (".exr", 16), (".bmp", 8)),
]


@pytest.mark.parametrize(("suffix", "bits"), KINDS)
def test_film_has_the_luma_codes_of_the_scan(
    suffix: str, bits: int, flat: Colorizer, tmp_path: Path
) -> None:
    source = write_scan(tmp_path / "scan", suffix, bits)
    result = colorize_sequence(source, tmp_path / "film.mkv", ARCHIVE, colorizer=flat)
    film = read_film(result.target)
    expected = np.stack([codes(bits, n) for n in (7, 8, 9)])
    if bits == 8 and suffix == ".dpx":  # luma of 8-bit R'G'B' has 10 bits
        expected = np.rint(expected * (1023 / 255)).astype(np.uint16)
    assert np.array_equal(film.luma, expected)
    assert film.color["range"] == 2
    assert film.times == [Fraction(0), Fraction(42, 1000), Fraction(83, 1000)]  # Matroska's 1 ms
    assert not result.damaged
    assert not result.warnings


@pytest.mark.parametrize(("suffix", "bits"), KINDS)
def test_images_have_the_luma_codes_and_the_numbers_of_the_scan(
    suffix: str, bits: int, flat: Colorizer, tmp_path: Path
) -> None:
    source = write_scan(tmp_path / "scan", suffix, bits)
    result = colorize_sequence(source, tmp_path / f"out/c_%04d{suffix}", colorizer=flat)
    names = [f"c_{n:04d}{suffix}" for n in (7, 8, 9)]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == names
    for n in (7, 8, 9):
        colored = read_still(tmp_path / f"out/c_{n:04d}{suffix}")
        assert colored.bits == bits
        assert colored.tint != "gray"
        assert np.array_equal(colored.luma, codes(bits, n))
        if suffix != ".bmp":
            assert read_still_recipe(colored.path) == result.provenance.recipe


def test_jpeg_images_keep_the_decoded_luma(flat: Colorizer, tmp_path: Path) -> None:
    source = write_scan(tmp_path / "scan", ".jpg", 8)
    result = colorize_sequence(source, tmp_path / "film.mkv", ARCHIVE, colorizer=flat)
    film = read_film(result.target)
    files = sorted((tmp_path / "scan").iterdir())
    assert np.array_equal(film.luma, np.stack([read_still(f).luma for f in files]))
    assert film.color["matrix"] == 5, "JPEG is BT.601 at any size"
    again = colorize_sequence(source, tmp_path / "out_%d.jpg", colorizer=flat)
    for n, file in zip((7, 8, 9), files, strict=True):
        assert np.array_equal(read_still(tmp_path / f"out_{n}.jpg").luma, read_still(file).luma)
    assert again.num_frames == 3


def test_luma_of_8_bit_color_has_10_bits(flat: Colorizer, tmp_path: Path) -> None:
    tinted = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    for n in (1, 2):
        cv2.imwrite(str(tmp_path / f"a_{n}.png"), tinted[..., ::-1])
    colorize_sequence(tmp_path / "a_%d.png", tmp_path / "a.mkv", ARCHIVE, colorizer=flat)
    exact = tinted.astype(np.float64) @ [0.2126, 0.7152, 0.0722] * 1023 / 255
    assert np.abs(read_film(tmp_path / "a.mkv").luma[0] - exact).max() <= 0.501


@pytest.mark.parametrize(("channel", "index"), [("red", 0), ("green", 1), ("blue", 2)])
def test_luma_is_read_from_the_chosen_channel(
    channel: Any, index: int, flat: Colorizer, tmp_path: Path
) -> None:
    pixels = np.random.default_rng(2).integers(0, 1024, (HEIGHT, WIDTH, 3), np.uint16)
    for n in (1, 2):
        (tmp_path / f"a_{n}.dpx").write_bytes(encode_dpx_file(pixels, None, 10))
    options = ColorizeOptions(fps=Fraction(24), purpose="archive", gray_from=channel)
    colorize_sequence(tmp_path / "a_%d.dpx", tmp_path / "a.mkv", options, colorizer=flat)
    assert np.array_equal(read_film(tmp_path / "a.mkv").luma[1], pixels[..., index])
    colorize_sequence(tmp_path / "a_%d.dpx", tmp_path / "c_%d.dpx", options, colorizer=flat)
    assert np.array_equal(read_still(tmp_path / "c_2.dpx").luma, pixels[..., index])


def test_gap_in_the_numbers_is_kept(flat: Colorizer, tmp_path: Path) -> None:
    source = write_scan(tmp_path / "scan", ".png", 8, (1, 2, 5, 6))
    options = ColorizeOptions(fps=Fraction(25))
    result = colorize_sequence(source, tmp_path / "film.mp4", options, colorizer=flat)
    assert result.damaged
    assert "2 frames are missing: 3, 4" in result.warnings
    assert read_film(result.target).times == [Fraction(n, 25) for n in (0, 1, 4, 5)]
    colorize_sequence(source, tmp_path / "out/%d.png", options, colorizer=flat)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "1.png", "2.png", "5.png", "6.png"]  # fmt: skip


@pytest.mark.parametrize("bad", [1, 3, 4])
def test_unreadable_image_is_skipped_with_a_warning(
    bad: int, flat: Colorizer, tmp_path: Path
) -> None:
    source = write_scan(tmp_path / "scan", ".dpx", 10, (1, 2, 3, 4))
    damaged = tmp_path / f"scan/scan_{bad:06d}.dpx"
    damaged.write_bytes(damaged.read_bytes()[:3000])
    result = colorize_sequence(source, tmp_path / "film.mkv", ARCHIVE, colorizer=flat)
    assert result.damaged
    assert any(w.startswith(f"{damaged.name} cannot be read (") for w in result.warnings)
    readable = [n for n in (1, 2, 3, 4) if n != bad]
    assert np.array_equal(read_film(result.target).luma, [codes(10, n) for n in readable])
    frames = colorize_sequence(source, tmp_path / "out_%d.dpx", colorizer=flat)
    assert frames.num_frames == 3
    assert not (tmp_path / f"out_{bad}.dpx").exists()


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_truncated_image_is_kept_with_a_warning(
    suffix: str, flat: Colorizer, tmp_path: Path
) -> None:
    """The JPEG decoder of FFmpeg does not report that half of the image is missing."""
    source = write_scan(tmp_path / "scan", suffix, 8)
    truncated = tmp_path / f"scan/scan_000008{suffix}"
    truncated.write_bytes(truncated.read_bytes()[: truncated.stat().st_size // 2])
    for target in ("film.mp4", f"out_%d{suffix}"):
        result = colorize_sequence(source, tmp_path / target, colorizer=flat)
        assert result.num_frames == 3
        assert result.damaged
        assert any(w.startswith(f"{truncated.name}: the file") for w in result.warnings)


def test_image_of_another_size_is_refused(flat: Colorizer, tmp_path: Path) -> None:
    source = write_scan(tmp_path / "scan", ".png", 8)
    write_image(tmp_path / "scan/scan_000009.png", codes(8, size=(10, 20)), 8)
    with pytest.raises(InputError, match=r"scan_000009\.png: has 20x10 pixels with 8 bits"):
        colorize_sequence(source, tmp_path / "film.mp4", colorizer=flat)
    assert [p.name for p in tmp_path.iterdir()] == ["scan"]


def test_sources_are_never_overwritten(flat: Colorizer, tmp_path: Path) -> None:
    source = write_scan(tmp_path / "scan", ".png", 8)
    before = {p: p.read_bytes() for p in source.parent.iterdir()}
    forced = ColorizeOptions(force=True)
    with pytest.raises(UsageError, match="is the source itself"):
        colorize_sequence(source, source, forced, colorizer=flat)
    alias = tmp_path / "alias"
    alias.symlink_to(source.parent)
    with pytest.raises(UsageError, match="is the source itself"):
        colorize_sequence(source, alias / source.name, forced, colorizer=flat)
    beside = source.with_name("color_%06d.png")
    colorize_sequence(source, beside, colorizer=flat)
    with pytest.raises(UsageError, match=r"color_000007\.png: already exists"):
        colorize_sequence(source, beside, colorizer=flat)
    colorize_sequence(source, beside, forced, colorizer=flat)
    assert {p: p.read_bytes() for p in before} == before


def test_trimmed_sequence_keeps_its_numbers(flat: Colorizer, tmp_path: Path) -> None:
    source = write_scan(tmp_path / "scan", ".png", 8, tuple(range(100, 112)))
    part = ColorizeOptions(fps=Fraction(4), start=Fraction(1), end=Fraction(2))
    film = colorize_sequence(source, tmp_path / "part.mp4", part, colorizer=flat)
    assert read_film(film.target).times == [Fraction(n, 4) for n in range(4)]
    colorize_sequence(source, tmp_path / "out/%d.png", part, colorizer=flat)
    names = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert names == [f"{n}.png" for n in range(104, 108)]
    assert np.array_equal(read_still(tmp_path / "out/105.png").luma, codes(8, 105))


@pytest.mark.parametrize("suffix", [".dpx", ".png"])
def test_watermark_changes_luma_in_its_fields_only(
    suffix: str, flat: Colorizer, tmp_path: Path
) -> None:
    bits = 10 if suffix == ".dpx" else 8
    source = write_scan(tmp_path / "scan", suffix, bits)
    marked = ColorizeOptions(mark=True)
    colorize_sequence(source, tmp_path / f"out_%d{suffix}", marked, colorizer=flat)
    changed = read_still(tmp_path / f"out_7{suffix}").luma != codes(bits, 7)
    fields = get_watermark_fields(WIDTH, HEIGHT)
    assert fields
    for rows, columns, _ in fields:
        assert changed[rows, columns].mean() > 0.5
        changed[rows, columns] = False
    assert not changed.any()


def test_image_sequence_can_have_a_confidence_film(flat: Colorizer, tmp_path: Path) -> None:
    source = write_scan(tmp_path / "scan", ".png", 8)
    confidence = tmp_path / "confidence.mkv"
    options = ColorizeOptions(confidence=confidence, fps=Fraction(24))
    colorize_sequence(source, tmp_path / "out_%d.png", options, colorizer=flat)
    film = read_film(confidence)
    assert len(film.frames) == 3
    assert np.abs(film.luma.astype(int) - 126).max() <= 2  # confidence 0.5 in limited range


def test_film_becomes_an_image_sequence(flat: Colorizer, clip: ClipMaker, tmp_path: Path) -> None:
    inputs = ("-f", "lavfi", "-t", "0.5", "-i", "sine")
    source = clip("mkv", "ffv1", "yuv420p10le", "-c:a", "aac", inputs=inputs)
    result = colorize_film(source, tmp_path / "out_%03d.png", colorizer=flat)
    assert result.warnings == ("not kept: an image sequence holds no audio, subtitles or chapters",)
    luma = read_film(source).luma.astype(np.float64)
    assert len(list(tmp_path.iterdir())) == len(luma) == 12
    for n, plane in enumerate(luma, start=1):
        expected = np.rint(np.clip((plane - 64) / 876, 0, 1) * 1023)
        pixels = cv2.imread(str(tmp_path / f"out_{n:03d}.png"), cv2.IMREAD_UNCHANGED)
        assert pixels.dtype == np.uint16
        # BT.601 is the default matrix of small films.
        found = pixels @ [0.114, 0.587, 0.299] * (1023 / 65535)
        assert np.abs(found - expected).max() < 0.02


def test_dpx_header_sets_aspect_ratio_and_timecode_of_the_film(
    flat: Colorizer, tmp_path: Path
) -> None:
    header = bytearray(encode_dpx_file(rgb(codes(10)), None, 10))
    struct.pack_into("<II", header, 1628, 2, 1)
    struct.pack_into("<I", header, 1920, 0x01020304)
    for n in (1, 2):
        (tmp_path / f"a_{n}.dpx").write_bytes(header)
    options = ColorizeOptions(fps=Fraction(24), purpose="editing")
    colorize_sequence(tmp_path / "a_%d.dpx", tmp_path / "a.mov", options, colorizer=flat)
    properties = read_film(tmp_path / "a.mov").properties
    assert properties["sar"] == 2
    assert properties["timecode"] == "01:02:03:04"


@pytest.mark.parametrize(("suffix", "is_kept"), [(".dpx", True), (".exr", True), (".png", False)])
def test_images_of_a_film_keep_its_pixel_aspect_or_name_it(
    flat: Colorizer, clip: ClipMaker, tmp_path: Path, suffix: str, is_kept: bool
) -> None:
    source = clip("mov", "prores_ks", "yuv422p10le", vf="setsar=64/45", frames=2)
    images = tmp_path / f"out_%d{suffix}"
    result = colorize_film(source, images, colorizer=flat)
    sequence = probe_sequence(find_sequence(images), None)
    assert sequence.video.sample_aspect_ratio == (Fraction(64, 45) if is_kept else None)
    assert any("a pixel aspect ratio of 64:45" in w for w in result.warnings) != is_kept
    again = colorize_sequence(images, tmp_path / "again_%d.dpx", colorizer=flat)
    assert read_still(tmp_path / "again_1.dpx").metadata.pixel_aspect == (
        Fraction(64, 45) if is_kept else None
    )
    assert again.num_frames == 2


def test_openexr_keeps_attributes_and_names_its_recipe(flat: Colorizer, tmp_path: Path) -> None:
    attributes = (
        (b"owner", b"string", b"the archive"),
        (b"comments", b"string", b"reel 7"),
        (b"pixelAspectRatio", b"float", struct.pack("<f", 2)),
    )
    for n in (1, 2):
        (tmp_path / f"a_{n}.exr").write_bytes(encode_exr_file(rgb(codes(16, n)), None, attributes))
    result = colorize_sequence(tmp_path / "a_%d.exr", tmp_path / "c_%d.exr", colorizer=flat)
    assert not result.warnings
    colored = read_still(tmp_path / "c_2.exr")
    attributes_after = {name: value for name, _, value in colored.metadata.extras}
    assert attributes_after[b"owner"] == b"the archive"
    assert attributes_after[b"comments"].decode() == f"reel 7\n{result.provenance.declaration}"
    assert colored.metadata.pixel_aspect == 2
    assert read_still_recipe(colored.path) == result.provenance.recipe
    pixels = read_exr_with_opencv(colored.path)
    if pixels is not None:  # an independent reader accepts the file
        luminance = srgb_decode(colored.luma)
        assert np.abs(pixels @ [0.2126, 0.7152, 0.0722] - luminance).max() < 0.3


def read_exr_with_opencv(path: Path) -> Codes | None:
    """Return R, G, B of an OpenEXR file; None if OpenCV is built without OpenEXR."""
    try:
        pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    return None if pixels is None else pixels[..., ::-1]


def test_two_images_of_the_same_number_are_refused(flat: Colorizer, tmp_path: Path) -> None:
    write_image(tmp_path / "a_1.png", codes(8), 8)
    write_image(tmp_path / "a_001.png", codes(8), 8)
    with pytest.raises(InputError, match="has the same frame number as"):
        colorize_sequence(tmp_path / "a_%d.png", tmp_path / "a.mp4", colorizer=flat)


def test_sequence_without_readable_images_is_refused(flat: Colorizer, tmp_path: Path) -> None:
    for n in (1, 2):
        (tmp_path / f"a_{n}.png").write_bytes(b"?")
    with pytest.raises(VidcolorError, match=r"a_1\.png: not a supported image"):
        colorize_sequence(tmp_path / "a_%d.png", tmp_path / "a.mp4", colorizer=flat)


def test_progress_is_reported_for_every_frame(flat: Colorizer, tmp_path: Path) -> None:
    source = write_scan(tmp_path / "scan", ".png", 8)
    progress: list[Progress] = []
    colorize_sequence(source, tmp_path / "a.mp4", ARCHIVE, colorizer=flat, progress=progress.append)
    reported = [(p.stage, p.done, p.total) for p in progress]
    assert reported == [
        (stage, n, 3) for stage in ("analyze", "colorize", "join") for n in (1, 2, 3)
    ]


def test_quality_option_sets_the_size_of_jpeg_images(flat: Colorizer, tmp_path: Path) -> None:
    source = write_scan(tmp_path / "scan", ".png", 8)
    sizes = []
    for quality in (20, 95):
        options = ColorizeOptions(quality=quality)
        target = tmp_path / f"q{quality}_%d.jpg"
        colorize_sequence(source, target, options, colorizer=flat)
        sizes.append((tmp_path / f"q{quality}_7.jpg").stat().st_size)
    assert sizes[0] < sizes[1]
