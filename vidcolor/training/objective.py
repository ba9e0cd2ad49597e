"""The weighted sum of losses that a stage minimizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from vidcolor.color.lab import lab_to_rgb, rgb_to_lab
from vidcolor.generators.network import STRIDE
from vidcolor.training.losses import (
    BinTargets,
    DistributionLoss,
    class_weights,
    colorfulness_share,
    distillation_loss,
    excess_variation,
    log_mse_loss,
    matched_colorfulness,
    mean_color,
)
from vidcolor.training.perceptual import PerceptualDistance, ab_to_rgb

if TYPE_CHECKING:
    from vidcolor.generators.network import EmbeddedNetwork
    from vidcolor.training.batches import Batch
    from vidcolor.training.config import TrainingConfig

Losses = dict[str, Tensor]
"""Unweighted losses by name, each () float32 without gradient. ``loss`` is the weighted sum."""

INITIAL_REWARD = 3.2
"""Initial reward for color. It is close to the final value of the embedded weights, which avoids
oscillation at the start."""
_REWARD_STEP = 0.01
"""Change of the reward in a step, per unit of missing relative colorfulness."""
_MAX_REWARD = 8.0


class LossOutput(NamedTuple):
    """Losses of one batch."""

    total: Tensor
    """The weighted sum, () float32 with gradient."""
    losses: Losses
    """The unweighted losses."""
    predicted: Tensor
    """Predicted a*, b*, (N, 2, S / 4, S / 4) float32 with gradient."""
    colorfulness: Tensor
    """Relative colorfulness of the images without hints, and their weight: 1, or 0 if there are no
    such images. Its sum over batches gives the mean. (2,) float32 without gradient."""


class Objective(nn.Module):
    """All losses except the adversarial loss: distribution, image, distillation, perceptual.

    A pure error loss makes predictions gray, and pure cross-entropy makes them blotchy. The image
    losses therefore combine the error and the excess variation of the predicted color with a reward
    for true color. The reward is a Lagrange multiplier: dual ascent adjusts it until images without
    hints reach the colorfulness of the configuration.

    Attributes:
        targets: soft encoding over the bins of the network.
        reward: current reward for predictions with the full chroma of the ground truth, () float32,
            in the units of `log_mse_loss`.
    """

    reward: Tensor

    def __init__(
        self,
        config: TrainingConfig,
        bins: Tensor,
        prior: Tensor,
        teacher: EmbeddedNetwork | None = None,
        perceptual: PerceptualDistance | None = None,
    ) -> None:
        """Create the losses.

        Args:
            config: weights of the losses, and the target colorfulness.
            bins: a*, b* of the bins of the network, (Q, 2).
            prior: frequency of each bin, (Q,); see `bin_prior`.
            teacher: the initial network in evaluation mode, for distillation.
            perceptual: the perceptual distance, for the adversarial stage.
        """
        super().__init__()
        self.config = config
        self.targets = BinTargets(bins)
        weights = class_weights(prior, config.rebalance)
        self.distribution = DistributionLoss(self.targets, weights)
        self.teacher, self.perceptual = teacher, perceptual
        self.register_buffer("reward", torch.tensor(INITIAL_REWARD))

    def teacher_logits(self, batch: Batch) -> Tensor | None:
        """Return the logits of the teacher, (N, Q, S / 4, S / 4), or None without a teacher.

        Call it under autocast, like the network itself.
        """
        if self.teacher is None:
            return None
        with torch.no_grad():
            logits: Tensor = self.teacher(batch.luma, batch.hint_ab, batch.density)
        return logits

    def forward(
        self, logits: Tensor, batch: Batch, teacher_logits: Tensor | None = None
    ) -> LossOutput:
        """Compute the losses of a prediction.

        Args:
            logits: (N, Q, S / 4, S / 4).
            batch: the batch of the prediction.
            teacher_logits: from `Objective.teacher_logits`.
        """
        # The losses use the lightness of the photograph, not the degraded input.
        lightness, _ = rgb_to_lab(batch.image)
        small = F.avg_pool2d(lightness, STRIDE)
        predicted = mean_color(logits, self.targets.bins)
        rebalanced, plain = self.distribution(logits, batch.ab, small)
        losses = {"rebalanced": rebalanced, "cross_entropy": plain}
        # Hints determine the color, so only images without hints need a reward for color.
        unhinted = _is_unhinted(batch)
        colorfulness = self._add_image_losses(predicted, small, batch.ab, unhinted, losses)
        total = rebalanced
        total = total + self.config.image_weight * (
            losses["image"] - self.reward * losses["matched_colorfulness"] * unhinted.float().mean()
        )
        losses["variation"] = excess_variation(predicted, batch.ab)
        total = total + self.config.coherence * losses["variation"]
        if teacher_logits is not None:
            losses["distillation"] = distillation_loss(logits, teacher_logits)
            total = total + self.config.distill * losses["distillation"]
        if self.perceptual is not None:
            losses["perceptual"] = self.perceptual(ab_to_rgb(lightness, predicted), batch.image)
            total = total + self.config.perceptual_weight * losses["perceptual"]
        losses = {name: loss.detach() for name, loss in losses.items()}
        return LossOutput(total, losses, predicted, colorfulness.detach())

    def _add_image_losses(
        self, predicted: Tensor, small: Tensor, ab: Tensor, unhinted: Tensor, losses: Losses
    ) -> Tensor:
        """Add the losses in R'G'B' to `losses`; return the value of `LossOutput.colorfulness`."""
        rgb, truth = lab_to_rgb(small, predicted), lab_to_rgb(small, ab)
        losses["image"] = log_mse_loss(rgb, truth)
        losses["matched_colorfulness"] = matched_colorfulness(rgb[unhinted], truth[unhinted])
        share = colorfulness_share(rgb[unhinted], truth[unhinted])
        return torch.stack([share, unhinted.any().float()])

    @torch.no_grad()
    def update_reward(self, colorfulness: Tensor) -> None:
        """Adjust the reward after an optimizer step.

        Args:
            colorfulness: sum or mean of `LossOutput.colorfulness` over batches and processes, (2,).
        """
        if colorfulness[1] > 0:
            deficit = self.config.colorfulness - colorfulness[0] / colorfulness[1]
            self.reward.add_(_REWARD_STEP * deficit).clamp_(0, _MAX_REWARD)


def _is_unhinted(batch: Batch) -> Tensor:
    """Return which images have no hints, (N,) bool."""
    return batch.density.flatten(1).amax(1) == 0
