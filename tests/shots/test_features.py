"""Tests of the features of a frame and of the change between two frames."""

from __future__ import annotations

import numpy as np
import pytest

from tests.helpers.synthetic_shots import make_pan, make_scene, make_static_shot
from vidcolor.shots.features import (
    FrameFeatures,
    compute_edges,
    extract_features,
    make_thumbnail,
    max_correlation,
    measure_change,
    resize_frame,
)


def compute_features(frame: np.ndarray) -> FrameFeatures:
    found = extract_features(make_thumbnail(resize_frame(frame.astype(np.float32))))
    assert found is not None
    return found


def test_thumbnails_of_wide_and_tall_frames_have_a_fixed_size() -> None:
    wide = np.zeros((144, 192), np.float32)
    assert resize_frame(wide).shape == (48, 64)
    assert make_thumbnail(resize_frame(wide)).shape == (24, 32)
    assert resize_frame(wide.T.copy()).shape == (64, 48)


def test_features_are_standardized() -> None:
    features = compute_features(make_scene(1))
    assert float(features.thumbnail.mean()) == pytest.approx(0, abs=1e-5)
    assert float(features.thumbnail.std()) == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(features.histograms.sum(axis=1), 1, rtol=1e-5)


def test_blank_frame_has_no_features() -> None:
    assert extract_features(np.full((24, 32), 0.4, np.float32)) is None


def test_change_is_0_for_identical_and_large_for_unrelated_frames() -> None:
    a, b = (compute_features(make_static_shot(seed, 1)[0]) for seed in (1, 2))
    assert measure_change(a, a) == pytest.approx(0, abs=1e-5)
    assert measure_change(a, b) > 0.4
    assert measure_change(a, b) == pytest.approx(measure_change(b, a))


def test_change_ignores_gain_and_offset() -> None:
    frame = make_static_shot(1, 1)[0]
    assert measure_change(compute_features(frame), compute_features(0.5 * frame + 0.2)) < 1e-3


def test_correlation_allows_for_small_shifts() -> None:
    frames = make_pan(1, 2, 6)  # one thumbnail pixel
    a, b = (compute_features(frame).thumbnail for frame in frames)
    assert max_correlation(a, b) > 0.98
    assert max_correlation(a, b) >= float((a * b).mean())


def test_edges_ignore_offset() -> None:
    frame = resize_frame(make_static_shot(1, 1)[0].astype(np.float32))
    edges = compute_edges(frame)
    assert edges.shape == (24, 32)
    np.testing.assert_allclose(compute_edges(frame + np.float32(0.25)), edges, atol=1e-3)
