"""The discriminator of the adversarial stage, its losses and its training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from vidcolor.color.lab import rgb_to_lab

if TYPE_CHECKING:
    from vidcolor.training.batches import Batch
    from vidcolor.training.config import TrainingConfig
    from vidcolor.training.distributed import ProcessGroup

STRIDE = 2
"""Stride of the input of the discriminator, in pixels."""
_WIDTHS = (48, 96, 192)
"""Channels of the hidden layers."""
_SLOPE = 0.2
"""Negative slope of the leaky ReLU."""


class PatchDiscriminator(nn.Module):
    """Classifies overlapping patches of L*, a*, b* as real or predicted (Isola et al., 2017).

    Spectral norm on every layer (Miyato et al., 2018) limits its gradients. Real and predicted
    chroma both have the resolution of the generator. Otherwise the discriminator would learn to
    separate sharp chroma from soft chroma.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for width in _WIDTHS:
            layers.append(spectral_norm(nn.Conv2d(channels, width, 4, stride=2, padding=1)))
            layers.append(nn.LeakyReLU(_SLOPE))
            channels = width
        layers.append(spectral_norm(nn.Conv2d(channels, 1, 3, padding=1)))
        self.layers = nn.Sequential(*layers)

    def forward(self, lightness: Tensor, ab: Tensor) -> Tensor:
        """Return one logit for each patch.

        Args:
            lightness: L*, (N, 1, H, W), H and W multiples of 16.
            ab: a*, b*, (N, 2, H / 4, W / 4).

        Returns:
            (N, 1, H / 16, W / 16) float32; positive for patches that are classified as real.
        """
        # Scale all three channels to about [-1, 1].
        gray = F.avg_pool2d(lightness.float(), STRIDE) / 50 - 1
        ab = F.interpolate(ab.float(), size=gray.shape[-2:], mode="bilinear", align_corners=False)
        logits: Tensor = self.layers(torch.cat([gray, ab / 50], dim=1))
        return logits.float()


def discriminator_hinge_loss(true: Tensor, predicted: Tensor) -> Tensor:
    """Return the hinge loss of the discriminator (Lim & Ye, 2017), () float32.

    Args:
        true: logits of the discriminator for true color, any shape.
        predicted: logits of the discriminator for predicted color, any shape.
    """
    return F.relu(1 - true).mean() + F.relu(1 + predicted).mean()


def generator_hinge_loss(predicted: Tensor) -> Tensor:
    """Return the adversarial loss of the generator, () float32.

    Args:
        predicted: logits of the discriminator for predicted color, any shape.
    """
    return -predicted.mean()


class DiscriminatorTrainer:
    """A discriminator with its optimizer."""

    def __init__(self, config: TrainingConfig, device: torch.device) -> None:
        """Create a discriminator with random weights.

        Args:
            config: `seed` and `discriminator_rate` are used.
            device: device of the network.
        """
        torch.manual_seed(config.seed + 1)  # every process must start with the same weights
        self.network = PatchDiscriminator().to(device)
        self.rate = config.discriminator_rate
        # beta1 = 0, as is usual in adversarial training: old gradients are misleading, because the
        # generator changes at every step.
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=self.rate, betas=(0.0, 0.99), weight_decay=0.0
        )

    def generator_loss(self, predicted: Tensor, batch: Batch) -> Tensor:
        """Return the adversarial loss of the generator, () float32.

        Gradients flow into `predicted` but not into the discriminator.

        Args:
            predicted: a*, b*, (N, 2, S / 4, S / 4).
            batch: the batch of the prediction.
        """
        self.network.requires_grad_(False)
        lightness, _ = rgb_to_lab(batch.image)
        return generator_hinge_loss(self.network(lightness, predicted))

    def backward(self, predicted: Tensor, batch: Batch, share: float) -> Tensor:
        """Accumulate the gradients of the discriminator for one batch.

        Args:
            predicted: a*, b*, (N, 2, S / 4, S / 4).
            batch: the batch with the true colors.
            share: weight of this batch in the optimizer step.

        Returns:
            The loss of the discriminator, () float32 without gradient.
        """
        self.network.requires_grad_(True)
        lightness, _ = rgb_to_lab(batch.image)
        # One pass for both halves, so that the estimate of the spectral norm is updated once and is
        # the same for both.
        logits = self.network(
            lightness.repeat(2, 1, 1, 1), torch.cat([batch.ab, predicted.detach()])
        )
        loss = discriminator_hinge_loss(*logits.chunk(2))
        (loss * share).backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def step(self, rate: float, group: ProcessGroup) -> None:
        """Apply the accumulated gradients, averaged over all processes.

        Args:
            rate: learning rate relative to the maximum.
            group: the processes that train together.
        """
        gradients = [p.grad for p in self.network.parameters() if p.grad is not None]
        group.average(gradients)
        for parameters in self.optimizer.param_groups:
            parameters["lr"] = self.rate * rate
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
