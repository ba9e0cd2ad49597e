"""Runs any generator on NumPy arrays: batching, devices and threads.

The color of a frame must not depend on the other frames of its batch. Libraries select kernels,
and so the order of sums, by batch size and thread count: on a CPU in float32, the last bits differ
between 1 frame and 2, and between 1 thread and 2. So every forward pass has a fixed batch size and
a fixed number of threads:

- On a CPU, each frame runs on one thread, and several frames run in parallel. This is also faster
  than batches across all threads (256x256, two cores, bfloat16: 23 ms per frame instead of 30 to
  45).
- On CUDA, a forward pass has `MICRO_BATCH` frames and uses deterministic kernels. The last batch is
  padded with copies of the last frame.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from typing import Any, NamedTuple, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from vidcolor.color.lab import gray_to_lightness
from vidcolor.generators.base import (
    ColorDistribution,
    DistributionGenerator,
    EncodingGenerator,
    Generator,
    Hints,
    Prediction,
)
from vidcolor.imaging.types import FloatArray

T = TypeVar("T")

MICRO_BATCH = {"cpu": 1, "cuda": 8, "mps": 1}
"""Number of frames per forward pass, by device type."""


class HintArrays(NamedTuple):
    """`Hints` as NumPy arrays, at any resolution. Frames without hints have density 0."""

    ab: FloatArray
    """a*, b*: (N, 2, h, w) float32; ignored where density is 0."""
    density: FloatArray
    """Fraction of each cell that is hinted: (N, h, w) float32 in [0, 1]."""


class PredictionArrays(NamedTuple):
    """`Prediction` as NumPy arrays, at the output resolution of the generator."""

    ab: FloatArray
    """CIELAB a*, b*: (N, 2, h', w') float32."""
    confidence: FloatArray
    """Confidence: (N, h', w') float32 in [0, 1]."""


class Predictor:
    """Runs a generator on batches of any size, with the same result for a frame in any batch.

    On a CPU it owns a thread pool, so it must be closed or used in a with statement. Several
    threads may call it on a CPU; only one at a time on other devices, because the kernel selection
    is a global setting.
    """

    def __init__(self, generator: Generator, threads: int | None = None) -> None:
        """Start the thread pool if the generator runs on a CPU, where it must be thread-safe.

        `threads` is the number of frames that a CPU computes in parallel; None for torch's number
        of threads. It affects speed only.
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
            hints: hints for the N frames.
            vividness: in [0, 1], as for `Generator`; None for the generator's default.

        Raises:
            ValueError: there are no frames, the frames differ in size, an array has another shape
                or dtype, or the hints have another batch size.
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
        # Copying to the CPU waits for CUDA. After the loop, which only queues work, uploads and
        # computation have overlapped.
        ab = torch.cat([p.ab.cpu() for p in outputs])[: len(frames)]
        confidence = torch.cat([p.confidence.cpu() for p in outputs])[: len(frames), 0]
        return PredictionArrays(ab.numpy(), confidence.numpy())

    def _forward(
        self, batch: tuple[FloatArray, HintArrays | None], vividness: float | None
    ) -> Prediction:
        """Run one forward pass on a micro-batch."""
        frames, hints = batch
        with torch.inference_mode(), _deterministic_kernels(self._device):
            luma = gray_to_lightness(self._upload(frames[:, None]))
            return self.generator(luma, self.upload_hints(hints), vividness)

    def prepare(self, gray: FloatArray) -> FramePredictor:
        """Prepare to predict the color of one frame, (h, w) in [0, 1], again and again."""
        return FramePredictor(self, gray)

    def run(self, work: Callable[[], T]) -> T:
        """Run work on one frame in the thread pool, or in this thread if the device is no CPU."""
        return work() if self._pool is None else self._pool.submit(work).result()

    def upload_hints(self, hints: HintArrays | None) -> Hints | None:
        """Copy hints to the device."""
        if hints is None:
            return None
        return Hints(self._upload(hints.ab), self._upload(hints.density[:, None]))

    def _upload(self, array: FloatArray) -> torch.Tensor:
        """Copy an array to the device, as float32."""
        tensor = torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
        if self._device.type != "cuda":
            return tensor.to(self._device)
        # Only copies from pinned memory are asynchronous.
        return tensor.pin_memory().to(self._device, non_blocking=True)


