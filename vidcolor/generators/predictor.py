"""From arrays to arrays through any generator: devices, batches and threads, settled once.

The invariant kept here is that a frame's color does not depend on the frames that it is computed
with. Libraries choose their kernels, and so the order of their sums, by batch size and by thread
count (measured on a two-core CPU in float32: last bits differ between 1 frame and 2, and between
1 thread and 2). So every forward pass has a fixed shape and a fixed number of threads:

- on a CPU, one frame and one thread; frames run side by side instead. That is also faster than
  batches across all threads (256x256, two cores, bfloat16: 23 ms a frame against 30 to 45).
- on CUDA, `MICRO_BATCH` frames, the last batch filled up with repeats, deterministic kernels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray

from vidcolor.color.lab import gray_to_lightness
from vidcolor.generators.base import Generator, Hints, Prediction
from vidcolor.generators.threads import single_threaded_pool

MICRO_BATCH = {"cpu": 1, "cuda": 8, "mps": 1}
"""Frames in each forward pass, by kind of device."""

FloatArray = NDArray[np.float32]


class HintArrays(NamedTuple):
    """`Hints` as arrays, on any grid; frames without hints have density 0 throughout."""

    ab: FloatArray
    """(N, 2, h, w) float32; ignored where density is 0."""
    density: FloatArray
    """(N, h, w) float32 in [0, 1]."""


class PredictionArrays(NamedTuple):
    """`Prediction` as arrays, on the generator's grid."""

    ab: FloatArray
    """a*, b*: (N, 2, h', w') float32."""
    confidence: FloatArray
    """(N, h', w') float32 in [0, 1]."""


class Predictor:
    """Runs a generator on batches of any size, with the same result for a frame in all of them.

    Close it, or use it in a with statement: on a CPU it holds threads. On a CPU calls may come from
    several threads; elsewhere from one at a time, since kernels are chosen by global settings.
    """

    def __init__(self, generator: Generator, threads: int | None = None) -> None:
        """Prepare to run.

        Args:
            generator: a loaded generator; thread-safe if it computes on the CPU.
            threads: frames computed side by side on the CPU; None for as many as torch would use.
                Changes speed only.
        """
        self.generator = generator
        self._device = torch.device(generator.device)
        self._size = MICRO_BATCH.get(self._device.type, 1)
        self._pool = single_threaded_pool(threads) if self._device.type == "cpu" else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the threads. Idempotent."""
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
            gray: sRGB-encoded gray, (N, h, w) or N arrays of (h, w), at the size at which the
                generator shall see it; uint8, uint16 (full range) or float in [0, 1].
            hints: known color, or None.
            vividness: see `Generator`.

        Raises:
            ValueError: no frames, frames of different sizes, or arrays of other shapes or types.
        """
        frames = _as_gray(gray)
        if hints is not None and not len(hints.ab) == len(hints.density) == len(frames):
            raise ValueError(f"{len(frames)} frames, but hints for {len(hints.ab)}")
        parts = [_take(frames, hints, i, self._size) for i in range(0, len(frames), self._size)]
        if self._pool is not None:
            done = list(self._pool.map(lambda part: self._run(part, vividness), parts))
        else:
            done = [self._run(part, vividness) for part in parts]
        # Fetched only now: on CUDA the loop above merely queues, and uploads overlap computing.
        ab = torch.cat([p.ab.cpu() for p in done])[: len(frames)]
        confidence = torch.cat([p.confidence.cpu() for p in done])[: len(frames), 0]
        return PredictionArrays(ab.numpy(), confidence.numpy())

    def _run(
        self, part: tuple[FloatArray, HintArrays | None], vividness: float | None
    ) -> Prediction:
        """One forward pass."""
        frames, hints = part
        with torch.inference_mode(), _deterministic(self._device):
            luma = gray_to_lightness(self._upload(frames[:, None]))
            if hints is None:
                return self.generator(luma, None, vividness)
            known = Hints(self._upload(hints.ab), self._upload(hints.density[:, None]))
            return self.generator(luma, known, vividness)

    def _upload(self, array: FloatArray) -> torch.Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
        if self._device.type != "cuda":
            return tensor.to(self._device)
        return tensor.pin_memory().to(self._device, non_blocking=True)


def _as_gray(gray: NDArray[Any] | Sequence[NDArray[Any]]) -> FloatArray:
    """Frames as (N, h, w) float32 in [0, 1]."""
    sizes = {frame.shape for frame in gray}
    if len(sizes) != 1 or len(next(iter(sizes))) != 2 or 0 in next(iter(sizes)):
        raise ValueError(f"frames must be (h, w) and all of one size, not {sorted(sizes)}")
    frames = np.asarray(gray)
    if frames.dtype in (np.uint8, np.uint16):
        return frames.astype(np.float32) / np.float32(np.iinfo(frames.dtype).max)
    if not np.issubdtype(frames.dtype, np.floating):
        raise ValueError(f"frames must be uint8, uint16 or float, not {frames.dtype}")
    return frames.astype(np.float32, copy=False)


def _take(
    frames: FloatArray, hints: HintArrays | None, start: int, size: int
) -> tuple[FloatArray, HintArrays | None]:
    """The micro-batch from start on, filled up with repeats of the last frame."""
    index = np.minimum(np.arange(start, start + size), len(frames) - 1)
    if hints is None:
        return frames[index], None
    return frames[index], HintArrays(hints.ab[index], hints.density[index])


@contextmanager
def _deterministic(device: torch.device) -> Iterator[None]:
    """Kernels chosen by shape alone, with a fixed order of sums, and float32 that is float32."""
    if device.type != "cuda":
        yield
        return
    with torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    ):
        yield
