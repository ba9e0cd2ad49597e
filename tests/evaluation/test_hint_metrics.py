"""Metrics of hints have known values for known changes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vidcolor.evaluation.hint_metrics import (
    HintScore,
    limit_target,
    score_cells,
    score_hint,
    summarize_scores,
)
from vidcolor.hints.discs import srgb_to_ab

SHAPE = (20, 30)
TARGET = np.zeros((2, *SHAPE), np.float32)
TARGET[0] = 40.0


@pytest.fixture
def mask() -> np.ndarray:
    """An object of 8x10 cells, with a border of half-covered cells."""
    mask = np.zeros(SHAPE, np.float32)
    mask[5:15, 9:21] = 0.5
    mask[6:14, 10:20] = 1
    return mask


def score(mask: np.ndarray, hinted: np.ndarray) -> HintScore:
    return score_cells(np.zeros_like(TARGET), hinted, mask, TARGET)


def test_object_that_gets_the_color_alone_has_perfect_metrics(mask: np.ndarray) -> None:
    assert score(mask, TARGET * (mask > 0.5)) == (pytest.approx(1), 0, 1)


def test_coverage_is_the_mean_share_of_the_way(mask: np.ndarray) -> None:
    hinted = np.zeros_like(TARGET)
    hinted[0, :, 10:15] = 20  # half of the object goes half of the way
    hinted[0, :, 15:20] = 60  # the other half goes too far, which counts as arrived
    hinted[:, mask < 0.5] = 0
    assert score(mask, hinted).coverage == pytest.approx(0.75)


def test_change_across_the_way_does_not_count(mask: np.ndarray) -> None:
    hinted = np.zeros_like(TARGET)
    hinted[1] = 30
    assert score(mask, hinted).coverage == 0


def test_spill_is_relative_to_the_change_of_the_object(mask: np.ndarray) -> None:
    hinted = np.zeros_like(TARGET)
    hinted[1, 0, :20] = 40  # as far as the object should go, in a quarter of its 80 cells
    assert score(mask, hinted).spill == pytest.approx(0.25)


def test_cells_beside_the_object_do_not_spill(mask: np.ndarray) -> None:
    hinted = np.zeros_like(TARGET)
    hinted[0, 4:16, 8:22] = 40  # the object, its border, and one cell around it
    assert score(mask, hinted).spill == 0
    hinted[0, 3, 10] = 40
    assert score(mask, hinted).spill == pytest.approx(1 / 80)


def test_iou_counts_cells_that_went_half_of_the_way(mask: np.ndarray) -> None:
    hinted = np.zeros_like(TARGET)
    hinted[0, 6:14, 10:15] = 21  # half of the object
    hinted[0, 0, :10] = 40  # 10 cells elsewhere
    hinted[0, 1] = 19
    assert score(mask, hinted).iou == pytest.approx(40 / 90)


def test_color_that_is_already_there_does_not_divide_by_zero(mask: np.ndarray) -> None:
    result = score_cells(TARGET, TARGET, mask, TARGET)
    assert result == (0, 0, 0)


def test_image_without_the_object_is_undefined_and_left_out_of_means(mask: np.ndarray) -> None:
    empty = score(np.zeros_like(mask), TARGET)
    assert all(math.isnan(value) for value in empty)
    assert summarize_scores([empty, HintScore(0.4, 1, 0.2), HintScore(0.6, 4, 0.4)]) == {
        "coverage": pytest.approx(0.5),
        "spill": 2.5,
        "spill_median": 2.5,
        "iou": pytest.approx(0.3),
    }
    assert all(math.isnan(value) for value in summarize_scores([empty]).values())


def test_target_is_limited_to_the_gamut_at_the_luma() -> None:
    luma = np.array([[0.01, 0.5]], np.float32)
    target = limit_target((30.0, 10.0), luma)
    chroma = np.hypot(*target)[0]
    assert chroma[0] < 10
    assert target[:, 0, 1] == pytest.approx([30, 10], abs=1)


def test_images_are_compared_at_any_size_of_the_mask() -> None:
    base = np.full((128, 192, 3), 120, np.uint8)
    hinted = base.copy()
    # A red of the same luma, from a*, b* of about (40, 20).
    hinted[32:96, 64:128] = (186, 102, 92)
    mask = np.zeros((64, 96), np.float32)
    mask[16:48, 32:64] = 1
    ab = tuple(map(float, srgb_to_ab(hinted[64:65, 96:97])[:, 0, 0]))
    whole = score_hint(base, hinted, mask, (ab[0], ab[1]))
    assert whole.coverage > 0.95
    assert whole.spill == pytest.approx(0, abs=0.01)
    assert whole.iou == 1
    nothing = score_hint(base, base, mask, (ab[0], ab[1]))
    assert nothing == (0, 0, 0)