class FramePredictor:
    """Predicts the color of one frame again and again, with other hints or another vividness.

    On a CPU, what these do not change is computed once, if the generator can do so. Only one thread
    at a time may use it.
    """

    def __init__(self, predictor: Predictor, gray: FloatArray) -> None:
        """Prepare; nothing is computed yet. Use `Predictor.prepare`."""
        self._predictor, self._gray = predictor, gray
        generator = predictor.generator
        # Other devices compute whole batches, of which the last bits of a result depend.
        self._encoder: EncodingGenerator | None = None
        if generator.device == "cpu" and isinstance(generator, EncodingGenerator):
            self._encoder = generator

    @cached_property
    def _luma(self) -> torch.Tensor:
        return gray_to_lightness(torch.from_numpy(np.ascontiguousarray(self._gray))[None, None])

    @cached_property
    def _encoded(self) -> Any:
        """Result of `EncodingGenerator.encode`."""
        encoder = self._encoder
        assert encoder is not None
        return self._predictor.run(lambda: encoder.encode(self._luma))

    def predict(
        self, hints: HintArrays | None = None, vividness: float | None = None
    ) -> PredictionArrays:
        """Predict color: the same as `Predictor` predicts for this frame, (1, …)."""
        encoder = self._encoder
        if encoder is None:
            return self._predictor(self._gray[None], hints, vividness)
        encoded, uploaded = self._encoded, self._predictor.upload_hints(hints)
        result = self._predictor.run(lambda: encoder.decode(encoded, uploaded, vividness))
        return PredictionArrays(result.ab.numpy(), result.confidence[:, 0].numpy())

    def predict_distribution(self) -> ColorDistribution | None:
        """Predict the distribution of colors; None if the generator has none."""
        encoder, generator = self._encoder, self._predictor.generator
        if encoder is not None:
            encoded = self._encoded
            return self._predictor.run(lambda: encoder.decode_distribution(encoded))
        if isinstance(generator, DistributionGenerator):
            return generator.predict_distribution(self._luma)
        return None


def single_threaded_pool(threads: int | None = None) -> ThreadPoolExecutor:
    """Start a thread pool in which torch runs each operation on a single thread.

    Without `threads`, it has torch's number of threads. The caller must shut it down.
    """
    return _SingleThreadedPool(threads or torch.get_num_threads())


class _SingleThreadedPool(ThreadPoolExecutor):
    """The pool of `single_threaded_pool`. In a forked process, its threads start again."""

    def __init__(self, num_threads: int) -> None:
        self._num_threads, self._start_lock = num_threads, threading.Lock()
        self._process = 0
        self._start()

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Run a function in one of the threads."""
        # Threads do not survive a fork, as of `multiprocessing.Pool` up to Python 3.13.
        if self._process != os.getpid():
            with self._start_lock:
                if self._process != os.getpid():
                    self._start()
        return super().submit(fn, *args, **kwargs)

    def _start(self) -> None:
        num_torch_threads = torch.get_num_threads()
        super().__init__(self._num_threads, "predictor", _initialize_thread)
        # The barrier makes sure that every thread is started and has run its initializer.
        all_started = threading.Barrier(self._num_threads + 1)
        for _ in range(self._num_threads):
            super().submit(all_started.wait)
        all_started.wait()
        # The setting is per thread, but the default for new threads is global: restore it.
        torch.set_num_threads(num_torch_threads)
        self._process = os.getpid()


def _initialize_thread() -> None:
    # The first call initializes torch's setting for this thread. It would reset the number of
    # threads if it came later.
    torch.get_num_threads()
    torch.set_num_threads(1)
    # Most probabilities of a distribution that hints sharpen are denormal numbers, with which CPUs
    # calculate 10 times slower. They are zero for all purposes.
    torch.set_flush_denormal(True)


def _to_float_gray(gray: NDArray[Any] | Sequence[NDArray[Any]]) -> FloatArray:
    """Convert frames to (N, h, w) float32 in [0, 1]; see `Predictor.__call__`."""
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
    """Return the `size` frames and hints from `start`, padded with copies of the last frame."""
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
