"""The network of the embedded generator, which predicts a distribution over a*b* bins.

The network is a U-Net (Ronneberger et al., arXiv:1505.04597) with EfficientNet-Lite2 as the
encoder. The encoder ends at stride 32 and the decoder at stride 4. Self-attention at strides 32 and
16, where it is cheap, gives the image a consistent palette. The predicted distribution per cell
follows Zhang et al., "Colorful Image Colorization", arXiv:1603.08511. Hints enter the decoder at
every stride, and their likelihood multiplies the predicted distribution.

Training and inference share this module. `EmbeddedGenerator` handles devices and padding. The
attribute names of all modules are state-dict keys of published weights files.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from vidcolor.color.bins import NUM_BINS, gamut_bins, identity_calibration
from vidcolor.color.lab import lightness_to_gray
from vidcolor.generators.efficientnet import (
    FEATURE_CHANNELS,
    IMAGENET_MEAN,
    IMAGENET_STD,
    ConvNorm,
    EfficientNetLite2,
    fold_norm,
)
from vidcolor.generators.fused_conv import can_fuse, convolve
from vidcolor.generators.hint_attention import HINT_SIGMA, HintAttention

STRIDE = 4
"""Output stride, in pixels: side of an output cell."""
ALIGNMENT = 32
"""Divisor of the input height and width, in pixels; the coarsest stride of the encoder."""

HINT_UNIT = 20.0
"""Divisor of the a*, b* of hints in decoder inputs. With 110, which maps a*, b* to [-1, 1], the
network learned to ignore hints."""


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """Hyperparameters of the network, stored as JSON in the metadata of the weights."""

    widths: tuple[int, int, int, int] = (256, 192, 128, 96)
    """Number of decoder channels at strides 32, 16, 8 and 4."""
    num_heads: int = 4
    """Number of heads of each attention module."""
    num_bins: int = NUM_BINS
    """Number of a*b* bins, which is the number of logits per output cell."""
    encoder: str = "efficientnet-lite2"
    """Name of the encoder; ``efficientnet-lite2`` is the only one."""

    def __post_init__(self) -> None:
        if self.encoder != "efficientnet-lite2":
            raise ValueError(f"unknown encoder {self.encoder!r}")
        if len(self.widths) != 4 or any(w < 1 or w % self.num_heads for w in self.widths[:2]):
            raise ValueError(f"widths {self.widths} do not match {self.num_heads} heads")

    def to_json(self) -> str:
        """Return one line of JSON."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> NetworkConfig:
        """Parse the output of `to_json`.

        Raises:
            ValueError: invalid JSON, unknown fields, or invalid values.
        """
        fields = json.loads(text)
        try:
            return cls(**{**fields, "widths": tuple(fields["widths"])})
        except (TypeError, KeyError) as error:
            raise ValueError(f"invalid network configuration: {error}") from error


