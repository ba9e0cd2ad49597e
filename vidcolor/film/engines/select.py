"""Which engine renders: what the options ask for, on what there is."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from vidcolor.film.engines.local import Engine, LocalEngine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vidcolor.colorizer import Colorizer
    from vidcolor.film.engines.process import WorkerResources
    from vidcolor.options import ColorizeOptions

FILMS_AT_ONCE = 4
"""Films that are looked through at a time while the workers are busy with earlier ones."""


@contextlib.contextmanager
def open_engine(options: ColorizeOptions, colorizer: Colorizer) -> Iterator[Engine]:
    """The engine that the options name; its workers are ended in the end.

    Args:
        options: `engine`, `ray_address`, `workers`, `threads` and `device` are used.
        colorizer: used where one worker is enough.

    Raises:
        UsageError: there is no such device, or no such cluster.
        VidcolorError: Ray is not installed.
    """
    if options.engine == "ray":
        from vidcolor.film.engines.ray import ray_pool

        with ray_pool(options) as pool:
            yield pool
        return
    places = worker_resources(options)
    if len(places) == 1 and options.threads is None:
        yield LocalEngine(colorizer)
        return
    from vidcolor.film.engines.pool import Pool
    from vidcolor.film.engines.process import ProcessWorker

    with Pool([ProcessWorker(place) for place in places]) as pool:
        yield pool


def films_at_once(options: ColorizeOptions) -> int:
    """How many films are worked on at a time: one where there is one worker."""
    if options.engine == "ray":
        return FILMS_AT_ONCE
    return min(FILMS_AT_ONCE, len(worker_resources(options)))


def worker_resources(options: ColorizeOptions) -> list[WorkerResources]:
    """What each worker on this machine gets of it.

    Without a number of workers there is one for each GPU that `device` means (``auto`` and
    ``cuda`` mean all that are visible), and else one.
    """
    from vidcolor.film.engines.process import WorkerResources
    from vidcolor.generators import devices_of

    devices = devices_of(options.model, options.device)
    count = options.workers or len(devices)
    cores = _cores()
    share = options.threads or max(1, len(cores) // count)
    places = []
    for number in range(count):
        own: tuple[int, ...] = ()
        if options.threads is not None:
            begin = number * share
            own = tuple(cores[(begin + n) % len(cores)] for n in range(min(share, len(cores))))
        places.append(WorkerResources(devices[number % len(devices)], share, own))
    return places


def _cores() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))
