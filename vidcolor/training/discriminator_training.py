"""The discriminator and its own training, beside the generator's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from vidcolor.color.lab import rgb_to_lab
from vidcolor.training.adversarial import (
    PatchDiscriminator,
    discriminator_loss,
    generator_adversarial_loss,
)

if TYPE_CHECKING:
    from torch import Tensor

    from vidcolor.training.batches import Batch
    from vidcolor.training.config import TrainingConfig
    from vidcolor.training.distributed import ProcessGroup


class DiscriminatorTraining:
    """Judges what the generator paints, and learns from it."""

    def __init__(self, recipe: TrainingConfig, device: torch.device) -> None:
        torch.manual_seed(recipe.seed + 1)
        self.network = PatchDiscriminator().to(device)
        self.rate = recipe.discriminator_rate
        # No momentum in the mean, as is usual against a moving opponent.
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=self.rate, betas=(0.0, 0.99), weight_decay=0.0
        )

    def opinion(self, painted: Tensor, batch: Batch) -> Tensor:
        """The generator's loss; gradients flow into `painted`, not into the discriminator."""
        self.network.requires_grad_(False)
        lightness, _ = rgb_to_lab(batch.picture)
        return generator_adversarial_loss(self.network(lightness, painted))

    def learn(self, painted: Tensor, batch: Batch, share: float) -> Tensor:
        """Add this batch's gradients to the discriminator's.

        Args:
            painted: a*, b*, (N, 2, S / 4, S / 4).
            batch: with the true colors.
            share: of this batch in the update.

        Returns:
            Its loss, () float32 without gradient.
        """
        self.network.requires_grad_(True)
        lightness, _ = rgb_to_lab(batch.picture)
        # In one pass, so that the spectral norm's estimate moves once and is the same for both.
        verdict = self.network(
            lightness.repeat(2, 1, 1, 1), torch.cat([batch.ab, painted.detach()])
        )
        loss = discriminator_loss(*verdict.chunk(2))
        (loss * share).backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def update(self, rate: float, company: ProcessGroup) -> None:
        """Use the gathered gradients, averaged over all processes.

        Args:
            rate: relative to the recipe's.
            company: the processes that train together.
        """
        gradients = [p.grad for p in self.network.parameters() if p.grad is not None]
        company.average(gradients)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate * rate
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
