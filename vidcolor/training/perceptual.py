"""Pictures from predictions, and how different two pictures look to the pretrained encoder."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from vidcolor.color.lab import lab_to_rgb
from vidcolor.generators.efficientnet import IMAGENET_MEAN, IMAGENET_STD, EfficientNetLite2

FIRST_LEVEL = 1
"""Features at stride 2 see little but luma's edges, which both pictures share."""


def paint(lightness: Tensor, ab: Tensor) -> Tensor:
    """A picture from full-size lightness and coarser color; differentiable.

    Args:
        lightness: L*, (N, 1, H, W) in [0, 100].
        ab: a*, b*, (N, 2, h, w), enlarged bilinearly.

    Returns:
        (N, 3, H, W) float32, sRGB in [0, 1].
    """
    size = lightness.shape[-2:]
    ab = F.interpolate(ab.float(), size=size, mode="bilinear", align_corners=False)
    return lab_to_rgb(lightness, ab)


class FeatureDistance(nn.Module):
    """Distance of two pictures in a frozen encoder's features.

    At each stride from 4 on, features are scaled to unit length over channels and their squared
    differences summed, as in Zhang et al., "The Unreasonable Effectiveness of Deep Features as a
    Perceptual Metric", 2018, but with all channels counting alike: so it is no LPIPS.
    """

    def __init__(self, encoder: EfficientNetLite2) -> None:
        """Take over an encoder.

        Args:
            encoder: pretrained, in evaluation mode, without gradients.
        """
        super().__init__()
        self.encoder = encoder

    def forward(self, picture: Tensor, truth: Tensor) -> Tensor:
        """Compare.

        Args:
            picture: (N, 3, H, W) sRGB in [0, 1], H and W multiples of 32; gradients flow into it.
            truth: the same shape.

        Returns:
            () float32, 0 (equal) to 4, mean over positions and strides.
        """
        with torch.no_grad():
            known = self._features(truth)
        pairs = zip(self._features(picture), known, strict=True)
        return torch.stack([(a - b).square().sum(1).mean() for a, b in pairs]).mean()

    def _features(self, rgb: Tensor) -> list[Tensor]:
        mean = torch.tensor(IMAGENET_MEAN, device=rgb.device).view(1, 3, 1, 1)
        std = torch.tensor(IMAGENET_STD, device=rgb.device).view(1, 3, 1, 1)
        x = ((rgb - mean) / std).contiguous(memory_format=torch.channels_last)
        return [F.normalize(f.float(), dim=1, eps=1e-6) for f in self.encoder(x)[FIRST_LEVEL:]]
