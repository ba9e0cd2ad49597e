"""Several generators as one."""

from types import SimpleNamespace

import pytest
import torch

from vidcolor.errors import UsageError
from vidcolor.generators import load_generator
from vidcolor.generators.base import Hints, Prediction
from vidcolor.generators.ensemble import Ensemble


class Says:
    """One color, at a stride, and notes what it was given."""

    digest, device = "0" * 64, "cpu"

    def __init__(self, a, stride=4, size=64, hints=False, sure=None, **more):
        self.a, self.stride, self.native_size, self.accepts_hints = a, stride, size, hints
        self.sure, self.has_confidence = sure, sure is not None
        self.name, self.has_vividness = f"says{a}", more.get("vivid", False)
        self.seen = SimpleNamespace(size=None, hints=None, vividness=None)

    def __call__(self, luma, hints=None, vividness=None):
        self.seen = SimpleNamespace(size=tuple(luma.shape[-2:]), hints=hints, vividness=vividness)
        rows, columns = (side // self.stride for side in luma.shape[-2:])
        ab = torch.full((len(luma), 2, rows, columns), float(self.a))
        return Prediction(ab, torch.full_like(ab[:, :1], 1.0 if self.sure is None else self.sure))


def hints():
    return Hints(torch.zeros(1, 2, 4, 4), torch.ones(1, 1, 4, 4))


def test_the_mean_on_the_finest_grid():
    small, large = Says(10, size=64), Says(30, stride=2, size=128)
    said = Ensemble([small, large])(torch.full((1, 1, 128, 192), 50.0))
    assert said.ab.shape == (1, 2, 64, 96)
    assert torch.allclose(said.ab, torch.tensor(20.0))
    # Each looks at the picture in the size that suits it.
    assert (small.seen.size, large.seen.size) == ((64, 96), (128, 192))


def test_sure_is_what_those_say_who_can():
    said = Ensemble([Says(1, sure=0.4), Says(2), Says(3, sure=0.6)])(torch.zeros(1, 1, 64, 64))
    assert torch.allclose(said.confidence, torch.tensor(0.5))
    assert not Ensemble([Says(1), Says(2)]).has_confidence


def test_hints_need_all_of_them():
    one, other = Says(1, hints=True), Says(2, vivid=True)
    pair = Ensemble([one, other])
    pair(torch.zeros(1, 1, 64, 64), hints(), 0.3)
    assert (pair.accepts_hints, one.seen.hints) == (False, None)
    assert (one.seen.vividness, other.seen.vividness) == (None, 0.3)
    told = Ensemble([Says(1, hints=True), Says(2, hints=True)])
    told(torch.zeros(1, 1, 64, 64), hints())
    assert all(part.seen.hints is not None for part in told.generators)


def test_by_name():
    pair = load_generator("embedded+embedded", "cpu", "fp32")
    alone = pair.generators[0]
    luma = torch.rand(1, 1, 256, 300) * 100
    assert torch.allclose(pair(luma).ab, alone(luma).ab, atol=1e-5)
    assert (pair.name, pair.native_size) == ("embedded+embedded", 256)
    assert len(pair.digest) == 64 and pair.digest != alone.digest


@pytest.mark.parametrize("model", ["embedded+", "+", "embedded++embedded"])
def test_a_name_is_missing(model):
    with pytest.raises(UsageError, match="a name is missing"):
        load_generator(model, "cpu")
