"""Hint colors must be exact in their discs, cover their objects, and stop at object edges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from tests.helpers.scenes import to_lab
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


def colorize_regions(
    tmp_path: Path, colorizer: Colorizer, hints: list[Hint], **options: Any
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Colorize the two regions with hints; return R'G'B' and warnings."""
    cv2.imwrite(str(tmp_path / "p.png"), draw_two_regions())
    all_options = ColorizeOptions(hints=tuple(hints), force=True, **options)
    result = colorize_photo(tmp_path / "p.png", None, all_options, colorizer=colorizer)
    with Image.open(result.target) as image:
        return np.asarray(image.convert("RGB")), result.warnings


def measure_error(rgb: NDArray[np.uint8], hint: Hint) -> float:
    """Return the mean ΔE2000 in a hint's disc to its color at the same lightness."""
    (disc,) = place_hints([hint], rgb.shape[:2])
    inside = torch.from_numpy(disc_distance(disc, rgb.shape[:2]) <= 1)
    actual = to_lab(rgb)[..., inside]
    expected = actual.clone()
    expected[0, 1:] = torch.tensor(disc.ab)[:, None]
    return float(delta_e_2000(actual, expected).mean())


def test_color_spreads_over_the_object_and_stops_at_its_edge(
    flat: Colorizer, tmp_path: Path
) -> None:
    hint = Hint(x=0.2, y=0.4, color="seagreen", name="h")
    result, warnings = colorize_regions(tmp_path, flat, [hint])
    assert measure_error(result, hint) < 1
    assert warnings == ()
    base_ab = srgb_to_ab(colorize_regions(tmp_path, flat, [])[0])
    (disc,) = place_hints([hint], (HEIGHT, WIDTH))
    distance = np.hypot(*(np.array(disc.ab) - base_ab[:, 60, 40]))
    change = np.hypot(*(srgb_to_ab(result) - base_ab)) / distance
    assert change[:, : WIDTH // 2 - 15].mean() > 0.8
    assert change[:, WIDTH // 2 + 15 :].max() < 0.1


@pytest.mark.slow
def test_the_embedded_generator_follows_hints(tmp_path: Path) -> None:
    hints = [
        Hint(x=30, y=40, radius=3, color="#3b5f8a"),
        Hint(x=70, y=90, radius=3, color="neutral"),
        Hint(x=150, y=60, radius=3, color="darkkhaki"),
    ]
    colorizer = Colorizer.load(device="cpu")
    hinted, warnings = colorize_regions(tmp_path, colorizer, hints)
    assert [round(measure_error(hinted, hint)) <= 1 for hint in hints] == [True] * 3
    assert warnings == ()
    base = colorize_regions(tmp_path, colorizer, [])[0]
    beside_blue = np.s_[30:50, 10:25]
    errors = [
        np.hypot(*(srgb_to_ab(rgb[beside_blue]) - [[[-3]], [[-27]]])).mean()
        for rgb in (hinted, base)
    ]
    assert errors[0] < 0.5 * errors[1]


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


def test_the_generator_gets_upright_hints_and_anchors_away_from_them() -> None:
    discs = place_hints([Hint(x=3, y=100, radius=2, color="teal")], (HEIGHT, WIDTH), 6)
    luma = np.full((32, 48), 0.5, np.float32)
    luma[:, 24:] = 0.9
    base = BasePrediction(
        luma, np.full((2, 32, 48), 7, np.float32), np.full((32, 48), 0.5, np.float32)
    )
    ab, density = HintSet((HEIGHT, WIDTH), discs).make_hint_arrays(base, quarter_turns=3)
    assert (ab.shape, density.shape) == ((1, 2, 48, 32), (1, 48, 32))
    (row, column) = np.argwhere(density[0] == 1).mean(0)
    assert (row / 48, column / 32) == pytest.approx((100 / WIDTH, 3 / HEIGHT), abs=0.03)
    anchors = (density > 0) & (density < 1)
    assert 2 <= anchors.sum() < 20
    assert (ab.transpose(1, 0, 2, 3)[:, anchors] == 7).all()
