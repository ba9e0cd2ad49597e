import threading

import numpy as np
import pytest
import torch

from vidcolor.generators import Prediction, load_generator
from vidcolor.generators.predictor import HintArrays, Predictor
from vidcolor.generators.threads import single_threaded_pool

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


@pytest.fixture(scope="module", params=[(d, p) for d in DEVICES for p in ("fp32", "bf16")], ids=str)
def predictor(request):
    with Predictor(load_generator("embedded", *request.param), threads=2) as predictor:
        yield predictor


def test_a_frame_does_not_depend_on_its_batch(predictor, frames):
    alone = [predictor(frames[i : i + 1]) for i in range(5)]
    for order in ([0, 1], [3, 0, 2], [4, 3, 2, 1, 0], [i % 5 for i in range(16)]):
        together = predictor(frames[order])
        for position, i in enumerate(order):
            assert np.array_equal(together.ab[position], alone[i].ab[0])
            assert np.array_equal(together.confidence[position], alone[i].confidence[0])


def test_a_frame_does_not_depend_on_the_threads(predictor, frames):
    before = torch.get_num_threads()
    try:
        for outer, inner in ((1, 1), (2, 3)):
            torch.set_num_threads(outer)
            with Predictor(predictor.generator, threads=inner) as other:
                assert np.array_equal(other(frames).ab, predictor(frames).ab)
    finally:
        torch.set_num_threads(before)


def test_frames_without_hints_may_share_a_batch_with_hinted_ones(predictor, frames):
    ab = np.full((2, 2, 13, 18), 30, np.float32)
    density = np.zeros((2, 13, 18), np.float32)
    density[1, 4:8, 4:8] = 1
    color = predictor(frames[:2], HintArrays(ab, density))
    assert np.array_equal(color.ab[0], predictor(frames[:1]).ab[0])
    assert not np.array_equal(color.ab[1], predictor(frames[1:2]).ab[0])


def test_shapes_and_types(predictor, frames):
    color = predictor(list(frames))
    assert color.ab.shape == (5, 2, 13, 18) and color.ab.dtype == np.float32
    assert color.confidence.shape == (5, 13, 18) and color.confidence.dtype == np.float32


def test_integers_are_full_range(predictor, frames):
    byte = (frames[:1] * 255).round().astype(np.uint8)
    word = byte.astype(np.uint16) * 257
    expected = predictor(byte / np.float32(255)).ab
    assert np.array_equal(predictor(byte).ab, expected)
    np.testing.assert_allclose(predictor(word).ab, expected, atol=0.5)


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
def test_other_arrays_are_refused(predictor, gray):
    with pytest.raises(ValueError, match="frames must be"):
        predictor(gray)


def test_hints_for_another_batch_are_refused(predictor, frames):
    hints = HintArrays(np.zeros((2, 2, 4, 4), np.float32), np.zeros((2, 4, 4), np.float32))
    with pytest.raises(ValueError, match="3 frames, but hints for 2"):
        predictor(frames[:3], hints)


class Recorder:
    """A generator that notes how it is called."""

    name, native_size, digest, device = "recorder", 8, "0" * 64, "cpu"
    accepts_hints = has_confidence = has_vividness = False

    def __init__(self):
        self.calls = []

    def __call__(self, luma, hints=None, vividness=None):
        thread = threading.current_thread().name
        self.calls.append((tuple(luma.shape), torch.get_num_threads(), thread, vividness))
        return Prediction(luma.expand(-1, 2, -1, -1).clone(), torch.ones_like(luma))


def test_on_a_cpu_each_frame_has_one_thread_of_its_own():
    recorder = Recorder()
    with Predictor(recorder, threads=2) as predictor:
        gray = np.linspace(0, 1, 5, dtype=np.float32)[:, None, None] * np.ones(
            (5, 4, 6), np.float32
        )
        color = predictor(gray, vividness=0.3)
    assert {call[:2] for call in recorder.calls} == {((1, 1, 4, 6), 1)}
    assert {call[3] for call in recorder.calls} == {0.3}
    assert threading.current_thread().name not in {call[2] for call in recorder.calls}
    # In order, and L* rather than the encoded gray: the middle gray is lighter than 50.
    assert color.ab[:, 0, 0, 0] == pytest.approx([0, 27.1, 53.4, 77.4, 100], abs=0.4)


def test_the_pool_leaves_torchs_setting_alone():
    before = torch.get_num_threads()
    with single_threaded_pool(2) as pool:
        assert list(pool.map(lambda _: torch.get_num_threads(), range(4))) == [1] * 4
    seen = []
    thread = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert [torch.get_num_threads(), *seen] == [before, before]
