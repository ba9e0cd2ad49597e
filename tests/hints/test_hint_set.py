"""Hint colors must be exact in their discs, fill their objects, and change nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from tests.helpers.flat import flat_colorizer
from tests.helpers.scenes import to_lab
from tests.helpers.segmentation import disc_mask, draw_discs
from vidcolor import ColorizeOptions, Colorizer, colorize_photo
from vidcolor.color.metrics import delta_e_2000
from vidcolor.hints.color_transfer import BasePrediction
from vidcolor.hints.discs import disc_distance, place_hints, srgb_to_ab
from vidcolor.hints.hint_set import HintSet
from vidcolor.imaging.geometry import to_displayed
from vidcolor.options import Hint

HEIGHT, WIDTH = 120, 180
ORIENTATION = 274
"""EXIF tag of the orientation."""


def draw_two_regions() -> NDArray[np.uint8]:
    """Draw a dark left half and a light right half, both with weak grain."""
    luma = np.full((HEIGHT, WIDTH), 90.0)
    luma[:, WIDTH // 2 :] = 170
    grain = np.random.default_rng(5).normal(0, 3, luma.shape)
    return np.clip(luma + grain, 0, 255).astype(np.uint8)


def colorize_luma(
    tmp_path: Path, luma: NDArray[Any], colorizer: Colorizer, hints: list[Hint], **options: Any
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Colorize a photo, (H, W) in [0, 255], with hints; return R'G'B' and warnings."""
    cv2.imwrite(str(tmp_path / "p.png"), luma.astype(np.uint8))
    all_options = ColorizeOptions(hints=tuple(hints), force=True, **options)
    result = colorize_photo(tmp_path / "p.png", None, all_options, colorizer=colorizer)
    with Image.open(result.target) as image:
        return np.asarray(image.convert("RGB")), result.warnings


