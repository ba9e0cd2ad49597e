"""Places in the displayed picture, found again in the pixels as stored."""

from __future__ import annotations

import numpy as np
import pytest

from vidcolor.errors import UsageError
from vidcolor.hints.discs import disc_distance, place_hints
from vidcolor.imaging.orientation import to_displayed, to_stored
from vidcolor.options import Hint

HEIGHT, WIDTH = 40, 60


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_place_is_where_the_viewer_shows_it(orientation: int) -> None:
    pixels = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)
    seen = to_displayed(pixels, orientation)
    assert np.array_equal(to_stored(seen, orientation), pixels)
    hint = Hint(x=7, y=31, color="teal")
    (spot,) = place_hints([hint], pixels.shape, orientation)
    assert pixels[int(spot.y), int(spot.x)] == seen[31, 7]
    share = Hint(x=7.5 / seen.shape[1], y=31.5 / seen.shape[0], color="teal")
    (again,) = place_hints([share], pixels.shape, orientation)
    assert (again.x, again.y) == pytest.approx((spot.x, spot.y))


def test_orientation_against_pillow() -> None:
    from PIL import Image, ImageOps

    pixels = np.random.default_rng(1).integers(0, 255, (HEIGHT, WIDTH), np.uint8)
    for orientation in range(1, 9):
        image = Image.fromarray(pixels)
        image.getexif()[274] = orientation
        assert np.array_equal(
            np.asarray(ImageOps.exif_transpose(image)), to_displayed(pixels, orientation)
        )


@pytest.mark.parametrize(
    ("hint", "said"),
    [
        (Hint(x=WIDTH, y=1, color="teal", name="h: hint 1"), "h: hint 1: x=60, y=1 lies outside"),
        (Hint(x=-1, y=1, color="teal"), r"outside the picture \(60×40\)"),
        (Hint(x=1.2, y=0.5, color="teal", unit="fraction"), r"outside the picture \(0 to 1\)"),
        (Hint(x=0.5, y=0.5, radius=70, color="teal"), "larger than the picture; it is a share"),
        (Hint(x=1, y=1, frame=3, color="teal"), "names a moment of a film, and this is a picture"),
    ],
)
def test_what_lies_outside_is_refused(hint: Hint, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        place_hints([hint], (HEIGHT, WIDTH))


def test_a_disc_holds_a_cell_of_any_grid() -> None:
    (spot,) = place_hints([Hint(x=59, y=39, radius=1, color="teal")], (HEIGHT, WIDTH))
    assert (disc_distance(spot, (HEIGHT, WIDTH)) <= 1).sum() == 5 - 2
    coarse = disc_distance(spot, (4, 6), (0.1, 0.1)) <= 1
    assert np.argwhere(coarse).tolist() == [[3, 5]]
