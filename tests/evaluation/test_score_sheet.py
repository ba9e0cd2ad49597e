"""Selection of the images of a score sheet."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from vidcolor.evaluation.options import Selection
from vidcolor.evaluation.sheets import MAX_PANEL_SIDE, Column, reduce_panel, select_columns


def select(selection: Selection, count: int, num_images: int, numbers: Iterable[int]) -> list[int]:
    """Offer images whose PSNR gain is their number; return the selected numbers."""
    columns: list[Column] = []
    for n in numbers:
        columns = select_columns(
            [*columns, Column(n, str(n), float(n), (), ())], selection, count, num_images
        )
        assert len(columns) <= count
    return [column.number for column in columns]


@pytest.mark.parametrize(
    ("num_images", "offered", "selected"),
    [(2, [0], [0]), (20, range(0, 20, 2), [0, 2, 6, 8, 10, 12, 16, 18])],
)
def test_even_selection_is_full_although_images_are_skipped(
    num_images: int, offered: Iterable[int], selected: list[int]
) -> None:
    assert select("even", 8, num_images, offered) == selected


def test_worst_and_best_are_ranked_by_psnr_gain() -> None:
    assert select("worst", 2, 4, (2, 0, 3, 1)) == [0, 1]
    assert select("best", 2, 4, (2, 0, 3, 1)) == [3, 2]


def test_images_are_reduced_to_the_panel_size() -> None:
    large, small = np.zeros((300, 600, 3), np.uint8), np.zeros((30, 60, 3), np.uint8)
    assert reduce_panel(large).shape == (MAX_PANEL_SIDE // 2, MAX_PANEL_SIDE, 3)
    assert reduce_panel(small).shape == small.shape
