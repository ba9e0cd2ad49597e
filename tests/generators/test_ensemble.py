from types import SimpleNamespace

import pytest
import torch

from vidcolor.errors import UsageError
from vidcolor.generators import load_generator
from vidcolor.generators.base import Hints, Prediction
from vidcolor.generators.ensemble import Ensemble


class ConstantGenerator:
    """A generator that predicts a constant color and records its inputs."""

    digest, device = "0" * 64, "cpu"

    def __init__(
        self, a, stride=4, size=64, accepts_hints=False, confidence=None, has_vividness=False
    ):
        self.a, self.stride, self.native_size = a, stride, size
        self.confidence, self.has_confidence = confidence, confidence is not None
        self.accepts_hints, self.has_vividness = accepts_hints, has_vividness
        self.name = f"constant{a}"
        self.call = SimpleNamespace(size=None, hints=None, vividness=None)

    def __call__(self, luma, hints=None, vividness=None):
        self.call = SimpleNamespace(size=tuple(luma.shape[-2:]), hints=hints, vividness=vividness)
        rows, columns = (side // self.stride for side in luma.shape[-2:])
        ab = torch.full((len(luma), 2, rows, columns), float(self.a))
        confidence = 1.0 if self.confidence is None else self.confidence
        return Prediction(ab, torch.full_like(ab[:, :1], confidence))


def make_hints():
    return Hints(torch.zeros(1, 2, 4, 4), torch.ones(1, 1, 4, 4))


def test_color_is_the_mean_at_the_finest_resolution():
    small, large = ConstantGenerator(10, size=64), ConstantGenerator(30, stride=2, size=128)
    prediction = Ensemble([small, large])(torch.full((1, 1, 128, 192), 50.0))
    assert prediction.ab.shape == (1, 2, 64, 96)
    assert torch.allclose(prediction.ab, torch.tensor(20.0))
    # Each generator receives luma of its native size.
    assert (small.call.size, large.call.size) == ((64, 96), (128, 192))


def test_confidence_is_the_mean_over_generators_that_estimate_one():
    generators = [
        ConstantGenerator(1, confidence=0.4),
        ConstantGenerator(2),
        ConstantGenerator(3, confidence=0.6),
    ]
    prediction = Ensemble(generators)(torch.zeros(1, 1, 64, 64))
    assert torch.allclose(prediction.confidence, torch.tensor(0.5))
    assert not Ensemble([ConstantGenerator(1), ConstantGenerator(2)]).has_confidence


def test_hints_are_used_only_if_all_generators_accept_them():
    first = ConstantGenerator(1, accepts_hints=True)
    second = ConstantGenerator(2, has_vividness=True)
    ensemble = Ensemble([first, second])
    ensemble(torch.zeros(1, 1, 64, 64), make_hints(), 0.3)
    assert (ensemble.accepts_hints, first.call.hints) == (False, None)
    assert (first.call.vividness, second.call.vividness) == (None, 0.3)
    ensemble = Ensemble([ConstantGenerator(a, accepts_hints=True) for a in (1, 2)])
    ensemble(torch.zeros(1, 1, 64, 64), make_hints())
    assert all(member.call.hints is not None for member in ensemble.generators)


def test_generators_on_different_devices_are_rejected():
    other = ConstantGenerator(2)
    other.device = "cuda:0"
    with pytest.raises(UsageError, match="one device"):
        Ensemble([ConstantGenerator(1), other])


def test_ensemble_is_loaded_by_name():
    ensemble = load_generator("embedded+embedded", "cpu", "fp32", 64)
    member = ensemble.generators[0]
    luma = torch.rand(1, 1, 64, 76) * 100
    assert torch.allclose(ensemble(luma).ab, member(luma).ab, atol=1e-5)
    assert (ensemble.name, ensemble.native_size) == ("embedded+embedded", 64)
    assert len(ensemble.digest) == 64 and ensemble.digest != member.digest


@pytest.mark.parametrize("model", ["embedded+", "+", "embedded++embedded"])
def test_missing_member_name_is_rejected(model):
    with pytest.raises(UsageError, match="a name is missing"):
        load_generator(model, "cpu")
