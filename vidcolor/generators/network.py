"""The embedded generator's network: from L* and hints to a distribution over a*b* bins.

A U-shape: EfficientNet-Lite2 down to stride 32, a decoder back up to stride 4 with self-attention
at strides 32 and 16, where it is affordable and where the picture's parts must agree. Hints enter
the decoder at every stride. Training and inference share this file; neither files nor devices nor
padding are its business.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from vidcolor.color.bins import NUM_BINS, gamut_bins, uncalibrated
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
"""Heights and widths are multiples of this: the coarsest stride."""

HINT_UNIT = 20.0
"""Hints are divided by this: at 1/110, the whole range in [-1, 1], the network ignored them."""
HINT_SIGMA = 8.0
"""Standard deviation, in a*b* units, of the colors that one unit of precision grants a hint."""
MAX_HINTS = 256
"""Hinted places that attention looks at; with more, neighbors are averaged until it suits."""


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """What it takes to build the network; stored as JSON in the weights' metadata."""

    widths: tuple[int, int, int, int] = (256, 192, 128, 96)
    """Channels of the decoder at strides 32, 16, 8 and 4."""
    num_heads: int = 4
    """Heads of the self-attention."""
    num_bins: int = NUM_BINS
    """Outputs per cell."""
    encoder: str = "efficientnet-lite2"

    def __post_init__(self) -> None:
        if self.encoder != "efficientnet-lite2":
            raise ValueError(f"unknown encoder {self.encoder!r}")
        if len(self.widths) != 4 or any(w < 1 or w % self.num_heads for w in self.widths[:2]):
            raise ValueError(f"widths {self.widths} do not suit {self.num_heads} heads")

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> NetworkConfig:
        """Read what `to_json` wrote.

        Raises:
            ValueError: not JSON, unknown fields, or values that make no network.
        """
        fields = json.loads(text)
        try:
            return cls(**{**fields, "widths": tuple(fields["widths"])})
        except (TypeError, KeyError) as error:
            raise ValueError(f"not a network's configuration: {error}") from error


