"""From stored photographs to batches: crops, old film's luma, hints. A pure function of the number.

Batch n is drawn from the recipe's seed, n and the process's rank, and from nothing else. So a run
that goes on at batch n sees what it would have seen, whatever prepares its batches.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch.utils.data import DataLoader, Dataset

from vidcolor.color.lab import gray_to_lightness, rgb_to_lab
from vidcolor.generators.network import STRIDE
from vidcolor.training.degrade import DegradeOptions, degraded_gray
from vidcolor.training.hints import HintOptions, draw_hints

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from torch import Tensor

    from vidcolor.training.cache import PhotographStore

    Rgb = NDArray[np.uint8]

SMALLEST_CROP = 0.6
"""Side of the smallest crop, as a share of the picture's short side."""
LARGEST_STRETCH = 1.15
"""By how much crops may be wider than high, or higher than wide, before they are made square."""
_AHEAD = 3
"""Batches that each worker prepares in advance."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one forward and backward pass works on; S is the side of the pictures."""

    picture: Tensor
    """The photographs: (N, 3, S, S) float32, sRGB in [0, 1]."""
    luma: Tensor
    """L* that the network is given, perhaps of worn film: (N, 1, S, S) float32 in [0, 100]."""
    ab: Tensor
    """True a*, b*: (N, 2, S / 4, S / 4) float32."""
    hint_ab: Tensor
    """Hinted a*, b*: the same shape, 0 where there is no hint."""
    density: Tensor
    """(N, 1, S / 4, S / 4) float32 in [0, 1]."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A batch as it travels between processes: pictures in 8 bits."""

    picture: Tensor
    """(N, S, S, 3) uint8 sRGB."""
    gray: Tensor
    """(N, S, S) uint8, sRGB-encoded gray."""
    hint_ab: Tensor
    """(N, 2, S / 4, S / 4) float32."""
    density: Tensor
    """(N, 1, S / 4, S / 4) float32."""

    def pin_memory(self) -> Draft:
        """The same in page-locked memory, from which a GPU reads by itself; DataLoader calls it."""
        return Draft(*(t.pin_memory() for t in self._tensors()))

    def to(self, device: torch.device) -> Batch:
        """Decode on a device."""
        picture, gray, hint_ab, density = (t.to(device, non_blocking=True) for t in self._tensors())
        rgb = picture.permute(0, 3, 1, 2).float() / 255
        luma = gray_to_lightness(gray.unsqueeze(1).float() / 255)
        ab = F.avg_pool2d(rgb_to_lab(rgb)[1], STRIDE)
        return Batch(rgb, luma, ab, hint_ab, density)

    def _tensors(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.picture, self.gray, self.hint_ab, self.density


@dataclass(frozen=True, slots=True)
class DrawOptions:
    """How batches are drawn."""

    size: int
    """Side of the pictures in pixels; a multiple of 32."""
    batch: int
    """Pictures in a batch, in each process."""
    seed: int = 0
    rehearse_share: float = 0.0
    """Share of each batch that comes from the rehearsal photographs."""
    degrade: DegradeOptions = field(default_factory=DegradeOptions)
    hints: HintOptions = field(default_factory=HintOptions)


class BatchStream:
    """Batches by number, without end; every photograph once in each pass through them."""

    def __init__(
        self,
        store: PhotographStore,
        options: DrawOptions,
        *,
        rehearsal: PhotographStore | None = None,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        """Choose what to draw from.

        Args:
            store: photographs to learn from; not empty.
            options: how to draw.
            rehearsal: photographs of other kinds, mixed in.
            rank: number of this process.
            world_size: of how many; each draws other photographs.
        """
        self._store, self._rehearsal, self._options = store, rehearsal, options
        self._rank, self._world_size = rank, world_size

    def batch(self, number: int) -> Draft:
        """The batch of a number, from 0; always the same one."""
        options = self._options
        rehearsed = 0
        if self._rehearsal and options.rehearse_share:
            # At least one of each, however small the batch.
            share = round(options.batch * options.rehearse_share)
            rehearsed = min(max(share, 1), options.batch - 1)
        fresh = options.batch - rehearsed
        drawn = [self._draw(self._store, number, i, fresh, 0) for i in range(fresh)]
        if self._rehearsal:
            other = self._rehearsal
            drawn += [self._draw(other, number, i, rehearsed, 1) for i in range(rehearsed)]
        pictures, grays, hints, densities = (np.stack(part) for part in zip(*drawn, strict=True))
        tensors = [torch.from_numpy(part) for part in (pictures, grays, hints, densities)]
        return Draft(*tensors)

    @contextmanager
    def from_number(self, first: int, workers: int, pin: bool = False) -> Iterator[Iterator[Draft]]:
        """All batches from a number on, prepared ahead by other processes.

        Args:
            first: number of the first.
            workers: processes; 0 prepares each batch when it is asked for.
            pin: whether they go to a GPU.
        """
        loader = DataLoader(
            _Numbered(self),
            batch_size=None,
            sampler=count(first),
            num_workers=workers,
            prefetch_factor=_AHEAD if workers else None,
            # A fork of a process whose threads have begun to compute may hang in OpenMP.
            multiprocessing_context="spawn" if workers else None,
            pin_memory=pin,
            worker_init_fn=_begin_worker,
        )
        iterator = iter(loader)
        try:
            yield iterator
        finally:
            shut_down = getattr(iterator, "_shutdown_workers", None)
            if shut_down is not None:
                shut_down()

    def _draw(
        self, store: PhotographStore, number: int, place: int, count: int, kind: int
    ) -> tuple[Rgb, Rgb, NDArray[np.float32], NDArray[np.float32]]:
        """One picture of a batch: crop, gray, hints, density."""
        seed = self._options.seed
        # Numbers of photographs run through all processes and batches, pass after pass.
        serial = (number * self._world_size + self._rank) * count + place
        round_, position = divmod(serial, len(store))
        order = np.random.default_rng((seed, kind, round_)).permutation(len(store))
        rng = np.random.default_rng((seed, kind, 1 + serial))
        rgb = crop(store[int(order[position])], self._options.size, rng)
        gray = degraded_gray(rgb, rng, self._options.degrade)
        hints, density = draw_hints(true_ab(rgb), rng, self._options.hints)
        return rgb, gray, hints, density


def _begin_worker(worker: int) -> None:
    """Keep OpenCV off the cores that train (torch does so by itself), and signals from the worker.

    A terminal sends Ctrl-C to every process of the group. The run needs its batches until it has
    saved; then it ends its workers itself.
    """
    import signal

    import cv2

    cv2.setNumThreads(1)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


class _Numbered(Dataset[Draft]):
    """What DataLoader needs to ask for batches by number."""

    def __init__(self, stream: BatchStream) -> None:
        self._stream = stream

    def __getitem__(self, number: int) -> Draft:
        return self._stream.batch(number)


def crop(rgb: Rgb, size: int, rng: np.random.Generator) -> Rgb:
    """Part of a picture, a little out of proportion, perhaps mirrored.

    Args:
        rgb: (h, w, 3) uint8.
        size: side of the result.
        rng: decides.

    Returns:
        (size, size, 3) uint8, contiguous.
    """
    import cv2

    height, width = rgb.shape[:2]
    side = min(height, width) * rng.uniform(SMALLEST_CROP, 1.0)
    stretch = LARGEST_STRETCH ** rng.uniform(-0.5, 0.5)
    high = min(height, max(1, round(side * stretch)))
    wide = min(width, max(1, round(side / stretch)))
    top, left = rng.integers(height - high + 1), rng.integers(width - wide + 1)
    part = np.ascontiguousarray(rgb[top : top + high, left : left + wide])
    way = cv2.INTER_AREA if min(high, wide) >= size else cv2.INTER_LINEAR
    scaled: NDArray[Any] = cv2.resize(part, (size, size), interpolation=way)
    if rng.random() < 0.5:
        scaled = scaled[:, ::-1]
    return np.ascontiguousarray(scaled, np.uint8)


def true_ab(rgb: Rgb) -> NDArray[np.float32]:
    """A picture's a*, b* on the output grid.

    Args:
        rgb: (S, S, 3) uint8, S a multiple of 4.

    Returns:
        (2, S / 4, S / 4) float32.
    """
    import cv2

    # Reduced first: the mean color of sixteen pixels costs a sixteenth, and is close enough to
    # the mean of their a*, b* to be a hint.
    side = rgb.shape[0] // STRIDE
    small = cv2.resize(rgb, (side, side), interpolation=cv2.INTER_AREA)
    planes = torch.from_numpy(small).permute(2, 0, 1).unsqueeze(0).float() / 255
    ab: NDArray[np.float32] = rgb_to_lab(planes)[1][0].numpy()
    return ab
