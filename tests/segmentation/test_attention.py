"""Attention to a memory must give the result of a comparison with all of its cells."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from vidcolor.segmentation.attention import NO_SIMILARITY, attend, read_masks

FACTOR = torch.tensor(13.5)
NUM_CELLS = 400
NUM_PLACES = 12
"""Number of groups of cells with similar keys; places 0 and 1 belong to objects."""


def make_keys(places: Tensor, dtype: torch.dtype) -> Tensor:
    """Return normalized keys, (N, C), that are similar at the same place."""
    centers = torch.randn(NUM_PLACES, 144)
    return F.normalize(centers[places] + 0.5 * torch.randn(len(places), 144), dim=1).to(dtype)


@pytest.mark.parametrize(
    ("num_memory_cells", "dtype", "tolerance"),
    [
        (30, torch.float32, 1e-5),
        (200, torch.float32, 1e-5),
        (3001, torch.float32, 1e-5),
        (3001, torch.bfloat16, 0.01),  # the keys have 8 significant bits
    ],
)
def test_a_memory_is_read_as_if_all_of_its_cells_were_compared(
    num_memory_cells: int, dtype: torch.dtype, tolerance: float
) -> None:
    torch.manual_seed(1)
    places = torch.randint(0, NUM_PLACES, (NUM_CELLS + num_memory_cells,))
    keys = make_keys(places, dtype)
    queries, keys = keys[:NUM_CELLS], keys[NUM_CELLS:]
    share = torch.rand(num_memory_cells)
    masks = torch.stack([(places[NUM_CELLS:] == n) * share for n in range(3)]).to(dtype)
    masks[2] = 0  # an object that the memory does not show
    result = read_masks(queries, keys, masks, FACTOR)
    similarity = queries @ keys.T
    none = torch.full_like(similarity[:, :1], NO_SIMILARITY)
    carried = attend(similarity, masks, FACTOR)
    assert carried[0].max() > 0.1
    for k, mask in enumerate(masks):
        inside = torch.cat([similarity[:, mask > 0.5], none], dim=1).amax(1)
        outside = torch.cat([similarity[:, mask <= 0.5], none], dim=1).amax(1)
        expected = torch.stack([carried[k], inside, outside])
        torch.testing.assert_close(result[k], expected, atol=tolerance, rtol=0)


def test_a_memory_of_the_object_alone_has_no_cell_outside() -> None:
    torch.manual_seed(1)
    keys = make_keys(torch.zeros(30, dtype=torch.int64), torch.float32)
    ((carried, inside, outside),) = read_masks(keys, keys, torch.ones(1, 30), FACTOR)
    torch.testing.assert_close(carried, torch.ones(30))
    torch.testing.assert_close(inside, torch.ones(30))
    assert (outside == NO_SIMILARITY).all()
