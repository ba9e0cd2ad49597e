"""Tests of the flow between analysis frames, and of the flow past outliers."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from tests.helpers.frames import make_flow_frames, make_pan, make_texture, read_reel_frames
from vidcolor.imaging.types import FloatArray
from vidcolor.motion.flow import DisFlow, zero_flow
from vidcolor.propagation.flow_frames import (
    MAX_OUTLIERS,
    attach_flow,
    bridge_outliers,
    make_analysis_frame,
)
from vidcolor.shots.detector import Shot, make_shot_finder


@pytest.fixture(scope="module")
def outliers() -> dict[str, FloatArray]:
    return {"flash": np.full((96, 128), 1.0, np.float32), "damaged": 1 - read_reel_frames()[3]}


def test_first_frame_of_a_shot_has_no_flow_and_mixed_frames_are_outliers() -> None:
    frames = [
        make_analysis_frame(SimpleNamespace(index=n), make_texture(1)[:24, :32])  # type: ignore[arg-type]
        for n in range(12)
    ]
    shots = [Shot(0, 4, "start"), Shot(4, 12, "dissolve", 4)]
    find_shot = make_shot_finder(shots)
    found = list(attach_flow(frames, find_shot, lambda *_: np.zeros((24, 32, 2), np.float32)))
    assert [f.item.frame.index for f in found] == list(range(12))
    assert [n for n, f in enumerate(found) if f.flow is None] == [0, 6]
    assert [n for n, f in enumerate(found) if f.is_outlier] == [4, 5, 6, 7]


@pytest.mark.slow
@pytest.mark.parametrize("length", range(1, MAX_OUTLIERS + 1))
@pytest.mark.parametrize("kind", ["flash", "damaged"])
def test_flow_bridges_flashes_and_damaged_frames(
    length: int, kind: str, outliers: dict[str, FloatArray]
) -> None:
    frames = make_pan(make_texture(1), 14, 2)
    frames[6 : 6 + length] = [outliers[kind]] * length
    found = list(bridge_outliers(make_flow_frames(frames), DisFlow()))
    assert [f.item for f in found] == list(range(14))
    assert [f.item for f in found if f.is_outlier] == list(range(6, 6 + length))
    after = found[6 + length].flow
    assert after is not None
    assert np.allclose(after.backward[30:-30, 30:-40].mean((0, 1)), (2 * (length + 1), 0), atol=0.5)


def test_long_run_of_black_frames_is_bridged() -> None:
    black = [np.zeros((96, 128), np.float32)] * (3 * MAX_OUTLIERS)
    frames = make_pan(make_texture(1), 8, 1)
    film = [*black, *frames[:4], *black, *frames[4:]]
    found = list(bridge_outliers(make_flow_frames(film), DisFlow()))
    assert [f.item for f in found if f.is_outlier] == [*range(9), *range(13, 22)]
    after = found[22].flow
    assert after is not None
    assert float(after.backward_confidence.mean()) > 0.8


def test_first_regular_frame_after_leading_black_frames_has_zero_flow() -> None:
    film = [np.zeros((24, 32), np.float32)] * 3 + [make_texture(1)[:24, :32]] * 2
    found = list(bridge_outliers(make_flow_frames(film), DisFlow()))
    assert [f.is_outlier for f in found] == [True, True, True, False, False]
    first = found[3].flow
    assert first is not None
    np.testing.assert_array_equal(first.backward, zero_flow((24, 32)).backward)


def test_untrackable_motion_is_not_an_outlier() -> None:
    frames = [make_texture(n)[:96, :128] for n in range(5)]
    assert not any(f.is_outlier for f in bridge_outliers(make_flow_frames(frames), DisFlow()))
