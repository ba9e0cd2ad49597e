"""Training images for segmentation: regions of one color, and two views of a scene.

A true-color photograph shows which pixels belong together: connected pixels of about one color. The
network sees only the gray image and has to find the same region. Two views of a photograph, of
which the second one is moved, bent and lit differently, stand for two frames of a film. In a part
of them an object of another photograph is pasted at two different places, so that it moves in front
of a background and covers other parts of it (Oh et al., arXiv:1904.00607, pretrain in the same
way).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from vidcolor.imaging.resize import resize_area, resize_cubic, resize_linear
from vidcolor.segmentation.regions import AREA_LIMITS, find_region
from vidcolor.training.batches import random_crop
from vidcolor.training.degrade import degrade

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator
    from numpy.typing import NDArray

    from vidcolor.imaging.types import FloatArray, Rgb

PASTED_SHARE = 0.4
"""Share of the pairs with a pasted object."""
FILLED_SHARE = 0.3
"""Share of the regions whose holes are filled, such as the buttons of a coat."""
LOST_SHARE = 0.12
"""Share of the pasted objects that the second view does not show."""
MOTION = (0.8, 1.6)
"""Strength of the transforms that place a pasted object in the first and in the second view."""
MAX_PART_AREA = 0.3
"""Maximum area of a part of a pasted object, as a share of the image."""
OBJECT_AREA_LIMITS = (0.015, 0.4)
"""Minimum and maximum area of a pasted object, as a share of its image."""
MIRRORED_SHARE = 0.1
"""Share of the transforms that mirror the image."""


class ViewPair(NamedTuple):
    """Two views of a scene with the masks of the same objects."""

    gray: tuple[NDArray[np.uint8], NDArray[np.uint8]]
    """Gray images of both views: (S, S) uint8, sRGB-encoded."""
    masks: tuple[FloatArray, FloatArray]
    """Masks of K objects in both views: (K, S, S) float32 in [0, 1]. An object that the second view
    does not show has an empty mask there."""


def fill_holes(mask: FloatArray) -> FloatArray:
    """Fill the holes of a binary mask that do not touch the border of the image."""
    background = np.pad((mask < 0.5).astype(np.uint8), 1, constant_values=1)
    _, labels = cv2.connectedComponents(background, connectivity=4)
    filled: FloatArray = (labels != labels[0, 0]).astype(np.float32)[1:-1, 1:-1]
    return filled


def find_regions(rgb: Rgb, count: int, rng: Generator) -> list[FloatArray]:
    """Return up to `count` regions of an image, (S, S) float32 in [0, 1]."""
    size = rgb.shape[0]
    small = resize_area(rgb, (size // 2, size // 2))
    regions = []
    for _ in range(count):
        region = find_region(small, rng)
        if region is None:
            continue
        if rng.random() < FILLED_SHARE:
            region = fill_holes(region)
        regions.append(resize_linear(region, (size, size)))
    return regions


def find_object(rgb: Rgb, rng: Generator) -> FloatArray | None:
    """Return neighboring regions that together stand for an object of several parts."""
    regions = find_regions(rgb, int(rng.choice([1, 2, 3, 4, 6])), rng)
    regions = [r for r in regions if r.mean() < MAX_PART_AREA]
    if not regions:
        return None
    kernel = np.ones((9, 9), np.uint8)
    whole = regions[0]
    for region in regions[1:]:
        if bool((cv2.dilate(whole, kernel) * region).any()):
            whole = np.maximum(whole, region)
    whole = np.asarray(cv2.GaussianBlur(fill_holes(whole), (0, 0), 0.8), np.float32)
    smallest, largest = OBJECT_AREA_LIMITS
    return whole if smallest < whole.mean() < largest else None


class _Warp:
    """A random affine transform and a smooth deformation."""

    def __init__(self, size: int, rng: Generator, strength: float = 1.0) -> None:
        angle, scale = rng.normal(0, 8 * strength), np.exp(rng.normal(0, 0.12 * strength))
        matrix = np.asarray(cv2.getRotationMatrix2D((size / 2, size / 2), angle, scale))
        matrix[:, 2] = matrix[:, 2] + rng.normal(0, 0.07 * strength * size, 2)
        if rng.random() < MIRRORED_SHARE:
            matrix[0] = -matrix[0]
            matrix[0, 2] += size - 1
        inverse = cv2.invertAffineTransform(matrix)
        y, x = np.mgrid[:size, :size].astype(np.float32)
        # Source coordinates of each pixel.
        self._x, self._y = (
            (row[0] * x + row[1] * y + row[2] + self._draw_bend(size, rng, strength)).astype(
                np.float32
            )
            for row in inverse
        )

    @staticmethod
    def _draw_bend(size: int, rng: Generator, strength: float) -> FloatArray:
        """Draw a smooth displacement along one axis, in pixels: (size, size) float32."""
        coarse = rng.normal(0, 0.015 * size * strength, (4, 4)).astype(np.float32)
        return resize_cubic(coarse, (size, size))

    def image(self, rgb: Rgb) -> Rgb:
        """Warp an image; parts from outside are mirrored."""
        return np.asarray(
            cv2.remap(rgb, self._x, self._y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101),
            np.uint8,
        )

    def mask(self, mask: FloatArray, mirrored: bool = True) -> FloatArray:
        """Warp a mask as `image` does, or with 0 outside."""
        border = cv2.BORDER_REFLECT_101 if mirrored else cv2.BORDER_CONSTANT
        return np.asarray(
            cv2.remap(mask, self._x, self._y, cv2.INTER_LINEAR, borderMode=border), np.float32
        )


def _relight(rgb: Rgb, rng: Generator) -> Rgb:
    """Change exposure and contrast."""
    values = np.arange(256) / 255
    curve = values ** np.exp(rng.normal(0, 0.15)) * rng.uniform(0.85, 1.15) + rng.normal(0, 0.02)
    return np.asarray(cv2.LUT(rgb, np.rint(np.clip(curve, 0, 1) * 255).astype(np.uint8)), np.uint8)


def draw_second_view(
    rgb: Rgb, masks: Sequence[FloatArray], rng: Generator
) -> tuple[Rgb, list[FloatArray]]:
    """Move, bend and relight a view, (S, S, 3) uint8, with the masks of its objects, (S, S)."""
    warp = _Warp(rgb.shape[0], rng)
    return _relight(warp.image(rgb), rng), [warp.mask(mask) for mask in masks]


def draw_pair(
    photo: Rgb, other: Rgb, size: int, count: int, rng: Generator, degraded_share: float = 0.5
) -> ViewPair | None:
    """Draw two views of a photograph with the masks of up to `count` objects; None without any.

    A part of `other` may be pasted into both views.
    """
    scene = random_crop(photo, size, rng)
    source = pasted = None
    if rng.random() < PASTED_SHARE:
        source = random_crop(other, size, rng)
        pasted = find_object(source, rng)
    regions = find_regions(scene, count - (pasted is not None), rng)
    second, second_masks = draw_second_view(scene, regions, rng)
    views, masks = [scene, second], [regions, second_masks]
    if source is not None and pasted is not None:
        _paste(_relight(source, rng), pasted, views, masks, rng)
    kept = [k for k, mask in enumerate(masks[0]) if mask.mean() > AREA_LIMITS[0] / 2]
    if not kept:
        return None
    gray = degrade(views[0], rng, degraded_share), degrade(views[1], rng, degraded_share)
    arrays = [np.stack([view[k] for k in kept]).astype(np.float32) for view in masks]
    return ViewPair(gray, (arrays[0], arrays[1]))


def _paste(
    source: Rgb,
    mask: FloatArray,
    views: list[Rgb],
    masks: list[list[FloatArray]],
    rng: Generator,
) -> None:
    """Paste an object of an image into both views at different places, and append its masks.

    The first view always shows it. The object covers what lies behind it.
    """
    lost = rng.random() < LOST_SHARE
    for number in (0, 1):
        place = _Warp(mask.shape[0], rng, MOTION[number])
        placed = place.mask(mask, mirrored=False)
        if number == 1 and lost:
            placed = np.zeros_like(placed)
        alpha = placed[..., None]
        mixed = views[number] + alpha * (place.image(source).astype(np.float32) - views[number])
        views[number] = np.rint(mixed).astype(np.uint8)
        masks[number] = [*(m * (1 - placed) for m in masks[number]), placed]
