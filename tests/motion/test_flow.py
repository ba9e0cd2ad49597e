"""Optical flow, its confidence, and sampling."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.helpers.frames import make_pan, make_texture
from vidcolor.imaging.types import FloatArray
from vidcolor.motion.flow import (
    MAX_SHORT_SIDE,
    DisFlow,
    estimate_flow,
    make_flow_input,
    pixel_grid,
    sample,
    zero_flow,
)

CENTER = np.s_[16:-16, 24:-24]
"""Pixels that stay inside the frame during the pan."""


@pytest.mark.parametrize(
    "relight",
    [
        pytest.param(lambda y: y, id="constant"),
        pytest.param(lambda y: 0.6 * y + 0.1, id="gain and offset"),
        pytest.param(lambda y: y**1.3, id="gamma"),
        pytest.param(lambda y: y * np.linspace(0.6, 1.2, y.shape[1]), id="uneven"),
    ],
)
def test_flow_of_a_pan_is_independent_of_lighting(
    relight: Callable[[FloatArray], FloatArray],
) -> None:
    earlier, later = make_pan(make_texture(1), 2, 4)
    later = relight(later).astype(np.float32)
    flow = estimate_flow(make_flow_input(earlier), make_flow_input(later), DisFlow())
    error = np.abs(flow.backward[CENTER] - (4, 0)).max(axis=-1)
    assert np.quantile(error, 0.95) < 0.5
    assert float(flow.backward_confidence[CENTER].mean()) > 0.95
    assert float(flow.forward_confidence[CENTER].mean()) > 0.95


def test_occluded_pixels_have_low_confidence() -> None:
    """A square moves to the right: it uncovers background, and occludes other background."""
    background, square = make_texture(2)[:96, :128], make_texture(3)[:40, :40]
    frames = []
    for left in (30, 42):
        frames.append(background.copy())
        frames[-1][28:68, left : left + 40] = 0.4 + 0.6 * square
    flow = estimate_flow(make_flow_input(frames[0]), make_flow_input(frames[1]), DisFlow())
    assert float(flow.backward_confidence[34:62, 32:40].mean()) < 0.5
    assert float(flow.backward_confidence[34:62, 50:74].mean()) > 0.9
    assert float(flow.forward_confidence[34:62, 73:80].mean()) < 0.5


def test_flow_input_is_small_and_independent_of_contrast() -> None:
    frame = make_texture(1, 300, 400)
    normal, dim = make_flow_input(frame), make_flow_input(0.02 + 0.05 * frame)
    assert min(normal.luma.shape) == MAX_SHORT_SIDE
    assert not normal.is_blank
    assert not dim.is_blank
    assert float(np.abs(dim.normalized - normal.normalized).mean()) < 0.35


def test_constant_frame_is_blank() -> None:
    assert make_flow_input(np.full((96, 128), 0.7, np.float32)).is_blank


def test_zero_flow_has_full_confidence() -> None:
    flow = zero_flow((4, 6))
    for vectors, confidence in (
        (flow.backward, flow.backward_confidence),
        (flow.forward, flow.forward_confidence),
    ):
        assert vectors.shape == (4, 6, 2)
        assert not vectors.any()
        assert confidence.shape == (4, 6)
        assert (confidence == 1).all()


def test_pixel_grid_has_x_first() -> None:
    grid = pixel_grid((3, 5))
    assert grid.shape == (3, 5, 2)
    assert grid[2, 4].tolist() == [4, 2]


def test_sample_replicates_the_border() -> None:
    image = np.arange(12, dtype=np.float32).reshape(3, 4)
    coords = np.float32([[[-5, 0], [1.5, 1], [9, 9]]])
    assert sample(image, coords).tolist() == [[0, 5.5, 11]]
