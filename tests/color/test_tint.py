"""Images must be classified as gray, tinted or in color, and films by most of their frames."""

from __future__ import annotations

import numpy as np
import pytest

from vidcolor.color.tint import classify_tint, combine_tints


@pytest.mark.parametrize(
    ("tints", "expected"),
    [
        (["gray"] * 5, "gray"),
        (["gray", "tinted", "gray"], "tinted"),
        (["color", "gray", "gray", "gray", "gray"], "gray"),  # color bars before a film
        (["gray", "color", "gray", "color", "gray"], "color"),  # gray titles in a film
        (["color"], "color"),
        (["gray", "color"], "color"),
        ([], "gray"),
    ],
)
def test_a_single_color_frame_of_many_does_not_make_a_film_color(tints, expected):
    assert combine_tints(tints) == expected


def test_a_print_that_has_yellowed_unevenly_is_tinted():
    rng = np.random.default_rng(0)
    luma, strength = rng.uniform(size=(2, 4096))
    strength[:400] = 0  # a white edge
    hue = np.array([-0.12, 0.05])
    noise = rng.normal(0, 0.002, (4096, 2))
    assert classify_tint(luma, strength[:, None] * hue + noise) == "tinted"
    assert classify_tint(luma, (strength[:, None] - 0.5) * hue) == "color"  # two opposite hues
    assert classify_tint(luma, rng.uniform(-0.1, 0.1, (4096, 2))) == "color"
    assert classify_tint(luma, noise) == "gray"
