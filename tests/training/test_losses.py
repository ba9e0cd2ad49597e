"""Losses: soft targets, pictures, and the reward that keeps color from going gray."""

from __future__ import annotations

import math

import torch

from vidcolor.color.bins import gamut_bins
from vidcolor.color.lab import lab_to_rgb
from vidcolor.training.batches import Batch
from vidcolor.training.config import default_config
from vidcolor.training.losses import (
    ERROR_FLOOR,
    BinTargets,
    DistributionLoss,
    agreement,
    bin_prior,
    class_weights,
    colorfulness_share,
    divergence,
    excess_variation,
    mean_color,
    picture_loss,
)
from vidcolor.training.objective import Objective

TARGETS = BinTargets(gamut_bins())


def batch_of(ab: torch.Tensor, hinted: bool = False) -> Batch:
    count, _, rows, columns = ab.shape
    large = torch.nn.functional.interpolate(ab, scale_factor=4.0)
    luma = torch.full((count, 1, 4 * rows, 4 * columns), 60.0)
    density = torch.full((count, 1, rows, columns), float(hinted))
    return Batch(lab_to_rgb(luma, large), luma, ab, ab * density, density)


def test_soft_targets_are_about_their_color() -> None:
    ab = torch.rand(2, 2, 9, 9) * 50 - 25  # sRGB shows all of these
    index, weight = TARGETS(ab)
    assert torch.allclose(weight.sum(1), torch.ones(2, 9, 9), atol=1e-5)
    mean = (TARGETS.bins[index] * weight.unsqueeze(-1)).sum(1).permute(0, 3, 1, 2)
    assert float((mean - ab).norm(dim=1).max()) < 6  # bins are 10 apart


def test_rare_colors_count_more() -> None:
    pictures = [batch_of(torch.full((1, 2, 4, 4), 3.0)).picture] * 9
    pictures.append(batch_of(torch.full((1, 2, 4, 4), 45.0)).picture)
    prior = bin_prior(pictures, TARGETS)
    assert math.isclose(float(prior.sum()), 1, rel_tol=1e-4)
    weight = class_weights(prior, 0.65)
    common, rare = (TARGETS(torch.full((1, 2, 1, 1), v))[0][0, 0, 0, 0] for v in (3.0, 45.0))
    assert weight[rare] > 1.2 * weight[common]
    assert math.isclose(float((prior * weight).sum()), 1, rel_tol=0.2)
    assert torch.allclose(class_weights(prior, 0.0), torch.ones(260))


def test_the_true_distribution_loses_least() -> None:
    ab = torch.rand(1, 2, 6, 6) * 60 - 30
    loss = DistributionLoss(TARGETS, torch.ones(260))
    index, weight = TARGETS(ab)
    true = torch.full((1, 260, 6, 6), -20.0).scatter(1, index, weight.log())
    bright = torch.full((1, 1, 6, 6), 70.0)
    assert float(loss(true, ab, bright)[1]) < float(loss(torch.zeros_like(true), ab, bright)[1])
    assert float(divergence(true, true)) < 1e-5 < float(divergence(true, torch.zeros_like(true)))
    assert float((mean_color(true, TARGETS.bins, 0.0) - ab).norm(dim=1).mean()) < 6


def test_in_the_dark_rare_colors_count_like_others() -> None:
    loss = DistributionLoss(TARGETS, torch.full((260,), 4.0))
    ab, logits = torch.full((1, 2, 2, 2), 50.0), torch.zeros(1, 260, 2, 2)
    dark, light = (loss(logits, ab, torch.full((1, 1, 2, 2), v)) for v in (15.0, 65.0))
    assert math.isclose(float(dark[0]), float(dark[1]), rel_tol=1e-5)
    assert math.isclose(float(light[0]), 4 * float(light[1]), rel_tol=1e-5)


def test_agreement_is_of_hue() -> None:
    lightness, ab = torch.full((2, 1, 8, 8), 60.0), torch.rand(2, 2, 8, 8) * 40 - 10
    gray, truth, opposite = (lab_to_rgb(lightness, share * ab) for share in (0, 1, -1))
    assert math.isclose(float(agreement(truth, truth)), 1, rel_tol=1e-5)
    assert abs(float(agreement(gray, truth))) < 1e-3
    assert float(agreement(opposite, truth)) < -0.5
    assert float(agreement(truth[:0], truth[:0])) == 0
    # Color in the wrong place is none, though it is as colorful.
    assert float(agreement(truth.flip(-1), truth)) < 0.7


def test_patches_cost_and_a_wrong_color_does_not() -> None:
    truth = torch.full((1, 2, 16, 16), 5.0)
    patches = truth.clone()
    patches[..., 4:12] = -30.0
    assert float(excess_variation(truth, truth)) < 0.11
    assert float(excess_variation(-4 * truth, truth)) < 0.11
    assert float(excess_variation(patches, truth)) > 1
    assert float(excess_variation(patches, patches)) < 0.11


def test_picture_loss_is_psnr() -> None:
    truth = torch.rand(3, 3, 8, 8)
    assert math.isclose(float(picture_loss(truth, truth)), math.log(ERROR_FLOOR), rel_tol=1e-5)
    off, further = (float(picture_loss(truth + d, truth)) for d in (0.1, 0.2))
    assert math.isclose(further - off, math.log(4), rel_tol=0.02)  # 6 dB
    assert float(colorfulness_share(truth, truth)) == 1
    assert float(colorfulness_share(truth[:0], truth[:0])) == 0


def test_the_reward_rises_while_pictures_are_too_gray() -> None:
    objective = Objective(
        default_config("pretrain", steps=1), TARGETS.bins, torch.full((260,), 1 / 260)
    )
    batch = batch_of(torch.full((2, 2, 8, 8), 30.0))
    timid = objective(torch.zeros(2, 260, 8, 8), batch)
    before = float(objective.reward)
    objective.balance(timid.share)
    assert float(timid.share[0]) < 0.9 and float(timid.share[1]) == 1
    assert float(objective.reward) > before
    # Pictures with hints have no say in it.
    hinted = objective(torch.zeros(2, 260, 8, 8), batch_of(torch.full((2, 2, 8, 8), 30.0), True))
    before = float(objective.reward)
    objective.balance(hinted.share)
    assert hinted.share.tolist() == [0, 0]
    assert float(objective.reward) == before


def test_every_loss_reaches_the_logits() -> None:
    logits, batch = torch.randn(2, 260, 8, 8), batch_of(torch.rand(2, 2, 8, 8) * 40)

    def gradient(reward: float = 1.0, **choices: float) -> torch.Tensor:
        recipe = default_config("pretrain", steps=1, **choices)
        objective = Objective(recipe, TARGETS.bins, torch.full((260,), 1 / 260))
        objective.reward.fill_(reward)
        own = logits.clone().requires_grad_()
        return torch.autograd.grad(objective(own, batch).total, own)[0]

    whole = gradient()
    for less in (
        gradient(reward=0.0),
        gradient(picture_weight=0.0),
        gradient(coherence=0.0),
    ):
        assert float((whole - less).norm()) > 1e-3 * float(whole.norm()) > 0
    objective = Objective(
        default_config("pretrain", steps=1), TARGETS.bins, torch.full((260,), 1 / 260)
    )
    judged = objective(logits, batch)
    assert set(judged.losses) == {
        "rebalanced", "cross_entropy", "picture", "agreement", "variation"
    }  # fmt: skip
