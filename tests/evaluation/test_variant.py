"""Simulated hints with true colors."""

from __future__ import annotations

import numpy as np

from tests.helpers.albums import colorful
from vidcolor.evaluation.variant import sample_hints


def test_first_hints_of_an_image_are_the_same_for_any_count() -> None:
    rgb = colorful(5, (64, 64))
    few, more = (sample_hints([rgb], ["a"], n, (64, 64)) for n in (3, 8))
    assert (more.density[0][few.density[0] > 0] == 1).all()
    assert more.density.sum() > few.density.sum()


def test_hint_positions_depend_on_the_image_name() -> None:
    rgb = colorful(5, (64, 64))
    a, b = (sample_hints([rgb], [name], 3, (64, 64)) for name in ("a", "b"))
    assert not np.array_equal(a.density, b.density)


def test_hints_have_the_color_of_the_ground_truth() -> None:
    rgb = np.full((64, 64, 3), (200, 40, 40), np.uint8)
    hints = sample_hints([rgb], ["a"], 1, (64, 64))
    ab = hints.ab[0][:, hints.density[0] > 0]
    assert ab.std(axis=1).max() < 0.01
    assert ab[0].mean() > 40
