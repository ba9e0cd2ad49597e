"""What the tasks of the compute process share: the networks and the caches."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING

from vidcolor.studio.compute.cache import ByteCache
from vidcolor.studio.compute.errors import TaskCanceledError
from vidcolor.studio.compute.sandbox import get_total_memory

if TYPE_CHECKING:
    from collections.abc import Callable

    from vidcolor.colorizer import Colorizer
    from vidcolor.studio.settings import StudioSettings

    LoadColorizer = Callable[[StudioSettings], Colorizer]


def load_colorizer(settings: StudioSettings) -> Colorizer:
    """Load the generator of a server.

    Raises:
        WeightsError: its weights are missing or damaged.
        UsageError: the device is not available.
    """
    from vidcolor.colorizer import Colorizer

    return Colorizer.load(settings.model, settings.device)


class ComputeState:
    """The networks and caches of the compute process. One task at a time uses them."""

    def __init__(
        self,
        settings: StudioSettings,
        load: LoadColorizer = load_colorizer,
        is_canceled: Callable[[], bool] = lambda: False,
    ) -> None:
        """Prepare; nothing is loaded yet.

        Args:
            settings: those of the server.
            load: returns the colorizer.
            is_canceled: returns whether all callers of the current task have gone.
        """
        self.settings = settings
        self._load, self._is_canceled = load, is_canceled
        self._caches: dict[str, ByteCache] = {}

    @cached_property
    def colorizer(self) -> Colorizer:
        """The generator, loaded at the first use; errors are those of `load_colorizer`."""
        return self._load(self.settings)

    def get_threads(self) -> ThreadPoolExecutor:
        """Return threads that run the segmentation model on one object each.

        On a CPU the model uses one thread for each call, so several objects take as many cores.
        """
        return self._threads

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        model, count = self.colorizer.segmentation, 1
        if model.pool is not None:
            import torch

            from vidcolor.generators.predictor import single_threaded_pool

            count = torch.get_num_threads()
            model.pool = single_threaded_pool(count)
        return ThreadPoolExecutor(count, "segmentation")

    @cached_property
    def cache_bytes(self) -> int:
        """Default limit of a cache, in bytes."""
        return min(max(get_total_memory() // 16, 256 << 20), 2 << 30)

    def get_cache(self, name: str, max_bytes: int) -> ByteCache:
        """Return the cache of a name, which is made at the first call with this limit."""
        return self._caches.setdefault(name, ByteCache(max_bytes))

    def check_canceled(self) -> None:
        """Raise `TaskCanceledError` if all callers of the current task have gone.

        Tasks call it between steps that take more than some 20 milliseconds. A task that is
        interrupted for a more urgent one starts again later, so what it has put into a cache helps.
        """
        if self._is_canceled():
            raise TaskCanceledError
