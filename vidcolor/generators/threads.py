"""Threads in which torch does not spread each operation over further threads."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor


def single_threaded_pool(threads: int | None = None) -> ThreadPoolExecutor:
    """Make a pool in each of whose threads torch computes with one thread.

    Args:
        threads: how many; None for as many as torch would use itself.

    Returns:
        The pool, all threads started; the caller shuts it down.
    """
    import torch

    outer = torch.get_num_threads()
    threads = threads or outer
    # All threads meet before they go on, so that each is started, and has run its initializer.
    started = threading.Barrier(threads + 1)

    def initialize() -> None:
        torch.get_num_threads()  # or torch would set this thread up later, undoing the next line
        torch.set_num_threads(1)

    pool = ThreadPoolExecutor(threads, "predictor", initialize)
    for _ in range(threads):
        pool.submit(started.wait)
    started.wait()
    # The setting is each thread's own, but what threads to come start with is shared: restore it.
    torch.set_num_threads(outer)
    return pool
