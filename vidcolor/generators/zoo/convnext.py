"""ConvNeXt (Liu et al., "A ConvNet for the 2020s", arXiv:2201.03545), as DDColor encodes with."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

_EPSILON = 1e-6


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of (N, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=_EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Block(nn.Module):
    """A depthwise 7x7 convolution and a two-layer perceptron, scaled, beside a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=_EPSILON)
        self.pwconv1 = nn.Linear(channels, 4 * channels)
        self.pwconv2 = nn.Linear(4 * channels, channels)
        self.gamma = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape."""
        inner = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        inner = self.gamma * self.pwconv2(F.gelu(self.pwconv1(inner)))
        outer: Tensor = x + inner.permute(0, 3, 1, 2)
        return outer


class ConvNeXt(nn.Module):
    """Picture -> normed features at strides 4, 8, 16, 32."""

    def __init__(self, depths: tuple[int, ...], widths: tuple[int, ...]) -> None:
        super().__init__()
        stem = nn.Sequential(nn.Conv2d(3, widths[0], 4, stride=4), ChannelNorm(widths[0]))
        halvings = [
            nn.Sequential(ChannelNorm(before), nn.Conv2d(before, after, 2, stride=2))
            for before, after in itertools.pairwise(widths)
        ]
        self.downsample_layers = nn.ModuleList([stem, *halvings])
        self.stages = nn.ModuleList(
            nn.Sequential(*(Block(width) for _ in range(depth)))
            for depth, width in zip(depths, widths, strict=True)
        )
        for i, width in enumerate(widths):
            self.add_module(f"norm{i}", ChannelNorm(width))

    def forward(self, x: Tensor) -> list[Tensor]:
        """(N, 3, H, W), H and W multiples of 32 -> (N, widths[i], H / 4 / 2^i, W / 4 / 2^i)."""
        levels = []
        parts = zip(self.downsample_layers, self.stages, strict=True)
        for i, (downsample, stage) in enumerate(parts):
            x = stage(downsample(x))
            levels.append(self.get_submodule(f"norm{i}")(x))
        return levels
