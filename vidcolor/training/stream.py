"""Endless streams of training batches, prepared in worker processes.

Batch n is a function of the seed, n and the rank of the process. A run that resumes at batch n
therefore gets the same batches as an uninterrupted run, for any number of workers.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from torch.utils.data import DataLoader, Dataset

from vidcolor.training.degrade import DEGRADED_SHARE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from vidcolor.imaging.types import Rgb
    from vidcolor.training.dataset import PhotoStore

PackedBatch = TypeVar("PackedBatch")

_PREFETCH = 3
"""Number of batches that each worker process prepares in advance."""


@dataclass(frozen=True, kw_only=True)
class BatchStream(Dataset[PackedBatch]):
    """An endless sequence of batches with every photograph once per epoch.

    A subclass defines `__getitem__`, which returns the batch with a number, from 0.
    """

    store: PhotoStore
    """Training photographs; not empty."""
    size: int
    """Side of the images in pixels; a multiple of 32."""
    batch: int
    """Number of images in a batch of one process."""
    seed: int = 0
    rank: int = 0
    """Rank of this process. Each process draws different photographs."""
    world_size: int = 1
    degraded_share: float = DEGRADED_SHARE
    """Share of the images with degraded luma."""

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

    def draw_photos(
        self, store: PhotoStore, stream: int, number: int, size: int
    ) -> Iterator[tuple[Rgb, np.random.Generator]]:
        """Yield the `size` photographs of a store in a batch, each with its random numbers.

        `stream` distinguishes the random numbers of several stores.
        """
        # The serial number counts the images of all processes and batches.
        first = (number * self.world_size + self.rank) * size
        for serial in range(first, first + size):
            epoch, position = divmod(serial, len(store))
            order = _shuffle((self.seed, stream, epoch), len(store))
            rng = np.random.default_rng((self.seed, stream, 1 + serial))
            yield store[int(order[position])], rng


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
