"""The objective of training: losses on the distribution over color bins and on the color.

The distribution loss follows Zhang, Isola & Efros, "Colorful Image Colorization", 2016: soft
targets over the bins nearest to the true color, and cross-entropy with class weights for rare
colors, because most pixels of photographs are nearly gray.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from vidcolor.color.bins import TEMPERATURE
from vidcolor.color.lab import lab_to_rgb, rgb_to_lab
from vidcolor.color.metrics import colorfulness
from vidcolor.generators.network import STRIDE
from vidcolor.training.task import LossOutput

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vidcolor.training.batches import Batch
    from vidcolor.training.config import TrainingConfig

INITIAL_REWARD = 3.2
"""Initial reward for color. It is close to the final value of the embedded weights, which avoids
oscillation at the start."""
_REWARD_STEP = 0.01
"""Change of the reward in a step, per unit of missing relative colorfulness."""
_MAX_REWARD = 8.0
NUM_NEIGHBORS = 5
"""Number of bins with a non-zero target for one color."""
SIGMA = 5.0
"""Standard deviation of the soft targets and of the smoothing of the prior, in a*b* units."""
UNIFORM_SHARE = 0.5
"""Share of the uniform distribution that is mixed into the prior (lambda of Zhang et al.)."""
MAX_WEIGHT = 8.0
"""Maximum class weight; the mean is 1."""
ERROR_FLOOR = 2e-4
"""Mean square error (37 dB) below which the image loss flattens."""
REBALANCE_MIN_L, REBALANCE_FULL_L = 20.0, 60.0
"""L* below which class weights have no effect, and above which they have their full effect."""
MEAN_SHARE = 0.3
"""Weight of the mean color of an image in its colorfulness (Hasler & Süsstrunk, 2003)."""
MIN_OPPONENT_LENGTH = 0.02
"""Minimum length of the opponent components in the denominator, for R'G'B' in [0, 1]."""
VARIATION_STEPS = (2, 4)
"""Sizes of the blocks of cells whose mean colors are compared with their neighbors."""
MAX_TABLE_AB = 115
"""Maximum |a*| or |b*| in the lookup table; the maximum in sRGB is 108."""


class BinTargets(nn.Module):
    """Soft encoding of a*b* over the nearest bins with a lookup table over integer a*b*.

    Rounding to integers moves a color by at most 0.7 units; the spacing of the bins is 10.
    """

    bins: Tensor
    index: Tensor
    weight: Tensor

    def __init__(self, bins: Tensor) -> None:
        """Build the table for bins (Q, 2) with Q >= `NUM_NEIGHBORS`."""
        super().__init__()
        axis = torch.arange(-MAX_TABLE_AB, MAX_TABLE_AB + 1, dtype=torch.float32)
        grid = torch.cartesian_prod(axis, axis)
        distance, index = torch.cdist(grid, bins.float().cpu()).topk(NUM_NEIGHBORS, largest=False)
        # A normalized Gaussian; softmax avoids underflow outside the gamut.
        weight = torch.softmax(distance.square() / (-2 * SIGMA**2), dim=1)
        self.register_buffer("bins", bins.float().cpu().clone())
        self.register_buffer("index", index)
        self.register_buffer("weight", weight)

    def forward(self, ab: Tensor) -> tuple[Tensor, Tensor]:
        """Encode a*, b*, (N, 2, h, w).

        Returns:
            The nearest bins in ascending distance, (N, 5, h, w) int64, and their weights with sum
            1, (N, 5, h, w) float32.
        """
        cell = ab.round().long().clamp(-MAX_TABLE_AB, MAX_TABLE_AB) + MAX_TABLE_AB
        row = cell[:, 0] * (2 * MAX_TABLE_AB + 1) + cell[:, 1]
        return self.index[row].movedim(-1, 1), self.weight[row].movedim(-1, 1)


def bin_prior(images: Iterable[Tensor], targets: BinTargets) -> Tensor:
    """Return the frequency of each bin, smoothed over neighboring bins, (Q,) float32 with sum 1.

    The images are (N, 3, H, W) sRGB in [0, 1], with H and W multiples of 4. Colors are counted at
    the output stride of the network, 4.
    """
    count = torch.zeros(len(targets.bins), dtype=torch.float64)
    for image in images:
        index, weight = targets(F.avg_pool2d(rgb_to_lab(image)[1], STRIDE))
        count.index_add_(0, index.flatten(), weight.flatten().double())
    spread = torch.exp(torch.cdist(targets.bins, targets.bins).square() / (-2 * SIGMA**2)).double()
    prior = (spread / spread.sum(0)) @ count
    return (prior / prior.sum().clamp(min=1e-12)).float()


def class_weights(prior: Tensor, strength: float = 1.0) -> Tensor:
    """Return the class weights: the inverse of the mixed prior, with mean 1 over pixels, (Q,).

    `strength` is an exponent: 0 makes them equal, 1 is the value of Zhang et al.
    """
    # Without the uniform part, bins that never occur would have infinite weights.
    mixed = (1 - UNIFORM_SHARE) * prior + UNIFORM_SHARE / len(prior)
    weight = mixed**-strength
    return (weight / (prior * weight).sum()).clamp(max=MAX_WEIGHT)


