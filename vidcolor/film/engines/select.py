"""Opens the engine that the options name, and divides the machine among its workers."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from vidcolor.film.engines.base import Engine, WorkerResources
from vidcolor.film.engines.local import LocalEngine
from vidcolor.system import list_cores

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vidcolor.colorizer import Colorizer
    from vidcolor.options import ColorizeOptions

MAX_CONCURRENT_FILMS = 4
"""Maximum number of films in progress. Workers render some while others are analyzed."""


@contextlib.contextmanager
def open_engine(options: ColorizeOptions, colorizer: Colorizer) -> Iterator[Engine]:
    """Open the engine that the options name; its workers end with the block.

    The colorizer is used if the current process renders: one worker without a thread limit.

    Raises:
        UsageError: the device or the cluster does not exist, or Ray is not installed.
    """
    if options.engine == "ray":
        from vidcolor.film.engines.ray import open_ray_pool

        with open_ray_pool(options) as pool:
            yield pool
        return
    resources = list_worker_resources(options)
    if len(resources) == 1 and options.threads is None:
        yield LocalEngine(colorizer)
        return
    from vidcolor.film.engines.pool import WorkerPool
    from vidcolor.film.engines.process import ProcessWorker

    with WorkerPool([ProcessWorker(share) for share in resources]) as pool:
        yield pool


def max_concurrent_films(options: ColorizeOptions) -> int:
    """Return how many films should be in progress: one per worker, at most 4."""
    if options.engine == "ray":
        return MAX_CONCURRENT_FILMS
    return min(MAX_CONCURRENT_FILMS, len(list_worker_resources(options)))


def list_worker_resources(options: ColorizeOptions) -> list[WorkerResources]:
    """Divide this machine among the workers that the options ask for.

    Without `workers`, there is one worker for each GPU that `device` selects (``auto`` and ``cuda``
    select all visible ones), or a single worker on the CPU.

    Returns:
        The resources of each worker. Workers take the GPUs in turn. With `threads`, each worker is
        bound to that many cores.
    """
    from vidcolor.generators import resolve_devices

    devices = resolve_devices(options.model, options.device)
    count = options.workers or len(devices)
    cores = list_cores()
    threads = options.threads or max(1, len(cores) // count)
    # Bound processes do not disturb each other. With more workers than cores, they share.
    num_bound = min(threads, len(cores)) if options.threads is not None else 0
    return [
        WorkerResources(
            devices[number % len(devices)],
            threads,
            tuple(cores[(number * threads + n) % len(cores)] for n in range(num_bound)),
        )
        for number in range(count)
    ]
