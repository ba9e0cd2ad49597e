"""ResNet, the encoder of DeOldify (He et al., arXiv:1512.03385)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch.nn.functional as F  # noqa: N812
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor


class BasicBlock(nn.Module):
    """The block of ResNet-34: two 3x3 convolutions and a shortcut."""

    expansion = 1
    """Factor from `width` to the number of output channels."""

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _shortcut(in_channels, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to (N, width, ceil(H / stride), ceil(W / stride))."""
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.downsample(x))


class Bottleneck(nn.Module):
    """The block of ResNet-101: a 3x3 convolution between two 1x1 convolutions, and a shortcut."""

    expansion = 4
    """Factor from `width` to the number of output channels."""

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        super().__init__()
        out_channels = width * self.expansion
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.downsample = _shortcut(in_channels, out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to (N, 4 * width, ceil(H / stride), ceil(W / stride))."""
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        return F.relu(self.bn3(self.conv3(y)) + self.downsample(x))


def _shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """Build the shortcut of a block: an identity, or a projection if the shape changes."""
    if in_channels == out_channels and stride == 1:
        return nn.Identity()
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
    )


class ResNetEncoder(nn.Sequential):
    """A ResNet without its classifier: a stem, a pooling layer and four stages."""

    STEM_INDEX, POOL_INDEX = 2, 3
    """Indices of the last layer of the stem, and of the pooling layer before the stages."""

    def __init__(self, block: type[BasicBlock | Bottleneck], depths: tuple[int, ...]) -> None:
        """Build the encoder.

        Args:
            block: class of the blocks.
            depths: number of blocks of each stage.
        """
        stages: list[nn.Module] = []
        in_channels = 64
        for i, depth in enumerate(depths):
            width, blocks = 64 << i, []
            for n in range(depth):
                blocks.append(block(in_channels, width, 2 if i and not n else 1))
                in_channels = width * block.expansion
            stages.append(nn.Sequential(*blocks))
        super().__init__(
            nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2, padding=1),
            *stages,
        )
        # Number of channels of the features, for the stem and for each stage.
        self.channels = (64, *(64 * block.expansion << i for i in range(len(depths))))

    def extract_features(self, x: Tensor) -> list[Tensor]:
        """Extract features at strides 2, 4, 8, 16 and 32.

        Args:
            x: sRGB with ImageNet normalization, (N, 3, H, W).

        Returns:
            Five tensors, (N, channels[i], ceil(H / s), ceil(W / s)), for each stride s.
        """
        features = []
        for i, layer in enumerate(self):
            x = layer(x)
            if i == self.STEM_INDEX or i > self.POOL_INDEX:
                features.append(x)
        return features


def resnet34() -> ResNetEncoder:
    """Build the encoder of ResNet-34, which ends with 512 channels."""
    return ResNetEncoder(BasicBlock, (3, 4, 6, 3))


def resnet101() -> ResNetEncoder:
    """Build the encoder of ResNet-101, which ends with 2048 channels."""
    return ResNetEncoder(Bottleneck, (3, 4, 23, 3))
