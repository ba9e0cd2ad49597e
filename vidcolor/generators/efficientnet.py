"""EfficientNet-Lite2 as an encoder: feature maps at strides 2, 4, 8, 16 and 32.

EfficientNet is defined by Tan & Le, arXiv:1905.11946. The Lite variant, which TensorFlow published
in 2020, has no squeeze-and-excitation, and ReLU6 instead of swish. The pretrained weights are under
Apache-2.0. They were trained with TensorFlow's SAME padding, which pads more on the right and at
the bottom at stride 2, so this module uses it as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from vidcolor.generators.fused_conv import can_fuse, convolve

if TYPE_CHECKING:
    from torch import Tensor


class Stage(NamedTuple):
    """The hyperparameters of one stage: a sequence of blocks with the same number of channels."""

    num_blocks: int
    kernel: int
    """Kernel size of the depthwise convolutions."""
    stride: int
    """Stride of the first block."""
    expansion: int
    """Factor from input channels to channels of the depthwise convolution."""
    channels: int


STEM_CHANNELS = 32
"""Number of output channels of the first convolution."""
LITE2_STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(3, 3, 2, 6, 24),
    Stage(3, 5, 2, 6, 48),
    Stage(4, 3, 2, 6, 88),
    Stage(4, 5, 1, 6, 120),
    Stage(5, 5, 2, 6, 208),
    Stage(1, 3, 1, 6, 352),
)
"""Stages of EfficientNet-B0 with width factor 1.1 and depth factor 1.2. The Lite variant does not
scale the stem, nor the number of blocks of the first and the last stage."""
FEATURE_STAGES = (0, 1, 2, 4, 6)
"""Index of the last stage at each of the strides 2, 4, 8, 16 and 32."""
FEATURE_CHANNELS = tuple(LITE2_STAGES[i].channels for i in FEATURE_STAGES)
"""Number of channels of the feature maps: 16, 24, 48, 120, 352."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
"""Mean of R', G', B' in [0, 1] over ImageNet."""
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Standard deviation of R', G', B' in [0, 1] over ImageNet."""


class SameConv(nn.Conv2d):
    """A convolution with an odd kernel size and TensorFlow's SAME padding."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C', ceil(H / stride), ceil(W / stride))."""
        x, padding = self.pad(x)
        return F.conv2d(x, self.weight, self.bias, self.stride, padding, 1, self.groups)

    def pad(self, x: Tensor) -> tuple[Tensor, int]:
        """Return the input and the padding that remains for the convolution, in pixels.

        At stride 2 the padding is not symmetric, so that the input must be padded.
        """
        kernel, stride = self.kernel_size[0], self.stride[0]
        if stride == 1:
            return x, kernel // 2
        top, bottom = _same_padding(x.shape[-2], kernel, stride)
        left, right = _same_padding(x.shape[-1], kernel, stride)
        return F.pad(x, (left, right, top, bottom)), 0


def _same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return the padding before and after an axis, in pixels: TensorFlow's SAME."""
    total = max(kernel - stride + -size % stride, 0)
    return total // 2, total - total // 2


def fold_norm(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    """Fold a batch norm into the convolution before it, for inference only."""
    assert norm.running_mean is not None and norm.running_var is not None
    conv.weight, conv.bias = fuse_conv_bn_weights(
        conv.weight,
        conv.bias,
        norm.running_mean,
        norm.running_var,
        norm.eps,
        norm.weight,
        norm.bias,
    )


class ConvNorm(nn.Module):
    """A convolution and batch norm, with or without ReLU6."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        activate: bool = True,
    ) -> None:
        super().__init__()
        self.conv = SameConv(in_channels, out_channels, kernel, stride, groups=groups, bias=False)
        # TensorFlow's values. Its momentum of 0.99 is 1 - 0.99 in torch's convention.
        self.norm: nn.Module = nn.BatchNorm2d(out_channels, eps=1e-3, momentum=0.01)
        self.activate = activate

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C', ceil(H / stride), ceil(W / stride))."""
        if isinstance(self.norm, nn.Identity) and can_fuse(x):
            x, padding = self.conv.pad(x)
            return convolve(self.conv, x, padding, "relu6" if self.activate else "none")
        x = self.norm(self._convolve(x))
        # In place is safe, because nothing else refers to the result of the norm.
        return F.relu6(x, inplace=True) if self.activate else x

    def _convolve(self, x: Tensor) -> Tensor:
        y: Tensor
        if self.conv.groups > 1 and x.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
            # On CPUs the gradient of a depthwise convolution is 2 to 4 times slower in bfloat16.
            with torch.autocast("cpu", enabled=False):
                y = self.conv(x.float()).to(x.dtype)
        else:
            y = self.conv(x)
        return y

    def fold(self) -> None:
        """Fold the batch norm into the convolution, for inference only. Idempotent."""
        if isinstance(self.norm, nn.BatchNorm2d):
            fold_norm(self.conv, self.norm)
            self.norm = nn.Identity()


class Block(nn.Module):
    """An inverted residual block (Sandler et al., MobileNetV2, arXiv:1801.04381).

    A 1x1 convolution expands the channels, a depthwise convolution mixes positions, and a linear
    1x1 convolution projects to the output channels.
    """

    def __init__(self, in_channels: int, stage: Stage, stride: int) -> None:
        super().__init__()
        inner = in_channels * stage.expansion
        expands = stage.expansion != 1
        self.expand = ConvNorm(in_channels, inner) if expands else nn.Identity()
        self.depthwise = ConvNorm(inner, inner, stage.kernel, stride, groups=inner)
        self.project = ConvNorm(inner, stage.channels, activate=False)
        self.is_residual = stride == 1 and in_channels == stage.channels

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C', ceil(H / stride), ceil(W / stride))."""
        y: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + y if self.is_residual else y


class EfficientNetLite2(nn.Module):
    """EfficientNet-Lite2 without its last 1x1 convolution and its classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvNorm(3, STEM_CHANNELS, kernel=3, stride=2)
        self.stages = nn.ModuleList()
        channels = STEM_CHANNELS
        for stage in LITE2_STAGES:
            blocks = nn.Sequential()
            for i in range(stage.num_blocks):
                blocks.append(Block(channels, stage, stage.stride if i == 0 else 1))
                channels = stage.channels
            self.stages.append(blocks)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Extract feature maps.

        Args:
            x: (N, 3, H, W), RGB in [0, 1] normalized by `IMAGENET_MEAN` and `IMAGENET_STD`.

        Returns:
            Five feature maps, (N, FEATURE_CHANNELS[i], ceil(H / s), ceil(W / s)), at strides
            s = 2, 4, 8, 16 and 32.
        """
        x = self.stem(x)
        features = []
        for i, stage in enumerate(self.stages):
            x = stage(x)
            if i in FEATURE_STAGES:
                features.append(x)
        return features
