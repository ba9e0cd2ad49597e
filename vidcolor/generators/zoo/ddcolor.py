"""DDColor, a network with two decoders.

Kang et al., "DDColor: Towards Photo-Realistic Image Colorization via Dual Decoders", ICCV 2023,
arXiv:2212.11613.

The pixel decoder upsamples the features of the encoder. The color decoder refines 100 color queries
by attention to these features. The product of a query with the features is a map, and a*, b* are
two linear combinations of the maps.
"""

from __future__ import annotations

from math import tau
from typing import TYPE_CHECKING, Literal

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from vidcolor.generators.efficientnet import IMAGENET_MEAN, IMAGENET_STD
from vidcolor.generators.zoo.base import ZooNetwork, parameter_dtype
from vidcolor.generators.zoo.convnext import ConvNeXt
from vidcolor.generators.zoo.unet import PixelShuffle, WideBlock

if TYPE_CHECKING:
    from torch import Tensor

ALIGNMENT = 32
"""Divisor of the input height and width, in pixels."""
SIZES = {
    "tiny": ((3, 3, 9, 3), (96, 192, 384, 768)),
    "large": ((3, 3, 27, 3), (192, 384, 768, 1536)),
}
"""Number of blocks and number of channels of the encoder stages, by size of the network."""
_WIDTH, _NUM_QUERIES, _NUM_HEADS, _NUM_LAYERS, _NUM_SCALES = 256, 100, 8, 9, 3
"""Hyperparameters of the color decoder: number of channels, color queries, attention heads, layers
of each kind, and scales of features."""
_MLP_WIDTH = 2048
"""Number of hidden channels of the feed-forward layers."""


