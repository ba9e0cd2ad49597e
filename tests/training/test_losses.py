"""Losses: soft targets, class weights, image losses and the reward for color."""

from __future__ import annotations

import math

import pytest
import torch

from vidcolor.color.bins import gamut_bins
from vidcolor.color.lab import lab_to_rgb
from vidcolor.training.batches import Batch
from vidcolor.training.config import TrainingConfig
from vidcolor.training.losses import (
    ERROR_FLOOR,
    BinTargets,
    ColorLosses,
    bin_prior,
    class_weights,
    colorfulness_share,
    distillation_loss,
    distribution_loss,
    excess_variation,
    log_mse_loss,
    matched_colorfulness,
    mean_color,
)

TARGETS = BinTargets(gamut_bins())


def make_batch(ab: torch.Tensor, hinted: bool = False) -> Batch:
    count, _, rows, columns = ab.shape
    large = torch.nn.functional.interpolate(ab, scale_factor=4.0)
    luma = torch.full((count, 1, 4 * rows, 4 * columns), 60.0)
    density = torch.full((count, 1, rows, columns), float(hinted))
    return Batch(lab_to_rgb(luma, large), luma, ab, ab * density, density)


def test_mean_of_soft_targets_is_close_to_the_color() -> None:
    ab = torch.rand(2, 2, 9, 9) * 50 - 25  # inside the sRGB gamut
    index, weight = TARGETS(ab)
    assert torch.allclose(weight.sum(1), torch.ones(2, 9, 9), atol=1e-5)
    mean = (TARGETS.bins[index] * weight.unsqueeze(-1)).sum(1).permute(0, 3, 1, 2)
    assert float((mean - ab).norm(dim=1).max()) < 6  # the spacing of the bins is 10


def test_rare_colors_have_higher_weights() -> None:
    images = [make_batch(torch.full((1, 2, 4, 4), 3.0)).image] * 9
    images.append(make_batch(torch.full((1, 2, 4, 4), 45.0)).image)
    prior = bin_prior(images, TARGETS)
    assert math.isclose(float(prior.sum()), 1, rel_tol=1e-4)
    weight = class_weights(prior, 0.65)
    common, rare = (TARGETS(torch.full((1, 2, 1, 1), v))[0][0, 0, 0, 0] for v in (3.0, 45.0))
    assert weight[rare] > 1.2 * weight[common]
    assert math.isclose(float((prior * weight).sum()), 1, rel_tol=0.2)
    assert torch.allclose(class_weights(prior, 0.0), torch.ones(260))


def test_true_distribution_minimizes_the_loss() -> None:
    ab = torch.rand(1, 2, 6, 6) * 60 - 30

    def loss(logits: torch.Tensor, ab: torch.Tensor, lightness: torch.Tensor) -> float:
        return float(distribution_loss(logits, ab, lightness, TARGETS, torch.ones(260))[1])

    index, weight = TARGETS(ab)
    true = torch.full((1, 260, 6, 6), -20.0).scatter(1, index, weight.log())
    bright = torch.full((1, 1, 6, 6), 70.0)
    assert loss(true, ab, bright) < loss(torch.zeros_like(true), ab, bright)
    assert (
        float(distillation_loss(true, true))
        < 1e-5
        < float(distillation_loss(true, torch.zeros_like(true)))
    )
    assert float((mean_color(true, TARGETS.bins, 1.0) - ab).norm(dim=1).mean()) < 6


def test_class_weights_have_no_effect_in_dark_regions() -> None:
    ab, logits, weights = (
        torch.full((1, 2, 2, 2), 50.0),
        torch.zeros(1, 260, 2, 2),
        torch.full((260,), 4.0),
    )
    dark, light = (
        distribution_loss(logits, ab, torch.full((1, 1, 2, 2), v), TARGETS, weights)
        for v in (15.0, 65.0)
    )
    assert math.isclose(float(dark[0]), float(dark[1]), rel_tol=1e-5)
    assert math.isclose(float(light[0]), 4 * float(light[1]), rel_tol=1e-5)


