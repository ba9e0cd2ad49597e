import threading

import numpy as np
import pytest
import torch

from tests.helpers.torch_threads import torch_threads
from vidcolor.generators import Prediction, load_generator
from vidcolor.generators.predictor import HintArrays, Predictor, single_threaded_pool

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.fixture
def two_torch_threads():
    with torch_threads(2):
        yield


@pytest.fixture(scope="module", params=[(d, p) for d in DEVICES for p in ("fp32", "bf16")], ids=str)
def predictor(request):
    with Predictor(load_generator("embedded", *request.param), threads=2) as predictor:
        yield predictor


@pytest.mark.slow
def test_frame_does_not_depend_on_its_batch(predictor, frames):
    single = [predictor(frames[i : i + 1]) for i in range(5)]
    for order in ([0, 1], [3, 0, 2], [i % 5 for i in range(9)]):
        batch = predictor(frames[order])
        for position, i in enumerate(order):
            assert np.array_equal(batch.ab[position], single[i].ab[0])
            assert np.array_equal(batch.confidence[position], single[i].confidence[0])


@pytest.mark.usefixtures("two_torch_threads")
@pytest.mark.parametrize("threads", [1, 3])
def test_frame_does_not_depend_on_the_number_of_threads(predictor, frames, threads):
    with Predictor(predictor.generator, threads=threads) as other:
        assert np.array_equal(other(frames).ab, predictor(frames).ab)


def test_hints_of_one_frame_do_not_affect_others_of_the_batch(predictor, frames):
    ab = np.full((2, 2, 13, 18), 30, np.float32)
    density = np.zeros((2, 13, 18), np.float32)
    density[1, 4:8, 4:8] = 1
    color = predictor(frames[:2], HintArrays(ab, density))
    assert np.array_equal(color.ab[0], predictor(frames[:1]).ab[0])
    assert not np.array_equal(color.ab[1], predictor(frames[1:2]).ab[0])


def test_prediction_is_float32_at_the_output_stride(predictor, frames):
    color = predictor(list(frames))
    assert color.ab.shape == (5, 2, 13, 18) and color.ab.dtype == np.float32
    assert color.confidence.shape == (5, 13, 18) and color.confidence.dtype == np.float32


def test_integer_frames_are_full_range(predictor, frames):
    eight_bit = (frames[:1] * 255).round().astype(np.uint8)
    sixteen_bit = eight_bit.astype(np.uint16) * 257
    expected = predictor(eight_bit / np.float32(255)).ab
    assert np.array_equal(predictor(eight_bit).ab, expected)
    np.testing.assert_allclose(predictor(sixteen_bit).ab, expected, atol=0.5)


@pytest.mark.parametrize(
    "gray",
    [
        [],
        np.zeros((8, 8), np.uint8),
        np.zeros((1, 1, 8, 8), np.uint8),
        [np.zeros((8, 8), np.uint8), np.zeros((8, 9), np.uint8)],
        np.zeros((1, 8, 8), np.int64),
        np.zeros((1, 0, 8), np.uint8),
    ],
)
def test_invalid_arrays_are_rejected(predictor, gray):
    with pytest.raises(ValueError, match="frames must be"):
        predictor(gray)


def test_hints_of_another_batch_size_are_rejected(predictor, frames):
    hints = HintArrays(np.zeros((2, 2, 4, 4), np.float32), np.zeros((2, 4, 4), np.float32))
    with pytest.raises(ValueError, match="3 frames, 2 hints"):
        predictor(frames[:3], hints)


class RecordingGenerator:
    """A generator that records its calls."""

    name, native_size, digest, device = "recording", 8, "0" * 64, "cpu"
    accepts_hints = has_confidence = has_vividness = False

    def __init__(self):
        self.calls = []

    def __call__(self, luma, hints=None, vividness=None):
        thread = threading.current_thread().name
        self.calls.append((tuple(luma.shape), torch.get_num_threads(), thread, vividness))
        return Prediction(luma.expand(-1, 2, -1, -1).clone(), torch.ones_like(luma))


def test_cpu_runs_each_frame_on_a_single_thread():
    recorder = RecordingGenerator()
    with Predictor(recorder, threads=2) as predictor:
        levels = np.linspace(0, 1, 5, dtype=np.float32)
        color = predictor(np.tile(levels[:, None, None], (1, 4, 6)), vividness=0.3)
    assert {call[:2] for call in recorder.calls} == {((1, 1, 4, 6), 1)}
    assert {call[3] for call in recorder.calls} == {0.3}
    assert threading.current_thread().name not in {call[2] for call in recorder.calls}
    # The results are in order. The input is L* instead of encoded gray: L* of 0.5 is above 50.
    assert color.ab[:, 0, 0, 0] == pytest.approx([0, 27.1, 53.4, 77.4, 100], abs=0.4)


@pytest.mark.usefixtures("two_torch_threads")
def test_pool_does_not_change_the_number_of_torch_threads():
    with single_threaded_pool(2) as pool:
        assert list(pool.map(lambda _: torch.get_num_threads(), range(4))) == [1] * 4
    counts = []
    thread = threading.Thread(target=lambda: counts.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert [torch.get_num_threads(), *counts] == [2, 2]
