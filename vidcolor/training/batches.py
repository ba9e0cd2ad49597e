"""Training batches: random crops, degraded luma and simulated hints.

Batch n is a function of the seed, n and the rank of the process. A run that resumes at batch n
therefore gets the same batches as an uninterrupted run, for any number of workers.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from vidcolor.color.lab import gray_to_lightness, rgb_to_lab
from vidcolor.generators.network import STRIDE
from vidcolor.imaging.resize import resize_area, resize_linear
from vidcolor.training.degrade import DEGRADED_SHARE, degrade
from vidcolor.training.hints import draw_hints

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from vidcolor.imaging.types import FloatArray, Rgb
    from vidcolor.training.dataset import PhotoStore

MIN_CROP = 0.6
"""Minimum side of a crop, as a share of the short side of the image."""
MAX_CROP_ASPECT = 1.15
"""Maximum aspect ratio of a crop, which is then scaled to a square."""
_PREFETCH = 3
"""Number of batches that each worker process prepares in advance."""


class Batch(NamedTuple):
    """Input and ground truth of one forward pass, float32; S is the side of the images."""

    image: Tensor
    """Photographs, (N, 3, S, S), sRGB in [0, 1]."""
    luma: Tensor
    """L* input of the network, possibly degraded, (N, 1, S, S) in [0, 100]."""
    ab: Tensor
    """True a*, b*, (N, 2, S / 4, S / 4)."""
    hint_ab: Tensor
    """Hint a*, b*, (N, 2, S / 4, S / 4); 0 where there is no hint."""
    density: Tensor
    """Hint density, (N, 1, S / 4, S / 4) in [0, 1]."""


class PackedBatch(NamedTuple):
    """A batch with 8-bit images, as it is sent between processes."""

    image: Tensor
    """(N, S, S, 3) uint8 sRGB."""
    gray: Tensor
    """(N, S, S) uint8, sRGB-encoded gray."""
    hint_ab: Tensor
    density: Tensor

    def to(self, device: torch.device) -> Batch:
        """Move to a device and convert to floating point, which is fast on a GPU."""
        image, gray, hint_ab, density = (t.to(device, non_blocking=True) for t in self)
        rgb = image.permute(0, 3, 1, 2).float() / 255
        luma = gray_to_lightness(gray.unsqueeze(1).float() / 255)
        ab = F.avg_pool2d(rgb_to_lab(rgb)[1], STRIDE)
        return Batch(rgb, luma, ab, hint_ab, density)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStream(Dataset[PackedBatch]):
    """An endless sequence of batches with every photograph once per epoch."""

    store: PhotoStore
    """Training photographs; not empty."""
    size: int
    """Side of the images in pixels; a multiple of 32."""
    batch: int
    """Number of images in a batch of one process."""
    seed: int = 0
    replay: PhotoStore | None = None
    """Replay photographs, mixed into each batch."""
    replay_share: float = 0.25
    """Share of the replay photographs in each batch."""
    rank: int = 0
    """Rank of this process. Each process draws different photographs."""
    world_size: int = 1
    degraded_share: float = DEGRADED_SHARE
    """Share of the images with degraded luma."""

    def __getitem__(self, number: int) -> PackedBatch:
        """Return the batch with a number, from 0."""
        num_replay = 0
        if self.replay and self.replay_share:
            # Even a small batch contains at least one image of each store.
            num_replay = min(max(round(self.batch * self.replay_share), 1), self.batch - 1)
        samples = self._draw_images(self.store, 0, number, self.batch - num_replay)
        if self.replay:
            samples += self._draw_images(self.replay, 1, number, num_replay)
        parts = (np.stack(part) for part in zip(*samples, strict=True))
        return PackedBatch(*map(torch.from_numpy, parts))

    @contextmanager
    def iterate_from(
        self, first: int, workers: int, pin: bool = False
    ) -> Iterator[Iterator[PackedBatch]]:
        """Open an iterator over all batches from the number `first`; the context ends its workers.

        `workers` processes prepare batches in advance; 0 uses this process. `pin` uses page-locked
        memory, for a GPU.
        """
        loader = DataLoader(
            self,
            batch_size=None,
            sampler=count(first),
            num_workers=workers,
            prefetch_factor=_PREFETCH if workers else None,
            # A fork of a process with running OpenMP threads may deadlock.
            multiprocessing_context="spawn" if workers else None,
            pin_memory=pin,
            worker_init_fn=_init_worker,
        )
        iterator = iter(loader)
        try:
            yield iterator
        finally:
            # DataLoader has no public way to end its workers before the iterator is exhausted.
            shut_down = getattr(iterator, "_shutdown_workers", None)
            if shut_down is not None:
                shut_down()

    def _draw_images(
        self, store: PhotoStore, stream: int, number: int, size: int
    ) -> list[tuple[Rgb, NDArray[np.uint8], FloatArray, FloatArray]]:
        """Draw the crop, gray, hints and density of each image from one store in a batch."""
        # `stream` distinguishes the random numbers of training (0) and replay (1). The serial
        # number counts the images of all processes and batches.
        first = (number * self.world_size + self.rank) * size
        images = []
        for serial in range(first, first + size):
            epoch, position = divmod(serial, len(store))
            order = _shuffle((self.seed, stream, epoch), len(store))
            rng = np.random.default_rng((self.seed, stream, 1 + serial))
            rgb = random_crop(store[int(order[position])], self.size, rng)
            gray = degrade(rgb, rng, self.degraded_share)
            images.append((rgb, gray, *draw_hints(downsample_ab(rgb), rng)))
        return images


@lru_cache(maxsize=4)
def _shuffle(seed: tuple[int, ...], length: int) -> NDArray[Any]:
    return np.random.default_rng(seed).permutation(length)


def _init_worker(worker: int) -> None:
    """Limit OpenCV to one thread, as torch does itself, and ignore stop signals in a worker."""
    import cv2

    from vidcolor.system import ignore_stop_signals

    cv2.setNumThreads(1)
    # A terminal sends Ctrl-C to every process of the group. The run needs its workers until it has
    # written the checkpoint, and then ends them itself.
    ignore_stop_signals("SIGINT", "SIGTERM")


def random_crop(rgb: Rgb, size: int, rng: np.random.Generator) -> Rgb:
    """Crop a random part with a random aspect ratio, scale it to a square and flip it at random."""
    height, width = rgb.shape[:2]
    side = min(height, width) * rng.uniform(MIN_CROP, 1.0)
    aspect = MAX_CROP_ASPECT ** rng.uniform(-0.5, 0.5)
    crop_height = min(height, max(1, round(side * aspect)))
    crop_width = min(width, max(1, round(side / aspect)))
    top = rng.integers(height - crop_height + 1)
    left = rng.integers(width - crop_width + 1)
    crop = np.ascontiguousarray(rgb[top : top + crop_height, left : left + crop_width])
    # Area averaging when reducing avoids aliasing; it cannot enlarge smoothly.
    resize = resize_area if min(crop_height, crop_width) >= size else resize_linear
    scaled = resize(crop, (size, size))
    if rng.random() < 0.5:
        scaled = scaled[:, ::-1]
    return np.ascontiguousarray(scaled, np.uint8)


def downsample_ab(rgb: Rgb) -> FloatArray:
    """Return the a*, b* of an image at the output stride of the network, (2, S / 4, S / 4)."""
    # Converting after the reduction costs a sixteenth, and the result is close enough to the mean
    # a*, b* of the pixels to serve as a hint.
    side = rgb.shape[0] // STRIDE
    small = resize_area(rgb, (side, side))
    planes = torch.from_numpy(small).permute(2, 0, 1).unsqueeze(0).float() / 255
    ab: FloatArray = rgb_to_lab(planes)[1][0].numpy()
    return ab
