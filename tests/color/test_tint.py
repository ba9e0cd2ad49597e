"""Films must be classified by most of their frames."""

from __future__ import annotations

import pytest

from vidcolor.color.tint import combine_tints


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
