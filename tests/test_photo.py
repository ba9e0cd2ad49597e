"""Colorized photos keep luma, size, bit depth and metadata."""

from __future__ import annotations

import io
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from tests.helpers.flat import FlatGenerator
from vidcolor import ColorizeOptions, Colorizer, VidcolorError, colorize_photo
from vidcolor.errors import InputError, UsageError
from vidcolor.generators.base import Prediction
from vidcolor.media.extensions import is_photo_name
from vidcolor.media.stills import formats
from vidcolor.media.stills.registry import read_still, read_still_recipe
from vidcolor.media.stills.types import DecodedImage, StillFormat
from vidcolor.photo import default_target, predict_still
from vidcolor.watermark import get_watermark_fields

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from vidcolor.media.stills.types import ColorizedStill, EncodedStill

WIDTH, HEIGHT = 60, 40
DESCRIPTION, ORIENTATION, ARTIST, COPYRIGHT = 270, 274, 315, 33432


def make_noise(bits: int = 8, size: tuple[int, int] = (HEIGHT, WIDTH)) -> NDArray[Any]:
    kind = np.uint8 if bits == 8 else np.uint16
    return np.random.default_rng(bits).integers(0, 1 << bits, size, kind)


def write_with_metadata(path: Path) -> Path:
    """Write a gray image with EXIF, ICC profile and resolution."""
    image, exif = Image.fromarray(make_noise()), Image.Exif()
    exif[DESCRIPTION], exif[ARTIST], exif[COPYRIGHT] = "the mill", "A. Author", "public domain"
    exif[ORIENTATION] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image.convert("RGB").save(path, exif=exif.tobytes(), icc_profile=profile, dpi=(300, 300))
    return path


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_metadata_is_preserved(suffix: str, flat: Colorizer, tmp_path: Path) -> None:
    source = write_with_metadata(tmp_path / f"p{suffix}")
    result = colorize_photo(source, colorizer=flat)
    assert result.target == tmp_path / f"p.color{suffix}"
    with Image.open(source) as before, Image.open(result.target) as after:
        assert after.size == before.size
        assert after.mode == "RGB"
        exif = after.getexif()
        assert exif[DESCRIPTION] == "the mill"
        assert exif[ARTIST] == "A. Author"
        assert exif[COPYRIGHT] == "public domain"
        assert exif[ORIENTATION] == 6
        assert after.info["icc_profile"] == before.info["icc_profile"]
        if suffix != ".webp":
            assert after.info["dpi"] == pytest.approx((300, 300), abs=0.01)
    assert read_still_recipe(result.target) == result.provenance.recipe
    assert not result.warnings
    assert not result.damaged


@pytest.mark.parametrize(("suffix", "bits"), [(".png", 8), (".png", 16), (".tif", 8), (".tif", 16)])
def test_depth_and_luma_are_preserved(
    suffix: str, bits: int, flat: Colorizer, tmp_path: Path
) -> None:
    source = tmp_path / f"p{suffix}"
    cv2.imwrite(str(source), make_noise(bits))
    result = colorize_photo(source, colorizer=flat)
    colored = read_still(result.target)
    assert colored.bits == bits
    assert colored.tint != "gray"
    assert np.array_equal(colored.luma, make_noise(bits))


class RecordingGenerator(FlatGenerator):
    """Records the luma of its last call."""

    luma: torch.Tensor

    def __call__(self, luma: torch.Tensor, *rest: Any) -> Prediction:
        self.luma = luma
        return super().__call__(luma, *rest)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_generator_gets_an_upright_proxy(orientation: int, tmp_path: Path) -> None:
    upright = np.zeros((64, 64), np.uint8)
    upright[:16] = 255  # the top edge is white
    turns = {1: 0, 3: 2, 6: 1, 8: 3}[orientation]  # rotation of the camera
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    Image.fromarray(np.rot90(upright, turns)).save(tmp_path / "p.png", exif=exif.tobytes())
    generator = RecordingGenerator()
    predict_still(Colorizer(generator), read_still(tmp_path / "p.png"))
    rows = generator.luma[0, 0].mean(dim=1)
    assert rows[0] > 95
    assert rows[-1] < 5


@pytest.mark.parametrize(("channel", "index"), [("red", 0), ("green", 1), ("blue", 2)])
def test_gray_from_selects_one_channel(
    channel: Any, index: int, flat: Colorizer, tmp_path: Path
) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "p.png")
    options = ColorizeOptions(gray_from=channel)
    result = colorize_photo(tmp_path / "p.png", None, options, colorizer=flat)
    assert np.array_equal(read_still(result.target).luma, pixels[..., index])


