"""Feature distance and Fréchet distance."""

from __future__ import annotations

import numpy as np
import pytest

from tests.helpers.albums import colorful
from vidcolor.evaluation.features import FeatureExtractor, feature_distance, frechet_distance
from vidcolor.generators import load_encoder


def test_feature_distance_is_0_only_for_equal_images() -> None:
    extract = FeatureExtractor(load_encoder())
    a, b = (extract(colorful(seed, (64, 80))) for seed in (1, 2))
    assert feature_distance(a, a) == 0
    assert feature_distance(a, b) > 0.05


def test_frechet_distance_of_gaussians_matches_the_formula() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(0, 1, (4000, 3))
    b = rng.normal(0, 2, (4000, 3)) + np.array([3.0, 0, 0])
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-6)
    # |3|^2 + 3 (1 + 4 - 2 * 2)
    assert frechet_distance(a, b) == pytest.approx(12, rel=0.08)


def test_frechet_distance_of_one_vector_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least 2 vectors"):
        frechet_distance(np.zeros((1, 3)), np.zeros((2, 3)))
