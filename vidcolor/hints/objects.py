"""The objects that hints lie on: their masks and their colors.

Hints of one color mean one object. The segmentation model gets the hints as clicks: those of the
object as positive clicks, and all hints of clearly different colors as negative clicks. So a second
hint of the same color extends the object, and a hint of another color, or one that keeps the
automatic color, cuts it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.imaging.overlay import ColorOverlay
from vidcolor.imaging.smoothstep import smoothstep
from vidcolor.segmentation.points import Points

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vidcolor.hints.discs import HintDisc
    from vidcolor.imaging.types import FloatArray
    from vidcolor.segmentation.model import EmbeddedImage, SegmentationModel

MIN_COLOR_DIFFERENCE = 15.0
"""Minimum distance between the colors of hints on different objects, in a*b* units. Hints with more
similar colors may lie on one object, so they are no negative clicks for each other."""
MAX_NEGATIVE = 24
"""Maximum number of negative clicks for an object: the nearest ones."""
VARIATION = 0.25
"""Share of the variation of the automatic color that an object keeps around the hint color."""
CLICK_LIMITS = (0.25, 0.5)
"""Probability of a mask from clicks, 0-1, up to which a pixel is outside an object, and from which
it is fully inside."""
MEMORY_LIMITS = (0.25, 0.55)
"""The same for a mask from other frames. With lower limits an object has a visible seam of color,
which grows from frame to frame."""


@dataclass(frozen=True, slots=True)
class HintedObject:
    """An object, given by hints of one color."""

    ab: tuple[float, float] | None
    """a*, b* of the object; None if it keeps its automatic color."""
    discs: tuple[HintDisc, ...]
    """The discs of these hints."""

    def differs_from(self, other: HintedObject) -> bool:
        """Return whether two objects have clearly different colors."""
        if self.ab is None or other.ab is None:
            return self.ab != other.ab
        return float(np.hypot(*np.subtract(self.ab, other.ab))) >= MIN_COLOR_DIFFERENCE


def group_discs(discs: Sequence[HintDisc]) -> list[HintedObject]:
    """Group discs by color, in the order of the first disc of each color."""
    groups: dict[tuple[float, float] | None, list[HintDisc]] = {}
    for disc in discs:
        groups.setdefault(disc.ab, []).append(disc)
    return [HintedObject(ab, tuple(group)) for ab, group in groups.items()]


def make_points(
    objects: Sequence[HintedObject], size: tuple[int, int], quarter_turns: int = 0
) -> list[Points]:
    """Return the clicks on each object.

    Args:
        size: H, W of the stored pixels, in which the discs are given.
        quarter_turns: counterclockwise turns from the stored to the upright image.
    """
    result = []
    for item in objects:
        positive = [_center(disc, size) for disc in item.discs]
        others = [
            _center(disc, size)
            for other in objects
            if other is not item and item.differs_from(other)
            for disc in other.discs
        ]
        if positive:
            center = np.mean(positive, axis=0)
            others.sort(key=lambda point: float(np.hypot(*np.subtract(point, center))))
        turned = (
            [_turn(point, quarter_turns) for point in points]
            for points in (positive, others[:MAX_NEGATIVE])
        )
        result.append(Points(*turned))
    return result


def segment_clicks(
    segmentation: SegmentationModel, image: EmbeddedImage, points: Sequence[Points]
) -> FloatArray:
    """Segment K objects that are clicked on: (K, H, W) float32 in [0, 1].

    Clicks of one color may lie on separate objects, such as two flags. A positive click that the
    mask of all clicks does not contain is segmented by itself, and added to the mask. Parts of the
    mask that no click lies on are removed.
    """
    masks = segmentation.segment_clicks(image, points)
    height, width = masks.shape[1:]
    missed = [
        (k, Points([(x, y)], item.negative))
        for k, item in enumerate(points)
        if len(item.positive) > 1
        for x, y in item.positive
        if masks[k, min(int(y * height), height - 1), min(int(x * width), width - 1)] < 0.5
    ]
    if missed:
        single = segmentation.segment_clicks(image, [item for _, item in missed])
        for (k, _), mask in zip(missed, single, strict=True):
            masks[k] = np.maximum(masks[k], mask)
    for mask, item in zip(masks, points, strict=True):
        _remove_unclicked_parts(mask, item)
    return masks


def find_alphas(
    objects: Sequence[HintedObject], masks: FloatArray, limits: tuple[float, float]
) -> FloatArray:
    """Map the probabilities of the masks of K objects to alpha: (K, H, W) float32 in [0, 1].

    Where the masks of different objects overlap, the most probable object keeps its alpha. The
    alpha of the others is multiplied by the ratio of the odds, as in the soft aggregation of Oh et
    al., arXiv:1904.00607. Objects of similar colors may be one object, and do not compete.

    Args:
        masks: probabilities, (K, H, W) in [0, 1].
        limits: see `CLICK_LIMITS`.
    """
    alphas = smoothstep(masks, *limits)
    if len(objects) < 2:
        return alphas
    limited = np.clip(masks, 1e-4, 1 - 1e-4)
    odds = limited / (1 - limited)
    best = odds.max(0)
    for k, item in enumerate(objects):
        rivals = [n for n, other in enumerate(objects) if n == k or item.differs_from(other)]
        alphas[k] *= odds[k] / (best if len(rivals) == len(objects) else odds[rivals].max(0))
    return alphas


def _remove_unclicked_parts(mask: FloatArray, points: Points) -> None:
    """Remove the connected parts of a mask, (H, W), that no positive click lies on, in place.

    They are places that look like the object by chance. A click beside all parts means the nearest
    one.
    """
    labels, areas = label_parts(mask, CLICK_LIMITS[0])
    if len(areas) < 3:  # at most one part
        return
    rows, columns = np.nonzero(labels)
    clicked = set()
    for x, y in points.positive:
        row, column = y * labels.shape[0] - 0.5, x * labels.shape[1] - 0.5
        nearest = ((rows - row) ** 2 + (columns - column) ** 2).argmin()
        clicked.add(int(labels[rows[nearest], columns[nearest]]))
    if clicked:
        mask *= np.isin(labels, list(clicked))


def label_parts(mask: FloatArray, threshold: float) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Find the connected parts of a mask, (H, W), above a threshold.

    Returns:
        The number of the part of each pixel, (H, W), 0 outside all of them; and the area of each
        part in pixels, beginning with that of the outside.
    """
    import cv2

    binary = (mask > threshold).astype(np.uint8)
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(binary, connectivity=8)
    return np.asarray(labels, np.int32), np.asarray(statistics[:, cv2.CC_STAT_AREA], np.int32)


