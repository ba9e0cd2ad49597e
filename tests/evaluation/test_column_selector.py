"""Selection of the images of a score sheet."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from vidcolor.evaluation.column_selector import MAX_PANEL_SIDE, Column, ColumnSelector, Panel
from vidcolor.evaluation.options import Selection


def offer(selector: ColumnSelector, indices: Iterable[int]) -> list[int]:
    """Offer images whose PSNR gain is their index; return the selected indices."""
    for index in indices:
        panel = Panel(np.zeros((300, 600, 3), np.uint8), 20.0)
        selector.offer(Column(index, str(index), float(index), (panel,)))
    return [column.index for column in selector.columns]


@pytest.mark.parametrize(
    ("total", "offered", "selected"),
    [(2, [0], [0]), (20, range(0, 20, 2), [0, 2, 6, 8, 10, 12, 16, 18])],
)
def test_even_selection_is_full_although_images_are_skipped(
    total: int, offered: Iterable[int], selected: list[int]
) -> None:
    assert offer(ColumnSelector(8, total, "even"), offered) == selected


def test_worst_and_best_are_ranked_by_psnr_gain() -> None:
    assert offer(ColumnSelector(2, 4, "worst"), (2, 0, 3, 1)) == [0, 1]
    assert offer(ColumnSelector(2, 4, "best"), (2, 0, 3, 1)) == [3, 2]


@pytest.mark.parametrize("selection", ["even", "worst"])
def test_selected_images_are_reduced_to_the_panel_size(selection: Selection) -> None:
    selector = ColumnSelector(1, 1, selection)
    offer(selector, [0])
    assert selector.columns[0].panels[0].rgb.shape == (MAX_PANEL_SIDE // 2, MAX_PANEL_SIDE, 3)
