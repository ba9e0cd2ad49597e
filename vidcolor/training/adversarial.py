"""The discriminator: tells true chroma from painted chroma, patch by patch."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

STRIDE = 2
"""Pixels of the picture per cell that it looks at."""
_WIDTHS = (48, 96, 192)
_SLOPE = 0.2


class PatchDiscriminator(nn.Module):
    """Judges overlapping patches (Isola et al., "pix2pix", 2017) of L*, a*, b*.

    Spectral norm on every layer (Miyato et al., 2018) keeps it gentle enough to be learned against.
    It sees luma sharp and both chromas equally soft, as true color is handed to it at the
    generator's own resolution: or it would learn to tell sharp chroma from soft.
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
        """Judge.

        Args:
            lightness: L*, (N, 1, H, W), H and W multiples of 16.
            ab: a*, b*, (N, 2, H / 4, W / 4).

        Returns:
            (N, 1, H / 16, W / 16): above 0 for what it takes to be true.
        """
        gray = F.avg_pool2d(lightness.float(), STRIDE) / 50 - 1
        ab = F.interpolate(ab.float(), size=gray.shape[-2:], mode="bilinear", align_corners=False)
        verdict: Tensor = self.layers(torch.cat([gray, ab / 50], dim=1))
        return verdict.float()


def discriminator_loss(true: Tensor, painted: Tensor) -> Tensor:
    """Hinge loss of the discriminator (Lim & Ye, 2017): () float32, 0 when it is never unsure.

    Args:
        true: its verdict on true color.
        painted: its verdict on painted color.
    """
    return F.relu(1 - true).mean() + F.relu(1 + painted).mean()


def generator_adversarial_loss(painted: Tensor) -> Tensor:
    """What the generator minimizes: the negated verdict on what it painted, () float32."""
    return -painted.mean()
