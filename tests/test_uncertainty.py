"""Uncertain regions: confidence, visibility, and boundaries along luma edges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidcolor.uncertainty import compute_review_priority, find_regions

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHAPE = (40, 60)


def make_map(value: float) -> NDArray[np.float32]:
    return np.full(SHAPE, value, np.float32)


def make_ab(chroma: float = 40.0) -> NDArray[np.float32]:
    return np.stack([make_map(chroma), make_map(0)])


def test_uncertain_patch_is_found_and_described() -> None:
    confidence, luma = make_map(0.9), make_map(0.5)
    confidence[10:20, 30:50] = 0.1
    luma[10:20, 30:50] = 0.7
    priority = compute_review_priority(confidence, make_ab(), luma)
    (region,) = find_regions(priority, confidence, luma, 1.5)
    left, top, right, bottom = region.box
    assert (left, top, right, bottom) == pytest.approx((0.5, 0.25, 50 / 60, 0.5), abs=0.04)
    assert left < region.point[0] < right and top < region.point[1] < bottom
    assert region.confidence == pytest.approx(0.1, abs=0.02)
    assert region.area == pytest.approx(200 / 2400, rel=0.15)
    # The largest disc inside 10 rows of 40: a radius of 5, of a short side of 40.
    assert region.radius == pytest.approx(5 / 40, abs=0.02)
    xs, ys = zip(*region.outline, strict=True)
    assert left - 0.03 <= min(xs) and max(xs) <= right + 0.03
    assert top - 0.03 <= min(ys) and max(ys) <= bottom + 0.03


def test_confident_prediction_has_no_uncertain_region() -> None:
    priority = compute_review_priority(make_map(0.9), make_ab(), make_map(0.5))
    assert find_regions(priority, make_map(0.9), make_map(0.5), 1.0) == ()


def test_regions_end_at_luma_edges() -> None:
    confidence, luma = make_map(0.2), make_map(0.3)
    luma[:, 30:] = 0.7
    found = find_regions(
        compute_review_priority(confidence, make_ab(), luma), confidence, luma, 1.5
    )
    assert [r.area > 0.4 for r in found[:2]] == [True, True]
    assert sorted(r.box[0] > 0.4 for r in found[:2]) == [False, True]
    assert sum(r.area for r in found[2:]) < 0.1  # at most the cells along the edge


def test_dark_and_pale_regions_have_low_priority() -> None:
    visible, dark, pale = (
        float(compute_review_priority(make_map(0.2), ab, luma).mean())
        for ab, luma in (
            (make_ab(), make_map(0.5)),
            (make_ab(), make_map(0.02)),
            (make_ab(0), make_map(0.5)),
        )
    )
    assert dark < 0.2 * visible
    assert 0.3 * visible < pale < 0.7 * visible


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 5), aspect=st.floats(0.3, 3))
def test_regions_neither_overlap_nor_leave_the_image(seed: int, count: int, aspect: float) -> None:
    rng = np.random.default_rng(seed)
    shape = int(rng.integers(4, 50)), int(rng.integers(4, 50))
    luma = rng.random((4, 5)).astype(np.float32)
    luma = np.kron(luma, np.ones((13, 11)))[: shape[0], : shape[1]].astype(np.float32)
    confidence = rng.random(luma.shape).astype(np.float32)
    priority = compute_review_priority(
        confidence, rng.normal(0, 30, (2, *luma.shape)).astype(np.float32), luma
    )
    regions = find_regions(priority, confidence, luma, aspect, count)
    assert len(regions) <= count
    assert sum(r.area for r in regions) <= 1 + 1e-6
    priorities = [r.priority for r in regions]
    assert priorities == sorted(priorities, reverse=True)
    for region in regions:
        left, top, right, bottom = region.box
        assert 0 <= left < right <= 1 and 0 <= top < bottom <= 1
        assert left <= region.point[0] <= right and top <= region.point[1] <= bottom
        assert region.radius > 0
        assert len(region.outline) >= 3