class DecoderConv(nn.Module):
    """A convolution of features and hints, followed by batch norm and ReLU."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, hinted: bool) -> None:
        super().__init__()
        padding = kernel // 2
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, padding=padding, bias=False)
        # Hints have their own convolution instead of three more input channels. It is skipped
        # without hints, and the other channel count stays a multiple of the vector width.
        self.hint_conv = (
            nn.Conv2d(3, out_channels, kernel, padding=padding, bias=False) if hinted else None
        )
        self.norm: nn.Module = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor, hint: Tensor | None = None) -> Tensor:
        """Map features (N, C, H, W) and hints (N, 3, H, W), if any, to (N, C', H, W)."""
        if isinstance(self.norm, nn.Identity) and can_fuse(x):
            padding = self.conv.kernel_size[0] // 2
            if self.hint_conv is None or hint is None:
                return convolve(self.conv, x, padding, "relu")
            # The same operator as without hints, so that empty hints give the same bits.
            return F.relu(convolve(self.conv, x, padding, "none") + self.hint_conv(hint))
        x = self.conv(x)
        if self.hint_conv is not None and hint is not None:
            x = x + self.hint_conv(hint)
        return F.relu(self.norm(x), inplace=True)

    def fold(self) -> None:
        """Fold the batch norm into the convolutions, for inference only. Idempotent."""
        if not isinstance(self.norm, nn.BatchNorm2d):
            return
        if self.hint_conv is not None:
            # The scale of the norm applies to both convolutions, its shift to their sum only once.
            fold_norm(self.hint_conv, self.norm)
            self.hint_conv.bias = None
        fold_norm(self.conv, self.norm)
        self.norm = nn.Identity()


class Attention(nn.Module):
    """A transformer block (Vaswani et al., arXiv:1706.03762).

    It consists of self-attention over all cells and an MLP, both with residual connections.
    """

    def __init__(self, channels: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        # Conditional position encoding (Chu et al., arXiv:2102.10882): unlike a position embedding,
        # a depthwise convolution works at any input size.
        self.position = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.attention_norm = nn.GroupNorm(1, channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.project = nn.Conv2d(channels, channels, 1)
        self.mlp_norm = nn.GroupNorm(1, channels)
        self.expand = nn.Conv2d(channels, 2 * channels, 1)
        self.contract = nn.Conv2d(2 * channels, channels, 1)
        # With zero weights, training starts from a plain convolutional decoder.
        nn.init.zeros_(self.project.weight)
        nn.init.zeros_(self.contract.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C, H, W)."""
        x = x + self.position(x)
        n, c, h, w = x.shape
        qkv = self.qkv(self.attention_norm(x)).reshape(n, 3, self.num_heads, -1, h * w)
        q, k, v = qkv.transpose(-1, -2).unbind(1)
        y = F.scaled_dot_product_attention(q, k, v)
        x = x + self.project(y.transpose(-1, -2).reshape(n, c, h, w))
        x = x + self.contract(F.gelu(self.expand(self.mlp_norm(x))))
        return x


class ImageFeatures(NamedTuple):
    """Features that are computed without hints, in the dtype of encoder and decoder."""

    encoder2: Tensor
    """Output of the encoder at stride 2: (N, 16, H / 2, W / 2)."""
    decoder4: Tensor
    """Output of the decoder at stride 4: (N, C, H / 4, W / 4), C from `NetworkConfig.widths`."""
    decoder8: Tensor
    """Output of the decoder at stride 8: (N, C, H / 8, W / 8)."""
    decoder16: Tensor
    """Output of the decoder at stride 16: (N, C, H / 16, W / 16)."""


class PredictedBins(NamedTuple):
    """The prediction for each cell."""

    logits: Tensor
    """Logits over the a*b* bins, (N, Q, H / 4, W / 4)."""
    hint_precision: Tensor | None
    """Sum of the precisions of the hints that apply to the cell, (N, 1, H / 4, W / 4) float32 in
    units of 1 / `HINT_SIGMA`²; None without hints."""


class EmbeddedNetwork(nn.Module):
    """The network, which maps L* and hints to logits over the a*b* bins at stride 4."""

    bins: Tensor
    """a*, b* of each bin, (Q, 2) float32. The weights file contains it, because it defines the
    meaning of the outputs."""
    calibration: Tensor
    """Table from concentration to confidence, float32; see `color.bins.apply_calibration`."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        _, c4, c8, c16, c32 = FEATURE_CHANNELS
        w32, w16, w8, w4 = config.widths
        self.encoder = EfficientNetLite2()
        self.join32 = DecoderConv(c32, w32, 1, hinted=True)
        self.attention32 = Attention(w32, config.num_heads)
        self.join16 = DecoderConv(w32 + c16, w16, 3, hinted=True)
        self.attention16 = Attention(w16, config.num_heads)
        self.join8 = DecoderConv(w16 + c8, w8, 3, hinted=True)
        self.refine8 = DecoderConv(w8, w8, 3, hinted=False)
        self.join4 = DecoderConv(w8 + c4, w4, 3, hinted=True)
        self.refine4 = DecoderConv(w4, w4, 3, hinted=False)
        # The head is a linear layer instead of a 1x1 convolution, because a float32 convolution
        # after a bfloat16 decoder misses the fast path on CPUs, which costs 15 ms per frame.
        self.head = nn.Linear(w4, config.num_bins)
        self.spread = HintAttention(w4, config.num_heads)
        self.hint_gain = nn.Parameter(torch.ones(()))
        self.register_buffer("bins", gamut_bins())
        # The network does not use the calibration, but the weights file must contain it for
        # the generator.
        self.register_buffer("calibration", identity_calibration())

    def fold(self) -> None:
        """Fold every batch norm into its convolution, for inference only. Idempotent."""
        for module in self.modules():
            if isinstance(module, ConvNorm | DecoderConv):
                module.fold()

    def lower_precision(self, dtype: torch.dtype) -> None:
        """Convert encoder and decoder to a dtype; the head and the hint attention keep theirs."""
        for part in self.children():
            if part not in (self.head, self.spread):
                part.to(dtype)

    def forward(
        self, luma: Tensor, hint_ab: Tensor | None = None, density: Tensor | None = None
    ) -> Tensor:
        """Predict the distribution over the bins for each cell.

        Args:
            luma: L*, (N, 1, H, W) float32 in [0, 100]; H and W are multiples of `ALIGNMENT`.
            hint_ab: a*, b* of hints, (N, 2, H / 4, W / 4) float32; None without hints.
            density: density of hints, (N, 1, H / 4, W / 4) float32 in [0, 1]; None without hints.

        Returns:
            Logits, (N, Q, H / 4, W / 4); float32, except in training under autocast.
        """
        return self.decode(self.encode(luma), hint_ab, density).logits

    def encode(self, luma: Tensor) -> tuple[Tensor, ...]:
        """Return the features of images that do not depend on hints; `luma` is that of `forward`.

        They have the strides 2, 4, 8, 16 and 32.
        """
        features: tuple[Tensor, ...] = tuple(self.encoder(self._normalize(luma)))
        return features

    def decode(
        self,
        encoded: tuple[Tensor, ...],
        hint_ab: Tensor | None = None,
        density: Tensor | None = None,
    ) -> PredictedBins:
        """Predict as `forward` from the result of `encode`."""
        x = self._decode(encoded, hint_ab, density).decoder4
        # The logits are computed in the precision of the head: bfloat16 would round them by up to
        # 0.06, and the temperature of the annealed mean would multiply that error.
        cells = x.permute(0, 2, 3, 1).to(self.head.weight.dtype)
        # Autocast is for training only: evaluation and inference need exact logits.
        device_type = cells.device.type
        with torch.autocast(
            device_type, enabled=self.training and torch.is_autocast_enabled(device_type)
        ):
            logits: Tensor = self.head(cells)
            precision: Tensor | None = None
            if hint_ab is not None and density is not None:
                log_likelihood, precision = self._weigh_hints(cells, hint_ab, density)
                logits = logits + log_likelihood
        return PredictedBins(logits.permute(0, 3, 1, 2), precision)

    def extract_features(self, luma: Tensor) -> ImageFeatures:
        """Return features of an image without hints; `luma` is that of `forward`."""
        return self._decode(self.encode(luma), None, None)

    def _decode(
        self, encoded: tuple[Tensor, ...], hint_ab: Tensor | None, density: Tensor | None
    ) -> ImageFeatures:
        """Run the decoder; the arguments are those of `decode`."""
        f2, f4, f8, f16, f32 = encoded
        h4, h8, h16, h32 = self._hint_pyramid(hint_ab, density)
        x32 = self.attention32(self.join32(f32, h32))
        x16 = self.attention16(self.join16(_upsample_and_concat(x32, f16), h16))
        x8 = self.refine8(self.join8(_upsample_and_concat(x16, f8), h8))
        x4 = self.refine4(self.join4(_upsample_and_concat(x8, f4), h4))
        return ImageFeatures(f2, x4, x8, x16)

    def _normalize(self, luma: Tensor) -> Tensor:
        """Convert L* (N, 1, H, W) to sRGB gray (N, 3, H, W) with ImageNet normalization."""
        gray = lightness_to_gray(luma)
        mean = torch.tensor(IMAGENET_MEAN, device=gray.device).view(1, 3, 1, 1)
        std = torch.tensor(IMAGENET_STD, device=gray.device).view(1, 3, 1, 1)
        image = ((gray - mean) / std).to(self.encoder.stem.conv.weight.dtype)
        return image.contiguous(memory_format=torch.channels_last)

    def _hint_pyramid(self, ab: Tensor | None, density: Tensor | None) -> list[Tensor | None]:
        """Return the mean color and the density of hints at strides 4, 8, 16 and 32.

        Each level is (N, 3, h, w), in the dtype of the decoder; None without hints.
        """
        if ab is None or density is None:
            return [None] * 4
        pooled = torch.cat([ab * (density / HINT_UNIT), density], dim=1)
        levels: list[Tensor | None] = []
        for i in range(4):
            pooled = F.avg_pool2d(pooled, 2) if i else pooled
            color = pooled[:, :2] / (pooled[:, 2:] + 1e-3)
            # A single hinted cell has the same density at stride 32 as at stride 4.
            cell_density = (pooled[:, 2:] * 4**i).clamp(max=1)
            hint = torch.cat([color, cell_density], dim=1).to(self.join32.conv.weight.dtype)
            levels.append(hint.contiguous(memory_format=torch.channels_last))
        return levels

    def _weigh_hints(self, cells: Tensor, ab: Tensor, density: Tensor) -> tuple[Tensor, Tensor]:
        """Return the log-likelihood of the hints for each bin, and their precision.

        The log-likelihood, up to a constant per cell, is (N, h, w, Q). The precision is that of
        `PredictedBins`.
        """
        # Softmax ignores the constant. The hint of the cell and the hints that spread to it are
        # Gaussians; the precision of their product is the sum of their precisions.
        own = torch.cat([ab * density, density], dim=1).permute(0, 2, 3, 1)
        # This expands -precision / 2 * |bin - mean|^2. Autocast would round the squares.
        terms = torch.cat([self.bins, -self.bins.square().sum(1, keepdim=True) / 2], dim=1)
        with torch.autocast(cells.device.type, enabled=False):
            gaussian = self.spread(cells.float(), ab, density) + F.softplus(self.hint_gain) * own
            log_likelihood: Tensor = gaussian @ terms.T / HINT_SIGMA**2
        return log_likelihood, gaussian[..., 2:].permute(0, 3, 1, 2)


def _upsample_and_concat(x: Tensor, skip: Tensor) -> Tensor:
    """Map (N, C, h, w) and (N, S, 2h, 2w) to (N, C + S, 2h, 2w)."""
    return torch.cat([F.interpolate(x, size=skip.shape[-2:], mode="nearest"), skip], dim=1)
