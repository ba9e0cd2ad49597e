"""ResNet bodies (He et al., arXiv:1512.03385), as DeOldify encodes pictures with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch.nn.functional as F  # noqa: N812
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut: ResNet-34's."""

    expansion = 1

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _shortcut(before, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(N, before, H, W) -> (N, width, H / stride, W / stride)."""
        inner = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(inner)) + self.downsample(x))


class Bottleneck(nn.Module):
    """A 3x3 convolution between narrow 1x1 ones, beside a shortcut: ResNet-101's."""

    expansion = 4

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        after = width * self.expansion
        self.conv1 = nn.Conv2d(before, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, after, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(after)
        self.downsample = _shortcut(before, after, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(N, before, H, W) -> (N, 4 * width, H / stride, W / stride)."""
        inner = F.relu(self.bn1(self.conv1(x)))
        inner = F.relu(self.bn2(self.conv2(inner)))
        return F.relu(self.bn3(self.conv3(inner)) + self.downsample(x))


def _shortcut(before: int, after: int, stride: int) -> nn.Module:
    if before == after and stride == 1:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))


class ResNetBody(nn.Sequential):
    """A ResNet without its classifier: stem, pooling, four stages."""

    STEM, POOL = 2, 3

    def __init__(self, block: type[BasicBlock | Bottleneck], depths: tuple[int, ...]) -> None:
        stages: list[nn.Module] = []
        before = 64
        for i, depth in enumerate(depths):
            width, blocks = 64 << i, []
            for n in range(depth):
                blocks.append(block(before, width, 2 if i and not n else 1))
                before = width * block.expansion
            stages.append(nn.Sequential(*blocks))
        super().__init__(
            nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2, padding=1),
            *stages,
        )
        self.channels = (64, *(64 * block.expansion << i for i in range(len(depths))))

    def pyramid(self, x: Tensor) -> list[Tensor]:
        """(N, 3, H, W) -> features at strides 2, 4, 8, 16, 32, of `channels` channels."""
        levels = []
        for i, part in enumerate(self):
            x = part(x)
            if i == self.STEM or i > self.POOL:
                levels.append(x)
        return levels


def resnet34() -> ResNetBody:
    """The body of ResNet-34: up to 512 channels."""
    return ResNetBody(BasicBlock, (3, 4, 6, 3))


def resnet101() -> ResNetBody:
    """The body of ResNet-101: up to 2048 channels."""
    return ResNetBody(Bottleneck, (3, 4, 23, 3))
