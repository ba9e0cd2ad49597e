"""Attention from the cells of an image to the cells of other images, in which objects are known.

Similarity is the cosine of the keys of two cells.
"""

from __future__ import annotations

import torch
from torch import Tensor

TOP_K = 24
"""Number of memory cells that each cell attends to."""
NO_SIMILARITY = -1.0
"""Similarity where there is no click or memory: the lowest cosine."""
_NUM_GROUPS = 192
"""Minimum number of groups of memory cells in `_bound_top`, if there are as many cells."""
_ROUNDING = 0.01
"""Maximum difference between two computations of one similarity, in bfloat16."""


def attend(similarity: Tensor, values: Tensor, factor: Tensor) -> Tensor:
    """Return the mean of the values of the `TOP_K` most similar memory cells, for each cell.

    Args:
        similarity: similarity of N cells to M memory cells, (N, M).
        values: V values of each memory cell, (V, M).
        factor: factor of similarity in the exponent of the weights.

    Returns:
        (V, N), in the dtype of `similarity`.
    """
    top, index = similarity.topk(min(TOP_K, similarity.shape[1]), dim=1)
    weights = torch.softmax(top.float() * factor, dim=1)
    return (weights * values[:, index].float()).sum(-1).to(similarity.dtype)


def read_masks(queries: Tensor, keys: Tensor, masks: Tensor, factor: Tensor) -> Tensor:
    """Compare cells with a memory of K objects.

    Args:
        queries: keys of N cells, (N, C), normalized.
        keys: keys of M memory cells, (M, C), normalized.
        masks: share of each object in each memory cell, (K, M) in [0, 1].
        factor: see `attend`.

    Returns:
        (K, 3, N): the mask read by attention, and the highest similarity to memory cells of the
        object and to others.
    """
    similarity = queries @ keys.T
    # The search for the most similar memory cells takes long. It is left out where no object is
    # among them: these cells read 0.
    nearest = _max_similarity(queries, keys, (masks > 0).any(0))
    rows = (nearest >= _bound_top(similarity) - _ROUNDING).nonzero()[:, 0]
    carried = masks.new_zeros(len(masks), len(queries), dtype=similarity.dtype)
    carried[:, rows] = attend(similarity[rows], masks, factor)
    best = similarity.amax(1)
    return torch.stack(
        [
            torch.stack([values, *_max_inside_and_outside(queries, keys, mask > 0.5, best)])
            for values, mask in zip(carried, masks, strict=True)
        ]
    )


def _bound_top(similarity: Tensor) -> Tensor:
    """Return a lower bound of the `TOP_K`-th highest similarity in each row of (N, M): (N,).

    The highest values of any `TOP_K` groups are values of the row. The groups are interleaved,
    because neighboring memory cells are similar.
    """
    num_cells = similarity.shape[1]
    size = max(1, num_cells // _NUM_GROUPS)
    num_groups = num_cells // size
    groups = similarity[:, : size * num_groups].reshape(-1, size, num_groups).amax(1)
    return groups.topk(min(TOP_K, groups.shape[1]), dim=1).values[:, -1]


def _max_inside_and_outside(
    queries: Tensor, keys: Tensor, mask: Tensor, best: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the highest similarity to memory cells of an object, and to others, (N,) each.

    `mask` says which memory cells belong to the object, (M,) bool, and `best` is the highest
    similarity to all memory cells, (N,). The other arguments are those of `read_masks`.
    """
    inside = _max_similarity(queries, keys, mask)
    # The best memory cell is outside, unless one inside is as similar.
    rows = (inside >= best - _ROUNDING).nonzero()[:, 0]
    outside = best.clone()
    outside[rows] = _max_similarity(queries[rows], keys, ~mask)
    return inside, outside


def _max_similarity(queries: Tensor, keys: Tensor, selected: Tensor) -> Tensor:
    """Return the highest similarity of N cells to the selected memory cells, (N,)."""
    some = keys[selected]
    if not len(some):
        return queries.new_full((len(queries),), NO_SIMILARITY)
    return (queries @ some.T).amax(1)
