"""The packaged segmentation model must find plain objects, from clicks and from memory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.helpers.frames import make_texture
from tests.helpers.segmentation import disc_mask, draw_discs
from vidcolor.errors import WeightsError
from vidcolor.generators.store.weights import SEGMENTATION_WEIGHTS, read_packaged_weights
from vidcolor.imaging.types import FloatArray
from vidcolor.segmentation.model import (
    BATCH_SIZE,
    FEATURES_KEY,
    SegmentationModel,
    compare_objects,
    join_memories,
)
from vidcolor.segmentation.network import Memory
from vidcolor.segmentation.points import Points

SIZE = (128, 160)
BALL = (45, 60, 22)
"""x, y and radius of a ball, in pixels."""
OTHER = (115, 70, 26)


@pytest.fixture(scope="module")
def model() -> SegmentationModel:
    return SegmentationModel.load("cpu", "fp32")


def click(ball: tuple[int, int, int], *negative: tuple[int, int, int]) -> Points:
    """Return a click on a ball, and clicks on others as negative clicks."""
    (first, *others) = (((x + 0.5) / SIZE[1], (y + 0.5) / SIZE[0]) for x, y, _ in (ball, *negative))
    return Points([first], others)


def measure_iou(mask: FloatArray, ball: tuple[int, int, int]) -> float:
    """Return the intersection of a mask and a ball over their union."""
    truth = disc_mask(mask.shape, ball[0] + 0.5, ball[1] + 0.5, ball[2])
    return float((truth & (mask > 0.5)).sum() / (truth | (mask > 0.5)).sum())


def test_each_of_two_balls_is_segmented(model: SegmentationModel) -> None:
    image = model.embed(draw_discs(SIZE, BALL, OTHER))
    masks = model.segment_clicks(image, [click(BALL, OTHER), click(OTHER, BALL)])
    assert masks.shape == (2, *SIZE)
    assert masks.dtype == np.float32
    assert masks.min() >= 0
    assert masks.max() <= 1
    assert measure_iou(masks[0], BALL) > 0.6
    assert measure_iou(masks[1], OTHER) > 0.6


def test_objects_are_segmented_in_batches(model: SegmentationModel) -> None:
    image = model.embed(draw_discs(SIZE, BALL, OTHER))
    objects = [Points([(0.1 + 0.04 * n, 0.5)]) for n in range(BATCH_SIZE + 2)]
    masks = model.segment_clicks(image, objects)
    for n in (0, BATCH_SIZE - 1, BATCH_SIZE, BATCH_SIZE + 1):
        (alone,) = model.segment_clicks(image, [objects[n]])
        np.testing.assert_allclose(masks[n], alone, atol=1e-4)
    assert model.segment_clicks(image, []).shape == (0, *SIZE)


def test_a_negative_click_lowers_the_mask_around_it(model: SegmentationModel) -> None:
    image = model.embed(draw_discs(SIZE, BALL))
    corner = (150, 15, 1)
    one, two = model.segment_clicks(image, [click(BALL), click(BALL, (BALL[0] + 12, BALL[1], 1))])
    place = disc_mask(SIZE, BALL[0] + 12, BALL[1], 3)
    assert two[place].mean() < one[place].mean() - 0.02
    (three,) = model.segment_clicks(image, [click(BALL, corner)])
    assert not np.array_equal(three, one)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (33, 70), (101, 77)])
def test_images_of_any_size_are_padded(model: SegmentationModel, size: tuple[int, int]) -> None:
    image = model.embed(np.full(size, 0.4, np.float32))
    (mask,) = model.segment_clicks(image, [Points([(0.5, 0.5)], [(0, 1)])])
    assert mask.shape == size
    memory = model.remember(image, mask[None])
    (clicked_mask,) = model.segment_memory(image, memory, [Points([(1, 1)])])
    assert clicked_mask.shape == size
    assert np.isfinite(clicked_mask).all()


def test_the_padding_is_outside_the_image(model: SegmentationModel) -> None:
    """An object at the right edge is as wide in an image of odd size as in a wider one."""
    image = draw_discs(SIZE, (SIZE[1] - 1, 60, 30))
    for width in (SIZE[1], SIZE[1] - 7):
        part = np.ascontiguousarray(image[:, :width])
        points = Points([((width - 6) / width, 0.47)])
        (mask,) = model.segment_clicks(model.embed(part), [points])
        truth = disc_mask(SIZE, SIZE[1] - 0.5, 60.5, 30)[:, :width]
        assert (truth & (mask > 0.5)).sum() / (truth | (mask > 0.5)).sum() > 0.7


def test_clicks_in_the_corners_are_valid(model: SegmentationModel) -> None:
    image = model.embed(draw_discs(SIZE, BALL))
    for x, y in ((0, 0), (1, 0), (0, 1), (1, 1)):
        (mask,) = model.segment_clicks(image, [Points([(x, y)])])
        assert np.isfinite(mask).all()
        row, column = (round(v * (n - 1)) for v, n in zip((y, x), SIZE, strict=True))
        assert mask[row, column] > mask[BALL[1], BALL[0]], (x, y)


def draw_textured_square(left: int, top: int) -> FloatArray:
    """Draw a bright textured square on dark textured ground: Y', `SIZE` in [0, 1]."""
    image = 0.15 + 0.25 * make_texture(2)[: SIZE[0], : SIZE[1]]
    image[top : top + 48, left : left + 48] = 0.65 + 0.3 * make_texture(3)[:48, :48]
    return image.astype(np.float32)