def colorize_regions(
    tmp_path: Path, colorizer: Colorizer, hints: list[Hint], **options: Any
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Colorize the two regions with hints; return R'G'B' and warnings."""
    return colorize_luma(tmp_path, draw_two_regions(), colorizer, hints, **options)


def measure_error(rgb: NDArray[np.uint8], hint: Hint) -> float:
    """Return the mean ΔE2000 in a hint's disc to its color at the same lightness."""
    (disc,) = place_hints([hint], rgb.shape[:2])
    inside = torch.from_numpy(disc_distance(disc, rgb.shape[:2]) <= 1)
    actual = to_lab(rgb)[..., inside]
    expected = actual.clone()
    expected[0, 1:] = torch.tensor(disc.ab)[:, None]
    return float(delta_e_2000(actual, expected).mean())


@pytest.mark.slow
def test_a_color_fills_its_object_and_changes_nothing_else(tmp_path: Path) -> None:
    ball = disc_mask((HEIGHT, WIDTH), 60.5, 55.5, 26)
    ground = ~disc_mask((HEIGHT, WIDTH), 60.5, 55.5, 40)
    luma = 255 * draw_discs((HEIGHT, WIDTH), (60, 55, 26), (140, 80, 20))
    hints = [Hint(x=55, y=50, color="seagreen", name="h")]
    colorizer = flat_colorizer(native_size=HEIGHT)
    base, _ = colorize_luma(tmp_path, luma, colorizer, [])
    result, warnings = colorize_luma(tmp_path, luma, colorizer, hints)
    assert warnings == ()
    assert measure_error(result, hints[0]) < 1
    (disc,) = place_hints(hints, (HEIGHT, WIDTH))
    base_ab, ab = srgb_to_ab(base), srgb_to_ab(result)
    change = np.hypot(*(ab - base_ab)) / np.hypot(*(np.array(disc.ab) - base_ab[:, 55, 60]))
    assert change[ball].mean() > 0.8
    far = ground & ~disc_mask((HEIGHT, WIDTH), 140.5, 80.5, 28)
    assert np.abs(result.astype(int) - base)[far].mean() < 1
    assert np.array_equal(result[-8:], base[-8:]), "not a bit is different far away"


@pytest.mark.slow
def test_the_embedded_generator_follows_hints(tmp_path: Path) -> None:
    hints = [
        Hint(x=30, y=40, radius=3, color="#3b5f8a"),
        Hint(x=70, y=90, radius=3, color="neutral"),
        Hint(x=150, y=60, radius=3, color="darkkhaki"),
    ]
    hinted, warnings = colorize_regions(tmp_path, Colorizer.load(device="cpu"), hints)
    assert [round(measure_error(hinted, hint)) <= 1 for hint in hints] == [True] * 3
    assert warnings == ()


def test_an_out_of_gamut_color_is_reduced_with_a_warning(flat: Colorizer, tmp_path: Path) -> None:
    bright = Hint(x=0.8, y=0.5, color="#ff0000", name="h.json: hint 3")
    result, (warning,) = colorize_regions(tmp_path, flat, [bright])
    assert warning.startswith("h.json: hint 3: #ff0000 is out of gamut at this luma; reduced to ")
    red, green, blue = result[60, 144].astype(int)
    assert red >= 254, "the chroma is as strong as the gamut allows"
    assert abs(green - blue) < 30, "the hue is red"


def test_saturation_applies_to_hints(flat: Colorizer, tmp_path: Path) -> None:
    hint = Hint(x=0.2, y=0.4, color="seagreen")
    result, _ = colorize_regions(tmp_path, flat, [hint], saturation=0.0)
    assert np.ptp(result.astype(int), axis=-1).max() <= 1


def test_the_later_of_two_overlapping_discs_applies(flat: Colorizer, tmp_path: Path) -> None:
    wide = Hint(x=40, y=60, radius=30, color="rosybrown")
    small = Hint(x=45, y=60, radius=5, color="steelblue")
    result, _ = colorize_regions(tmp_path, flat, [wide, small])
    assert measure_error(result, small) < 1
    assert measure_error(result[:, :40], Hint(x=25, y=60, radius=5, color="rosybrown")) < 1
    result, _ = colorize_regions(tmp_path, flat, [small, wide])
    assert measure_error(result, wide) < 1


@pytest.mark.parametrize("orientation", [1, 6, 7])
def test_positions_are_those_of_the_displayed_photo(
    orientation: int, flat: Colorizer, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    Image.fromarray(draw_two_regions()).save(tmp_path / "p.png", exif=exif.tobytes())
    hint = Hint(x=17, y=100, radius=3, color="cadetblue")
    options = ColorizeOptions(hints=(hint,))
    result = colorize_photo(tmp_path / "p.png", None, options, colorizer=flat)
    with Image.open(result.target) as image:
        displayed = to_displayed(np.asarray(image.convert("RGB")), orientation)
    assert measure_error(np.ascontiguousarray(displayed), hint) < 2


def make_base() -> BasePrediction:
    """Return a prediction of 7 without hints, on a grid of (32, 48)."""
    grid = (32, 48)
    return BasePrediction(
        np.full(grid, 0.5, np.float32), np.full((2, *grid), 7, np.float32), np.ones(grid)
    )


def make_hint_set(*colors: str) -> HintSet:
    """Return hints of these colors, from left to right."""
    hints = [Hint(x=3 + 20 * n, y=100, color=color) for n, color in enumerate(colors)]
    return HintSet((HEIGHT, WIDTH), place_hints(hints, (HEIGHT, WIDTH)))


COLORS = ("teal", "crimson", "gold", "neutral", "olive", "navy", "salmon", "orchid")


def test_hints_inform_the_rest_of_the_image_only_if_they_have_many_colors() -> None:
    weights = [make_hint_set(*COLORS[:n]).context_weight for n in range(9)]
    assert weights == pytest.approx([0, 0, 0, 0, 0.2, 0.4, 0.6, 0.8, 1])
    assert make_hint_set(*["teal", "gold", "#008080", "keep"] * 2).context_weight == 0
    assert make_hint_set(*COLORS[:3]).make_hint_arrays(make_base()) is None
    base_ab, ab = np.full((2, 4, 6), 7, np.float32), np.full((2, 4, 6), 9, np.float32)
    for hints, value in ((COLORS[:3], 7), (COLORS[:6], 8.2), (COLORS, 9)):
        blended, alpha = make_hint_set(*hints).blend_context(base_ab, ab, True)
        assert np.allclose(blended, value)
        assert alpha.max() == 0


def test_the_generator_gets_upright_hints() -> None:
    others = [Hint(x=30 + 8 * n, y=20, color=color) for n, color in enumerate(COLORS[1:])]
    keep = Hint(x=110, y=170, color="keep", radius=4)
    hints = [Hint(x=3, y=100, radius=2, color="teal"), *others, keep]
    discs = place_hints(hints, (HEIGHT, WIDTH), 6)
    arrays = HintSet((HEIGHT, WIDTH), discs).make_hint_arrays(make_base(), quarter_turns=3)
    assert arrays is not None
    ab, density = arrays
    assert (ab.shape, density.shape) == ((1, 2, 48, 32), (1, 48, 32))
    is_teal = np.abs(ab[0] - np.array(discs[0].ab)[:, None, None]).max(0) < 0.01
    (row, column) = np.argwhere(is_teal & (density[0] == 1)).mean(0)
    assert (row / 48, column / 32) == pytest.approx((100 / WIDTH, 3 / HEIGHT), abs=0.03)
    kept = density[0][42:, 26:] > 0
    assert kept.any()
    assert (ab[0][:, 42:, 26:][:, kept] == 7).all(), "a kept object has its automatic color"


def test_a_kept_disc_does_not_change_finished_chroma(flat: Colorizer, tmp_path: Path) -> None:
    base, _ = colorize_regions(tmp_path, flat, [])
    kept, warnings = colorize_regions(tmp_path, flat, [Hint(x=40, y=60, radius=9, color="Keep")])
    assert np.array_equal(kept, base)
    assert warnings == ()
