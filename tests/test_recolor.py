"""Recoloring of faded originals: luma does not change, and plausible color is used."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.helpers.checks import read_film
from tests.helpers.flat import flat_colorizer
from vidcolor import (
    ColorizeOptions,
    Colorizer,
    cli,
    colorize_film,
    colorize_photo,
    colorize_sequence,
)
from vidcolor.color.lab import rgb_to_lab
from vidcolor.color.ycbcr import Coding
from vidcolor.errors import UsageError
from vidcolor.imaging.geometry import Geometry
from vidcolor.media.preview import DisplayReader
from vidcolor.recolor import NO_COLOR_WARNING, Recolorer

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tests.helpers.clips import ClipMaker
    from vidcolor.imaging.types import Rgb


@pytest.fixture(scope="module")
def colorizer() -> Colorizer:
    return Colorizer.load(device="cpu")


@pytest.fixture
def gray_colorizer() -> Colorizer:
    """A colorizer that predicts gray, so that results do not depend on weights."""
    return flat_colorizer(ab=(0.0, 0.0), native_size=128)


def make_scene(size: tuple[int, int] = (128, 192)) -> Rgb:
    """Return an image of grays with three colored squares."""
    rng = np.random.default_rng(4)
    gray = cv2.resize(
        rng.random((5, 7)).astype(np.float32), size[::-1], interpolation=cv2.INTER_CUBIC
    )
    rgb = np.repeat(np.clip(gray, 0.1, 0.9)[..., None], 3, axis=2)
    for color in ((0.9, 0.3, 0.25), (0.3, 0.45, 0.9), (0.35, 0.8, 0.35)):
        y, x = rng.integers(0, size[0] - 40), rng.integers(0, size[1] - 40)
        rgb[y : y + 40, x : x + 40] *= np.array(color)
    return np.rint(rgb * 255).astype(np.uint8)


def fade_to_pink(rgb: Rgb) -> Rgb:
    faded = np.array([0.42, 0.08, 0.15]) + np.array([0.5, 0.75, 0.65]) * (rgb / 255)
    return np.rint(np.clip(faded, 0, 1) * 255).astype(np.uint8)


def compute_ab(rgb: Rgb) -> NDArray[np.float32]:
    import torch

    planes = torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1)))[None].float() / 255
    return np.asarray(rgb_to_lab(planes)[1][0])


def compute_mean_distance(a: Rgb, b: Rgb) -> float:
    return float(np.hypot(*(compute_ab(a) - compute_ab(b))).mean())


def compute_luma(rgb: Rgb) -> NDArray[np.uint8]:
    return np.rint(rgb @ np.array([0.2126, 0.7152, 0.0722])).astype(np.uint8)


def test_faded_photo_is_restored(tmp_path: Path, gray_colorizer: Colorizer) -> None:
    true, source = make_scene(), tmp_path / "faded.png"
    faded = fade_to_pink(true)
    Image.fromarray(faded).save(source)
    results = {}
    for trust in (0.0, 0.7, 1.0, None):
        target = tmp_path / f"{trust}.png"
        done = colorize_photo(
            source, target, ColorizeOptions(trust=trust), colorizer=gray_colorizer
        )
        with Image.open(target) as image:
            results[trust] = np.asarray(image.convert("RGB"))
        replaced = [w for w in done.warnings if "its color is replaced" in w]
        assert bool(replaced) == (not trust)
    error = {trust: compute_mean_distance(rgb, true) for trust, rgb in results.items()}
    assert max(error[0.7], error[1.0]) < min(0.5 * compute_mean_distance(faded, true), error[0.0])
    changes = [compute_mean_distance(results[trust], results[0.0]) for trust in (0.7, 1.0)]
    assert 2 < changes[0] < changes[1], "more trust gives more of the original color"
    np.testing.assert_array_equal(results[0.0], results[None])  # --trust 0 equals `colorize`
    # The luma of the faded original is kept within the rounding of 8-bit R'G'B'.
    assert (
        np.abs(compute_luma(results[1.0]).astype(int) - compute_luma(faded).astype(int)).max() <= 1
    )


@pytest.mark.slow
@pytest.mark.parametrize("orientation", [6, 5])
def test_original_color_is_rotated_with_the_photo(
    tmp_path: Path, colorizer: Colorizer, orientation: int
) -> None:
    faded, exif = fade_to_pink(make_scene()), Image.Exif()
    exif[274] = orientation
    results = []
    for name, more in (("plain.png", {}), ("turned.png", {"exif": exif})):
        Image.fromarray(faded).save(tmp_path / name, **more)  # type: ignore[arg-type]
        target = tmp_path / f"out-{name}"
        colorize_photo(tmp_path / name, target, ColorizeOptions(trust=1.0), colorizer=colorizer)
        with Image.open(target) as image:
            results.append(np.asarray(image.convert("RGB")))
    # Both files store the same pixels, so color with a wrong orientation would differ.
    assert compute_mean_distance(*results) < 0.5 * compute_mean_distance(faded, results[0])


@pytest.mark.slow
def test_faded_film_keeps_luma_and_does_not_flicker(
    clip: ClipMaker, tmp_path: Path, colorizer: Colorizer
) -> None:
    film = clip(
        "mkv", "ffv1", "yuv444p", "-map", "1:v",
        inputs=(
            "-f", "lavfi", "-i",
            "testsrc2=size=160x96:rate=24:duration=0.6,"
            "lutrgb=r='107+0.5*val':g='20+0.75*val':b='38+0.65*val'",
        ),
    )  # fmt: skip
    target = tmp_path / "out.mkv"
    options = ColorizeOptions(trust=0.7, purpose="archive")  # lossless
    done = colorize_film(film, target, options, colorizer=colorizer)
    assert done.num_frames == 15
    assert not [w for w in done.warnings if w == NO_COLOR_WARNING or "color is replaced" in w]
    assert np.array_equal(read_film(target).luma, read_film(film).luma)
    size = (160, 96)
    before, after = (
        [compute_ab(shown.rgb(size)) for shown in DisplayReader(path).frames()]
        for path in (film, target)
    )
    # The change of color from frame to frame is about that of the original.
    changes = [
        np.mean([np.hypot(*(b - a)).mean() for a, b in itertools.pairwise(f)])
        for f in (before, after)
    ]
    assert changes[1] < 1.5 * changes[0] + 1


@pytest.mark.slow
def test_faded_sequence_is_restored(tmp_path: Path, gray_colorizer: Colorizer) -> None:
    true, exif = make_scene(), Image.Exif()
    exif[274] = 6  # pixels are stored sideways
    for n in (1, 2):
        Image.fromarray(fade_to_pink(true)).save(tmp_path / f"scan_{n:04d}.png", exif=exif)
    target = tmp_path / "out_%04d.png"
    options = ColorizeOptions(trust=1.0)
    done = colorize_sequence(tmp_path / "scan_%04d.png", target, options, colorizer=gray_colorizer)
    assert not [w for w in done.warnings if w == NO_COLOR_WARNING or "color is replaced" in w]
    with Image.open(tmp_path / "out_0002.png") as image:
        made = np.asarray(image.convert("RGB"))
    assert compute_mean_distance(made, true) < 0.5 * compute_mean_distance(fade_to_pink(true), true)
    neutral = np.repeat(compute_luma(made)[..., None], 3, axis=-1)
    assert compute_mean_distance(made, neutral) > 2, "the result is not gray"


def test_truncated_photo_is_restored_as_far_as_it_decodes(
    tmp_path: Path, gray_colorizer: Colorizer
) -> None:
    source, target = tmp_path / "cut.jpg", tmp_path / "out.png"
    Image.fromarray(fade_to_pink(make_scene())).save(source, quality=95)
    source.write_bytes(source.read_bytes()[:-300])
    done = colorize_photo(source, target, ColorizeOptions(trust=1.0), colorizer=gray_colorizer)
    assert done.damaged
    assert NO_COLOR_WARNING not in done.warnings
    with Image.open(target) as image:
        made = np.asarray(image.convert("RGB"))[:64]
    true = make_scene()[:64]
    assert compute_mean_distance(made, true) < 0.5 * compute_mean_distance(fade_to_pink(true), true)


@pytest.mark.slow
def test_gray_source_causes_a_warning(
    clip: ClipMaker, tmp_path: Path, colorizer: Colorizer
) -> None:
    film = clip("mkv", "ffv1", "gray", size=(96, 64), frames=3)
    options = ColorizeOptions(trust=1.0)
    done = colorize_film(film, tmp_path / "a.mkv", options, colorizer=colorizer)
    assert NO_COLOR_WARNING in done.warnings
    Image.fromarray(compute_luma(make_scene())).save(tmp_path / "gray.png")
    photo = colorize_photo(
        tmp_path / "gray.png", tmp_path / "out.png", options, colorizer=colorizer
    )
    assert NO_COLOR_WARNING in photo.warnings


@pytest.mark.slow
def test_fading_does_not_depend_on_batches_and_restarts_at_a_cut(colorizer: Colorizer) -> None:
    coding, geometry = Coding(8, full_range=True), Geometry(192, 128)
    shots = [
        fade_to_pink(make_scene()),
        make_scene()[:, ::-1],
        np.ascontiguousarray(make_scene()[::-1]),
    ]
    frames = [shots[0]] * 15 + [shots[1]] * 3
    proxies = [colorizer.make_proxy(compute_luma(rgb), coding, geometry) for rgb in frames]
    size = (proxies[0].shape[1], proxies[0].shape[0])
    originals = [cv2.resize(rgb, size, interpolation=cv2.INTER_AREA) for rgb in frames]
    batch = Recolorer(colorizer, 0.8).predict(proxies, originals, geometry)  # type: ignore[arg-type]
    recolorer = Recolorer(colorizer, 0.8)
    for n, expected in enumerate(batch):
        (single,) = recolorer.predict([proxies[n]], [originals[n]], geometry)  # type: ignore[list-item]
        assert np.array_equal(single.ab, expected.ab)
    assert np.array_equal(batch[0].ab, batch[11].ab), "the fading of a shot is constant"
    assert not np.array_equal(batch[14].ab, batch[15].ab), "frame 15 starts a shot"


@pytest.mark.slow
def test_black_frames_do_not_affect_the_measured_fading(colorizer: Colorizer) -> None:
    coding, geometry = Coding(8, full_range=True), Geometry(192, 128)
    rgb = fade_to_pink(make_scene())
    black = np.zeros_like(rgb)
    results = []
    for frames in ([black] * 3 + [rgb], [rgb]):
        recolorer = Recolorer(colorizer, 1.0)
        for frame in frames:
            proxy = colorizer.make_proxy(compute_luma(frame), coding, geometry)
            (color,) = recolorer.predict([proxy], [frame], geometry)
            assert recolorer.found_color == (frame is rgb)
        results.append(color.ab)
    assert np.array_equal(*results)


@pytest.mark.slow
def test_recolor_command_writes_a_result_and_rejects_invalid_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(fade_to_pink(make_scene())).save(tmp_path / "faded.png")
    words = ["recolor", str(tmp_path / "faded.png"), "--trust", "0.9", "--json"]
    assert cli.run(words) == 0
    assert '"event": "done"' in capsys.readouterr().out
    assert (tmp_path / "faded.color.png").exists()
    assert cli.run(["recolor", str(tmp_path / "faded.png"), "--trust", "2"]) == 2
    assert cli.run(["recolor", str(tmp_path / "faded.png"), "--hints", "a.json"]) == 2
    with pytest.raises(UsageError, match="trust"):
        ColorizeOptions(trust=-0.1)
