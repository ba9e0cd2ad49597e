"""The generator networks of DeOldify (Antic, https://github.com/jantic/DeOldify)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from torch import nn

from vidcolor.generators.zoo.base import ZooNetwork, parameter_dtype
from vidcolor.generators.zoo.resnet import ResNetEncoder, resnet34, resnet101
from vidcolor.generators.zoo.unet import DeepBlock, PixelShuffle, WideBlock, conv_layer

if TYPE_CHECKING:
    from torch import Tensor

ALIGNMENT = 16
"""Divisor of the input height and width, in pixels; 32 gives slightly cleaner edges."""
_LIMIT = 3.0
"""Maximum distance of outputs from the ImageNet mean, in standard deviations."""


class _Residual(nn.Module):
    """A residual block: two 3x3 convolutions with ReLU."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(
                nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU())
                for _ in range(2)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        residual: Tensor = self.layers(x)
        return x + residual


class DeOldify(ZooNetwork):
    """DeOldify, which maps gray in three channels to R'G'B', both with ImageNet normalization.

    The network is a U-Net with a ResNet encoder. The variant ``wide`` (published as ``video`` and
    ``stable``) has ResNet-101 and one wide convolution per decoder block. The variant ``deep``
    (published as ``artistic``) has ResNet-34 and two convolutions per decoder block.
    """

    def __init__(self, variant: Literal["wide", "deep"]) -> None:
        super().__init__()
        encoder = resnet101() if variant == "wide" else resnet34()
        *skips, top = encoder.channels
        blocks: list[nn.Module] = []
        channels = top
        for level, skip in enumerate(reversed(skips)):
            is_last, attention = level == len(skips) - 1, level == 1
            if variant == "wide":
                out_channels = 256 if is_last else 512
                block: nn.Module = WideBlock(channels, skip, out_channels, attention)
            else:
                joined = channels // 2 + skip
                out_channels = int((joined // 2 if is_last else joined) * 1.5)
                block = DeepBlock(channels, skip, out_channels, attention)
            channels = out_channels
            blocks.append(block)
        self.layers = nn.ModuleList(
            [
                encoder,
                nn.BatchNorm2d(top),
                nn.ReLU(),
                nn.Sequential(conv_layer(top, 2 * top), conv_layer(2 * top, top)),
                *blocks,
                PixelShuffle(channels, channels, norm=False),
                nn.Identity(),  # keeps the indices of the original, which merges the input here
                _Residual(channels + 3),
                nn.Sequential(nn.Conv2d(channels + 3, 3, 1)),
            ]
        )

    def forward(self, image: Tensor) -> Tensor:
        """Predict color.

        Args:
            image: sRGB-encoded gray in three channels with ImageNet normalization, (N, 3, H, W);
                H and W are multiples of `ALIGNMENT`.

        Returns:
            R'G'B' with ImageNet normalization, (N, 3, H, W) float32 within ±3.
        """
        encoder, norm, relu, middle, *blocks, shuffle, _, residual, out = self.layers
        assert isinstance(encoder, ResNetEncoder)
        image = image.to(parameter_dtype(encoder))
        *skips, x = encoder.extract_features(image)
        x = middle(relu(norm(x)))
        for block, skip in zip(blocks, reversed(skips), strict=True):
            x = block(x, skip)
        x = residual(torch.cat([shuffle(x), image], dim=1))
        logits = out(x.to(parameter_dtype(out)))
        return torch.sigmoid(logits) * (2 * _LIMIT) - _LIMIT

    def lower_precision(self, dtype: torch.dtype) -> None:
        """Convert all layers except for the last one to a dtype."""
        self.to(dtype)
        self.layers[-1].float()
