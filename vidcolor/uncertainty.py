"""Where a picture's color is doubtful, and where a person's word would help it most.

Each cell of the generator's grid gets a need: how unsure the generator is there, times how much
its color would be seen. Regions are grown around the neediest places over luma that hardly
changes, so that they follow what stands in the picture: a coat, the sky, a wall.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]
    Mask = NDArray[np.bool_]

DOUBT = 0.5
"""Confidence below which color is doubtful: it is likelier wrong than right."""
VISIBLE_FROM = 0.25
"""Y' above black, or below white, from which on luma leaves chroma its full room."""
EDGE_WEIGHT = 0.6
"""What the corners of a picture count for beside its middle."""
PALE_WEIGHT = 0.5
"""What a gray expectation counts for beside a colorful one."""
FULL_CHROMA = 30.0
"""Chroma in a*b* units from which on an expectation counts as colorful."""
LUMA_STEP = 0.12
"""Difference in Y' from its middle at which a region ends."""
FALL = 0.4
"""Share of the need of a region's neediest place at which it ends."""
MIN_AREA = 0.004
"""Share of the picture below which a region is not worth a word."""
CANDIDATES = 16
"""Regions that are grown before the best are chosen."""
OUTLINE_POINTS = 48
"""Corners of an outline at most."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class UncertainRegion:
    """A doubtful place, in fractions of the displayed picture's width and height."""

    box: tuple[float, float, float, float]
    """Left, top, right, bottom."""
    point: Point
    """x, y inside the region, as far from its edge as can be."""
    radius: float
    """Of the largest disc around `point` that stays inside, as a share of the short side."""
    outline: tuple[Point, ...]
    """Corners of the polygon around it; holes are left out."""
    area: float
    """Share of the picture."""
    confidence: float
    """The mean in it, 0 to 1."""
    need: float
    """Its sum of the need, as a share of the picture: 1 is a whole picture of utter doubt."""

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> UncertainRegion:
        """The region of which `said` are the fields, in plain values."""
        left, top, right, bottom = said["box"]
        x, y = said["point"]
        outline = tuple((float(u), float(v)) for u, v in said["outline"])
        return cls(
            **{**said, "box": (left, top, right, bottom), "point": (x, y), "outline": outline}
        )


def review_priority(confidence: Array, ab: Array, luma: Array) -> Array:
    """What a person's word would be worth at each place.

    Uncertainty (1 - confidence) counts less where luma leaves chroma little room (a gamut narrows
    to a point at black and at white), where the expected color is pale, and far from the middle.

    Args:
        confidence: (h, w) float32 in [0, 1], on the generator's grid.
        ab: a*, b* expected there: (2, h, w) float32.
        luma: Y' on the same grid: (h, w) float32 in [0, 1]; see `to_grid`.

    Returns:
        (h, w) float32 in [0, 1].
    """
    room = np.clip(np.minimum(luma, 1 - luma) / VISIBLE_FROM, 0, 1)
    vivid = np.minimum(np.hypot(ab[0], ab[1]) / FULL_CHROMA, 1)
    colorful = PALE_WEIGHT + (1 - PALE_WEIGHT) * vivid
    rows, columns = (np.linspace(-1, 1, n, dtype=np.float32) for n in confidence.shape)
    away = (rows[:, None] ** 2 + columns[None] ** 2) / 2
    need: Array = (1 - confidence) * room * colorful * (1 - (1 - EDGE_WEIGHT) * away)
    return need.astype(np.float32)


def to_grid(proxy: Array, shape: tuple[int, ...]) -> Array:
    """Y' of a proxy averaged over the cells of a grid: (H, W) -> (h, w) float32."""
    import cv2

    small = cv2.resize(proxy, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32).reshape(shape)