def test_color_source_causes_a_warning_and_sepia_does_not(flat: Colorizer, tmp_path: Path) -> None:
    ramp = np.linspace(0.2, 0.8, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH, 1)
    sepia = (255 * ramp * [1.0, 0.8, 0.6]).astype(np.uint8)
    rainbow = np.random.default_rng(4).integers(0, 256, (4, 6, 3), np.uint8).repeat(10, 0)
    for name, pixels in (("sepia", sepia), ("rainbow", rainbow.repeat(10, 1))):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    assert colorize_photo(tmp_path / "sepia.png", colorizer=flat).warnings == ()
    (warning,) = colorize_photo(tmp_path / "rainbow.png", colorizer=flat).warnings
    assert warning == "the source is already in color; its color is replaced"


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_truncated_photo_is_colorized_as_far_as_it_decodes(
    suffix: str, flat: Colorizer, tmp_path: Path
) -> None:
    source = tmp_path / f"p{suffix}"
    cv2.imwrite(str(source), make_noise(8, (400, 300)))
    intact = read_still(source).luma
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    result = colorize_photo(source, colorizer=flat)
    assert result.damaged
    assert len(result.warnings) == 1
    colored = read_still(result.target)
    equal = np.abs(colored.luma[:100].astype(int) - intact[:100]) <= 1
    assert equal.mean() > 0.99


def test_image_without_gray_causes_a_warning(flat: Colorizer, tmp_path: Path) -> None:
    source, target = tmp_path / "fax.tif", tmp_path / "color.tif"
    pixels = np.full((50, 70), 255, np.uint8)
    pixels[10:30, 20:40] = 0
    for level in (255, 128):
        pixels[5, 7] = level
        Image.fromarray(pixels).save(source)
        result = colorize_photo(source, target, ColorizeOptions(force=True), colorizer=flat)
        assert any("leave no room for color" in w for w in result.warnings) == (level == 255)


def test_cmyk_is_converted_with_a_warning(flat: Colorizer, tmp_path: Path) -> None:
    Image.fromarray(make_noise()).convert("CMYK").save(tmp_path / "p.jpg")
    result = colorize_photo(tmp_path / "p.jpg", colorizer=flat)
    assert "CMYK is converted" in result.warnings[0]
    with Image.open(result.target) as image:
        assert image.mode == "RGB"


@pytest.mark.parametrize("kind", ["PCX", "ICO", "SGI"])
def test_unsupported_formats_are_rejected(kind: str, flat: Colorizer, tmp_path: Path) -> None:
    data = io.BytesIO()
    Image.fromarray(make_noise()).save(data, kind)
    (tmp_path / "p.jpg").write_bytes(data.getvalue())
    with pytest.raises(InputError, match=r"p\.jpg: not a supported image"):
        colorize_photo(tmp_path / "p.jpg", colorizer=flat)
    assert [p.name for p in tmp_path.iterdir()] == ["p.jpg"]


def test_mark_changes_luma_only_in_the_watermark_fields(flat: Colorizer, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "p.png"), make_noise())
    options = ColorizeOptions(mark=True)
    result = colorize_photo(tmp_path / "p.png", None, options, colorizer=flat)
    changed = read_still(result.target).luma != make_noise()
    for rows, columns, _ in get_watermark_fields(WIDTH, HEIGHT):
        assert changed[rows, columns].mean() > 0.5
        changed[rows, columns] = False
    assert not changed.any()


def test_confidence_map_is_written(flat: Colorizer, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "p.png"), make_noise())
    options = ColorizeOptions(confidence=tmp_path / "c.png")
    colorize_photo(tmp_path / "p.png", None, options, colorizer=flat)
    confidence = cv2.imread(str(tmp_path / "c.png"), cv2.IMREAD_UNCHANGED)
    assert confidence.shape == (HEIGHT, WIDTH)
    assert set(np.unique(confidence)) <= {127, 128}, "the generator returns 0.5"


@pytest.mark.parametrize("name", ["p.png", "p.color.png", "existing.png", "c.mp4"])
def test_invalid_confidence_file_is_rejected_before_the_work(
    name: str, flat: Colorizer, tmp_path: Path
) -> None:
    cv2.imwrite(str(tmp_path / "p.png"), make_noise())
    (tmp_path / "existing.png").touch()
    with pytest.raises(UsageError, match=name):
        options = ColorizeOptions(confidence=tmp_path / name)
        colorize_photo(tmp_path / "p.png", None, options, colorizer=flat)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["existing.png", "p.png"]


