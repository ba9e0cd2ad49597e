"""What the decoders of DeOldify and DDColor are made of (after fast.ai's dynamic U-Net)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor


class SelfAttention(nn.Module):
    """Self-attention over all places (Zhang et al., "Self-Attention GANs", arXiv:1805.08318).

    The softmax runs over the places that ask, not those that answer: fast.ai's slip, which the
    published weights were trained with.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query = nn.Conv1d(channels, channels // 8, 1, bias=False)
        self.key = nn.Conv1d(channels, channels // 8, 1, bias=False)
        self.value = nn.Conv1d(channels, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape."""
        places = x.flatten(2)
        scores = self.query(places).transpose(1, 2) @ self.key(places)
        weights = torch.softmax(scores, dim=1)
        mixed: Tensor = self.gamma * (self.value(places) @ weights) + places
        return mixed.reshape(x.shape)


def conv_layer(before: int, after: int, kernel: int = 3, attention: bool = False) -> nn.Sequential:
    """Convolution, ReLU, batch norm, and self-attention on request."""
    layers: list[nn.Module] = [
        nn.Conv2d(before, after, kernel, padding=kernel // 2, bias=False),
        nn.ReLU(),
        nn.BatchNorm2d(after),
    ]
    return nn.Sequential(*layers, SelfAttention(after)) if attention else nn.Sequential(*layers)


class PixelShuffle(nn.Module):
    """Upsampling by rearranged channels (Shi et al., arXiv:1609.05158), blurred against its
    checkerboard (Sugawara et al., arXiv:1806.02658).
    """

    def __init__(self, before: int, after: int, scale: int = 2, norm: bool = True) -> None:
        super().__init__()
        conv = nn.Conv2d(before, after * scale**2, 1, bias=not norm)
        norms = [nn.BatchNorm2d(after * scale**2)] if norm else []
        self.conv = nn.Sequential(conv, *norms)
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        """(N, before, H, W) -> (N, after, scale * H, scale * W)."""
        x = F.pixel_shuffle(F.relu(self.conv(x)), self.scale)
        return F.avg_pool2d(F.pad(x, (1, 0, 1, 0), mode="replicate"), 2, stride=1)


class UnetBlock(nn.Module):
    """One level up: features from below, raised, and those of the encoder on this level."""

    def __init__(self, before: int, raised: int, skip: int) -> None:
        super().__init__()
        self.shuf = PixelShuffle(before, raised)
        self.bn = nn.BatchNorm2d(skip)

    def join(self, x: Tensor, skip: Tensor) -> Tensor:
        """(N, before, h, w) and (N, skip, H, W) -> (N, raised + skip, H, W)."""
        x = self.shuf(x)
        if x.shape[-2:] != skip.shape[-2:]:  # the encoder halved an odd size
            x = F.interpolate(x, skip.shape[-2:], mode="nearest")
        return F.relu(torch.cat([x, self.bn(skip)], dim=1))


class WideBlock(UnetBlock):
    """With one convolution."""

    def __init__(self, before: int, skip: int, after: int, attention: bool = False) -> None:
        super().__init__(before, after, skip)
        self.conv = conv_layer(after + skip, after, attention=attention)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """(N, before, h, w) and (N, skip, H, W) -> (N, after, H, W)."""
        raised: Tensor = self.conv(self.join(x, skip))
        return raised


class DeepBlock(UnetBlock):
    """With two convolutions."""

    def __init__(self, before: int, skip: int, after: int, attention: bool = False) -> None:
        super().__init__(before, before // 2, skip)
        self.conv1 = conv_layer(before // 2 + skip, after)
        self.conv2 = conv_layer(after, after, attention=attention)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """(N, before, h, w) and (N, skip, H, W) -> (N, after, H, W)."""
        raised: Tensor = self.conv2(self.conv1(self.join(x, skip)))
        return raised
