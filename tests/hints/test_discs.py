"""Hints must be placed at the stored pixels that the viewer shows at their position."""

from __future__ import annotations

import numpy as np
import pytest

from vidcolor.errors import UsageError
from vidcolor.hints.discs import disc_distance, place_hints
from vidcolor.imaging.geometry import to_displayed
from vidcolor.options import Hint

HEIGHT, WIDTH = 40, 60


@pytest.mark.parametrize("orientation", range(1, 9))
def test_positions_are_those_of_the_displayed_image(orientation: int) -> None:
    pixels = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)
    displayed = to_displayed(pixels, orientation)
    hint = Hint(x=7, y=31, color="teal")
    (disc,) = place_hints([hint], pixels.shape, orientation)
    assert pixels[int(disc.y), int(disc.x)] == displayed[31, 7]
    fractions = Hint(x=7.5 / displayed.shape[1], y=31.5 / displayed.shape[0], color="teal")
    (same,) = place_hints([fractions], pixels.shape, orientation)
    assert (same.x, same.y) == pytest.approx((disc.x, disc.y))


@pytest.mark.parametrize(
    ("hint", "message"),
    [
        (Hint(x=WIDTH, y=1, color="teal", name="h: hint 1"), "h: hint 1: x=60, y=1 is outside"),
        (Hint(x=-1, y=1, color="teal"), r"outside the image \(60×40\)"),
        (Hint(x=1.2, y=0.5, color="teal", unit="fraction"), r"outside the image \(0 to 1\)"),
        (Hint(x=0.5, y=0.5, radius=70, color="teal"), "larger than the image; it is a fraction"),
        (Hint(x=1, y=1, frame=3, color="teal"), "time and frame apply to films only"),
        (Hint(x=1, y=1, color="?"), "is not a color"),
    ],
)
def test_invalid_hints_are_refused(hint: Hint, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        place_hints([hint], (HEIGHT, WIDTH))


def test_a_disc_covers_at_least_one_pixel_of_any_grid() -> None:
    (disc,) = place_hints([Hint(x=59, y=39, radius=1, color="teal")], (HEIGHT, WIDTH))
    assert (disc_distance(disc, (HEIGHT, WIDTH)) <= 1).sum() == 3, "two of five pixels lie outside"
    coarse = disc_distance(disc, (4, 6), (0.1, 0.1)) <= 1
    assert np.argwhere(coarse).tolist() == [[3, 5]]