def find_regions(
    need: Array, confidence: Array, luma: Array, aspect: float, count: int = 3
) -> tuple[UncertainRegion, ...]:
    """The doubtful regions with the greatest need, the greatest first.

    Args:
        need: from `review_priority`, upright: (h, w).
        confidence: likewise.
        luma: likewise.
        aspect: width of the displayed picture over its height.
        count: how many at most.

    Returns:
        Regions that do not overlap; none where the generator is sure of all that is visible.
    """
    masks = _grow(need, (confidence < DOUBT) & (need > 0), luma)
    best = sorted(masks, key=lambda mask: float(need[mask].sum()), reverse=True)[:count]
    return tuple(_describe(mask, need, confidence, aspect) for mask in best)


def _grow(need: Array, doubtful: Mask, luma: Array) -> list[Mask]:
    """Regions around the neediest places that are still free."""
    import cv2

    smooth_need = np.asarray(cv2.GaussianBlur(need, (0, 0), 1.5))
    smooth_luma = np.asarray(cv2.GaussianBlur(luma, (0, 0), 1.0))
    free = doubtful.copy()
    masks: list[Mask] = []
    for _ in range(CANDIDATES):
        masked = np.where(free, smooth_need, 0)
        peak = np.unravel_index(int(masked.argmax()), masked.shape)
        if masked[peak] <= 0:
            break
        alike = np.abs(smooth_luma - smooth_luma[peak]) < LUMA_STEP
        mask = _part_at(free & alike & (smooth_need >= FALL * masked[peak]), peak)
        free &= ~mask
        opened = _opened(mask)
        if opened.mean() >= MIN_AREA:
            masks.append(opened)
    return masks


def _part_at(mask: Mask, place: tuple[Any, ...]) -> Mask:
    """The connected part of a mask that holds a place."""
    import cv2

    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    part: Mask = labels == labels[place]
    return part


def _opened(mask: Mask) -> Mask:
    """The largest part of a mask once threads that are one cell wide are cut off."""
    import cv2

    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    bare = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, cross)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(bare, connectivity=4)
    if count < 2:
        return np.zeros_like(mask)
    largest: Mask = labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    return largest


def _describe(mask: Mask, need: Array, confidence: Array, aspect: float) -> UncertainRegion:
    height, width = mask.shape
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    point, radius = _middle(mask, aspect)
    return UncertainRegion(
        box=(
            float(columns[0] / width),
            float(rows[0] / height),
            float((columns[-1] + 1) / width),
            float((rows[-1] + 1) / height),
        ),
        point=point,
        radius=radius,
        outline=_outline(mask),
        area=float(mask.mean()),
        confidence=float(confidence[mask].mean()),
        need=float(need[mask].sum() / mask.size),
    )


def _middle(mask: Mask, aspect: float) -> tuple[Point, float]:
    """The place farthest from the mask's edge, and how far that is."""
    import cv2

    inside = np.pad(mask.astype(np.uint8), 1)  # the picture's own edge is an edge too
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, 5)[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    height, width = mask.shape
    # A cell is 1/h of the height and 1/w of the width; on the displayed picture both in heights:
    cell = min(1 / height, aspect / width)
    short = min(1.0, aspect)
    away = max(float(depth[y, x]) - 0.5, 0.5) * cell / short
    return ((int(x) + 0.5) / width, (int(y) + 0.5) / height), away


def _outline(mask: Mask) -> tuple[Point, ...]:
    """A polygon around a mask, with no more corners than needed."""
    import cv2

    height, width = mask.shape
    zoom = 4  # contours run through pixel centers; on small ones that would cut half a cell off
    large = np.repeat(np.repeat(mask.astype(np.uint8), zoom, axis=0), zoom, axis=1)
    contours, _ = cv2.findContours(large, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    contour = max(contours, key=len)
    slack = 0.75 * zoom
    polygon = cv2.approxPolyDP(contour, slack, True)
    while len(polygon) > OUTLINE_POINTS:
        slack *= 1.3
        polygon = cv2.approxPolyDP(contour, slack, True)
    scale = np.array([zoom * width, zoom * height])
    return tuple((float(x), float(y)) for x, y in (polygon[:, 0] + 0.5) / scale)
