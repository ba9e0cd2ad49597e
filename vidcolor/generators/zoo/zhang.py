"""The networks of Zhang et al.: ECCV16, and SIGGRAPH17, which accepts hints."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import torch
from torch import nn

from vidcolor.generators.zoo.base import ZooNetwork, parameter_dtype

if TYPE_CHECKING:
    from torch import Tensor

AB_UNIT = 110.0
"""Value of a*, b* at 1 in the inputs and outputs of the networks."""
ALIGNMENT = 8
"""Divisor of the input height and width, in pixels."""


def _conv_layers(
    channels: tuple[int, ...], last_stride: int = 1, dilation: int = 1, norm: bool = True
) -> list[nn.Module]:
    """Build a chain of 3x3 convolutions, each with ReLU, and a batch norm at the end."""
    layers: list[nn.Module] = []
    pairs = list(itertools.pairwise(channels))
    for i, (in_channels, out_channels) in enumerate(pairs):
        stride = last_stride if i == len(pairs) - 1 else 1
        conv = nn.Conv2d(in_channels, out_channels, 3, stride, padding=dilation, dilation=dilation)
        layers += [conv, nn.ReLU()]
    return [*layers, nn.BatchNorm2d(channels[-1])] if norm else layers


def _upsample(in_channels: int, out_channels: int) -> nn.ConvTranspose2d:
    """Build a transposed convolution that doubles height and width."""
    return nn.ConvTranspose2d(in_channels, out_channels, 4, stride=2, padding=1)


class Eccv16(ZooNetwork):
    """ECCV16, which maps L* to a*, b*.

    Zhang, Isola & Efros, "Colorful Image Colorization", ECCV 2016, arXiv:1603.08511. The network
    predicts a distribution over 313 a*b* bins at stride 4, and returns the upsampled mean color.
    """

    def __init__(self) -> None:
        super().__init__()
        self.model1 = nn.Sequential(*_conv_layers((1, 64, 64), last_stride=2))
        self.model2 = nn.Sequential(*_conv_layers((64, 128, 128), last_stride=2))
        self.model3 = nn.Sequential(*_conv_layers((128, 256, 256, 256), last_stride=2))
        self.model4 = nn.Sequential(*_conv_layers((256, 512, 512, 512)))
        self.model5 = nn.Sequential(*_conv_layers((512, 512, 512, 512), dilation=2))
        self.model6 = nn.Sequential(*_conv_layers((512, 512, 512, 512), dilation=2))
        self.model7 = nn.Sequential(*_conv_layers((512, 512, 512, 512)))
        self.model8 = nn.Sequential(
            _upsample(512, 256),
            nn.ReLU(),
            *_conv_layers((256, 256, 256), norm=False),
            nn.Conv2d(256, 313, 1),
        )
        self.model_out = nn.Conv2d(313, 2, 1, bias=False)
        self.upsample4 = nn.Upsample(scale_factor=4, mode="bilinear")

    def forward(self, luma: Tensor) -> Tensor:
        """Predict color.

        Args:
            luma: L*, (N, 1, H, W) float32 in [0, 100]; H and W are multiples of `ALIGNMENT`.

        Returns:
            a*, b*: (N, 2, H, W) float32.
        """
        x = self.model1(((luma - 50) / 100).to(parameter_dtype(self.model1)))
        for stage in (self.model2, self.model3, self.model4, self.model5, self.model6, self.model7):
            x = stage(x)
        # The mean over the bins is always float32, because its rounding to bfloat16 would cause the
        # largest errors.
        probabilities = torch.softmax(self.model8(x).to(parameter_dtype(self.model_out)), dim=1)
        ab: Tensor = self.upsample4(self.model_out(probabilities)) * AB_UNIT
        return ab

    def lower_precision(self, dtype: torch.dtype) -> None:
        """Convert all layers except for the mean over the bins to a dtype."""
        self.to(dtype)
        self.model_out.float()


class Siggraph17(ZooNetwork):
    """SIGGRAPH17, which maps L* and hints to a*, b*.

    Zhang et al., "Real-Time User-Guided Image Colorization with Learned Deep Priors", SIGGRAPH
    2017, arXiv:1705.02999. The published file also contains a head that classifies pixels into 529
    colors (``model_class``). Only training uses it, so this class lacks it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.model1 = nn.Sequential(*_conv_layers((4, 64, 64)))
        self.model2 = nn.Sequential(*_conv_layers((64, 128, 128)))
        self.model3 = nn.Sequential(*_conv_layers((128, 256, 256, 256)))
        self.model4 = nn.Sequential(*_conv_layers((256, 512, 512, 512)))
        self.model5 = nn.Sequential(*_conv_layers((512, 512, 512, 512), dilation=2))
        self.model6 = nn.Sequential(*_conv_layers((512, 512, 512, 512), dilation=2))
        self.model7 = nn.Sequential(*_conv_layers((512, 512, 512, 512)))
        self.model8up = nn.Sequential(_upsample(512, 256))
        self.model8 = nn.Sequential(nn.ReLU(), *_conv_layers((256, 256, 256)))
        self.model9up = nn.Sequential(_upsample(256, 128))
        self.model9 = nn.Sequential(nn.ReLU(), *_conv_layers((128, 128)))
        self.model10up = nn.Sequential(_upsample(128, 128))
        self.model10 = nn.Sequential(
            nn.ReLU(), nn.Conv2d(128, 128, 3, padding=1), nn.LeakyReLU(0.2)
        )
        self.model3short8 = nn.Sequential(nn.Conv2d(256, 256, 3, padding=1))
        self.model2short9 = nn.Sequential(nn.Conv2d(128, 128, 3, padding=1))
        self.model1short10 = nn.Sequential(nn.Conv2d(64, 128, 3, padding=1))
        self.model_out = nn.Sequential(nn.Conv2d(128, 2, 1), nn.Tanh())

    def forward(self, luma: Tensor, hint_ab: Tensor, mask: Tensor) -> Tensor:
        """Predict color.

        Args:
            luma: L*, (N, 1, H, W) float32 in [0, 100]; H and W are multiples of `ALIGNMENT`.
            hint_ab: a*, b* of hints, (N, 2, H, W) float32; 0 where there is no hint.
            mask: hint mask, (N, 1, H, W) float32: 1 where there is a hint, else 0.

        Returns:
            a*, b*: (N, 2, H, W) float32, within ±110.
        """
        inputs = torch.cat([(luma - 50) / 100, hint_ab / AB_UNIT, mask], dim=1)
        full = self.model1(inputs.to(parameter_dtype(self.model1)))
        half = self.model2(full[:, :, ::2, ::2])
        quarter = self.model3(half[:, :, ::2, ::2])
        x = self.model4(quarter[:, :, ::2, ::2])
        x = self.model7(self.model6(self.model5(x)))
        x = self.model8(self.model8up(x) + self.model3short8(quarter))
        x = self.model9(self.model9up(x) + self.model2short9(half))
        x = self.model10(self.model10up(x) + self.model1short10(full))
        ab: Tensor = self.model_out(x.to(parameter_dtype(self.model_out))) * AB_UNIT
        return ab

    def lower_precision(self, dtype: torch.dtype) -> None:
        """Convert all layers except for the last one to a dtype."""
        self.to(dtype)
        self.model_out.float()