def test_matched_colorfulness_depends_on_hue_and_position() -> None:
    lightness, ab = torch.full((2, 1, 8, 8), 60.0), torch.rand(2, 2, 8, 8) * 40 - 10
    gray, truth, opposite = (lab_to_rgb(lightness, share * ab) for share in (0, 1, -1))
    assert math.isclose(float(matched_colorfulness(truth, truth)), 1, rel_tol=1e-5)
    assert abs(float(matched_colorfulness(gray, truth))) < 1e-3
    assert float(matched_colorfulness(opposite, truth)) < -0.5
    assert float(matched_colorfulness(truth[:0], truth[:0])) == 0
    # Color at wrong positions does not count, although it is as colorful.
    assert float(matched_colorfulness(truth.flip(-1), truth)) < 0.7


def test_excess_variation_penalizes_only_patches_without_true_variation() -> None:
    truth = torch.full((1, 2, 16, 16), 5.0)
    patches = truth.clone()
    patches[..., 4:12] = -30.0
    assert float(excess_variation(truth, truth)) < 0.11
    assert float(excess_variation(-4 * truth, truth)) < 0.11
    assert float(excess_variation(patches, truth)) > 1
    assert float(excess_variation(patches, patches)) < 0.11


def test_log_mse_loss_follows_psnr() -> None:
    truth = torch.rand(3, 3, 8, 8)
    assert math.isclose(float(log_mse_loss(truth, truth)), math.log(ERROR_FLOOR), rel_tol=1e-5)
    small, large = (float(log_mse_loss(truth + d, truth)) for d in (0.1, 0.2))
    assert math.isclose(large - small, math.log(4), rel_tol=0.02)  # 6 dB
    assert float(colorfulness_share(truth, truth)) == 1
    assert float(colorfulness_share(truth[:0], truth[:0])) == 0


def test_reward_rises_while_predictions_are_too_gray() -> None:
    objective = ColorLosses(
        TrainingConfig(stage="pretrain", steps=1), TARGETS, torch.full((260,), 1 / 260)
    )
    batch = make_batch(torch.full((2, 2, 8, 8), 30.0))
    output = objective(torch.zeros(2, 260, 8, 8), batch)
    before = float(objective.reward)
    objective.update_reward(output.statistics)
    assert float(output.statistics[0]) < 0.9 and float(output.statistics[1]) == 1
    assert float(objective.reward) > before
    # Images with hints do not change the reward.
    hinted = objective(torch.zeros(2, 260, 8, 8), make_batch(torch.full((2, 2, 8, 8), 30.0), True))
    before = float(objective.reward)
    objective.update_reward(hinted.statistics)
    assert hinted.statistics.tolist() == [0, 0]
    assert float(objective.reward) == before


@pytest.mark.slow
def test_every_loss_has_a_gradient() -> None:
    logits, batch = torch.randn(2, 260, 8, 8), make_batch(torch.rand(2, 2, 8, 8) * 40)

    def gradient(reward: float = 1.0, **choices: float) -> torch.Tensor:
        config = TrainingConfig(stage="pretrain", steps=1, **choices)
        objective = ColorLosses(config, TARGETS, torch.full((260,), 1 / 260))
        objective.reward.fill_(reward)
        own = logits.clone().requires_grad_()
        return torch.autograd.grad(objective(own, batch).total, own)[0]

    complete = gradient()
    for reduced in (
        gradient(reward=0.0),
        gradient(image_weight=0.0),
        gradient(coherence=0.0),
    ):
        assert float((complete - reduced).norm()) > 1e-3 * float(complete.norm()) > 0
    objective = ColorLosses(
        TrainingConfig(stage="pretrain", steps=1), TARGETS, torch.full((260,), 1 / 260)
    )
    output = objective(logits, batch)
    assert set(output.losses) == {
        "rebalanced", "cross_entropy", "image", "matched_colorfulness", "variation"
    }  # fmt: skip
