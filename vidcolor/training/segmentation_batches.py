"""Training batches of segmentation: pairs of views with the masks of their objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from vidcolor.errors import InputError
from vidcolor.imaging.resize import resize_area
from vidcolor.segmentation.network import STRIDE
from vidcolor.training.config import SIZE_STEP
from vidcolor.training.objects import draw_pair
from vidcolor.training.stream import BatchStream

if TYPE_CHECKING:
    from numpy.random import Generator

    from vidcolor.imaging.types import Rgb
    from vidcolor.training.objects import ViewPair

MAX_OBJECTS = 3
"""Maximum number of objects in a pair of views."""
SIZE_FACTORS = (1, 1, 7 / 6, 4 / 3)
"""Sizes of the images relative to `BatchStream.size`; each batch has one of them at random."""
DEGRADED_SHARE = 0.5
"""Share of the images with degraded luma."""
_MAX_TRIES = 100
"""Maximum number of pairs that are drawn for a sample until one has an object."""
_OBJECT_STREAM, _SIZE_STREAM, _CLICK_STREAM = 2, 3, 4
"""Numbers that distinguish the random numbers of photographs, sizes and clicks."""


class SegmentationBatch(NamedTuple):
    """N pairs of views with K objects in all, as it is sent between processes."""

    gray: Tensor
    """(2 N, S, S) uint8, sRGB-encoded gray: both views of the first pair, of the second, …"""
    masks: Tensor
    """Masks in the first and the second view: (2, K, S / 2, S / 2) float32 in [0, 1]."""
    pair: Tensor
    """Number of the pair of each object: (K,) int64."""
    seed: tuple[int, ...]
    """Seed of the simulated clicks, which depend on the predictions."""


@dataclass(frozen=True, kw_only=True)
class SegmentationBatchStream(BatchStream[SegmentationBatch]):
    """Batches of pairs of views. `batch` is the number of pairs."""

    degraded_share: float = DEGRADED_SHARE

    def __getitem__(self, number: int) -> SegmentationBatch:
        """Return the batch with a number, from 0."""
        # All processes use the same size, so that none waits for the others.
        factor = np.random.default_rng((self.seed, _SIZE_STREAM, number)).choice(SIZE_FACTORS)
        size = SIZE_STEP * round(self.size * factor / SIZE_STEP)
        photos = self.draw_photos(self.store, _OBJECT_STREAM, number, self.batch)
        pairs = [self._draw_pair(photo, size, rng) for photo, rng in photos]
        masks = [np.concatenate([pair.masks[view] for pair in pairs]) for view in (0, 1)]
        half = size // STRIDE, size // STRIDE
        halves = [[resize_area(mask, half) for mask in view] for view in masks]
        count = torch.tensor([len(pair.masks[0]) for pair in pairs])
        return SegmentationBatch(
            gray=torch.from_numpy(np.stack([gray for pair in pairs for gray in pair.gray])),
            masks=torch.from_numpy(np.array(halves, np.float32)),
            pair=torch.repeat_interleave(torch.arange(len(pairs)), count),
            seed=(self.seed, _CLICK_STREAM, number, self.rank),
        )

    def _draw_pair(self, photo: Rgb, size: int, rng: Generator) -> ViewPair:
        """Draw a pair of a photograph, or of another one if no object is found in it.

        Raises:
            InputError: there is no object in many photographs.
        """
        for _ in range(_MAX_TRIES):
            other = self.store[int(rng.integers(len(self.store)))]
            pair = draw_pair(photo, other, size, MAX_OBJECTS, rng, self.degraded_share)
            if pair is not None:
                return pair
            photo = self.store[int(rng.integers(len(self.store)))]
        raise InputError(
            "the photographs have no regions of one color; use photographs of objects and people"
        )
