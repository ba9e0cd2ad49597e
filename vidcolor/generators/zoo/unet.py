"""Decoder blocks of DeOldify and DDColor, as in the dynamic U-Net of fast.ai.

The U-Net is defined by Ronneberger et al., arXiv:1505.04597.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor


class SelfAttention(nn.Module):
    """Self-attention over all positions (Zhang et al., "Self-Attention GANs", arXiv:1805.08318).

    The softmax is over the queries instead of the keys. This is an error in fast.ai, but the
    published weights were trained with it.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query = nn.Conv1d(channels, channels // 8, 1, bias=False)
        self.key = nn.Conv1d(channels, channels // 8, 1, bias=False)
        self.value = nn.Conv1d(channels, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        flat = x.flatten(2)
        scores = self.query(flat).transpose(1, 2) @ self.key(flat)
        weights = torch.softmax(scores, dim=1)
        y: Tensor = self.gamma * (self.value(flat) @ weights) + flat
        return y.reshape(x.shape)


def conv_layer(
    in_channels: int, out_channels: int, kernel: int = 3, attention: bool = False
) -> nn.Sequential:
    """Build a convolution, ReLU, batch norm, and optionally self-attention, in this order."""
    layers: list[nn.Module] = [
        nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2, bias=False),
        nn.ReLU(),
        nn.BatchNorm2d(out_channels),
    ]
    return (
        nn.Sequential(*layers, SelfAttention(out_channels)) if attention else nn.Sequential(*layers)
    )


class PixelShuffle(nn.Module):
    """Sub-pixel upsampling (Shi et al., arXiv:1609.05158), followed by a blur.

    The blur removes checkerboard artifacts (Sugawara et al., arXiv:1806.02658).
    """

    def __init__(
        self, in_channels: int, out_channels: int, scale: int = 2, norm: bool = True
    ) -> None:
        super().__init__()
        conv = nn.Conv2d(in_channels, out_channels * scale**2, 1, bias=not norm)
        norms = [nn.BatchNorm2d(out_channels * scale**2)] if norm else []
        self.conv = nn.Sequential(conv, *norms)
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to (N, out_channels, scale * H, scale * W)."""
        x = F.pixel_shuffle(F.relu(self.conv(x)), self.scale)
        return F.avg_pool2d(F.pad(x, (1, 0, 1, 0), mode="replicate"), 2, stride=1)


class UnetBlock(nn.Module):
    """The common part of decoder blocks: upsampling, and concatenation with encoder features."""

    def __init__(self, in_channels: int, upsampled: int, skip: int) -> None:
        """Build the block.

        Args:
            in_channels: number of channels of the coarser features.
            upsampled: number of channels of these features after upsampling.
            skip: number of channels of the encoder features.
        """
        super().__init__()
        self.shuf = PixelShuffle(in_channels, upsampled)
        self.bn = nn.BatchNorm2d(skip)

    def concat(self, x: Tensor, skip: Tensor) -> Tensor:
        """Map (N, in_channels, h, w) and (N, skip, H, W) to (N, upsampled + skip, H, W)."""
        x = self.shuf(x)
        if x.shape[-2:] != skip.shape[-2:]:  # if the encoder halved an odd size
            x = F.interpolate(x, skip.shape[-2:], mode="nearest")
        return F.relu(torch.cat([x, self.bn(skip)], dim=1))


class WideBlock(UnetBlock):
    """A decoder block with one convolution."""

    def __init__(
        self, in_channels: int, skip: int, out_channels: int, attention: bool = False
    ) -> None:
        super().__init__(in_channels, out_channels, skip)
        self.conv = conv_layer(out_channels + skip, out_channels, attention=attention)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Map (N, in_channels, h, w) and (N, skip, H, W) to (N, out_channels, H, W)."""
        y: Tensor = self.conv(self.concat(x, skip))
        return y


class DeepBlock(UnetBlock):
    """A decoder block with two convolutions."""

    def __init__(
        self, in_channels: int, skip: int, out_channels: int, attention: bool = False
    ) -> None:
        super().__init__(in_channels, in_channels // 2, skip)
        self.conv1 = conv_layer(in_channels // 2 + skip, out_channels)
        self.conv2 = conv_layer(out_channels, out_channels, attention=attention)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Map (N, in_channels, h, w) and (N, skip, H, W) to (N, out_channels, H, W)."""
        y: Tensor = self.conv2(self.conv1(self.concat(x, skip)))
        return y
