"""Hints of one color must be one object, and hints of other colors must cut it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from tests.helpers.segmentation import ClickSegmentation, disc_mask
from vidcolor.hints.discs import HintDisc, place_hints
from vidcolor.hints.objects import (
    MAX_NEGATIVE,
    VARIATION,
    find_alphas,
    group_discs,
    make_points,
    paint_objects,
    segment_clicks,
)
from vidcolor.imaging.overlay import ColorOverlay, composite_overlays
from vidcolor.imaging.types import FloatArray
from vidcolor.options import Hint
from vidcolor.segmentation.points import Points

SIZE = (40, 60)
"""Height and width of the image."""
GRID = (4, 6)


def place(*hints: tuple[float, float, str], radius: float = 0.5) -> tuple[HintDisc, ...]:
    """Return the discs of hints, given by x, y in pixels and color."""
    rows = [Hint(x=x, y=y, color=color, radius=radius, unit="pixel") for x, y, color in hints]
    return place_hints(rows, SIZE)


def test_hints_of_one_color_are_one_object() -> None:
    discs = place(
        (1, 1, "teal"), (2, 2, "#404040"), (3, 3, "keep"), (4, 4, "#008080"), (5, 5, "neutral"),
        (6, 6, "KEEP"),
    )  # fmt: skip
    objects = group_discs(discs)
    assert [[disc.x - 0.5 for disc in item.discs] for item in objects] == [[1, 4], [2, 5], [3, 6]]
    assert objects[2].ab is None


@pytest.mark.parametrize(
    ("color", "other", "differs"),
    [
        ("steelblue", "crimson", True),
        ("steelblue", "#4682b0", False),
        ("keep", "neutral", True),
        ("keep", "keep", False),
        ("neutral", "#808481", False),
    ],
)
def test_only_clearly_different_colors_differ(color: str, other: str, differs: bool) -> None:
    (a,), (b,) = (group_discs(place((1, 1, c))) for c in (color, other))
    assert a.differs_from(b) == b.differs_from(a) == differs


def test_hints_of_different_colors_are_negative_clicks_for_each_other() -> None:
    discs = place((9, 19, "teal"), (29, 19, "#057f80"), (49, 19, "keep"), (29, 9, "crimson"))
    teal, similar, keep, red = make_points(group_discs(discs), SIZE)
    assert teal.positive == [pytest.approx((9.5 / 60, 19.5 / 40))]
    assert len(teal.negative) == len(similar.negative) == 2
    assert teal.negative[0] == pytest.approx((29.5 / 60, 9.5 / 40)), "the nearest one is first"
    assert len(keep.negative) == len(red.negative) == 3


def test_the_number_of_negative_clicks_is_limited() -> None:
    others = [(x, 5, "crimson") for x in range(20, 20 + MAX_NEGATIVE + 6)]
    points, _ = make_points(group_discs(place((2, 5, "teal"), *others)), SIZE)
    assert len(points.negative) == MAX_NEGATIVE
    assert max(x for x, _ in points.negative) == pytest.approx((19.5 + MAX_NEGATIVE) / 60)


@pytest.mark.parametrize("turns", range(4))
def test_clicks_turn_with_the_image(turns: int) -> None:
    image = np.zeros(SIZE)
    image[7, 31] = 1
    upright = np.rot90(image, turns)
    (points,) = make_points(group_discs(place((31, 7, "teal"))), SIZE, turns)
    ((x, y),) = points.positive
    assert upright[int(y * upright.shape[0]), int(x * upright.shape[1])] == 1


class FirstClickSegmentation(ClickSegmentation):
    """Segments only what the first positive click lies on."""

    def segment_clicks(self, image: FloatArray, objects: Sequence[Points]) -> FloatArray:
        return super().segment_clicks(image, [p._replace(positive=p.positive[:1]) for p in objects])


def test_clicks_of_one_color_may_lie_on_separate_objects() -> None:
    places = [(0.2, 0.5), (0.8, 0.5)]
    objects = [Points(places, [(0.3, 0.5)]), Points(places[1:])]
    segmentation: Any = FirstClickSegmentation()
    image: Any = np.zeros(SIZE, np.float32)
    masks = segment_clicks(segmentation, image, objects)
    both = disc_mask(SIZE, 12, 20, 8) | disc_mask(SIZE, 48, 20, 8)
    assert np.array_equal(masks[0], both & ~disc_mask(SIZE, 18, 20, 8))
    assert np.array_equal(masks[1], disc_mask(SIZE, 48, 20, 8))


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ([(0.2, 0.5)], [True, False, False]),
        ([(0.8, 0.1)], [False, True, False]),  # on the faint edge
        ([(0.2, 0.5), (0.8, 0.5)], [True, True, False]),
        ([(0.36, 0.5)], [True, False, False]),  # beside the nearest part
    ],
)
def test_parts_of_a_mask_without_a_click_are_removed(
    places: list[tuple[float, float]], expected: list[bool]
) -> None:
    mask = np.zeros(SIZE, np.float32)
    mask[5:35, 5:20] = mask[5:35, 40:55] = 1
    mask[2:5, 40:55] = 0.3
    mask[:4, :3] = 0.9

    class Segmentation:
        def segment_clicks(self, image: object, objects: Sequence[Points]) -> FloatArray:
            return np.stack([mask] * len(objects))

    segmentation: Any = Segmentation()
    image: Any = None
    (result,) = segment_clicks(segmentation, image, [Points(places)])
    assert [result[20, 12] > 0, result[20, 47] > 0, result[1, 1] > 0] == expected
    assert result[3, 47] == pytest.approx(0.3 * expected[1]), "a faint edge belongs to its part"


def test_the_most_probable_object_gets_the_pixel_unless_the_colors_are_similar() -> None:
    discs = place((1, 1, "teal"), (2, 2, "keep"), (3, 3, "#057f80"))
    masks = np.array([0.9, 0.6, 0.2], np.float32)[:, None, None] * np.ones((1, 2, 2), np.float32)
    alphas = find_alphas(group_discs(discs), masks, (0.1, 0.5))[:, 0, 0]
    assert alphas[0] == 1
    assert alphas[1] == pytest.approx(1.5 / 9), "the ratio of the odds"
    assert alphas[2] == pytest.approx(0.25 / 1.5 * 0.15625), "the similar color does not compete"
    equal = find_alphas(group_discs(discs), masks[:1].repeat(3, axis=0), (0.1, 0.5))
    assert equal.min() == 1


def make_masks(*columns: slice) -> FloatArray:
    """Return masks of objects that fill columns of the grid."""
    masks = np.zeros((len(columns), *GRID), np.float32)
    for mask, column in zip(masks, columns, strict=True):
        mask[:, column] = 1
    return masks


def test_objects_get_their_colors_and_keep_a_part_of_the_variation() -> None:
    base = np.zeros((2, *GRID), np.float32)
    base[0, :2] = 8
    discs = place((1, 1, "teal"), (2, 2, "crimson"))
    masks = make_masks(slice(0, 2), slice(4, 6))
    ab, alpha = paint_objects(group_discs(discs), masks, base)
    assert alpha == pytest.approx(masks.sum(0))
    for disc, columns in zip(discs, (slice(0, 2), slice(4, 6)), strict=True):
        assert ab[:, :, columns].mean((1, 2)) == pytest.approx(disc.ab, abs=1e-3)
        assert np.ptp(ab[0, :, columns]) == pytest.approx(8 * VARIATION)


def test_a_kept_object_is_transparent_and_cuts_other_objects() -> None:
    objects = group_discs(place((1, 1, "teal"), (2, 2, "keep")))
    masks = make_masks(slice(0, 4), slice(3, 6))
    _, alpha = paint_objects(objects, masks, np.zeros((2, *GRID), np.float32))
    assert alpha[0] == pytest.approx([1, 1, 1, 0.5, 0, 0])
    priorities = np.array([0.01, 1], np.float32)
    _, alpha = paint_objects(objects, masks, np.zeros((2, *GRID), np.float32), priorities)
    assert alpha[0] == pytest.approx([1, 1, 1, 0, 0, 0], abs=0.02)


def test_overlapping_objects_share_the_pixel() -> None:
    first, second = place((1, 1, "teal"), (2, 2, "crimson"))
    masks = make_masks(slice(0, 6), slice(0, 6))
    ab, alpha = paint_objects(
        group_discs((first, second)),
        masks,
        np.zeros((2, *GRID), np.float32),
        np.array([3, 1], np.float32),
    )
    assert np.allclose(alpha, 1)
    expected = 0.75 * np.array(first.ab) + 0.25 * np.array(second.ab)
    assert ab.mean((1, 2)) == pytest.approx(expected, abs=1e-3)


def test_no_object_gives_a_transparent_overlay() -> None:
    """A film with a reference and no hints has none."""
    masks = np.zeros((0, *GRID), np.float32)
    priorities = np.zeros(0, np.float32)
    ab, alpha = paint_objects([], masks, np.ones((2, *GRID), np.float32), priorities)
    assert (ab.shape, alpha.shape) == ((2, *GRID), GRID)
    assert alpha.max() == 0


def test_overlays_are_composited_with_the_over_operator() -> None:
    def make(color: float, alpha: float) -> ColorOverlay:
        return ColorOverlay(np.full((2, *GRID), color, np.float32), np.full(GRID, alpha))

    ab, alpha = composite_overlays(make(10, 0.5), make(40, 1))
    assert np.allclose(alpha, 1)
    assert np.allclose(ab, 25)
    ab, alpha = composite_overlays(make(10, 0), make(40, 0.6))
    assert np.allclose(alpha, 0.6)
    assert np.allclose(ab, 40)
    assert composite_overlays(make(10, 1), make(40, 1)).ab.mean() == pytest.approx(10)
    assert composite_overlays(make(10, 0), make(40, 0)).alpha.max() == 0
