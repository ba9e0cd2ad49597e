"""ConvNeXt, the encoder of DDColor (Liu et al., "A ConvNet for the 2020s", arXiv:2201.03545)."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

_EPSILON = 1e-6
"""Term that layer norms add to the variance, as in the original."""


class ChannelNorm(nn.LayerNorm):
    """A layer norm over the channels of (N, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=_EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Block(nn.Module):
    """A residual block: a depthwise 7x7 convolution, an MLP, and a scale per channel.

    The scale `gamma` is LayerScale (Touvron et al., arXiv:2103.17239).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=_EPSILON)
        self.pwconv1 = nn.Linear(channels, 4 * channels)
        self.pwconv2 = nn.Linear(4 * channels, channels)
        self.gamma = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        residual = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        residual = self.gamma * self.pwconv2(F.gelu(self.pwconv1(residual)))
        y: Tensor = x + residual.permute(0, 3, 1, 2)
        return y


class ConvNeXt(nn.Module):
    """ConvNeXt as an encoder, with layer norm on the features at strides 4, 8, 16 and 32."""

    def __init__(self, depths: tuple[int, ...], widths: tuple[int, ...]) -> None:
        """Build the encoder.

        Args:
            depths: number of blocks of each stage.
            widths: number of channels of each stage.
        """
        super().__init__()
        stem = nn.Sequential(nn.Conv2d(3, widths[0], 4, stride=4), ChannelNorm(widths[0]))
        downsamplers = [
            nn.Sequential(
                ChannelNorm(in_channels), nn.Conv2d(in_channels, out_channels, 2, stride=2)
            )
            for in_channels, out_channels in itertools.pairwise(widths)
        ]
        self.downsample_layers = nn.ModuleList([stem, *downsamplers])
        self.stages = nn.ModuleList(
            nn.Sequential(*(Block(width) for _ in range(depth)))
            for depth, width in zip(depths, widths, strict=True)
        )
        for i, width in enumerate(widths):
            self.add_module(f"norm{i}", ChannelNorm(width))

    def forward(self, x: Tensor) -> list[Tensor]:
        """Extract features.

        Args:
            x: sRGB with ImageNet normalization, (N, 3, H, W); H and W are multiples of 32.

        Returns:
            One tensor per stage i, (N, widths[i], H / s, W / s), at stride s = 4 * 2^i.
        """
        features = []
        stages = zip(self.downsample_layers, self.stages, strict=True)
        for i, (downsample, stage) in enumerate(stages):
            x = stage(downsample(x))
            features.append(self.get_submodule(f"norm{i}")(x))
        return features
