import pytest
import torch

from vidcolor.generators.hint_attention import MAX_HINTS, HintAttention, _hint_tokens


def make_features():
    """Return decoder features, (1, 16, 24, 8), of an image with two different halves."""
    cells = torch.zeros(1, 16, 24, 8)
    cells[:, :, :12, 0] = 12.0
    cells[:, :, 12:, 0] = -12.0
    return cells


@pytest.fixture
def attention():
    torch.manual_seed(0)
    return HintAttention(8, 4)


def make_hint(row, column, ab=(40.0, -20.0)):
    """Return a*, b* and density of one hinted cell in a grid of 16 x 24 cells."""
    color, density = torch.zeros(1, 2, 16, 24), torch.zeros(1, 1, 16, 24)
    color[0, :, row, column] = torch.tensor(ab)
    density[0, 0, row, column] = 1
    return color, density


def test_hint_spreads_to_similar_cells(attention):
    output = attention(make_features(), *make_hint(8, 4))
    precision = output[0, ..., 2]
    assert precision[:, :12].min() > 4 * precision[:, 12:].max()
    mean = output[0, ..., :2] / precision.unsqueeze(-1)
    torch.testing.assert_close(mean[8, 4], torch.tensor([40.0, -20.0]), rtol=1e-3, atol=1e-3)


def test_output_without_hints_is_zero(attention):
    ab, density = torch.full((1, 2, 16, 24), 9.0), torch.zeros(1, 1, 16, 24)
    assert not attention(make_features(), ab, density).any()


def test_images_of_a_batch_do_not_share_hints(attention):
    cells = torch.randn(3, 16, 24, 8)
    first, third = make_hint(3, 3), make_hint(10, 20, (-30.0, 30.0))
    second = torch.zeros(1, 2, 16, 24), torch.zeros(1, 1, 16, 24)
    batch = attention(cells, *(torch.cat(p) for p in zip(first, second, third, strict=True)))
    for n, hint in enumerate((first, second, third)):
        torch.testing.assert_close(batch[n], attention(cells[n : n + 1], *hint)[0])


def test_many_hints_are_averaged_into_few_tokens():
    weighted = torch.rand(5, 64, 64) + 0.1
    tokens = _hint_tokens(weighted)
    assert 1 < len(tokens) <= MAX_HINTS
    # The mean density and the means weighted by density are preserved.
    torch.testing.assert_close(tokens[:, -1].mean(), weighted[-1].mean())
    density = tokens[:, -1:]
    torch.testing.assert_close((tokens[:, :2] * density).mean(0), weighted[:2].mean((1, 2)))
    assert len(_hint_tokens(torch.zeros(5, 8, 8))) == 0