class ExclusiveGenerator(FlatGenerator):
    """Detects concurrent calls."""

    def __init__(self) -> None:
        super().__init__()
        self.lock, self.was_concurrent = threading.Lock(), False

    def __call__(self, *args: Any) -> Prediction:
        if not self.lock.acquire(blocking=False):
            self.was_concurrent = True
            return super().__call__(*args)
        prediction = super().__call__(*args)
        threading.Event().wait(0.02)
        self.lock.release()
        return prediction


def test_photos_can_be_colorized_in_threads(tmp_path: Path) -> None:
    for n in range(8):
        cv2.imwrite(str(tmp_path / f"{n}.png"), make_noise())
    generator = ExclusiveGenerator()
    colorizer = Colorizer(generator)

    def colorize(n: int) -> bytes:
        result = colorize_photo(tmp_path / f"{n}.png", colorizer=colorizer)
        return result.target.read_bytes()

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(colorize, range(8)))) == 1
    assert not generator.was_concurrent


def test_failures_derive_from_vidcolor_error(flat: Colorizer, tmp_path: Path) -> None:
    with pytest.raises(VidcolorError, match="no such file"):
        colorize_photo(tmp_path / "none.jpg", colorizer=flat)
    with pytest.raises(VidcolorError, match="folder"):
        colorize_photo(tmp_path, tmp_path / "p.png", colorizer=flat)


def test_default_target_has_the_name_of_the_source() -> None:
    assert default_target(Path("a/b.JPG")) == Path("a/b.color.JPG")
    assert default_target(Path("a/b.jpg"), Path("out")) == Path("out/b.jpg")
    assert default_target(Path("a/b.bmp"), Path("out")) == Path("out/b.png"), (
        "BMP holds no metadata"
    )
    assert default_target(Path("a/scan")) == Path("a/scan.color.png")


def test_confidence_map_is_upright(flat: Colorizer, tmp_path: Path) -> None:
    source, confidence = write_with_metadata(tmp_path / "p.jpg"), tmp_path / "c.png"
    colorize_photo(source, options=ColorizeOptions(confidence=confidence), colorizer=flat)
    with Image.open(confidence) as image:
        assert image.size == (HEIGHT, WIDTH)  # the source is rotated by 90°
    for name, message in (("p.color.jpg", "is also the output"), ("c.gif", r"use one of .*\.png")):
        options = ColorizeOptions(confidence=tmp_path / name, force=True)
        with pytest.raises(UsageError, match=message):
            colorize_photo(source, options=options, colorizer=flat)


def read_sgi(path: Path, allow_damaged: bool) -> DecodedImage:
    return DecodedImage.from_pillow(Image.open(io.BytesIO(path.read_bytes())))


def encode_sgi(job: ColorizedStill) -> EncodedStill:
    out = io.BytesIO()
    Image.fromarray(job.rgb()).save(out, "SGI")
    return out.getvalue(), ()


@pytest.fixture
def sgi_format() -> Iterator[None]:
    """Support SGI during a test."""
    formats.register_format(
        StillFormat(
            name="sgi",
            label="SGI",
            suffixes=(".sgi",),
            signature=re.compile(rb"\x01\xda"),
            read=read_sgi,
            encode=encode_sgi,
            bits=(8,),
        )
    )
    yield
    del formats.FORMATS["sgi"], formats.STILL_SUFFIXES[".sgi"]


@pytest.mark.usefixtures("sgi_format")
def test_a_format_is_supported_everywhere_once_its_row_is_registered(
    flat: Colorizer, tmp_path: Path
) -> None:
    source, target = write_with_metadata(tmp_path / "p.png"), tmp_path / "p.sgi"
    assert is_photo_name(target)
    result = colorize_photo(source, target, colorizer=flat)
    assert np.array_equal(read_still(target).luma, read_still(source).luma)
    lost = [line.removeprefix("SGI cannot store ").partition(" ")[0] for line in result.warnings]
    assert lost[:2] == ["EXIF", "the"] and len(lost) == 5
    assert default_target(target).suffix == ".png", "SGI cannot store how the color was made"
    again = colorize_photo(target, tmp_path / "again.png", colorizer=flat)
    assert not again.damaged
