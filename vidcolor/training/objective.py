"""What a stage minimizes: its losses, weighted, each under the name that logs and plots give it."""

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
    agreement,
    class_weights,
    colorfulness_share,
    divergence,
    excess_variation,
    mean_color,
    picture_loss,
)
from vidcolor.training.perceptual import FeatureDistance, paint

if TYPE_CHECKING:
    from vidcolor.generators.network import EmbeddedNetwork
    from vidcolor.training.batches import Batch
    from vidcolor.training.config import TrainingConfig

Losses = dict[str, Tensor]
"""Unweighted losses by name, each () float32 without gradient; ``loss`` is their weighted sum."""

FIRST_REWARD = 3.2
"""About where it ended for the embedded weights, so that nothing swings at first."""
_REWARD_STEP = 0.01
_MOST_REWARD = 8.0


class LossOutput(NamedTuple):
    """What an objective says of one batch."""

    total: Tensor
    """The weighted sum, () float32 with gradient."""
    losses: Losses
    painted: Tensor
    """a*, b*, (N, 2, S / 4, S / 4), with gradient."""
    share: Tensor
    """Colorfulness of the pictures without hints over the truth's, and 1; (0, 0) if there are no
    such pictures: (2,) float32 without gradient."""


class Objective(nn.Module):
    """Everything but the discriminator: distribution, picture, teacher, features.

    Error alone makes pictures gray, cross-entropy alone makes them blotchy. So the painted picture
    is judged by its error and its blotches, less a reward for true color; and the
    reward is moved until pictures without hints are as colorful as the recipe says: a Lagrange
    multiplier, found by dual ascent.

    Attributes:
        targets: the soft encoding over the network's bins.
        reward: what the whole chroma of the truth is worth now, () float32, in the units of
            `picture_loss`.
    """

    reward: Tensor

    def __init__(
        self,
        recipe: TrainingConfig,
        bins: Tensor,
        prior: Tensor,
        teacher: EmbeddedNetwork | None = None,
        features: FeatureDistance | None = None,
    ) -> None:
        """Prepare the losses.

        Args:
            recipe: with their weights.
            bins: a*, b* of the network's bins, (Q, 2).
            prior: how often each occurs, (Q,); see `bin_prior`.
            teacher: the starting network, in evaluation mode, if the recipe distils.
            features: the perceptual distance, if the stage has one.
        """
        super().__init__()
        self.recipe = recipe
        self.targets = BinTargets(bins)
        weights = class_weights(prior, recipe.rebalance)
        self.distribution = DistributionLoss(self.targets, weights)
        self.teacher, self.features = teacher, features
        self.register_buffer("reward", torch.tensor(FIRST_REWARD))

    def teach(self, batch: Batch) -> Tensor | None:
        """What the teacher predicts for a batch; None without one. Call it under autocast."""
        if self.teacher is None:
            return None
        with torch.no_grad():
            logits: Tensor = self.teacher(batch.luma, batch.hint_ab, batch.density)
        return logits

    def forward(self, logits: Tensor, batch: Batch, taught: Tensor | None = None) -> LossOutput:
        """Measure a prediction.

        Args:
            logits: (N, Q, S / 4, S / 4).
            batch: that they were predicted for.
            taught: from `teach`.
        """
        lightness, _ = rgb_to_lab(batch.picture)
        small = F.avg_pool2d(lightness, STRIDE)
        painted = mean_color(logits, self.targets.bins)
        rebalanced, plain = self.distribution(logits, batch.ab, small)
        losses = {"rebalanced": rebalanced, "cross_entropy": plain}
        alone = _unhinted(batch)
        share = self._judge(painted, small, batch.ab, alone, losses)
        total = rebalanced
        total = total + self.recipe.picture_weight * (
            losses["picture"] - self.reward * losses["agreement"] * alone.float().mean()
        )
        losses["variation"] = excess_variation(painted, batch.ab)
        total = total + self.recipe.coherence * losses["variation"]
        if taught is not None:
            losses["divergence"] = divergence(logits, taught)
            total = total + self.recipe.distil * losses["divergence"]
        if self.features is not None:
            losses["perceptual"] = self.features(paint(lightness, painted), batch.picture)
            total = total + self.recipe.perceptual_weight * losses["perceptual"]
        losses = {name: loss.detach() for name, loss in losses.items()}
        return LossOutput(total, losses, painted, share.detach())

    def _judge(
        self, painted: Tensor, small: Tensor, ab: Tensor, alone: Tensor, losses: Losses
    ) -> Tensor:
        """Add the picture's losses; returns colorfulness of those without hints, and 1: (2,)."""
        ours, truth = lab_to_rgb(small, painted), lab_to_rgb(small, ab)
        losses["picture"] = picture_loss(ours, truth)
        losses["agreement"] = agreement(ours[alone], truth[alone])
        share = colorfulness_share(ours[alone], truth[alone])
        return torch.stack([share, alone.any().float()])

    @torch.no_grad()
    def balance(self, share: Tensor) -> None:
        """Move the reward, after a step.

        Args:
            share: sum of `LossOutput.share` over batches and processes, (2,).
        """
        if share[1] > 0:
            short = self.recipe.colorfulness - share[0] / share[1]
            self.reward.add_(_REWARD_STEP * short).clamp_(0, _MOST_REWARD)


def _unhinted(batch: Batch) -> Tensor:
    """Which pictures the network colors alone: (N,) bool."""
    return batch.density.flatten(1).amax(1) == 0
