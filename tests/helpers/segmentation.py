"""Plain objects on plain ground, and segmentation models whose masks are known beforehand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import cv2
import numpy as np
import torch

from vidcolor.imaging.types import FloatArray
from vidcolor.segmentation.network import Memory
from vidcolor.segmentation.points import Points


def draw_discs(size: tuple[int, int], *discs: tuple[int, int, int]) -> FloatArray:
    """Draw bright discs (x, y, radius in pixels) on a dark ground: Y', (H, W) in [0, 1]."""
    image = np.full(size, 0.25, np.float32)
    for x, y, radius in discs:
        cv2.circle(image, (x, y), radius, 0.8, -1, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), 0.7), np.float32)


def disc_mask(size: tuple[int, int], x: float, y: float, radius: float) -> np.ndarray:
    """Return the pixels within a radius of a point: (H, W) bool.

    The center of the first pixel is at (0.5, 0.5).
    """
    rows, columns = np.mgrid[: size[0], : size[1]] + 0.5
    return np.hypot(columns - x, rows - y) <= radius


class ClickSegmentation:
    """Segments discs around the positive clicks, without those around the negative clicks."""

    RADIUS = 0.2
    """Radius of the discs, as a fraction of the short side."""

    def embed(self, image: FloatArray) -> FloatArray:
        """Return the image itself."""
        return image

    def segment_clicks(self, image: FloatArray, objects: Sequence[Points]) -> FloatArray:
        """Return a mask of each object: (K, H, W) in {0, 1}."""
        return np.stack([self._segment(image.shape, points) for points in objects])

    def _segment(self, shape: tuple[int, ...], points: Points) -> FloatArray:
        mask = np.zeros(shape, np.float32)
        for value, positions in ((1, points.positive), (0, points.negative)):
            for x, y in positions:
                inside = disc_mask(shape, x * shape[1], y * shape[0], self.RADIUS * min(shape))
                mask[inside] = value
        return mask


class MemoryQuery(NamedTuple):
    """A call of `ScriptedSegmentation.segment_memory`."""

    frame: int
    """The segmented key frame."""
    memory: tuple[int, ...]
    """The key frames in memory."""
    is_clicked: bool
    """Whether clicks were given."""


@dataclass
class ScriptedSegmentation:
    """Returns scripted masks; a proxy must have the value number / 64, see `numbered_proxy`."""

    make_mask: Callable[[int, int], FloatArray]
    """Returns the mask of an object in a key frame, from both numbers: (h, w) in {0, 1}."""
    find_object: Callable[[tuple[float, float]], int]
    """Returns the number of the object at a point, from x, y as fractions."""
    queries: list[MemoryQuery] = field(default_factory=list)
    NUM_OBJECTS: ClassVar[int] = 3

    def embed(self, image: FloatArray) -> int:
        """Return the number of the key frame."""
        return round(float(image[0, 0]) * 64)

    def segment_clicks(self, image: int, objects: Sequence[Points]) -> FloatArray:
        """Return the masks of the objects at the first clicks."""
        return self._masks(image, [self.find_object(points.positive[0]) for points in objects])

    def remember(self, image: int, masks: FloatArray) -> Memory:
        """Return a memory of one cell, with the number of the frame and those of the objects."""
        numbers = [[self._recognize(image, mask)] for mask in masks]
        return Memory(torch.tensor([[image]]), torch.tensor(numbers))

    def _recognize(self, frame: int, mask: FloatArray) -> int:
        """Return the number of the object with the most similar mask in a key frame."""
        errors = [
            np.abs(self.make_mask(frame, number) - (mask > 0.5)).sum()
            for number in range(self.NUM_OBJECTS)
        ]
        return int(np.argmin(errors))

    def segment_memory(
        self,
        image: int,
        memory: Memory,
        objects: Sequence[Points] | None = None,
    ) -> FloatArray:
        """Return the masks of the objects in memory."""
        frames = tuple(memory.keys[:, 0].tolist())
        self.queries.append(MemoryQuery(image, frames, objects is not None))
        return self._masks(image, memory.masks[:, 0].tolist())

    def _masks(self, frame: int, numbers: Sequence[int]) -> FloatArray:
        return np.stack([self.make_mask(frame, number) for number in numbers])


def numbered_proxy(number: int, size: tuple[int, int]) -> FloatArray:
    """Return the proxy of a key frame for `ScriptedSegmentation`."""
    return np.full(size, number / 64, np.float32)
