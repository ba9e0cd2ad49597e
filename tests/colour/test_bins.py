import pytest
import torch

from vidcolor.colour.bins import (
    CONFIDENCE_SCALE,
    NUM_BINS,
    SPACING,
    colour_of,
    gamut_bins,
    temperature,
)
from vidcolor.colour.lab import rgb_to_lab


def test_bins_are_the_gamut_on_a_grid():
    # 52 levels a component: the sampling that the shipped weights' bins were found with.
    level = torch.linspace(0, 1, 52)
    rgb = torch.stack(torch.meshgrid(level, level, level, indexing="ij")).reshape(1, 3, 1, -1)
    _, ab = rgb_to_lab(rgb)
    cells = torch.unique((ab[0, :, 0].T / SPACING).round().int(), dim=0)
    assert torch.equal(gamut_bins(), cells.float() * SPACING)


def test_bins_keep_their_order():
    bins = gamut_bins()
    assert bins.shape == (NUM_BINS, 2) == (260, 2)
    assert bins.tolist() == sorted(bins.tolist())


@pytest.mark.parametrize(("vividness", "expected"), [(None, 0.38), (0, 1), (0.62, 0.38), (1, 0.05)])
def test_temperature(vividness, expected):
    assert temperature(vividness) == pytest.approx(expected)


@pytest.mark.parametrize("vividness", [-0.1, 1.1, float("nan")])
def test_vividness_out_of_range(vividness):
    with pytest.raises(ValueError, match="vividness must be 0 to 1"):
        temperature(vividness)


def one_cell(probabilities):
    """Logits of one cell with the given probabilities, and zero elsewhere."""
    logits = torch.full((1, NUM_BINS, 1, 1), -1e4)
    for index, probability in probabilities.items():
        logits[0, index] = torch.tensor(probability).log()
    return logits


def test_a_certain_cell_has_its_bins_colour_and_full_confidence():
    bins = gamut_bins()
    ab, confidence = colour_of(one_cell({77: 1.0}), bins)
    assert ab.flatten().tolist() == bins[77].tolist()
    assert confidence.item() == pytest.approx(1, abs=1e-4)


def test_vividness_moves_from_the_mean_to_the_likeliest():
    bins, logits = gamut_bins(), one_cell({10: 0.6, 200: 0.4})
    mean, _ = colour_of(logits, bins, 0)
    mode, _ = colour_of(logits, bins, 1)
    torch.testing.assert_close(mean.flatten(), 0.6 * bins[10] + 0.4 * bins[200])
    assert (mode.flatten() - bins[10]).norm() < 0.1


def test_confidence_is_the_documented_function_of_the_expected_error():
    bins = gamut_bins()
    logits = torch.randn(2, NUM_BINS, 3, 4, generator=torch.Generator().manual_seed(1)) * 3
    ab, confidence = colour_of(logits, bins)
    assert ab.shape == (2, 2, 3, 4) and confidence.shape == (2, 1, 3, 4)
    p = logits.softmax(1)[1, :, 2, 3]
    error = (p * (bins - ab[1, :, 2, 3]).square().sum(1)).sum()
    expected = CONFIDENCE_SCALE**2 / (CONFIDENCE_SCALE**2 + error)
    assert confidence[1, 0, 2, 3].item() == pytest.approx(expected.item(), rel=1e-4)
