"""Hints reach what looks alike, and nothing else; pictures do not meddle with each other."""

import pytest
import torch

from vidcolor.generators import Hints
from vidcolor.generators.network import MAX_HINTS, HintSpread, _tokens


def two_halves():
    """Features of a picture whose left half looks unlike its right half: (1, 16, 24, 8)."""
    cells = torch.zeros(1, 16, 24, 8)
    cells[:, :, :12, 0] = 12.0
    cells[:, :, 12:, 0] = -12.0
    return cells


@pytest.fixture
def spread():
    torch.manual_seed(0)
    return HintSpread(8, 4)


def hint_at(row, column, ab=(40.0, -20.0)):
    color, density = torch.zeros(1, 2, 16, 24), torch.zeros(1, 1, 16, 24)
    color[0, :, row, column] = torch.tensor(ab)
    density[0, 0, row, column] = 1
    return color, density


def test_a_hint_reaches_what_looks_alike(spread):
    told = spread(two_halves(), *hint_at(8, 4))
    precision = told[0, ..., 2]
    assert precision[:, :12].min() > 4 * precision[:, 12:].max()
    mean = told[0, ..., :2] / precision.unsqueeze(-1)
    torch.testing.assert_close(mean[8, 4], torch.tensor([40.0, -20.0]), rtol=1e-3, atol=1e-3)


def test_without_hints_nothing_is_said(spread):
    assert not spread(
        two_halves(), torch.full((1, 2, 16, 24), 9.0), torch.zeros(1, 1, 16, 24)
    ).any()


def test_pictures_do_not_share_hints(spread):
    cells = torch.randn(3, 16, 24, 8)
    a, b = hint_at(3, 3), hint_at(10, 20, (-30.0, 30.0))
    nothing = torch.zeros(1, 2, 16, 24), torch.zeros(1, 1, 16, 24)
    together = spread(cells, *(torch.cat(part) for part in zip(a, nothing, b, strict=True)))
    for n, hint in enumerate((a, nothing, b)):
        torch.testing.assert_close(together[n], spread(cells[n : n + 1], *hint)[0])


def test_many_hints_are_gathered_into_few():
    sums = torch.rand(5, 64, 64) + 0.1
    rows = _tokens(sums)
    assert 1 < len(rows) <= MAX_HINTS
    # Their sums are kept: mean density, and means weighted by it.
    torch.testing.assert_close(rows[:, -1].mean(), sums[-1].mean())
    weight = rows[:, -1:]
    torch.testing.assert_close((rows[:, :2] * weight).mean(0), sums[:2].mean((1, 2)))
    assert len(_tokens(torch.zeros(5, 8, 8))) == 0


def test_as_shipped_a_hint_spreads_over_its_object(generator):
    """Two flat halves of different lightness: a hint in one moves it more than the other."""
    luma = torch.full((1, 1, 128, 192), 35.0)
    luma[..., 96:] = 75.0
    density = torch.zeros(1, 1, 32, 48)
    density[0, 0, 15:17, 10:12] = 1
    ab = torch.tensor([45.0, 35.0]).view(1, 2, 1, 1).expand(1, 2, 32, 48)
    moved = generator(luma, Hints(ab, density)).ab - generator(luma).ab
    far = moved.norm(dim=1)[0]
    assert far[4:28, 4:20].mean() > 2 * far[4:28, 28:36].mean()
    assert far[4:28, 4:20].median() > 15
