"""DeOldify's generators (Antic, github.com/jantic/DeOldify): wide for films, deep for art."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from torch import nn

from vidcolor.generators.zoo.base import Network, dtype_of
from vidcolor.generators.zoo.resnet import ResNetBody, resnet34, resnet101
from vidcolor.generators.zoo.unet import DeepBlock, PixelShuffle, WideBlock, conv_layer

if TYPE_CHECKING:
    from torch import Tensor

ALIGNMENT = 16
"""Height and width must be multiples of this; of 32 they come out a little cleaner."""
_LIMIT = 3.0
"""Outputs lie within this many deviations of ImageNet's mean."""


class _Residual(nn.Module):
    """Two 3x3 convolutions with ReLUs, added to what they were given."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(
                nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU())
                for _ in range(2)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        inner: Tensor = self.layers(x)
        return x + inner


class DeOldify(Network):
    """Gray as RGB -> RGB, both normalized by ImageNet's mean and deviation.

    A U-Net on a ResNet: ResNet-101 with blocks of one wide convolution (``wide``: the published
    ``video`` and ``stable``), or ResNet-34 with blocks of two (``deep``: ``artistic``).
    """

    def __init__(self, kind: Literal["wide", "deep"]) -> None:
        super().__init__()
        body = resnet101() if kind == "wide" else resnet34()
        *skips, top = body.channels
        blocks: list[nn.Module] = []
        before = top
        for level, skip in enumerate(reversed(skips)):
            last, attends = level == len(skips) - 1, level == 1
            if kind == "wide":
                block: nn.Module = WideBlock(before, skip, 256 if last else 512, attends)
                before = 256 if last else 512
            else:
                joined = before // 2 + skip
                after = int((joined // 2 if last else joined) * 1.5)
                block = DeepBlock(before, skip, after, attends)
                before = after
            blocks.append(block)
        self.layers = nn.ModuleList(
            [
                body,
                nn.BatchNorm2d(top),
                nn.ReLU(),
                nn.Sequential(conv_layer(top, 2 * top), conv_layer(2 * top, top)),
                *blocks,
                PixelShuffle(before, before, norm=False),
                nn.Identity(),  # here the picture joins
                _Residual(before + 3),
                nn.Sequential(nn.Conv2d(before + 3, 3, 1)),
            ]
        )

    def forward(self, picture: Tensor) -> Tensor:
        """Predict color.

        Args:
            picture: (N, 3, H, W), three times the same gray, normalized by ImageNet's mean and
                deviation; H and W multiples of `ALIGNMENT`.

        Returns:
            (N, 3, H, W) R'G'B', normalized the same way, within ±3.
        """
        body, norm, relu, middle, *blocks, shuffle, _, residual, out = self.layers
        assert isinstance(body, ResNetBody)
        picture = picture.to(dtype_of(body))
        *skips, x = body.pyramid(picture)
        x = middle(relu(norm(x)))
        for block, skip in zip(blocks, reversed(skips), strict=True):
            x = block(x, skip)
        x = residual(torch.cat([shuffle(x), picture], dim=1))
        logits = out(x.to(dtype_of(out)))
        return torch.sigmoid(logits) * (2 * _LIMIT) - _LIMIT

    def lower_precision(self, dtype: torch.dtype) -> None:
        """Let all but the last layer compute in dtype."""
        self.to(dtype)
        self.layers[-1].float()
