"""The network of the embedded generator: from L* and hints to a distribution over a*b* bins.

A U-Net: EfficientNet-Lite2 as the encoder, down to stride 32, and a decoder up to stride 4, with
self-attention at strides 32 and 16, where it is cheap and gives the image a consistent palette.
Hints enter the decoder at every stride. Training and inference share this module. Files, devices
and padding are handled elsewhere.

The attribute names of all modules are state-dict keys of published weights files.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from vidcolor.color.bins import NUM_BINS, gamut_bins, identity_calibration
from vidcolor.color.lab import lightness_to_gray
from vidcolor.generators.efficientnet import (
    FEATURE_CHANNELS,
    IMAGENET_MEAN,
    IMAGENET_STD,
    ConvNorm,
    EfficientNetLite2,
)

STRIDE = 4
"""Pixels of luma per cell of the output grid."""
ALIGNMENT = 32
"""Input height and width must be multiples of this: the coarsest stride."""

HINT_UNIT = 20.0
"""Divisor of hint a*, b*. With 110, which maps the range to [-1, 1], training ignored the hints."""
HINT_SIGMA = 8.0
"""Standard deviation of the color of a hint with a precision of 1, in a*b* units."""
MAX_HINTS = 256
"""Maximum number of hint tokens; if there are more hints, neighboring cells are averaged."""


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """Hyperparameters of the network, stored as JSON in the metadata of the weights."""

    widths: tuple[int, int, int, int] = (256, 192, 128, 96)
    """Number of decoder channels at strides 32, 16, 8 and 4."""
    num_heads: int = 4
    """Number of attention heads."""
    num_bins: int = NUM_BINS
    """Number of a*b* bins: logits per output cell."""
    encoder: str = "efficientnet-lite2"
    """Name of the encoder."""

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
    """A convolution of features and hints, batch norm, and ReLU."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, hinted: bool) -> None:
        super().__init__()
        padding = kernel // 2
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, padding=padding, bias=False)
        # A separate convolution, not three more input channels: it is skipped without hints,
        # and the channel count of the other one stays a multiple of the vector width.
        self.hint_conv = (
            nn.Conv2d(3, out_channels, kernel, padding=padding, bias=False) if hinted else None
        )
        self.norm: nn.Module = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor, hint: Tensor | None = None) -> Tensor:
        """Map x (N, C, H, W) and hint (N, 3, H, W) to (N, C', H, W)."""
        x = self.conv(x)
        if self.hint_conv is not None and hint is not None:
            x = x + self.hint_conv(hint)
        return F.relu(self.norm(x), inplace=True)

    def fold(self) -> None:
        """Fold the batch norm into the convolutions, for inference only. Idempotent."""
        if not isinstance(self.norm, nn.BatchNorm2d):
            return
        if self.hint_conv is not None:
            # Both convolutions take the scale of the norm, but only one may take its shift.
            self.hint_conv = fuse_conv_bn_eval(self.hint_conv, self.norm)
            self.hint_conv.bias = None
        self.conv = fuse_conv_bn_eval(self.conv, self.norm)
        self.norm = nn.Identity()