class DecoderConv(nn.Module):
    """Convolution of features and hints, batch norm, ReLU."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, hinted: bool) -> None:
        super().__init__()
        padding = kernel // 2
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, padding=padding, bias=False)
        # A convolution of its own, not three more input channels: it is skipped without hints,
        # and the other keeps a channel count that vectorizes.
        self.hint_conv = (
            nn.Conv2d(3, out_channels, kernel, padding=padding, bias=False) if hinted else None
        )
        self.norm: nn.Module = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor, hint: Tensor | None = None) -> Tensor:
        """x: (N, C, H, W), hint: (N, 3, H, W) or None -> (N, C', H, W)."""
        x = self.conv(x)
        if self.hint_conv is not None and hint is not None:
            x = x + self.hint_conv(hint)
        return F.relu(self.norm(x), inplace=True)

    def fold(self) -> None:
        """Fold the norm into the convolutions, for inference only. Idempotent."""
        if not isinstance(self.norm, nn.BatchNorm2d):
            return
        if self.hint_conv is not None:
            # The norm's scale goes into both; its shift must count once, so not here.
            self.hint_conv = fuse_conv_bn_eval(self.hint_conv, self.norm)
            self.hint_conv.bias = None
        self.conv = fuse_conv_bn_eval(self.conv, self.norm)
        self.norm = nn.Identity()


class Attention(nn.Module):
    """Self-attention over all cells and a two-layer perceptron, each added to its input."""

    def __init__(self, channels: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        # Depthwise, so that cells know their neighbors: it stands for a position embedding,
        # and works at any size.
        self.position = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.attention_norm = nn.GroupNorm(1, channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.project = nn.Conv2d(channels, channels, 1)
        self.mlp_norm = nn.GroupNorm(1, channels)
        self.expand = nn.Conv2d(channels, 2 * channels, 1)
        self.contract = nn.Conv2d(2 * channels, channels, 1)
        # Zero to begin with, so that training starts from a plain convolutional decoder.
        nn.init.zeros_(self.project.weight)
        nn.init.zeros_(self.contract.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        x = x + self.position(x)
        n, c, h, w = x.shape
        qkv = self.qkv(self.attention_norm(x)).reshape(n, 3, self.num_heads, -1, h * w)
        q, k, v = qkv.transpose(-1, -2).unbind(1)
        y = F.scaled_dot_product_attention(q, k, v)
        x = x + self.project(y.transpose(-1, -2).reshape(n, c, h, w))
        x = x + self.contract(F.gelu(self.expand(self.mlp_norm(x))))
        return x


class HintSpread(nn.Module):
    """Carries hints to the cells that look alike, wherever they are.

    A bilateral filter in learned features: every cell attends to all hinted places, by distance in
    an embedding of the decoder's features and of the position, or to none of them. The result is
    a Gaussian over a*b* in each cell, by its precision and its precision times mean; the product
    with the network's own distribution is then a sum of logits.
    """

    def __init__(self, channels: int, num_heads: int, width: int = 16) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.embed = nn.Linear(channels + 2, num_heads * width)
        self.doubt = nn.Linear(channels, num_heads)
        self.gain = nn.Parameter(torch.zeros(num_heads))
        if not self.embed.weight.is_meta:  # there it would import torch's compiler, for a second
            self._initialize(channels, width)

    def _initialize(self, channels: int, width: int) -> None:
        """To begin with, near in the picture and alike in features count about the same, and most
        cells believe no hint.
        """
        nn.init.normal_(self.embed.weight, std=0.5 / channels**0.5)
        nn.init.normal_(self.embed.weight[:, channels:], std=3.0 / width**0.5)
        nn.init.zeros_(self.doubt.weight)
        nn.init.constant_(self.doubt.bias, -1.0)

    def forward(self, cells: Tensor, ab: Tensor, density: Tensor) -> Tensor:
        """Spread hints.

        Args:
            cells: the decoder's features, (N, h, w, C).
            ab: a*, b* of the hints, (N, 2, h, w).
            density: (N, 1, h, w) in [0, 1]; where it is 0, ab is ignored.

        Returns:
            Precision times a*, precision times b*, precision: (N, h, w, 3), in units of
            1 / HINT_SIGMA^2.
        """
        n, h, w, _ = cells.shape
        places = self._places(cells)
        queries = self._split(self.embed(places))
        doubt = self.doubt(cells.flatten(1, 2)).transpose(1, 2).unsqueeze(-1)
        # -|q - k|^2, but for |q|^2, which all of a cell's candidates share.
        nothing = doubt - queries.square().sum(-1, keepdim=True)
        # One by one: pictures have from no hint to hundreds, and padding would cost more than
        # all else; nor may a picture's tokens depend on its neighbors'.
        known = torch.cat([places.transpose(1, 2).reshape(n, -1, h, w), ab], dim=1)
        sums = torch.cat([known * density, density], dim=1)
        spread = [self._carry(*picture) for picture in zip(queries, nothing, sums, strict=True)]
        return torch.stack(spread).reshape(n, h, w, 3)

    def _carry(self, queries: Tensor, nothing: Tensor, sums: Tensor) -> Tensor:
        """One picture's hints, spread: (h * w, 3).

        Args:
            queries: embedded cells, (heads, h * w, width).
            nothing: score of believing no hint, (heads, h * w, 1).
            sums: places, colors and 1, times density: (C + 5, h, w).
        """
        tokens = _tokens(sums)
        if not len(tokens):
            return queries.new_zeros(queries.shape[1], 3)
        keys = self._split(self.embed(tokens[:, :-3]))
        scores = 2 * queries @ keys.transpose(-1, -2) - keys.square().sum(-1).unsqueeze(-2)
        weights = torch.softmax(torch.cat([nothing, scores], dim=-1), dim=-1)[..., 1:]
        gain = F.softplus(self.gain).view(-1, 1, 1)
        spread: Tensor = ((weights @ tokens[:, -3:]) * gain).sum(0)
        return spread

    def _split(self, embedded: Tensor) -> Tensor:
        """(…, K, heads * width) -> (…, heads, K, width)."""
        split = embedded.reshape(*embedded.shape[:-1], self.num_heads, -1)
        return split.transpose(-3, -2)

    def _places(self, cells: Tensor) -> Tensor:
        """Features and position of each cell: (N, h * w, C + 2); the short side is one unit."""
        n, h, w, _ = cells.shape
        unit = min(h, w)
        y = torch.arange(h, device=cells.device, dtype=cells.dtype) / unit
        x = torch.arange(w, device=cells.device, dtype=cells.dtype) / unit
        position = torch.stack(torch.meshgrid(y, x, indexing="ij"), dim=-1)
        return torch.cat([cells, position.expand(n, h, w, 2)], dim=-1).flatten(1, 2)


def _tokens(sums: Tensor) -> Tensor:
    """At most `MAX_HINTS` rows for one picture's hints.

    Args:
        sums: (C, h, w): what is known of each cell, times density, and density last.

    Returns:
        (K, C): means but for the last three, which stay times density; K is 0 without hints.
    """
    area = 1
    while int((sums[-1] > 0).sum()) > MAX_HINTS:
        sums = F.avg_pool2d(sums, 2, ceil_mode=True, divisor_override=1)
        area *= 4
    rows = sums.flatten(1).T
    rows = rows[rows[:, -1] > 0]
    means = rows[:, :-3] / rows[:, -1:]
    return torch.cat([means, rows[:, -3:] / area], dim=1)


class EmbeddedNetwork(nn.Module):
    """L* and hints -> logits over the bins, at stride 4."""

    bins: Tensor
    """a*, b* of each output: (Q, 2). In the weights file, so that outputs keep their meaning."""
    calibration: Tensor
    """From concentration to confidence; see `color.bins.calibrated`."""

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
        # A 1x1 convolution, written as a matrix product over cells: float32 beside a bfloat16
        # decoder falls off the convolutions' fast path on CPU, at 15 ms a frame.
        self.head = nn.Linear(w4, config.num_bins)
        self.spread = HintSpread(w4, config.num_heads)
        self.hint_gain = nn.Parameter(torch.ones(()))
        self.register_buffer("bins", gamut_bins())
        # Not used here: it belongs to these weights, and travels with them.
        self.register_buffer("calibration", uncalibrated())

    def fold(self) -> None:
        """Fold every batch norm into its convolution: same function, for inference only."""
        for module in self.modules():
            if isinstance(module, ConvNorm | DecoderConv):
                module.fold()

    def lower_precision(self, dtype: torch.dtype) -> None:
        """Let encoder and decoder compute in dtype; the head, and hints' part in it, stay."""
        for part in self.children():
            if part not in (self.head, self.spread):
                part.to(dtype)

    def forward(
        self, luma: Tensor, hint_ab: Tensor | None = None, density: Tensor | None = None
    ) -> Tensor:
        """Predict distributions.

        Args:
            luma: L*, (N, 1, H, W) in [0, 100]; H and W multiples of `ALIGNMENT`.
            hint_ab: a*, b*, (N, 2, H / 4, W / 4), or None for no hints.
            density: (N, 1, H / 4, W / 4) in [0, 1], given with hint_ab.

        Returns:
            Logits, (N, Q, H / 4, W / 4) float32 outside autocast.
        """
        _, f4, f8, f16, f32 = self.encoder(self._picture(luma))
        h4, h8, h16, h32 = self._hint_pyramid(hint_ab, density)
        x = self.attention32(self.join32(f32, h32))
        x = self.attention16(self.join16(_upsample_and_stack(x, f16), h16))
        x = self.refine8(self.join8(_upsample_and_stack(x, f8), h8))
        x = self.refine4(self.join4(_upsample_and_stack(x, f4), h4))
        # In the head's own precision: bfloat16 would round logits by up to 0.06, which annealing
        # multiplies.
        cells = x.permute(0, 2, 3, 1).to(self.head.weight.dtype)
        # Training may round; what is measured and painted may not.
        kind = cells.device.type
        with torch.autocast(kind, enabled=self.training and torch.is_autocast_enabled(kind)):
            logits: Tensor = self.head(cells)
            if hint_ab is not None and density is not None:
                logits = logits + self._hint_preference(cells, hint_ab, density)
        return logits.permute(0, 3, 1, 2)

    def _picture(self, luma: Tensor) -> Tensor:
        """L* as the encoder wants it: sRGB gray in three channels, ImageNet's normalization."""
        gray = lightness_to_gray(luma)
        mean = torch.tensor(IMAGENET_MEAN, device=gray.device).view(1, 3, 1, 1)
        std = torch.tensor(IMAGENET_STD, device=gray.device).view(1, 3, 1, 1)
        picture = ((gray - mean) / std).to(self.encoder.stem.conv.weight.dtype)
        return picture.contiguous(memory_format=torch.channels_last)

    def _hint_pyramid(self, ab: Tensor | None, density: Tensor | None) -> list[Tensor | None]:
        """Masked mean color and density at strides 4, 8, 16, 32: each (N, 3, h, w) or None."""
        if ab is None or density is None:
            return [None] * 4
        known = torch.cat([ab * (density / HINT_UNIT), density], dim=1)
        levels: list[Tensor | None] = []
        for i in range(4):
            known = F.avg_pool2d(known, 2) if i else known
            color = known[:, :2] / (known[:, 2:] + 1e-3)
            # One hinted cell stays as loud at stride 32 as it is at stride 4.
            loudness = (known[:, 2:] * 4**i).clamp(max=1)
            hint = torch.cat([color, loudness], dim=1).to(self.join32.conv.weight.dtype)
            levels.append(hint.contiguous(memory_format=torch.channels_last))
        return levels

    def _hint_preference(self, cells: Tensor, ab: Tensor, density: Tensor) -> Tensor:
        """Log-likelihood of each bin under the hints, up to a constant of the cell: (N, h, w, Q).

        What was given for a cell, and what other hints say of it, are Gaussians; their product
        has the sum of the precisions.
        """
        own = torch.cat([ab * density, density], dim=1).permute(0, 2, 3, 1)
        # -precision / 2 * |bin - mean|^2, expanded: squares that bfloat16 must not round.
        terms = torch.cat([self.bins, -self.bins.square().sum(1, keepdim=True) / 2], dim=1)
        with torch.autocast(cells.device.type, enabled=False):
            gaussian = self.spread(cells.float(), ab, density) + F.softplus(self.hint_gain) * own
            preference: Tensor = gaussian @ terms.T / HINT_SIGMA**2
        return preference


def _upsample_and_stack(x: Tensor, skip: Tensor) -> Tensor:
    return torch.cat([F.interpolate(x, size=skip.shape[-2:], mode="nearest"), skip], dim=1)