def test_memory_finds_a_moved_object(model: SegmentationModel) -> None:
    mask = np.zeros((1, *SIZE), np.float32)
    mask[0, 30:78, 20:68] = 1
    memory = model.remember(model.embed(draw_textured_square(20, 30)), mask)
    moved = model.embed(draw_textured_square(90, 50))
    (found,) = model.segment_memory(moved, memory)
    truth = np.zeros(SIZE, bool)
    truth[50:98, 90:138] = True
    assert (truth & (found > 0.5)).sum() / (truth | (found > 0.5)).sum() > 0.6
    joined = join_memories([memory, model.remember(moved, found[None])])
    assert len(joined.keys) == 2 * len(memory.keys)
    (again,) = model.segment_memory(moved, joined)
    assert (truth & (again > 0.5)).sum() / (truth | (again > 0.5)).sum() > 0.6


def test_the_mask_of_an_absent_object_is_nearly_empty(model: SegmentationModel) -> None:
    mask = np.zeros((1, *SIZE), np.float32)
    mask[0, 30:78, 20:68] = 1
    memory = model.remember(model.embed(draw_textured_square(20, 30)), mask)
    ground = 0.15 + 0.25 * make_texture(2)[: SIZE[0], 200 : 200 + SIZE[1]]
    (found,) = model.segment_memory(model.embed(ground.astype(np.float32)), memory)
    assert (found > 0.5).mean() < 0.5 * mask.mean()


def test_objects_are_compared_from_the_known_one() -> None:
    """The mask of a thing that looks alike has only some of the parts of the object."""
    cells = torch.eye(4)
    known = Memory(cells, torch.tensor([[1, 1, 0, 0]]))

    def compare(*shares: float) -> float:
        (similarity,) = compare_objects(Memory(cells, torch.tensor([shares])), known)
        return float(similarity)

    assert compare(1, 1, 0, 0) == 1
    assert compare(1, 0, 1, 1) == 0.5
    assert compare(0.3, 0.2, 0, 0) == 0.5, "a small object is in the cell with the largest share"
    assert compare(0, 0, 0, 0) == -1


def test_weights_for_other_features_are_refused() -> None:
    weights = read_packaged_weights(SEGMENTATION_WEIGHTS)
    other = replace(weights, metadata={**weights.metadata, FEATURES_KEY: "0" * 64})
    with pytest.raises(WeightsError, match="not segmentation weights for the embedded weights"):
        SegmentationModel.load("cpu", weights=other)
    key = next(iter(weights.tensors))
    damaged = replace(weights, tensors={**weights.tensors, key: torch.zeros(3)})
    with pytest.raises(WeightsError, match="does not match the segmentation network"):
        SegmentationModel.load("cpu", weights=damaged)
