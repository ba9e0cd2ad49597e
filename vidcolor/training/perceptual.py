"""Conversion of predictions to images, and a perceptual distance between images."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from vidcolor.color.lab import lab_to_rgb
from vidcolor.generators.efficientnet import IMAGENET_MEAN, IMAGENET_STD, EfficientNetLite2

FIRST_LEVEL = 1
"""First feature level that is compared, at stride 4. The features at stride 2 mostly represent luma
edges, which are the same in both images."""


def ab_to_rgb(lightness: Tensor, ab: Tensor) -> Tensor:
    """Combine full-size lightness and low-resolution color; differentiable.

    Args:
        lightness: L*, (N, 1, H, W) in [0, 100].
        ab: a*, b*, (N, 2, h, w); upsampled bilinearly.

    Returns:
        (N, 3, H, W) float32, sRGB in [0, 1].
    """
    size = lightness.shape[-2:]
    ab = F.interpolate(ab.float(), size=size, mode="bilinear", align_corners=False)
    return lab_to_rgb(lightness, ab)


class PerceptualDistance(nn.Module):
    """Distance of two images in the features of a frozen encoder.

    At each stride from 4 on, the features are normalized to unit length over channels and their
    squared differences are summed over channels, as in Zhang et al., "The Unreasonable
    Effectiveness of Deep Features as a Perceptual Metric", 2018. All channels have the same weight,
    so it is not LPIPS.
    """

    def __init__(self, encoder: EfficientNetLite2) -> None:
        """Wrap an encoder.

        Args:
            encoder: a pretrained encoder in evaluation mode, without gradients.
        """
        super().__init__()
        self.encoder = encoder

    def forward(self, image: Tensor, truth: Tensor) -> Tensor:
        """Return the distance.

        Args:
            image: (N, 3, H, W) sRGB in [0, 1], H and W multiples of 32; receives gradients.
            truth: the same shape.

        Returns:
            () float32 in [0, 4], mean over positions and strides.
        """
        with torch.no_grad():
            expected = self._features(truth)
        pairs = zip(self._features(image), expected, strict=True)
        return torch.stack([(a - b).square().sum(1).mean() for a, b in pairs]).mean()

    def _features(self, rgb: Tensor) -> list[Tensor]:
        """Return the normalized features at each stride from 4 on."""
        mean = torch.tensor(IMAGENET_MEAN, device=rgb.device).view(1, 3, 1, 1)
        std = torch.tensor(IMAGENET_STD, device=rgb.device).view(1, 3, 1, 1)
        x = ((rgb - mean) / std).contiguous(memory_format=torch.channels_last)
        return [F.normalize(f.float(), dim=1, eps=1e-6) for f in self.encoder(x)[FIRST_LEVEL:]]
