"""The segmentation network must treat each object by itself, with any of its inputs missing."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from vidcolor.generators.network import ImageFeatures
from vidcolor.segmentation.network import (
    CELL,
    EMBEDDING,
    Clicks,
    ImageEmbedding,
    Memory,
    SegmentationNetwork,
)

SIZE = (64, 96)
CELLS = (SIZE[0] // CELL, SIZE[1] // CELL)


@pytest.fixture(scope="module")
def network() -> SegmentationNetwork:
    torch.manual_seed(0)
    return SegmentationNetwork(encoder2=4, decoder=(8, 8, 16)).eval().requires_grad_(False)


def make_embedding(network: SegmentationNetwork, seed: int = 0) -> ImageEmbedding:
    """Embed random features of an image."""
    generator = torch.Generator().manual_seed(seed)

    def features(channels: int, stride: int) -> Tensor:
        shape = 1, channels, SIZE[0] // stride, SIZE[1] // stride
        return torch.randn(shape, generator=generator)

    luma = 100 * torch.rand((1, 1, *SIZE), generator=generator)
    decoder = (features(8, 4), features(8, 8), features(16, 16))
    return network.embed(ImageFeatures(features(4, 2), *decoder), luma)


def make_clicks(positive: list[list[float]], negative: list[list[float]]) -> Clicks:
    return Clicks(*(torch.tensor(rows).reshape(-1, 2) for rows in (positive, negative)))


CLICKS = (
    make_clicks([[3.5, 4.5]], []),
    make_clicks([[0, 0], [16, 24]], [[8, 8]]),
    make_clicks([[9, 20]], [[3.5, 4.5], [0, 24]]),
)


def test_masks_have_half_the_size_of_the_image(network: SegmentationNetwork) -> None:
    image = make_embedding(network)
    assert network(image, count=3).shape == (3, 1, SIZE[0] // 2, SIZE[1] // 2)
    maps = network.click_maps(image, CLICKS)
    assert maps.shape == (3, 14, *CELLS)
    assert network(image, maps).shape == (3, 1, SIZE[0] // 2, SIZE[1] // 2)


def test_objects_do_not_affect_each_other(network: SegmentationNetwork) -> None:
    image = make_embedding(network)
    memory = network.remember(make_embedding(network, 1), torch.rand(3, *SIZE))
    carried = torch.rand(3, 1, *CELLS)
    together = network(
        image, network.click_maps(image, CLICKS), network.memory_maps(image, memory), carried
    )
    for n in range(3):
        one = Memory(memory.keys, memory.masks[n : n + 1])
        clicks = network.click_maps(image, CLICKS[n : n + 1])
        alone = network(image, clicks, network.memory_maps(image, one), carried[n : n + 1])
        assert torch.allclose(together[n : n + 1], alone, atol=1e-4)
    assert not torch.allclose(together[0], together[1], atol=1e-3)


def test_maps_of_clicks_are_highest_at_the_clicks(network: SegmentationNetwork) -> None:
    image = make_embedding(network)
    (maps,) = network.click_maps(image, [make_clicks([[3.5, 4.5]], [[12.5, 20.5]])])
    for sign, (row, column) in zip(maps.split(7), ((3, 4), (12, 20)), strict=True):
        similarity, difference, near, far, flag = sign[2], *sign[3:]
        assert similarity.argmax() == row * CELLS[1] + column
        assert similarity[row, column] == pytest.approx(1, abs=1e-3)
        assert difference[row, column] == pytest.approx(0, abs=1e-4)
        assert near[row, column] == far[row, column] == 1
        assert near.min() < 1e-3 < far.min()
        assert (flag == 1).all()


def test_a_missing_input_differs_from_any_given_one(network: SegmentationNetwork) -> None:
    image = make_embedding(network)
    (maps,) = network.click_maps(image, [make_clicks([], [])])
    assert (maps[:3] == -1).all()
    assert (maps[3:7] == 0).all()
    neutral = network(image)
    nowhere = torch.zeros(1, 1, *CELLS)
    assert not torch.equal(network(image, carried=nowhere), neutral)
    empty = network.remember(image, torch.zeros(1, *SIZE))
    assert not torch.equal(network(image, memory=network.memory_maps(image, empty)), neutral)


def test_memory_of_the_same_image_returns_the_mask(network: SegmentationNetwork) -> None:
    image = make_embedding(network)
    mask = torch.zeros(2, *SIZE)
    mask[0, 16:40, 8:56] = 1
    maps = network.memory_maps(image, network.remember(image, mask))
    assert maps.shape == (2, 3, *CELLS)
    carried, inside, outside = maps[0]
    assert float(carried[5:9, 4:12].min()) > float(carried[12:, 16:].max())
    assert float(inside[5:9, 4:12].min()) == pytest.approx(1, abs=1e-3)
    assert float(outside[12:, 16:].min()) == pytest.approx(1, abs=1e-3)
    assert (maps[1, 0] == 0).all(), "an object that memory does not show"
    assert (maps[1, 1] == -1).all()


def test_embeddings_are_normalized(network: SegmentationNetwork) -> None:
    image = make_embedding(network)
    for match, channels in zip(image.match, EMBEDDING, strict=True):
        assert match.shape[1] == channels
        assert torch.allclose(match.norm(dim=1), torch.ones(()), atol=1e-4)
    keys = network.keys(image)
    assert keys.shape == (1, SIZE[0] // 8 * (SIZE[1] // 8), sum(EMBEDDING))
    assert torch.allclose(keys.norm(dim=2), torch.ones(()), atol=1e-4)
