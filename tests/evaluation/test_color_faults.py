"""Scores of blotches, bleeding and sepia, on synthetic images that have one fault each."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from tests.helpers.albums import colorful
from vidcolor.evaluation.color_faults import (
    compute_lab,
    measure_bleeding,
    measure_blotchiness,
    measure_warm_share,
)
from vidcolor.evaluation.film import GROUND_TRUTH, FilmScorer
from vidcolor.evaluation.scores import MethodScores, Subset

if TYPE_CHECKING:
    from vidcolor.imaging.types import FloatArray

BLUE, RED, BROWN = (10.0, -40.0), (40.0, 20.0), (10.0, 25.0)
"""a*, b* of colors."""


def make_halves(
    left: tuple[float, float],
    right: tuple[float, float],
    lightness: tuple[float, float] = (50, 50),
    sigma: float = 0.0,
    side: int = 128,
) -> FloatArray:
    """Return an image of two colors, (side, side, 3), whose border in a*, b* is blurred."""
    lab = np.empty((side, side, 3), np.float32)
    lab[:, : side // 2] = (lightness[0], *left)
    lab[:, side // 2 :] = (lightness[1], *right)
    if sigma:
        lab[..., 1:] = cv2.GaussianBlur(np.ascontiguousarray(lab[..., 1:]), (0, 0), sigma)
    return lab


def test_uniform_colors_have_no_blotches() -> None:
    assert measure_blotchiness(make_halves(BLUE, BLUE)) == pytest.approx(0, abs=1e-3)


def test_a_soft_border_in_uniform_luma_is_a_blotch() -> None:
    blotchy = measure_blotchiness(make_halves(BLUE, RED, sigma=4))
    assert blotchy > 0.8
    # Two objects have a sharp border, or an edge of luma at the same place.
    assert measure_blotchiness(make_halves(BLUE, RED)) < 0.6 * blotchy
    assert measure_blotchiness(make_halves(BLUE, RED, (20, 80), sigma=4)) < 0.75 * blotchy


def test_blotchiness_depends_little_on_size_and_saturation() -> None:
    blotchy = make_halves(BLUE, RED, sigma=10)
    enlarged = make_halves(BLUE, RED, sigma=20, side=256)
    assert measure_blotchiness(enlarged) == pytest.approx(measure_blotchiness(blotchy), rel=0.15)
    paler = blotchy * np.array([1, 0.7, 0.7], np.float32)
    assert measure_blotchiness(paler) == pytest.approx(measure_blotchiness(blotchy), rel=0.15)


def test_blurred_chroma_bleeds_over_an_edge_of_luma() -> None:
    values = [
        measure_bleeding(make_halves(BLUE, RED, (20, 80), sigma=sigma)) for sigma in (0, 2, 4)
    ]
    assert values == sorted(values)
    assert values[2] > 2 * values[0]


def test_bleeding_is_undefined_without_an_edge_or_without_color_at_it() -> None:
    assert math.isnan(measure_bleeding(make_halves(BLUE, RED)))
    assert math.isnan(measure_bleeding(make_halves(BLUE, BLUE, (20, 80))))


def test_warm_share_is_the_share_of_the_chroma() -> None:
    assert measure_warm_share(make_halves(BROWN, BROWN)) == 1
    assert measure_warm_share(make_halves(BLUE, BLUE)) == 0
    chroma_brown, chroma_blue = math.hypot(*BROWN), math.hypot(*BLUE)
    share = chroma_brown / (chroma_brown + chroma_blue)
    assert measure_warm_share(make_halves(BROWN, BLUE)) == pytest.approx(share, rel=1e-4)
    assert math.isnan(measure_warm_share(make_halves((0, 0), (0, 0))))


def test_large_images_are_reduced() -> None:
    lab = compute_lab(colorful(1, (512, 768)))
    assert lab.shape == (256, 384, 3)
    assert 0 <= lab[..., 0].min() <= lab[..., 0].max() <= 100


def test_means_leave_out_images_for_which_a_metric_is_undefined() -> None:
    scores = MethodScores("model", "model", images=[{"bleeding": math.nan}, {"bleeding": 0.5}])
    assert Subset(scores, scores, scores).average("bleeding") == 0.5
    assert math.isnan(Subset(scores, scores, scores, [0]).average("bleeding"))


def test_sepia_film_has_a_higher_warm_share_than_its_ground_truth() -> None:
    truth = colorful(1, (72, 96))
    sepia = np.uint8(truth.mean(axis=-1, keepdims=True) * np.array([1, 0.85, 0.65]))
    scorer = FilmScorer(["sepia"])
    scorer.add_frame(truth, {"sepia": sepia}, 0.0, starts_shot=True)
    metrics = scorer.finish((96, 72)).report.metrics
    assert metrics["sepia"]["warm_share"] > 0.95
    assert metrics[GROUND_TRUTH]["warm_share"] < 0.7
    assert metrics["sepia"]["blotchiness"] < metrics[GROUND_TRUTH]["blotchiness"]
