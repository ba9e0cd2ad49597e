"""The a*b* bins: gamut, decoding to color and concentration, and calibration."""

import pytest
import torch

from vidcolor.color.bins import (
    CALIBRATION_POINTS,
    CONFIDENCE_SCALE,
    FULL_HINT_PRECISION,
    NUM_BINS,
    SPACING,
    TEMPERATURE,
    apply_calibration,
    decode_bins,
    fit_calibration,
    gamut_bins,
    identity_calibration,
)
from vidcolor.color.lab import rgb_to_lab


def test_bins_are_the_grid_points_of_the_srgb_gamut():
    # The bins of the shipped weights were derived with 52 levels per component.
    level = torch.linspace(0, 1, 52)
    rgb = torch.stack(torch.meshgrid(level, level, level, indexing="ij")).reshape(1, 3, 1, -1)
    _, ab = rgb_to_lab(rgb)
    cells = torch.unique((ab[0, :, 0].T / SPACING).round().int(), dim=0)
    assert torch.equal(gamut_bins(), cells.float() * SPACING)


def test_bins_are_sorted():
    bins = gamut_bins()
    assert bins.shape == (NUM_BINS, 2) == (260, 2)
    assert bins.tolist() == sorted(bins.tolist())


def make_logits(probabilities):
    """Return logits of one cell, (1, 260, 1, 1), from the probabilities of some bins.

    The other bins have probability 0.
    """
    logits = torch.full((1, NUM_BINS, 1, 1), -1e4)
    for index, probability in probabilities.items():
        logits[0, index] = torch.tensor(probability).log()
    return logits


def test_single_bin_gives_its_color_and_full_concentration():
    bins = gamut_bins()
    color = decode_bins(make_logits({77: 1.0}), bins)
    assert color.ab.flatten().tolist() == bins[77].tolist()
    assert color.concentration.item() == pytest.approx(1, abs=1e-4)
    assert color.expected_chroma.item() == pytest.approx(bins[77].norm().item())


def test_color_is_the_annealed_mean_and_expected_chroma_the_plain_one():
    bins, logits = gamut_bins(), make_logits({10: 0.6, 200: 0.4})
    color = decode_bins(logits, bins)
    share = 0.6 ** (1 / TEMPERATURE) / (0.6 ** (1 / TEMPERATURE) + 0.4 ** (1 / TEMPERATURE))
    torch.testing.assert_close(color.ab.flatten(), share * bins[10] + (1 - share) * bins[200])
    expected = 0.6 * bins[10].norm() + 0.4 * bins[200].norm()
    torch.testing.assert_close(color.expected_chroma.squeeze(), expected)


def test_color_is_the_plain_mean_where_hints_determine_it():
    bins, cell = gamut_bins(), make_logits({10: 0.6, 200: 0.4})
    logits = cell.expand(-1, -1, 1, 3)
    precision = torch.tensor([0.0, FULL_HINT_PRECISION, 9.0]).view(1, 1, 1, 3)
    color = decode_bins(logits, bins, precision)
    assert torch.equal(color.ab[..., 0], decode_bins(cell, bins).ab[..., 0])
    mean = 0.6 * bins[10] + 0.4 * bins[200]
    torch.testing.assert_close(color.ab[0, :, 0, 1:].T, mean.expand(2, 2))
    assert color.hint_share.flatten().tolist() == [0, 1, 1]


def test_concentration_is_a_function_of_the_expected_error():
    bins = gamut_bins()
    logits = torch.randn(2, NUM_BINS, 3, 4, generator=torch.Generator().manual_seed(1)) * 3
    ab, concentration, _, _ = decode_bins(logits, bins)
    assert ab.shape == (2, 2, 3, 4) and concentration.shape == (2, 1, 3, 4)
    p = logits.softmax(1)[1, :, 2, 3]
    error = (p * (bins - ab[1, :, 2, 3]).square().sum(1)).sum()
    expected = CONFIDENCE_SCALE**2 / (CONFIDENCE_SCALE**2 + error)
    assert concentration[1, 0, 2, 3].item() == pytest.approx(expected.item(), rel=1e-4)


def test_calibration_estimates_the_probability_of_correctness():
    draw = torch.Generator().manual_seed(0)
    concentration = torch.rand(200_000, generator=draw)
    truth = concentration.sqrt()  # an underconfident network
    table = fit_calibration(concentration, torch.rand(200_000, generator=draw) < truth)
    assert table.shape == (CALIBRATION_POINTS,)
    confidence = apply_calibration(concentration, table)
    assert (confidence - truth).abs().mean() < 0.01
    assert (confidence - truth).abs().max() < 0.1


def test_calibration_is_monotonic_and_regularized():
    # No sample is above 0.5, and all samples are wrong.
    concentration = torch.full((1000,), 0.5)
    table = fit_calibration(concentration, torch.zeros(1000, dtype=torch.bool))
    assert (table.diff() >= 0).all()
    assert table[CALIBRATION_POINTS // 2] < 0.2
    assert table[-1] == pytest.approx(1, abs=0.01)
    assert torch.equal(fit_calibration(torch.empty(0), torch.empty(0)), identity_calibration())


def test_identity_calibration_changes_nothing():
    concentration = torch.linspace(0, 1, 1001).view(1, 1, 7, 143)
    torch.testing.assert_close(
        apply_calibration(concentration, identity_calibration()), concentration
    )