class _Attention(nn.Module):
    """Multi-head attention (Vaswani et al., arXiv:1706.03762).

    The state-dict keys are those of `torch.nn.MultiheadAttention`, which the original uses.
    """

    def __init__(self) -> None:
        super().__init__()
        self.in_proj_weight = nn.Parameter(torch.empty(3 * _WIDTH, _WIDTH))
        self.in_proj_bias = nn.Parameter(torch.empty(3 * _WIDTH))
        self.out_proj = nn.Linear(_WIDTH, _WIDTH)

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Map queries (N, Q, 256), keys and values (N, K, 256) to (N, Q, 256)."""
        weights, biases = self.in_proj_weight.chunk(3), self.in_proj_bias.chunk(3)
        q, k, v = (
            F.linear(x, weight, bias)
            .reshape(*x.shape[:2], _NUM_HEADS, _WIDTH // _NUM_HEADS)
            .transpose(1, 2)
            for x, weight, bias in zip((queries, keys, values), weights, biases, strict=True)
        )
        y: Tensor = self.out_proj(
            F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        )
        return y


class _SelfAttention(nn.Module):
    """Self-attention of the color queries."""

    def __init__(self) -> None:
        super().__init__()
        self.self_attn = _Attention()
        self.norm = nn.LayerNorm(_WIDTH)

    def forward(self, x: Tensor, query_embedding: Tensor) -> Tensor:
        q = x + query_embedding
        y: Tensor = self.norm(x + self.self_attn(q, q, x))
        return y


class _CrossAttention(nn.Module):
    """Attention of the color queries to the features of the image."""

    def __init__(self) -> None:
        super().__init__()
        self.multihead_attn = _Attention()
        self.norm = nn.LayerNorm(_WIDTH)

    def forward(
        self, x: Tensor, query_embedding: Tensor, features: Tensor, positions: Tensor
    ) -> Tensor:
        attended = self.multihead_attn(x + query_embedding, features + positions, features)
        y: Tensor = self.norm(x + attended)
        return y


class _FeedForward(nn.Module):
    """A two-layer MLP with a residual connection and a layer norm at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.linear1 = nn.Linear(_WIDTH, _MLP_WIDTH)
        self.linear2 = nn.Linear(_MLP_WIDTH, _WIDTH)
        self.norm = nn.LayerNorm(_WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(x + self.linear2(F.relu(self.linear1(x))))
        return y


class _MLP(nn.Module):
    """A three-layer MLP, which converts color queries to factors of the features."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(_WIDTH, _WIDTH) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            x = F.relu(layer(x))
        y: Tensor = self.layers[-1](x)
        return y


def _position_encoding(like: Tensor) -> Tensor:
    """Return the sine position encoding of DETR (arXiv:2005.12872): (h * w, 256), y before x."""
    steps = torch.arange(_WIDTH // 2, device=like.device, dtype=torch.float32)
    wavelengths = 10000 ** (2 * torch.div(steps, 2, rounding_mode="floor") / (_WIDTH // 2))
    h, w = like.shape[-2:]
    waves = []
    for length in (h, w):
        position = torch.arange(1, length + 1, device=like.device, dtype=torch.float32)
        phase = (position / (length + 1e-6) * tau)[:, None] / wavelengths
        pairs = torch.stack([phase[:, 0::2].sin(), phase[:, 1::2].cos()], dim=2)
        waves.append(pairs.flatten(1))
    vertical = waves[0][:, None].expand(h, w, -1)
    horizontal = waves[1][None].expand(h, w, -1)
    return torch.cat([vertical, horizontal], dim=2).reshape(h * w, _WIDTH).to(like.dtype)


class _ColorDecoder(nn.Module):
    """A decoder that refines color queries by attention to features at three scales."""

    def __init__(self, channels: tuple[int, ...]) -> None:
        """Build the decoder."""
        super().__init__()
        self.query_feat = nn.Embedding(_NUM_QUERIES, _WIDTH)
        self.query_embed = nn.Embedding(_NUM_QUERIES, _WIDTH)
        self.level_embed = nn.Embedding(_NUM_SCALES, _WIDTH)
        self.input_proj = nn.ModuleList(nn.Conv2d(c, _WIDTH, 1) for c in channels)
        self.transformer_cross_attention_layers = nn.ModuleList(
            _CrossAttention() for _ in range(_NUM_LAYERS)
        )
        self.transformer_self_attention_layers = nn.ModuleList(
            _SelfAttention() for _ in range(_NUM_LAYERS)
        )
        self.transformer_ffn_layers = nn.ModuleList(_FeedForward() for _ in range(_NUM_LAYERS))
        self.decoder_norm = nn.LayerNorm(_WIDTH)
        self.color_embed = _MLP()

    def forward(self, scales: list[Tensor], features: Tensor) -> Tensor:
        """Return the map of each query."""
        tokens = [
            project(x).flatten(2).transpose(1, 2) + level
            for project, x, level in zip(
                self.input_proj, scales, self.level_embed.weight, strict=True
            )
        ]
        positions = [_position_encoding(x) for x in scales]
        batch_size = features.shape[0]  # len() would become a constant in a traced network
        query_embedding = self.query_embed.weight.expand(batch_size, -1, -1)
        x = self.query_feat.weight.expand(batch_size, -1, -1)
        layers = zip(
            self.transformer_cross_attention_layers,
            self.transformer_self_attention_layers,
            self.transformer_ffn_layers,
            strict=True,
        )
        for i, (cross_attention, self_attention, feed_forward) in enumerate(layers):
            scale = i % _NUM_SCALES
            x = cross_attention(x, query_embedding, tokens[scale], positions[scale])
            x = feed_forward(self_attention(x, query_embedding))
        colors = self.color_embed(self.decoder_norm(x))
        return torch.einsum("bqc,bchw->bqhw", colors, features)


class _Encoder(nn.Module):
    """The encoder; the attribute `arch` is part of the state-dict keys."""

    def __init__(self, size: Literal["tiny", "large"]) -> None:
        super().__init__()
        self.arch = ConvNeXt(*SIZES[size])


class _Decoder(nn.Module):
    """The pixel decoder and the color decoder."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        first, second, third, top = widths
        self.layers = nn.ModuleList(
            [
                WideBlock(top, third, 512),
                WideBlock(512, second, 512),
                WideBlock(512, first, 256),
            ]
        )
        self.last_shuf = PixelShuffle(256, 256, scale=4, norm=False)
        self.color_decoder = _ColorDecoder((512, 512, 256))

    def forward(self, encoder_features: list[Tensor]) -> Tensor:
        """Map features at strides 4, 8, 16 and 32 to the maps of the queries, (N, 100, H, W)."""
        *skips, x = encoder_features
        scales = []
        for block, skip in zip(self.layers, reversed(skips), strict=True):
            x = block(x, skip)
            scales.append(x)
        maps: Tensor = self.color_decoder(scales, self.last_shuf(x))
        return maps


class DDColor(ZooNetwork):
    """DDColor, which maps gray in three channels to a*, b*.

    ``tiny`` has a ConvNeXt-T encoder, and ``large`` has a ConvNeXt-L encoder. Some published files
    also contain a norm and a classifier of the encoder (``encoder.arch.norm``,
    ``encoder.arch.head_cls``). Only training uses them, so this class lacks them.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, size: Literal["tiny", "large"]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1))
        self.encoder = _Encoder(size)
        self.decoder = _Decoder(SIZES[size][1])
        self.refine_net = nn.Sequential(nn.Sequential(nn.Conv2d(_NUM_QUERIES + 3, 2, 1)))

    def forward(self, image: Tensor) -> Tensor:
        """Predict color.

        Args:
            image: sRGB-encoded gray in three channels, (N, 3, H, W) float32 in [0, 1]; H and W are
                multiples of `ALIGNMENT`.

        Returns:
            a*, b*: (N, 2, H, W) float32, unbounded.
        """
        normalized = (image - self.mean) / self.std
        features = self.encoder.arch(normalized.to(parameter_dtype(self.encoder)))
        maps = self.decoder(features).to(parameter_dtype(self.refine_net))
        ab: Tensor = self.refine_net(torch.cat([maps, normalized], dim=1))
        return ab

    def lower_precision(self, dtype: torch.dtype) -> None:
        """Convert encoder and decoder to a dtype; the combination of the maps stays float32."""
        self.encoder.to(dtype)
        self.decoder.to(dtype)
