"""A colored picture over a gray one: the same, a part of it, and another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from vidcolor import ColorizeOptions, Colorizer, colorize_photo
from vidcolor.color.lab import rgb_to_lab
from vidcolor.color.metrics import delta_e_2000
from vidcolor.errors import InputError, UsageError
from vidcolor.hints.color_transfer import DENSITY, BasePrediction, transfer_palette
from vidcolor.hints.reference import read_reference
from vidcolor.hints.registration import register

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


@pytest.fixture
def fine(flat: Colorizer) -> Colorizer:
    """One color on a grid as fine as the real generator's."""
    colorizer = type(flat)()
    colorizer._generator.native_size = 256
    return colorizer


def scene(seed: int, height: int = 300, width: int = 420) -> NDArray[np.uint8]:
    """Colored discs of many sizes over each other: (H, W, 3), R'G'B'."""
    random = np.random.default_rng(seed)
    picture = np.full((height, width, 3), 120, np.uint8)
    for radius in np.linspace(70, 4, 160).astype(int):
        place = int(random.integers(width)), int(random.integers(height))
        color = [int(c) for c in random.integers(20, 235, 3)]
        cv2.circle(picture, place, int(radius), color, -1, cv2.LINE_AA)
    return picture


def gray(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.rint(rgb @ np.array([0.2126, 0.7152, 0.0722])).astype(np.uint8)


def lab_of(rgb: NDArray[np.uint8]) -> torch.Tensor:
    planes = torch.from_numpy(rgb.transpose(2, 0, 1)[None].copy()).float() / 255
    return torch.cat(rgb_to_lab(planes), dim=1)


def result_of(
    colorizer: Colorizer, truth: NDArray[np.uint8], reference: NDArray[np.uint8], folder: Path
) -> tuple[float, tuple[str, ...]]:
    """Mean ΔE2000 to the truth when it is colored after a reference, and what was said."""
    Image.fromarray(gray(truth)).save(folder / "p.png")
    Image.fromarray(reference).save(folder / "r.png")
    options = ColorizeOptions(reference=folder / "r.png", force=True)
    result = colorize_photo(folder / "p.png", None, options, colorizer=colorizer)
    with Image.open(result.target) as image:
        out = np.asarray(image.convert("RGB"))
    return float(delta_e_2000(lab_of(out), lab_of(truth)).mean()), result.warnings


def test_its_own_colors_come_back(fine: Colorizer, tmp_path: Path) -> None:
    truth = scene(1)
    Image.fromarray(gray(truth)).save(tmp_path / "p.png")
    automatic = colorize_photo(tmp_path / "p.png", tmp_path / "auto.png", colorizer=fine)
    with Image.open(automatic.target) as image:
        off = float(delta_e_2000(lab_of(np.asarray(image)), lab_of(truth)).mean())
    own, said = result_of(fine, truth, truth, tmp_path)
    assert said == ()
    assert own < 0.5 * off
    other, said = result_of(fine, truth, scene(2), tmp_path)
    assert other > 0.8 * off
    assert said == (f"{tmp_path / 'r.png'} shows something else; only its palette is taken over",)


def test_a_part_at_another_scale_is_found() -> None:
    whole = gray(scene(3)).astype(np.float32) / 255
    top, left, scale = 40, 60, 1.3
    part = cv2.resize(
        whole[top:260, left:380], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA
    )
    places, trust = register(whole, np.asarray(part) * 0.8 + 0.1)
    inside = np.s_[top + 15 : 245, left + 15 : 365]
    assert trust[inside].mean() > 0.8
    assert trust[:, : left - 10].max() < 0.1
    rows, columns = np.mgrid[0:300, 0:420]
    truth = (np.stack([columns - left, rows - top], axis=-1) + 0.5) * scale - 0.5
    off = np.hypot(*np.moveaxis(places - truth, -1, 0))[inside]
    assert np.median(off) < 1.0


def test_another_scene_is_not_taken_for_the_same() -> None:
    for seed in (4, 5):
        ours, other = (gray(scene(s)).astype(np.float32) / 255 for s in (seed, seed + 10))
        assert register(ours, other).trust.mean() < 0.02


def test_a_palette_goes_where_it_is_alike() -> None:
    picture = np.full((32, 48), 0.2, np.float32)
    picture[:, 24:] = 0.7
    reference = np.full((40, 40), 0.2, np.float32)
    reference[:20] = 0.72
    colors = np.zeros((2, 40, 40), np.float32)
    colors[0, :20], colors[1, 20:] = 30, -30  # the light half pink, the dark half blue

    def guess(luma: NDArray[np.float32]) -> BasePrediction:
        return BasePrediction(luma, np.zeros((2, *luma.shape), np.float32), np.ones_like(luma))

    lent = transfer_palette(guess(picture), guess(reference), colors)
    assert lent.ab[0, :, 30:].mean() > 15
    assert lent.ab[1, :, :18].mean() < -15
    assert np.allclose(lent.trust, DENSITY)
    black = transfer_palette(
        guess(np.zeros((32, 48), np.float32)), guess(reference * 0 + 1), colors
    )
    assert np.abs(black.ab).max() < 0.5, "nothing is like it: the guess stands"


def test_references_that_cannot_be_used(fine: Colorizer, tmp_path: Path) -> None:
    Image.fromarray(gray(scene(1))).save(tmp_path / "p.png")
    with pytest.raises(InputError, match=r"p\.png: has no color to lend"):
        read_reference(tmp_path / "p.png")
    with pytest.raises(InputError, match="no such file"):
        read_reference(tmp_path / "none.png")
    Image.fromarray(scene(1)).save(tmp_path / "r.png")
    options = ColorizeOptions(reference=tmp_path / "r.png", reference_time=3)
    with pytest.raises(UsageError, match="names a moment of a film"):
        colorize_photo(tmp_path / "p.png", None, options, colorizer=fine)
    assert not (tmp_path / "p.color.png").exists()


@pytest.mark.parametrize("orientation", [3, 6])
def test_a_turned_picture_takes_an_upright_reference(
    orientation: int, fine: Colorizer, tmp_path: Path
) -> None:
    truth = scene(6)
    turned = np.rot90(truth, {3: 2, 6: 1}[orientation])
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(gray(turned)).save(tmp_path / "p.png", exif=exif.tobytes())
    Image.fromarray(truth).save(tmp_path / "r.png")
    options = ColorizeOptions(reference=tmp_path / "r.png")
    result = colorize_photo(tmp_path / "p.png", None, options, colorizer=fine)
    assert result.warnings == ()
    with Image.open(result.target) as image:
        out = np.asarray(image)
    off = delta_e_2000(lab_of(out), lab_of(np.ascontiguousarray(turned))).mean()
    assert off < 12
