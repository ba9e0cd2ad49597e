"""Runs any generator on NumPy arrays: batching, devices and threads.

Invariant: the color of a frame does not depend on the other frames of its batch. Libraries choose
their kernels, and so the order of their sums, by batch size and by thread count (measured on a
two-core CPU in float32: the last bits differ between 1 frame and 2, and between 1 thread and 2).
So every forward pass has a fixed shape and a fixed number of threads:

- CPU: one frame and one thread; frames run in parallel instead. This is also faster than batches
  across all threads (256x256, two cores, bfloat16: 23 ms per frame instead of 30 to 45).
- CUDA: `MICRO_BATCH` frames, the last batch padded with repeats, deterministic kernels.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray

from vidcolor.color.lab import gray_to_lightness
from vidcolor.generators.base import Generator, Hints, Prediction
from vidcolor.imaging.types import FloatArray

MICRO_BATCH = {"cpu": 1, "cuda": 8, "mps": 1}
"""Number of frames per forward pass, by device type."""


class HintArrays(NamedTuple):
    """`Hints` as arrays, at any resolution; density is 0 throughout for frames without hints."""

    ab: FloatArray
    """a*, b*: (N, 2, h, w) float32; ignored where density is 0."""
    density: FloatArray
    """Fraction of each cell that has a given color: (N, h, w) float32 in [0, 1]."""


class PredictionArrays(NamedTuple):
    """`Prediction` as arrays, at the generator's output resolution."""

    ab: FloatArray
    """a*, b*: (N, 2, h', w') float32."""
    confidence: FloatArray
    """Confidence: (N, h', w') float32 in [0, 1]."""


class Predictor:
    """Runs a generator on batches of any size; the result for a frame is the same in all of them.

    On a CPU it owns a thread pool: close it, or use it in a with statement. On a CPU several
    threads may call it; on other devices only one at a time, because the kernel selection is a
    global setting.
    """

    def __init__(self, generator: Generator, threads: int | None = None) -> None:
        """Start the thread pool if the generator runs on a CPU.

        Args:
            generator: a loaded generator; thread-safe if it runs on a CPU.
            threads: number of frames computed in parallel on a CPU; None for torch's number of
                threads. Affects speed only.
        """
        self.generator = generator
        self._device = torch.device(generator.device)
        self._batch_size = MICRO_BATCH.get(self._device.type, 1)
        self._pool = single_threaded_pool(threads) if self._device.type == "cpu" else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Shut the thread pool down. Idempotent."""
        if self._pool is not None:
            self._pool.shutdown()

    def __call__(
        self,
        gray: NDArray[Any] | Sequence[NDArray[Any]],
        hints: HintArrays | None = None,
        vividness: float | None = None,
    ) -> PredictionArrays:
        """Predict color.

        Args:
            gray: sRGB-encoded gray, (N, h, w) or N arrays of (h, w), at the input size of the
                generator; uint8, uint16 (full range) or float in [0, 1].
            hints: given colors, or None.
            vividness: see `Generator`.

        Raises:
            ValueError: no frames, frames of different sizes, or arrays of other shapes or dtypes.
        """
        frames = _to_float_gray(gray)
        if hints is not None and not len(hints.ab) == len(hints.density) == len(frames):
            raise ValueError(f"batch size mismatch: {len(frames)} frames, {len(hints.ab)} hints")
        size = self._batch_size
        batches = [_select_batch(frames, hints, i, size) for i in range(0, len(frames), size)]
        if self._pool is not None:
            outputs = list(self._pool.map(lambda batch: self._forward(batch, vividness), batches))
        else:
            outputs = [self._forward(batch, vividness) for batch in batches]
        # Downloaded only now: on CUDA the loop above just queues, so uploads overlap computation.
        ab = torch.cat([p.ab.cpu() for p in outputs])[: len(frames)]
        confidence = torch.cat([p.confidence.cpu() for p in outputs])[: len(frames), 0]
        return PredictionArrays(ab.numpy(), confidence.numpy())

    def _forward(
        self, batch: tuple[FloatArray, HintArrays | None], vividness: float | None
    ) -> Prediction:
        """Run one forward pass."""
        frames, hints = batch
        with torch.inference_mode(), _deterministic_kernels(self._device):
            luma = gray_to_lightness(self._upload(frames[:, None]))
            if hints is None:
                return self.generator(luma, None, vividness)
            uploaded = Hints(self._upload(hints.ab), self._upload(hints.density[:, None]))
            return self.generator(luma, uploaded, vividness)

    def _upload(self, array: FloatArray) -> torch.Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
        if self._device.type != "cuda":
            return tensor.to(self._device)
        return tensor.pin_memory().to(self._device, non_blocking=True)


def single_threaded_pool(threads: int | None = None) -> ThreadPoolExecutor:
    """Create a thread pool in which torch runs each operation on a single thread.

    Args:
        threads: number of threads; None for torch's own number.

    Returns:
        The pool, with all threads started; the caller shuts it down.
    """
    num_torch_threads = torch.get_num_threads()
    threads = threads or num_torch_threads
    # The barrier makes sure that every thread is started and has run its initializer.
    all_started = threading.Barrier(threads + 1)

    def initialize() -> None:
        torch.get_num_threads()  # else torch initializes this thread later and resets the next line
        torch.set_num_threads(1)

    pool = ThreadPoolExecutor(threads, "predictor", initialize)
    for _ in range(threads):
        pool.submit(all_started.wait)
    all_started.wait()
    # The setting is per thread, but the default for new threads is global: restore it.
    torch.set_num_threads(num_torch_threads)
    return pool


def _to_float_gray(gray: NDArray[Any] | Sequence[NDArray[Any]]) -> FloatArray:
    """Convert frames to (N, h, w) float32 in [0, 1]."""
    sizes = {frame.shape for frame in gray}
    if len(sizes) != 1 or len(next(iter(sizes))) != 2 or 0 in next(iter(sizes)):
        raise ValueError(f"frames must be (h, w) and all of one size, got {sorted(sizes)}")
    frames = np.asarray(gray)
    if frames.dtype in (np.uint8, np.uint16):
        return frames.astype(np.float32) / np.float32(np.iinfo(frames.dtype).max)
    if not np.issubdtype(frames.dtype, np.floating):
        raise ValueError(f"frames must be uint8, uint16 or float, got {frames.dtype}")
    return frames.astype(np.float32, copy=False)


def _select_batch(
    frames: FloatArray, hints: HintArrays | None, start: int, size: int
) -> tuple[FloatArray, HintArrays | None]:
    """Return the micro-batch that begins at `start`, padded with repeats of the last frame."""
    index = np.minimum(np.arange(start, start + size), len(frames) - 1)
    if hints is None:
        return frames[index], None
    return frames[index], HintArrays(hints.ab[index], hints.density[index])


@contextmanager
def _deterministic_kernels(device: torch.device) -> Iterator[None]:
    """Select CUDA kernels by shape alone, with a fixed order of sums and without TF32."""
    if device.type != "cuda":
        yield
        return
    with torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    ):
        yield