def _center(disc: HintDisc, size: tuple[int, int]) -> tuple[float, float]:
    """Return the center of a disc in an image of H, W, as fractions of width and height."""
    return disc.x / size[1], disc.y / size[0]


def _turn(point: tuple[float, float], quarter_turns: int) -> tuple[float, float]:
    """Turn a point counterclockwise, together with its image."""
    x, y = point
    for _ in range(quarter_turns % 4):
        x, y = y, 1 - x
    return x, y


def paint_objects(
    objects: Sequence[HintedObject],
    masks: FloatArray,
    base_ab: FloatArray,
    priorities: FloatArray | None = None,
) -> ColorOverlay:
    """Give objects their colors.

    Args:
        objects: K objects; without any, the overlay is transparent.
        masks: their alpha, (K, h, w) float32 in [0, 1].
        base_ab: automatic a*, b* on the same grid: (2, h, w) float32.
        priorities: weights of the objects where they overlap, (K,) float32; None for equal ones.
    """
    # The sum of the weights of all objects is that of the strongest mask.
    ranked = masks if priorities is None else masks * priorities[:, None, None]
    total = ranked.sum(0)
    shares = ranked / np.maximum(total, 1e-6) * masks.max(0, initial=0)
    ab, alpha = np.zeros_like(base_ab), np.zeros(base_ab.shape[1:], np.float32)
    for item, mask, share in zip(objects, masks, shares, strict=True):
        if item.ab is None:
            continue
        area = max(float(mask.sum()), 1e-6)
        mean = (base_ab * mask).sum((1, 2)) / area
        color = np.array(item.ab, np.float32) - np.float32(VARIATION) * mean
        ab += share * (color[:, None, None] + np.float32(VARIATION) * base_ab)
        alpha += share
    return ColorOverlay((ab / np.maximum(alpha, 1e-6)).astype(np.float32), alpha)