def distribution_loss(
    logits: Tensor, ab: Tensor, lightness: Tensor, targets: BinTargets, weights: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the cross-entropy with soft targets, with and without class weights.

    Class weights have no effect in dark regions. Their color is hardly visible, and with class
    weights the network would predict red for black suits.

    Args:
        logits: (N, Q, h, w), any float type.
        ab: true a*, b*, (N, 2, h, w).
        lightness: true L*, (N, 1, h, w) in [0, 100].
        targets: encoding of the bins of the network.
        weights: (Q,) float32; see `class_weights`.

    Returns:
        Nats, mean over cells, () float32 each.
    """
    index, weight = targets(ab)
    log_probability = torch.log_softmax(logits.float(), dim=1).gather(1, index)
    entropy = -(log_probability * weight).sum(1)
    exponent = (lightness[:, 0] - REBALANCE_MIN_L) / (REBALANCE_FULL_L - REBALANCE_MIN_L)
    # The weight of the nearest bin, as in Zhang et al.
    class_weight = weights[index[:, 0]] ** exponent.clamp(0, 1)
    return (entropy * class_weight).mean(), entropy.mean()


def distillation_loss(logits: Tensor, teacher: Tensor) -> Tensor:
    """Return the KL divergence from a teacher's prediction, nats, mean over cells, () float32.

    See Hinton, Vinyals & Dean, "Distilling the Knowledge in a Neural Network", 2015. It is applied
    to the new images as in Li & Hoiem, "Learning without Forgetting", 2016. Both arguments are
    logits, (N, Q, h, w); the teacher receives no gradient.
    """
    own = torch.log_softmax(logits.float(), dim=1)
    target = torch.log_softmax(teacher.detach().float(), dim=1)
    return F.kl_div(own, target, reduction="none", log_target=True).sum(1).mean()


def mean_color(logits: Tensor, bins: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """Return the predicted a*, b*, (N, 2, h, w) float32; see `color.bins.decode_bins`.

    Unlike `decode_bins`, it is differentiable. `logits` are (N, Q, h, w), `bins` (Q, 2).
    """
    rows = logits.float().permute(0, 2, 3, 1) / temperature
    return (torch.softmax(rows, dim=-1) @ bins.float()).permute(0, 3, 1, 2)


def ab_to_rgb(lightness: Tensor, ab: Tensor) -> Tensor:
    """Combine L*, (N, 1, H, W), with bilinearly upsampled a*, b*, (N, 2, h, w).

    The result is sRGB, (N, 3, H, W) float32 in [0, 1], and differentiable.
    """
    size = lightness.shape[-2:]
    ab = F.interpolate(ab.float(), size=size, mode="bilinear", align_corners=False)
    return lab_to_rgb(lightness, ab)


def log_mse_loss(predicted: Tensor, truth: Tensor) -> Tensor:
    """Return the mean over images of log(mean square error), () float32; 1 equals 4.3 dB of PSNR.

    The logarithm gives all images equal weight, independent of their colorfulness. Unlike
    cross-entropy, this loss depends on the distance between a wrong color and the true color. Both
    arguments are sRGB in [0, 1], (N, 3, h, w).
    """
    error = (predicted - truth).square().flatten(1).mean(1)
    return (error + ERROR_FLOOR).log().mean()


def colorfulness_share(predicted: Tensor, truth: Tensor) -> Tensor:
    """Return the mean colorfulness relative to the ground truth, () float32; 0 without images.

    Both arguments are sRGB in [0, 1], (N, 3, h, w).
    """
    if not len(predicted):
        return predicted.new_zeros(())
    return colorfulness(predicted).mean() / colorfulness(truth).mean().clamp(min=1)


def matched_colorfulness(predicted: Tensor, truth: Tensor) -> Tensor:
    """Return the share of the true colorfulness that the prediction matches, () float32.

    The colorfulness of Hasler & Süsstrunk (2003) is the length of the standard deviations of the
    opponent components plus 0.3 times the length of their means. This function projects the
    predicted components on the true ones. As a reward, it favors vivid colors where the color is
    predictable. Elsewhere, predictions of opposite sign cancel. A reward for plain colorfulness
    would also favor vivid colors where the color is unpredictable.

    Both arguments are sRGB in [0, 1], (N, 3, h, w). The result is 1 for a perfect prediction, 0 for
    gray or without images, and negative for complementary colors.
    """
    if not len(predicted):
        return predicted.new_zeros(())
    parts, lengths = [], []
    deviation, mean = _opponents(predicted)
    true_deviation, true_mean = _opponents(truth)
    for share, own, target in ((1.0, deviation, true_deviation), (MEAN_SHARE, mean, true_mean)):
        length = target.square().mean(2).sum(1).sqrt().clamp(min=MIN_OPPONENT_LENGTH)
        parts.append(share * (own * target).mean(2).sum(1) / length)
        lengths.append(share * length)
    matched: Tensor = torch.stack(parts).sum() / torch.stack(lengths).sum()
    return matched


def _opponents(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """Return R - G and (R + G) / 2 - B minus their mean, (N, 2, h * w), and the mean, (N, 2, 1)."""
    red, green, blue = rgb.flatten(2).unbind(1)
    opponents = torch.stack([red - green, (red + green) / 2 - blue], dim=1)
    mean = opponents.mean(2, keepdim=True)
    return opponents - mean, mean


def excess_variation(predicted: Tensor, truth: Tensor) -> Tensor:
    """Return the spatial variation of the color in excess of the truth, a*b* units, () float32.

    It penalizes blotches. An object that is predicted in one wrong color costs nothing; an object
    of one color that is predicted in two colors does. The network therefore predicts ambiguous
    objects in one color instead of in patches. Both arguments are a*, b*, (N, 2, h, w), with h and
    w at least twice the maximum of `VARIATION_STEPS`.
    """
    total = predicted.new_zeros(())
    for step in VARIATION_STEPS:
        blocks, true_blocks = F.avg_pool2d(predicted, step), F.avg_pool2d(truth, step)
        for axis in (-2, -1):
            # The offset gives the square root a finite gradient at 0.
            change = (blocks.diff(dim=axis).square().sum(1) + 1e-2).sqrt()
            total = total + F.relu(change - true_blocks.diff(dim=axis).norm(dim=1)).mean()
    return total / (2 * len(VARIATION_STEPS))


class ColorLosses(nn.Module):
    """The losses of colorization.

    A pure error loss makes predictions gray, and pure cross-entropy makes them blotchy. The image
    losses therefore combine the error and the excess variation of the predicted color with a reward
    for true color. The reward is a Lagrange multiplier: dual ascent adjusts it until images without
    hints reach the colorfulness of the configuration.
    """

    reward: Tensor
    """Current reward for predictions with the full chroma of the ground truth, () float32, in the
    units of `log_mse_loss`."""
    class_weight: Tensor

    def __init__(self, config: TrainingConfig, targets: BinTargets, prior: Tensor) -> None:
        """Create the losses for Q bins that occur with the frequencies `prior`, (Q,)."""
        super().__init__()
        self.config, self.prior = config, prior
        self.targets = targets
        self.register_buffer("class_weight", class_weights(prior, config.rebalance))
        self.register_buffer("reward", torch.tensor(INITIAL_REWARD))

    def forward(
        self, logits: Tensor, batch: Batch, teacher_logits: Tensor | None = None
    ) -> LossOutput:
        """Compute the losses of a prediction, (N, Q, S / 4, S / 4).

        For distillation, `teacher_logits` is the prediction of the initial weights.

        Returns:
            Losses. The statistics are the relative colorfulness of the images without hints, and
            their weight: 1, or 0 if there are no such images. Their sum over batches gives the
            mean.
        """
        config = self.config
        # The losses use the lightness of the photograph, not the degraded input.
        lightness, _ = rgb_to_lab(batch.image)
        small = F.avg_pool2d(lightness, STRIDE)
        predicted = mean_color(logits, self.targets.bins)
        rebalanced, plain = distribution_loss(
            logits, batch.ab, small, self.targets, self.class_weight
        )
        rgb, truth = lab_to_rgb(small, predicted), lab_to_rgb(small, batch.ab)
        # Hints determine the color, so only images without hints need a reward for color.
        unhinted = batch.density.flatten(1).amax(1) == 0
        losses = {
            "rebalanced": rebalanced,
            "cross_entropy": plain,
            "image": log_mse_loss(rgb, truth),
            "matched_colorfulness": matched_colorfulness(rgb[unhinted], truth[unhinted]),
            "variation": excess_variation(predicted, batch.ab),
        }
        reward = self.reward * losses["matched_colorfulness"] * unhinted.float().mean()
        total = rebalanced + config.image_weight * (losses["image"] - reward)
        total = total + config.coherence * losses["variation"]
        if teacher_logits is not None:
            losses["distillation"] = distillation_loss(logits, teacher_logits)
            total = total + config.distill * losses["distillation"]
        losses = {name: loss.detach() for name, loss in losses.items()}
        share = colorfulness_share(rgb[unhinted], truth[unhinted])
        weighted = torch.stack([share, unhinted.any().float()]).detach()
        return LossOutput(total, losses, weighted)

    @torch.no_grad()
    def update_reward(self, colorfulness: Tensor) -> None:
        """Adjust the reward, given the sum of `LossOutput.statistics` over batches."""
        if colorfulness[1] > 0:
            deficit = self.config.colorfulness - colorfulness[0] / colorfulness[1]
            self.reward.add_(_REWARD_STEP * deficit).clamp_(0, _MAX_REWARD)
