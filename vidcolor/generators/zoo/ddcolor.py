"""DDColor (Kang et al., "Toward Photo-Realistic Image Colorization via Dual Decoders", ICCV 2023).

One decoder raises features, the other learns a hundred color queries from them; each query's
product with the features is a map, and two mixtures of the maps are a* and b*.
"""

from __future__ import annotations

from math import tau
from typing import TYPE_CHECKING, Literal

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from vidcolor.generators.efficientnet import IMAGENET_MEAN, IMAGENET_STD
from vidcolor.generators.zoo.base import Network, dtype_of
from vidcolor.generators.zoo.convnext import ConvNeXt
from vidcolor.generators.zoo.unet import PixelShuffle, WideBlock

if TYPE_CHECKING:
    from torch import Tensor

ALIGNMENT = 32
"""Height and width must be multiples of this."""
SIZES = {
    "tiny": ((3, 3, 9, 3), (96, 192, 384, 768)),
    "large": ((3, 3, 27, 3), (192, 384, 768, 1536)),
}
"""Depths and widths of the encoder's stages."""
_WIDTH, _QUERIES, _HEADS, _LAYERS, _SCALES = 256, 100, 8, 9, 3
_HIDDEN = 2048


class _Attention(nn.Module):
    """Attention with several heads (Vaswani et al., arXiv:1706.03762); keys of `torch.nn`'s."""

    def __init__(self) -> None:
        super().__init__()
        self.in_proj_weight = nn.Parameter(torch.empty(3 * _WIDTH, _WIDTH))
        self.in_proj_bias = nn.Parameter(torch.empty(3 * _WIDTH))
        self.out_proj = nn.Linear(_WIDTH, _WIDTH)

    def forward(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """(N, Q, 256), (N, K, 256), (N, K, 256) -> (N, Q, 256)."""
        weights, biases = self.in_proj_weight.chunk(3), self.in_proj_bias.chunk(3)
        q, k, v = (
            F.linear(x, weight, bias)
            .reshape(*x.shape[:2], _HEADS, _WIDTH // _HEADS)
            .transpose(1, 2)
            for x, weight, bias in zip((queries, keys, values), weights, biases, strict=True)
        )
        mixed: Tensor = self.out_proj(
            F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        )
        return mixed


class _SelfAttention(nn.Module):
    """Queries ask each other."""

    def __init__(self) -> None:
        super().__init__()
        self.self_attn = _Attention()
        self.norm = nn.LayerNorm(_WIDTH)

    def forward(self, x: Tensor, places: Tensor) -> Tensor:
        asked = x + places
        normed: Tensor = self.norm(x + self.self_attn(asked, asked, x))
        return normed


class _CrossAttention(nn.Module):
    """Queries ask the picture."""

    def __init__(self) -> None:
        super().__init__()
        self.multihead_attn = _Attention()
        self.norm = nn.LayerNorm(_WIDTH)

    def forward(self, x: Tensor, places: Tensor, picture: Tensor, positions: Tensor) -> Tensor:
        answer = self.multihead_attn(x + places, picture + positions, picture)
        normed: Tensor = self.norm(x + answer)
        return normed


class _FeedForward(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear1 = nn.Linear(_WIDTH, _HIDDEN)
        self.linear2 = nn.Linear(_HIDDEN, _WIDTH)
        self.norm = nn.LayerNorm(_WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        normed: Tensor = self.norm(x + self.linear2(F.relu(self.linear1(x))))
        return normed


class _Perceptron(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(_WIDTH, _WIDTH) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            x = F.relu(layer(x))
        last: Tensor = self.layers[-1](x)
        return last


def _sine_positions(like: Tensor) -> Tensor:
    """Places as sines of many wavelengths (Carion et al., "DETR", arXiv:2005.12872).

    Args:
        like: (N, C, h, w); size, device and type are taken from it.

    Returns:
        (h * w, 256).
    """
    steps = torch.arange(_WIDTH // 2, device=like.device, dtype=torch.float32)
    wavelengths = 10000 ** (2 * torch.div(steps, 2, rounding_mode="floor") / (_WIDTH // 2))
    h, w = like.shape[-2:]
    waves = []
    for length in (h, w):
        along = torch.arange(1, length + 1, device=like.device, dtype=torch.float32)
        phase = (along / (length + 1e-6) * tau)[:, None] / wavelengths
        pairs = torch.stack([phase[:, 0::2].sin(), phase[:, 1::2].cos()], dim=2)
        waves.append(pairs.flatten(1))
    down = waves[0][:, None].expand(h, w, -1)
    across = waves[1][None].expand(h, w, -1)
    return torch.cat([down, across], dim=2).reshape(h * w, _WIDTH).to(like.dtype)


class _ColorDecoder(nn.Module):
    """Learns from three scales of features what colors a picture has, and where."""

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.query_feat = nn.Embedding(_QUERIES, _WIDTH)
        self.query_embed = nn.Embedding(_QUERIES, _WIDTH)
        self.level_embed = nn.Embedding(_SCALES, _WIDTH)
        self.input_proj = nn.ModuleList(nn.Conv2d(c, _WIDTH, 1) for c in channels)
        self.transformer_cross_attention_layers = nn.ModuleList(
            _CrossAttention() for _ in range(_LAYERS)
        )
        self.transformer_self_attention_layers = nn.ModuleList(
            _SelfAttention() for _ in range(_LAYERS)
        )
        self.transformer_ffn_layers = nn.ModuleList(_FeedForward() for _ in range(_LAYERS))
        self.decoder_norm = nn.LayerNorm(_WIDTH)
        self.color_embed = _Perceptron()

    def forward(self, scales: list[Tensor], features: Tensor) -> Tensor:
        """Three scales of features and the finest, (N, 256, H, W) -> maps: (N, 100, H, W)."""
        pictures = [
            project(x).flatten(2).transpose(1, 2) + level
            for project, x, level in zip(
                self.input_proj, scales, self.level_embed.weight, strict=True
            )
        ]
        positions = [_sine_positions(x) for x in scales]
        count = features.shape[0]  # len() would tie a traced network to it
        places = self.query_embed.weight.expand(count, -1, -1)
        x = self.query_feat.weight.expand(count, -1, -1)
        layers = zip(
            self.transformer_cross_attention_layers,
            self.transformer_self_attention_layers,
            self.transformer_ffn_layers,
            strict=True,
        )
        for i, (ask_picture, ask_each_other, feed_forward) in enumerate(layers):
            scale = i % _SCALES
            x = ask_picture(x, places, pictures[scale], positions[scale])
            x = feed_forward(ask_each_other(x, places))
        colors = self.color_embed(self.decoder_norm(x))
        return torch.einsum("bqc,bchw->bqhw", colors, features)


class _Encoder(nn.Module):
    def __init__(self, size: Literal["tiny", "large"]) -> None:
        super().__init__()
        self.arch = ConvNeXt(*SIZES[size])


class _Decoder(nn.Module):
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

    def forward(self, levels: list[Tensor]) -> Tensor:
        *skips, x = levels
        scales = []
        for block, skip in zip(self.layers, reversed(skips), strict=True):
            x = block(x, skip)
            scales.append(x)
        maps: Tensor = self.color_decoder(scales, self.last_shuf(x))
        return maps


class DDColor(Network):
    """Gray as RGB -> a*, b*; ``tiny`` on ConvNeXt-T, ``large`` on ConvNeXt-L.

    Some published files also have a norm and a classifier of the encoder's own
    (``encoder.arch.norm``, ``encoder.arch.head_cls``). Only training had a use for them.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, size: Literal["tiny", "large"]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1))
        self.encoder = _Encoder(size)
        self.decoder = _Decoder(SIZES[size][1])
        self.refine_net = nn.Sequential(nn.Sequential(nn.Conv2d(_QUERIES + 3, 2, 1)))

    def forward(self, picture: Tensor) -> Tensor:
        """Predict color.

        Args:
            picture: (N, 3, H, W) in [0, 1], three times the same sRGB gray; H and W multiples of
                `ALIGNMENT`.

        Returns:
            a*, b*: (N, 2, H, W); nothing bounds them.
        """
        normed = (picture - self.mean) / self.std
        levels = self.encoder.arch(normed.to(dtype_of(self.encoder)))
        maps = self.decoder(levels).to(dtype_of(self.refine_net))
        ab: Tensor = self.refine_net(torch.cat([maps, normed], dim=1))
        return ab

    def lower_precision(self, dtype: torch.dtype) -> None:
        """Let encoder and decoder compute in dtype, and not what mixes their maps."""
        self.encoder.to(dtype)
        self.decoder.to(dtype)
