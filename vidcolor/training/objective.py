"""The weighted sum of losses that a stage minimizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from vidcolor.color.lab import lab_to_rgb, rgb_to_lab
from vidcolor.generators.network import STRIDE
from vidcolor.training import losses as L  # noqa: N812

if TYPE_CHECKING:
    from vidcolor.training.batches import Batch
    from vidcolor.training.config import TrainingConfig

Losses = dict[str, Tensor]
"""Unweighted losses by name, each () float32 without gradient."""

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
    colorfulness: Tensor
    """Relative colorfulness of the images without hints, and their weight: 1, or 0 if there are no
    such images. Its sum over batches gives the mean. (2,) float32 without gradient."""


class Objective(nn.Module):
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
    """Weight of each bin in the cross-entropy, (Q,) float32."""

    def __init__(self, config: TrainingConfig, bins: Tensor, prior: Tensor) -> None:
        """Create the losses.

        Args:
            config: weights of the losses, and the target colorfulness.
            bins: a*, b* of the bins of the network, (Q, 2).
            prior: frequency of each bin, (Q,); see `bin_prior`.
        """
        super().__init__()
        self.config, self.prior = config, prior
        self.targets = L.BinTargets(bins)
        self.register_buffer("class_weight", L.class_weights(prior, config.rebalance))
        self.register_buffer("reward", torch.tensor(INITIAL_REWARD))

    def forward(
        self, logits: Tensor, batch: Batch, teacher_logits: Tensor | None = None
    ) -> LossOutput:
        """Compute the losses of a prediction.

        Args:
            logits: (N, Q, S / 4, S / 4).
            batch: the batch of the prediction.
            teacher_logits: prediction of the initial weights, for distillation; or None.
        """
        config = self.config
        # The losses use the lightness of the photograph, not the degraded input.
        lightness, _ = rgb_to_lab(batch.image)
        small = F.avg_pool2d(lightness, STRIDE)
        predicted = L.mean_color(logits, self.targets.bins)
        rebalanced, plain = L.distribution_loss(
            logits, batch.ab, small, self.targets, self.class_weight
        )
        rgb, truth = lab_to_rgb(small, predicted), lab_to_rgb(small, batch.ab)
        # Hints determine the color, so only images without hints need a reward for color.
        unhinted = batch.density.flatten(1).amax(1) == 0
        losses = {
            "rebalanced": rebalanced,
            "cross_entropy": plain,
            "image": L.log_mse_loss(rgb, truth),
            "matched_colorfulness": L.matched_colorfulness(rgb[unhinted], truth[unhinted]),
            "variation": L.excess_variation(predicted, batch.ab),
        }
        reward = self.reward * losses["matched_colorfulness"] * unhinted.float().mean()
        total = rebalanced + config.image_weight * (losses["image"] - reward)
        total = total + config.coherence * losses["variation"]
        if teacher_logits is not None:
            losses["distillation"] = L.distillation_loss(logits, teacher_logits)
            total = total + config.distill * losses["distillation"]
        losses = {name: loss.detach() for name, loss in losses.items()}
        share = L.colorfulness_share(rgb[unhinted], truth[unhinted])
        colorfulness = torch.stack([share, unhinted.any().float()]).detach()
        return LossOutput(total, losses, colorfulness)

    @torch.no_grad()
    def update_reward(self, colorfulness: Tensor) -> None:
        """Adjust the reward after an optimizer step.

        Args:
            colorfulness: sum or mean of `LossOutput.colorfulness` over batches and processes, (2,).
        """
        if colorfulness[1] > 0:
            deficit = self.config.colorfulness - colorfulness[0] / colorfulness[1]
            self.reward.add_(_REWARD_STEP * deficit).clamp_(0, _MAX_REWARD)
