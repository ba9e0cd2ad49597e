"""Known color in a picture: exact at its disc, over its object, not over the edge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from vidcolor import ColorizeOptions, Colorizer, colorize_photo
from vidcolor.color.lab import rgb_to_lab
from vidcolor.color.metrics import delta_e_2000
from vidcolor.hints.color_transfer import BasePrediction
from vidcolor.hints.discs import ab_of_rgb, disc_distance, place_hints
from vidcolor.hints.hint_set import HintSet
from vidcolor.imaging.orientation import to_displayed
from vidcolor.options import Hint

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

HEIGHT, WIDTH = 120, 180
ORIENTATION = 274


def two_regions() -> NDArray[np.uint8]:
    """Dark on the left, light on the right, both with a little grain."""
    luma = np.full((HEIGHT, WIDTH), 90.0)
    luma[:, WIDTH // 2 :] = 170
    return np.clip(luma + np.random.default_rng(5).normal(0, 3, luma.shape), 0, 255).astype(
        np.uint8
    )


def colored(
    tmp_path: Path, colorizer: Colorizer, hints: list[Hint], **options: Any
) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    cv2.imwrite(str(tmp_path / "p.png"), two_regions())
    wanted = ColorizeOptions(hints=tuple(hints), force=True, **options)
    result = colorize_photo(tmp_path / "p.png", None, wanted, colorizer=colorizer)
    with Image.open(result.target) as image:
        return np.asarray(image.convert("RGB")), result.warnings


def lab_of(rgb: NDArray[np.uint8]) -> torch.Tensor:
    planes = torch.from_numpy(rgb.transpose(2, 0, 1)[None].copy()).float() / 255
    return torch.cat(rgb_to_lab(planes), dim=1)


def off_by(rgb: NDArray[np.uint8], hint: Hint) -> float:
    """Mean ΔE2000 at a hint's disc, under the lightness that is there."""
    (spot,) = place_hints([hint], rgb.shape[:2])
    got = lab_of(rgb)[..., torch.from_numpy(disc_distance(spot, rgb.shape[:2]) <= 1)]
    wanted = got.clone()
    wanted[0, 1:] = torch.tensor(spot.ab)[:, None]
    return float(delta_e_2000(got, wanted).mean())


def test_color_spreads_over_the_object_and_not_over_its_edge(
    flat: Colorizer, tmp_path: Path
) -> None:
    hint = Hint(x=0.2, y=0.4, color="seagreen", name="h")
    picture, said = colored(tmp_path, flat, [hint])
    assert off_by(picture, hint) < 1
    assert said == ()
    ab = ab_of_rgb(picture)
    before = ab_of_rgb(colored(tmp_path, flat, [])[0])
    (spot,) = place_hints([hint], (HEIGHT, WIDTH))
    turned = np.hypot(*(ab - before)) / np.hypot(*(np.array(spot.ab) - before[:, 60, 40]))
    assert turned[:, : WIDTH // 2 - 15].mean() > 0.8
    assert turned[:, WIDTH // 2 + 15 :].max() < 0.1


def test_the_real_generator_keeps_to_its_hints(tmp_path: Path) -> None:
    hints = [
        Hint(x=30, y=40, radius=3, color="#3b5f8a"),
        Hint(x=70, y=90, radius=3, color="neutral"),
        Hint(x=150, y=60, radius=3, color="darkkhaki"),
    ]
    colorizer = Colorizer(device="cpu")
    picture, said = colored(tmp_path, colorizer, hints)
    assert [round(off_by(picture, hint)) <= 1 for hint in hints] == [True] * 3
    assert said == ()
    without = colored(tmp_path, colorizer, [])[0]
    near = np.s_[30:50, 10:25]  # beside the blue disc
    nearer = [
        np.hypot(*(ab_of_rgb(p[near]) - [[[-3]], [[-27]]])).mean() for p in (picture, without)
    ]
    assert nearer[0] < 0.5 * nearer[1]


def test_a_color_that_luma_does_not_permit_is_clamped_and_said(
    flat: Colorizer, tmp_path: Path
) -> None:
    bright = Hint(x=0.8, y=0.5, color="#ff0000", name="h.json: hint 3")
    picture, (said,) = colored(tmp_path, flat, [bright])
    assert said.startswith("h.json: hint 3: #ff0000 is not possible under this luma; clamped to ")
    red, green, blue = picture[60, 144].astype(int)
    assert red >= 254, "as far as it goes"
    assert abs(green - blue) < 30, "and still red"


def test_saturation_has_hints_too(flat: Colorizer, tmp_path: Path) -> None:
    hint = Hint(x=0.2, y=0.4, color="seagreen")
    picture, _ = colored(tmp_path, flat, [hint], saturation=0.0)
    assert np.ptp(picture.astype(int), axis=-1).max() <= 1


def test_of_discs_that_overlap_the_later_holds(flat: Colorizer, tmp_path: Path) -> None:
    wide = Hint(x=40, y=60, radius=30, color="rosybrown")
    small = Hint(x=45, y=60, radius=5, color="steelblue")
    picture, _ = colored(tmp_path, flat, [wide, small])
    assert off_by(picture, small) < 1
    assert off_by(picture[:, :40], Hint(x=25, y=60, radius=5, color="rosybrown")) < 1
    picture, _ = colored(tmp_path, flat, [small, wide])
    assert off_by(picture, wide) < 1


@pytest.mark.parametrize("orientation", [1, 6, 7])
def test_places_are_of_the_displayed_picture(
    orientation: int, flat: Colorizer, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    Image.fromarray(two_regions()).save(tmp_path / "p.png", exif=exif.tobytes())
    hint = Hint(x=17, y=100, radius=3, color="cadetblue")
    options = ColorizeOptions(hints=(hint,))
    result = colorize_photo(tmp_path / "p.png", None, options, colorizer=flat)
    with Image.open(result.target) as image:
        seen = to_displayed(np.asarray(image.convert("RGB")), orientation)
    assert off_by(np.ascontiguousarray(seen), hint) < 2


def test_the_generator_is_given_hints_upright_and_anchors_afar() -> None:
    spots = place_hints([Hint(x=3, y=100, radius=2, color="teal")], (HEIGHT, WIDTH), 6)
    luma = np.full((32, 48), 0.5, np.float32)
    luma[:, 24:] = 0.9
    guess = BasePrediction(
        luma, np.full((2, 32, 48), 7, np.float32), np.full((32, 48), 0.5, np.float32)
    )
    ab, density = HintSet((HEIGHT, WIDTH), spots).for_generator(guess, quarter_turns=3)
    assert (ab.shape, density.shape) == ((1, 2, 48, 32), (1, 48, 32))
    (row, column) = np.argwhere(density[0] == 1).mean(0)
    assert (row / 48, column / 32) == pytest.approx((100 / WIDTH, 3 / HEIGHT), abs=0.03)
    anchors = (density > 0) & (density < 1)
    assert 2 <= anchors.sum() < 20
    assert (ab.transpose(1, 0, 2, 3)[:, anchors] == 7).all()
    assert not anchors[0, 24:28].any(), "none where the hint reaches"
