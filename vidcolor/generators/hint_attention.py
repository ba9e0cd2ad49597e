"""Attention that spreads the color of hints to similar cells."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

HINT_SIGMA = 8.0
"""Standard deviation of the color of a hint with a precision of 1, in a*b* units."""
MAX_HINTS = 256
"""Maximum number of hint tokens per image; neighboring hinted cells are averaged beyond it."""


class HintAttention(nn.Module):
    """Cross-attention from all cells to all hints, which spreads hints to similar cells.

    This is a joint bilateral filter in learned features: the weight of a hint falls with the
    distance in an embedding of decoder features and position. A null key takes the attention of
    cells to which no hint applies. The result is a Gaussian over a*b* for each cell, given by its
    precision and by precision times mean, so that the product with the predicted distribution is
    a sum of logits.
    """

    def __init__(self, channels: int, num_heads: int, width: int = 16) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.embed = nn.Linear(channels + 2, num_heads * width)
        # Score of the null key. The name is a state-dict key.
        self.doubt = nn.Linear(channels, num_heads)
        self.gain = nn.Parameter(torch.zeros(num_heads))
        if not self.embed.weight.is_meta:  # on meta it imports torch's compiler, which takes 1 s
            self._initialize(channels, width)

    def _initialize(self, channels: int, width: int) -> None:
        """Give features and position similar weight, and most attention to the null key."""
        nn.init.normal_(self.embed.weight, std=0.5 / channels**0.5)
        nn.init.normal_(self.embed.weight[:, channels:], std=3.0 / width**0.5)
        nn.init.zeros_(self.doubt.weight)
        nn.init.constant_(self.doubt.bias, -1.0)

    def forward(self, cells: Tensor, ab: Tensor, density: Tensor) -> Tensor:
        """Spread hints to similar cells.

        Args:
            cells: decoder features, (N, h, w, C).
            ab: a*, b* of the hints, (N, 2, h, w); ignored where density is 0.
            density: density of the hints, (N, 1, h, w) in [0, 1].

        Returns:
            Precision times a*, precision times b*, and precision, (N, h, w, 3); the unit of
            precision is 1 / HINT_SIGMA^2.
        """
        n, h, w, _ = cells.shape
        features = self._add_position(cells)
        queries = self._split_heads(self.embed(features))
        null_bias = self.doubt(cells.flatten(1, 2)).transpose(1, 2).unsqueeze(-1)
        # The score of a hint is -|q - k|^2 without its term -|q|^2; the null key has this term.
        null_scores = null_bias - queries.square().sum(-1, keepdim=True)
        # Loop over the batch: the number of hints varies from none to hundreds, so padding would
        # dominate the cost, and the tokens of an image must not depend on the rest of the batch.
        values = torch.cat([features.transpose(1, 2).reshape(n, -1, h, w), ab], dim=1)
        weighted = torch.cat([values * density, density], dim=1)
        spread = [
            self._attend(*image) for image in zip(queries, null_scores, weighted, strict=True)
        ]
        return torch.stack(spread).reshape(n, h, w, 3)

    def _attend(self, queries: Tensor, null_scores: Tensor, weighted: Tensor) -> Tensor:
        """Map queries (heads, h * w, width) and weighted values (C + 5, h, w) to (h * w, 3)."""
        tokens = _hint_tokens(weighted)
        if not len(tokens):
            return queries.new_zeros(queries.shape[1], 3)
        keys = self._split_heads(self.embed(tokens[:, :-3]))
        # Scaled dot-product attention needs no matrix of all weights. Two more dimensions hold the
        # terms of the scores that are no product: the square of a key, and the score of the null
        # key, which comes first and has the value 0.
        queries = torch.cat([2 * queries, torch.ones_like(null_scores), null_scores], dim=-1)
        squares = keys.square().sum(-1, keepdim=True)
        keys = F.pad(torch.cat([keys, -squares], dim=-1), (0, 1, 1, 0))
        keys[:, 0, -1] = 1
        # Keys and values have the same width in the fast kernels.
        values = F.pad(tokens[:, -3:], (0, keys.shape[-1] - 3, 1, 0)).expand_as(keys)
        mean = F.scaled_dot_product_attention(queries[None], keys[None], values[None], scale=1.0)
        gain = F.softplus(self.gain).view(-1, 1, 1)
        spread: Tensor = (mean[0, ..., :3] * gain).sum(0)
        return spread

    def _split_heads(self, embedded: Tensor) -> Tensor:
        """Map (…, K, heads * width) to (…, heads, K, width)."""
        split = embedded.reshape(*embedded.shape[:-1], self.num_heads, -1)
        return split.transpose(-3, -2)

    def _add_position(self, cells: Tensor) -> Tensor:
        """Append y and x, in units of the short side: (N, h, w, C) to (N, h * w, C + 2)."""
        n, h, w, _ = cells.shape
        unit = min(h, w)
        y = torch.arange(h, device=cells.device, dtype=cells.dtype) / unit
        x = torch.arange(w, device=cells.device, dtype=cells.dtype) / unit
        position = torch.stack(torch.meshgrid(y, x, indexing="ij"), dim=-1)
        return torch.cat([cells, position.expand(n, h, w, 2)], dim=-1).flatten(1, 2)


def _hint_tokens(weighted: Tensor) -> Tensor:
    """Return at most `MAX_HINTS` tokens (K, C) for the hints of one image (C, h, w)."""
    # The last channel is density, by which all others are multiplied. A token holds mean values,
    # except that its last three (a*, b* and 1) are multiplied by the mean density.
    area = 1
    while int((weighted[-1] > 0).sum()) > MAX_HINTS:
        weighted = F.avg_pool2d(weighted, 2, ceil_mode=True, divisor_override=1)
        area *= 4
    rows = weighted.flatten(1).T
    rows = rows[rows[:, -1] > 0]
    means = rows[:, :-3] / rows[:, -1:]
    return torch.cat([means, rows[:, -3:] / area], dim=1)
