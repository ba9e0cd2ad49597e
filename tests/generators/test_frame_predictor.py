"""Repeated predictions of one frame equal those of single calls."""

from __future__ import annotations

import numpy as np
import pytest

from tests.helpers.flat import FlatGenerator
from vidcolor.colorizer import Colorizer
from vidcolor.generators.base import EncodingGenerator
from vidcolor.generators.predictor import HintArrays, Predictor


@pytest.fixture(scope="module")
def colorizer():
    return Colorizer.load()


@pytest.fixture
def gray():
    rows, columns = np.mgrid[:100, :140].astype(np.float32)
    return np.ascontiguousarray((np.sin(rows / 9) * np.cos(columns / 13) + 1) / 2)


def test_repeated_predictions_equal_single_ones(colorizer, gray):
    ab, density = np.zeros((1, 2, 25, 35), np.float32), np.zeros((1, 25, 35), np.float32)
    ab[0, :, 5:8, 5:8], density[0, 5:8, 5:8] = 40, 1
    assert isinstance(colorizer._generator, EncodingGenerator)
    frame = colorizer.prepare_proxy(gray)
    for hints in (None, HintArrays(ab, density)):
        for vividness in (None, 0.2):
            expected = colorizer._predictor(gray[None], hints, vividness)
            for found, plane in zip(frame.predict(hints, vividness), expected, strict=True):
                assert np.array_equal(found, plane)
    distribution = frame.predict_distribution()
    expected = colorizer.predict_distribution(gray)
    assert np.allclose(distribution.probabilities, expected.probabilities, atol=1e-5)


def test_a_generator_without_encoding_predicts_each_time(gray):
    with Predictor(FlatGenerator()) as predictor:
        frame = predictor.prepare(gray)
        for found, plane in zip(frame.predict(), predictor(gray[None]), strict=True):
            assert np.array_equal(found, plane)
        assert frame.predict_distribution() is None