class Attention(nn.Module):
    """Self-attention over all cells and a two-layer perceptron, both with residual connections."""

    def __init__(self, channels: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        # A depthwise convolution instead of a position embedding: it works at any input size.
        self.position = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.attention_norm = nn.GroupNorm(1, channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.project = nn.Conv2d(channels, channels, 1)
        self.mlp_norm = nn.GroupNorm(1, channels)
        self.expand = nn.Conv2d(channels, 2 * channels, 1)
        self.contract = nn.Conv2d(2 * channels, channels, 1)
        # Initialized to zero, so that training starts from a plain convolutional decoder.
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


class HintAttention(nn.Module):
    """Attention from all cells to all hints, which spreads hints to similar cells.

    This is a bilateral filter in learned features: the weight of a hint falls with the distance in
    an embedding of decoder features and position. One more choice stands for "no hint". The result
    is a Gaussian over a*b* for each cell, given by its precision and by precision times mean, so
    that the product with the predicted distribution is a sum of logits.
    """

    def __init__(self, channels: int, num_heads: int, width: int = 16) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.embed = nn.Linear(channels + 2, num_heads * width)
        # Score of "no hint". The name is a state-dict key.
        self.doubt = nn.Linear(channels, num_heads)
        self.gain = nn.Parameter(torch.zeros(num_heads))
        if not self.embed.weight.is_meta:  # on meta it imports torch's compiler, which takes 1 s
            self._initialize(channels, width)

    def _initialize(self, channels: int, width: int) -> None:
        """Give features and position similar weight, and make "no hint" the usual choice."""
        nn.init.normal_(self.embed.weight, std=0.5 / channels**0.5)
        nn.init.normal_(self.embed.weight[:, channels:], std=3.0 / width**0.5)
        nn.init.zeros_(self.doubt.weight)
        nn.init.constant_(self.doubt.bias, -1.0)

    def forward(self, cells: Tensor, ab: Tensor, density: Tensor) -> Tensor:
        """Spread hints to similar cells.

        Args:
            cells: decoder features, (N, h, w, C).
            ab: a*, b* of the hints, (N, 2, h, w); ignored where density is 0.
            density: (N, 1, h, w) in [0, 1].

        Returns:
            Precision times a*, precision times b*, precision: (N, h, w, 3), in units of
            1 / HINT_SIGMA^2.
        """
        n, h, w, _ = cells.shape
        features = self._add_position(cells)
        queries = self._split_heads(self.embed(features))
        null_bias = self.doubt(cells.flatten(1, 2)).transpose(1, 2).unsqueeze(-1)
        # All scores of a cell are -|q - k|^2 without the common term |q|^2.
        null_scores = null_bias - queries.square().sum(-1, keepdim=True)
        # A loop over the batch: the number of hints varies from none to hundreds, so padding would
        # dominate the cost, and the tokens of an image must not depend on the rest of the batch.
        values = torch.cat([features.transpose(1, 2).reshape(n, -1, h, w), ab], dim=1)
        weighted = torch.cat([values * density, density], dim=1)
        spread = [
            self._attend(*image) for image in zip(queries, null_scores, weighted, strict=True)
        ]
        return torch.stack(spread).reshape(n, h, w, 3)

    def _attend(self, queries: Tensor, null_scores: Tensor, weighted: Tensor) -> Tensor:
        """Return the attention output of one image: (h * w, 3).

        Args:
            queries: embedded cells, (heads, h * w, width).
            null_scores: scores of "no hint", (heads, h * w, 1).
            weighted: features, position, color and 1, times density: (C + 5, h, w).
        """
        tokens = _hint_tokens(weighted)
        if not len(tokens):
            return queries.new_zeros(queries.shape[1], 3)
        keys = self._split_heads(self.embed(tokens[:, :-3]))
        scores = 2 * queries @ keys.transpose(-1, -2) - keys.square().sum(-1).unsqueeze(-2)
        weights = torch.softmax(torch.cat([null_scores, scores], dim=-1), dim=-1)[..., 1:]
        gain = F.softplus(self.gain).view(-1, 1, 1)
        spread: Tensor = ((weights @ tokens[:, -3:]) * gain).sum(0)
        return spread

    def _split_heads(self, embedded: Tensor) -> Tensor:
        """Map (…, K, heads * width) to (…, heads, K, width)."""
        split = embedded.reshape(*embedded.shape[:-1], self.num_heads, -1)
        return split.transpose(-3, -2)

    def _add_position(self, cells: Tensor) -> Tensor:
        """Append the position, in units of the short side, to features: (N, h * w, C + 2)."""
        n, h, w, _ = cells.shape
        unit = min(h, w)
        y = torch.arange(h, device=cells.device, dtype=cells.dtype) / unit
        x = torch.arange(w, device=cells.device, dtype=cells.dtype) / unit
        position = torch.stack(torch.meshgrid(y, x, indexing="ij"), dim=-1)
        return torch.cat([cells, position.expand(n, h, w, 2)], dim=-1).flatten(1, 2)


def _hint_tokens(weighted: Tensor) -> Tensor:
    """Return at most `MAX_HINTS` tokens for the hints of one image.

    Args:
        weighted: (C, h, w): values of each cell times density; the last channel is density.

    Returns:
        (K, C): mean values, except that the last three stay multiplied by density; K is 0 without
        hints.
    """
    area = 1
    while int((weighted[-1] > 0).sum()) > MAX_HINTS:
        weighted = F.avg_pool2d(weighted, 2, ceil_mode=True, divisor_override=1)
        area *= 4
    rows = weighted.flatten(1).T
    rows = rows[rows[:, -1] > 0]
    means = rows[:, :-3] / rows[:, -1:]
    return torch.cat([means, rows[:, -3:] / area], dim=1)


class EmbeddedNetwork(nn.Module):
    """The network: L* and hints to logits over the bins, at stride 4."""

    bins: Tensor
    """a*, b* of each bin: (Q, 2). Stored in the weights file, because it defines the outputs."""
    calibration: Tensor
    """Table from concentration to confidence; see `color.bins.apply_calibration`."""

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
        # A linear layer instead of a 1x1 convolution: with a bfloat16 decoder, a float32
        # convolution misses the fast path on CPUs, which costs 15 ms per frame.
        self.head = nn.Linear(w4, config.num_bins)
        self.spread = HintAttention(w4, config.num_heads)
        self.hint_gain = nn.Parameter(torch.ones(()))
        self.register_buffer("bins", gamut_bins())
        # Not used here, but part of the weights: the generator needs it.
        self.register_buffer("calibration", identity_calibration())

    def fold(self) -> None:
        """Fold every batch norm into its convolution, for inference only. Idempotent."""
        for module in self.modules():
            if isinstance(module, ConvNorm | DecoderConv):
                module.fold()

    def lower_precision(self, dtype: torch.dtype) -> None:
        """Convert encoder and decoder to a dtype; the head and the hint attention stay float32."""
        for part in self.children():
            if part not in (self.head, self.spread):
                part.to(dtype)

    def forward(
        self, luma: Tensor, hint_ab: Tensor | None = None, density: Tensor | None = None
    ) -> Tensor:
        """Predict the distribution over the bins for each cell.

        Args:
            luma: L*, (N, 1, H, W) in [0, 100]; H and W multiples of `ALIGNMENT`.
            hint_ab: a*, b*, (N, 2, H / 4, W / 4), or None for no hints.
            density: (N, 1, H / 4, W / 4) in [0, 1], or None for no hints.

        Returns:
            Logits, (N, Q, H / 4, W / 4) float32 outside autocast.
        """
        _, f4, f8, f16, f32 = self.encoder(self._normalize(luma))
        h4, h8, h16, h32 = self._hint_pyramid(hint_ab, density)
        x = self.attention32(self.join32(f32, h32))
        x = self.attention16(self.join16(_upsample_and_concat(x, f16), h16))
        x = self.refine8(self.join8(_upsample_and_concat(x, f8), h8))
        x = self.refine4(self.join4(_upsample_and_concat(x, f4), h4))
        # In the precision of the head: bfloat16 would round logits by up to 0.06, and the
        # temperature of the annealed mean would multiply that error.
        cells = x.permute(0, 2, 3, 1).to(self.head.weight.dtype)
        # Autocast is for training only: evaluation and inference need exact logits.
        device_type = cells.device.type
        with torch.autocast(
            device_type, enabled=self.training and torch.is_autocast_enabled(device_type)
        ):
            logits: Tensor = self.head(cells)
            if hint_ab is not None and density is not None:
                logits = logits + self._hint_log_likelihood(cells, hint_ab, density)
        return logits.permute(0, 3, 1, 2)

    def _normalize(self, luma: Tensor) -> Tensor:
        """Convert L* to sRGB gray in three channels with ImageNet normalization."""
        gray = lightness_to_gray(luma)
        mean = torch.tensor(IMAGENET_MEAN, device=gray.device).view(1, 3, 1, 1)
        std = torch.tensor(IMAGENET_STD, device=gray.device).view(1, 3, 1, 1)
        image = ((gray - mean) / std).to(self.encoder.stem.conv.weight.dtype)
        return image.contiguous(memory_format=torch.channels_last)

    def _hint_pyramid(self, ab: Tensor | None, density: Tensor | None) -> list[Tensor | None]:
        """Return mean color and density at strides 4, 8, 16, 32: each (N, 3, h, w) or None."""
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

    def _hint_log_likelihood(self, cells: Tensor, ab: Tensor, density: Tensor) -> Tensor:
        """Return the log-likelihood of each bin given the hints: (N, h, w, Q).

        A constant per cell is left out, because softmax ignores it. The hint of the cell and the
        hints that spread to it are Gaussians; the precision of their product is the sum of their
        precisions.
        """
        own = torch.cat([ab * density, density], dim=1).permute(0, 2, 3, 1)
        # -precision / 2 * |bin - mean|^2, expanded. Not in bfloat16, which would round the squares.
        terms = torch.cat([self.bins, -self.bins.square().sum(1, keepdim=True) / 2], dim=1)
        with torch.autocast(cells.device.type, enabled=False):
            gaussian = self.spread(cells.float(), ab, density) + F.softplus(self.hint_gain) * own
            preference: Tensor = gaussian @ terms.T / HINT_SIGMA**2
        return preference


def _upsample_and_concat(x: Tensor, skip: Tensor) -> Tensor:
    return torch.cat([F.interpolate(x, size=skip.shape[-2:], mode="nearest"), skip], dim=1)
