"""Tests of color propagation: color is stable and follows the motion of objects."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.frames import make_flow_frames, make_pan, make_texture
from vidcolor.generators.predictor import HintArrays
from vidcolor.imaging.types import FloatArray
from vidcolor.motion.flow import DisFlow
from vidcolor.propagation.flow_frames import FlowFrame
from vidcolor.propagation.keyframes import MAX_INTERVAL, OUTLIER_FACTOR, split_intervals
from vidcolor.propagation.propagate import (
    LOOKAHEAD,
    KeyframePrediction,
    PropagatedFrame,
    PropagationState,
    Propagator,
)

Truth = list[FloatArray]
"""True a*, b* of each frame: (h, w, 2) float32."""


class NoisyPredictor:
    """Predicts the true color of a frame, plus an offset that varies between frames."""

    def __init__(self, truth: Truth, sigma: float = 0.0, accepts_hints: bool = True) -> None:
        self.truth, self.sigma, self.accepts_hints = truth, sigma, accepts_hints
        self.frames: list[int] = []
        self.hints: list[HintArrays] = []

    def prepare(self, item: int) -> Callable[[HintArrays | None], KeyframePrediction]:
        return lambda hints: self._predict(item, hints)

    def _predict(self, item: int, hints: HintArrays | None) -> KeyframePrediction:
        self.frames.append(item)
        if hints is not None:
            self.hints.append(hints)
        small = cv2.resize(self.truth[item], (32, 24), interpolation=cv2.INTER_AREA)
        ab = (small.transpose(2, 0, 1) + self.offset(item)).astype(np.float32)
        return KeyframePrediction(ab, np.full((24, 32), 0.8, np.float32))

    def offset(self, frame: int) -> FloatArray:
        """Return the offset of a*, b* in the prediction of a frame: (2, 1, 1)."""
        return np.random.default_rng(frame).normal(0, self.sigma, (2, 1, 1))


def propagate(frames: list[FloatArray], predictor: NoisyPredictor) -> list[FloatArray]:
    intervals = split_intervals(make_flow_frames(frames), DisFlow())
    propagator = Propagator(predictor.prepare, predictor.accepts_hints, DisFlow())
    found = list(propagator.propagate(intervals))
    assert [frame.item for frame in found] == list(range(len(frames)))
    return [frame.color for frame in found]


def mean_errors(colors: list[FloatArray], truth: Truth) -> FloatArray:
    pairs = zip(colors, truth, strict=True)
    return np.array([(color[..., :2] - true).mean((0, 1)) for color, true in pairs])


@pytest.fixture(scope="module")
def pan() -> tuple[list[FloatArray], Truth]:
    """Return luma and true a*, b* of a pan."""
    scenes = [make_texture(seed, 160, 700) for seed in (1, 8, 9)]
    frames = make_pan(scenes[0], 60, 3)
    a, b = (make_pan(cv2.GaussianBlur(p, (0, 0), 8) * 80 - 40, 60, 3) for p in scenes[1:])
    return frames, [np.dstack(pair) for pair in zip(a, b, strict=True)]


@pytest.mark.slow
@pytest.mark.parametrize("accepts_hints", [True, False])
def test_color_is_stable_although_predictions_vary(
    pan: tuple[list[FloatArray], Truth], accepts_hints: bool
) -> None:
    frames, truth = pan
    predictor = NoisyPredictor(truth, sigma=6.0, accepts_hints=accepts_hints)
    errors = mean_errors(propagate(frames, predictor), truth)
    single = np.array([predictor.offset(n)[:, 0, 0] for n in range(60)])
    assert np.abs(np.diff(errors, axis=0)).max() < 0.15 * np.abs(np.diff(single, axis=0)).max()
    assert np.abs(errors).max() < 0.8 * np.abs(single).max()
    assert bool(predictor.hints) == accepts_hints


class ShiftingPredictor(NoisyPredictor):
    """Predicts the true color of a frame, plus a given offset of its a* and b*."""

    def __init__(self, truth: Truth, offsets: FloatArray) -> None:
        super().__init__(truth)
        self.offsets = offsets

    def offset(self, frame: int) -> FloatArray:
        return np.full((2, 1, 1), self.offsets[frame])


def propagate_static(offsets: FloatArray) -> FloatArray:
    """Return the mean error of a* in each frame of a static shot with these offsets."""
    frames = [make_texture(1)[:48, :64]] * len(offsets)
    truth = [np.full((48, 64, 2), 10, np.float32)] * len(offsets)
    return mean_errors(propagate(frames, ShiftingPredictor(truth, offsets)), truth)[:, 0]


def test_color_stays_although_predictions_drift() -> None:
    errors = propagate_static(np.linspace(0, 12, 97))
    assert np.ptp(errors[:37]) < 1, "predictions change by 4.5"
    assert np.ptp(errors) < 3, "predictions change by 12"


def test_color_adapts_if_predictions_change_much() -> None:
    errors = propagate_static(np.where(np.arange(129) < 48, 0, 50))
    assert errors[0] < 1
    assert errors[-1] > 30


def make_return(scene: FloatArray, exposure: float = 1.0, step: int = 4) -> list[FloatArray]:
    """Return a pan to the right and back: the parts on the left are out of the picture meanwhile.

    It moves by `step` pixels per frame. The luma changes to `exposure` times its value until the
    end.
    """
    positions = [0] * 8 + [*range(0, 96, step)] + [96] * 20 + [*range(96, 0, -step)] + [0] * 20
    gains = np.linspace(1, exposure, len(positions), dtype=np.float32)
    return [
        gain * scene[:48, position : position + 64]
        for gain, position in zip(gains, positions, strict=True)
    ]


def measure_return(frames: list[FloatArray]) -> float:
    """Return the mean change of a* from the first to the last frame.

    The predictions of the second half of the film differ by 12 from those of the first.
    """
    truth = [np.full((48, 64, 2), 10, np.float32)] * len(frames)
    offsets = np.where(np.arange(len(frames)) < len(frames) // 2, 0, 12)
    errors = mean_errors(propagate(frames, ShiftingPredictor(truth, offsets)), truth)[:, 0]
    return float(errors[-1] - errors[0])


@pytest.mark.parametrize(("exposure", "step"), [(1.0, 4), (0.6, 4), (1.0, 16)])
def test_a_pan_that_returns_shows_the_colors_it_left(exposure: float, step: int) -> None:
    assert abs(measure_return(make_return(make_texture(5, 48, 200), exposure, step))) < 3


def test_what_returns_from_behind_an_object_has_the_color_it_had() -> None:
    scene, board = make_texture(2)[:48, :64], 0.5 * make_texture(3)[:48, :64] + 0.1
    widths = [0] * 4 + [*range(0, 60, 3)] + [60] * 20 + [*range(60, 0, -3)] + [0] * 20
    frames = [np.hstack([board[:, 60 - n : 60], scene[:, n:]]) for n in widths]
    assert abs(measure_return(frames)) < 4


def test_what_comes_in_the_place_of_something_else_is_predicted() -> None:
    scene, other = make_texture(5, 48, 200), make_texture(6, 48, 200)
    frames = make_return(scene)
    frames[48:] = make_return(other)[48:]
    assert measure_return(frames) > 6


@pytest.mark.slow
def test_color_between_key_frames_is_true_if_predictions_are_true(
    pan: tuple[list[FloatArray], Truth],
) -> None:
    frames, truth = pan
    predictor = NoisyPredictor(truth)
    colors = propagate(frames, predictor)
    assert len(set(predictor.frames)) <= 12
    errors = [np.abs(c[..., :2] - t) for c, t in zip(colors, truth, strict=True)]
    assert max(float(error[8:-8, 8:-8].mean()) for error in errors) < 2.0


def test_moving_object_keeps_its_color_and_does_not_bleed() -> None:
    background, square = 0.7 * make_texture(2)[:96, :128], 0.5 + 0.5 * make_texture(3)[:32, :32]
    frames, truth = [], []
    for n in range(34):
        left = 8 + 2 * n
        frames.append(background.copy())
        frames[-1][32:64, left : left + 32] = square
        truth.append(np.full((96, 128, 2), -15, np.float32))
        truth[-1][32:64, left : left + 32] = 40
    for n, color in enumerate(propagate(frames, NoisyPredictor(truth))):
        left = 8 + 2 * n
        assert float(color[40:56, left + 8 : left + 24, :2].min()) > 20, n
        far = np.delete(color[..., :2], np.s_[max(0, left - 20) : left + 52], axis=1)
        assert float(np.quantile(far, 0.98)) < -10, n


def test_averaging_does_not_blur_detail() -> None:
    stripes = np.where(np.arange(128) % 16 < 8, 20, -20).astype(np.float32)
    truth = [np.broadcast_to(stripes[None, :, None], (96, 128, 2)).copy()] * 40
    colors = propagate([make_texture(1)[:96, :128]] * 40, NoisyPredictor(truth))
    contrast = [float(color[..., 0].std()) for color in colors]
    assert min(contrast) > 0.75 * contrast[0]


def test_uncovered_background_is_predicted_with_propagated_hints() -> None:
    frames = make_pan(make_texture(1, 160, 900), 33, 12)
    predictor = NoisyPredictor([np.full((96, 128, 2), 10, np.float32)] * 33)
    propagate(frames, predictor)
    shares = [float((hints.density > 0).mean()) for hints in predictor.hints]
    assert 0.1 < min(shares) < 0.98
    for hints in predictor.hints:
        assert float(np.abs(hints.ab[0][:, hints.density[0] > 0] - 10).max()) < 1


@pytest.mark.slow
@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 25)), min_size=1, max_size=4))
def test_constant_predictions_give_constant_color(runs: list[tuple[int, int]]) -> None:
    scenes = [np.zeros((24, 32), np.float32), *(make_texture(n)[:24, :32] for n in range(2))]
    frames = [scenes[scene] for scene, count in runs for _ in range(count)]
    truth = [np.full((24, 32, 2), 20, np.float32)] * len(frames)
    for color in propagate(frames, NoisyPredictor(truth)):
        assert color.shape == (24, 32, 3)
        assert np.abs(color[..., :2] - 20).max() < 1e-2


def test_number_of_frames_read_ahead_is_bounded() -> None:
    frame = make_texture(1)[:24, :32]
    num_read = 0

    def read_frames() -> Iterator[FloatArray]:
        nonlocal num_read
        for _ in range(200):
            num_read += 1
            yield frame

    predictor = NoisyPredictor([np.zeros((24, 32, 2), np.float32)] * 200)
    frames: Iterable[FloatArray] = read_frames()
    intervals = split_intervals(make_flow_frames(frames), DisFlow())
    propagator = Propagator(predictor.prepare, predictor.accepts_hints, DisFlow())
    ahead = [num_read - frame.item for frame in propagator.propagate(intervals)]
    assert max(ahead) <= (LOOKAHEAD + 1) * MAX_INTERVAL + 8


@pytest.mark.slow
def test_propagation_continues_from_the_state_of_any_key_frame_without_a_change() -> None:
    """Key frames in black film are among them, and parts that are found in the memory."""
    pan = make_pan(make_texture(3, height=80, width=260), 40, 4, (48, 64))
    black, noise = np.zeros_like(pan[0]), np.random.default_rng(1)
    flash = [noise.random(pan[0].shape, np.float32) for _ in range(3)]
    frames = [black] * 3 + pan[:20] + flash + pan[20:30] + [black] * 100 + pan[:0:-1]
    predictor = NoisyPredictor([np.zeros((24, 32, 2), np.float32)] * len(frames), sigma=5)

    def colorize(first: int = 0, state: PropagationState | None = None) -> list[PropagatedFrame]:
        def read_frames() -> Iterator[FlowFrame[int]]:
            for frame in make_flow_frames(frames[first:]):
                frame.item += first
                yield frame

        reference = None if state is None else state.reference
        intervals = split_intervals(read_frames(), DisFlow(), reference=reference)
        propagator = Propagator(predictor.prepare, True, DisFlow())
        return list(propagator.propagate(intervals, state))

    complete = colorize()
    states = [frame for frame in complete if frame.state is not None]
    assert (
        max(b.item - a.item for a, b in itertools.pairwise(states)) <= OUTLIER_FACTOR * MAX_INTERVAL
    )
    assert any(frame.state.reference is not None for frame in states)
    assert len(states[-1].state.memory.keyframes) > 1
    for start in states:
        restored = PropagationState.from_arrays(start.state.to_arrays())
        for frame, expected in zip(
            colorize(start.item, restored), complete[start.item :], strict=True
        ):
            assert frame.item == expected.item
            np.testing.assert_array_equal(frame.color, expected.color)
            assert (frame.state is None) == (expected.state is None)
