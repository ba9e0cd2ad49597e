"""Data-parallel training in the processes that torchrun starts, or in a single process.

Gradients are averaged in one buffer of fixed layout instead of by DistributedDataParallel. DDP
regroups its buckets after the first step. With three or more processes this changes the order of
sums, so that a resumed run would differ in the last digits. The network is small (26 MB of
gradients), so overlapping communication with computation would save little.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import torch
import torch.distributed as dist

from vidcolor.errors import UsageError, VidcolorError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

_TIMEOUT = timedelta(hours=6)
"""Timeout of collective operations. It is long because rank 0 may be reading a large dataset."""


@dataclass(frozen=True, slots=True)
class ProcessGroup:
    """The rank of this process, and collective operations of all processes."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    """Rank of this process on its machine; also the index of its GPU."""

    @property
    def is_leader(self) -> bool:
        """True for rank 0, the only process that prints and writes files."""
        return self.rank == 0

    def average(self, tensors: Sequence[Tensor], flag: bool = False) -> bool:
        """Replace floating-point tensors by their mean over all processes, in place.

        All processes pass the same shapes in the same order. Return whether any process set its
        `flag`, which is part of the same buffer, so that it costs no further operation.

        Raises:
            VidcolorError: another process has ended.
        """
        if self.size == 1:
            return flag
        device = tensors[0].device if tensors else torch.device("cpu")
        flags = torch.tensor([float(flag)], device=device)
        flat = torch.cat([*(t.detach().reshape(-1).float() for t in tensors), flags])
        try:
            dist.all_reduce(flat)
        except RuntimeError as error:
            raise VidcolorError(
                f"process {self.rank} of {self.size}: another process has ended; see its messages "
                "and run the same command again"
            ) from error
        flat /= self.size
        parts = torch.split(flat[:-1], [t.numel() for t in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.detach().copy_(part.view_as(tensor))
        return bool(flat[-1] > 0)

    def broadcast(self, number: int) -> int:
        """Return in every process the number that rank 0 passes."""
        if self.size == 1:
            return number
        value = torch.tensor([number], dtype=torch.int64)
        dist.broadcast(value, 0)
        return int(value)

    def barrier(self) -> None:
        """Wait until all processes have called this method."""
        self.broadcast(0)


@contextmanager
def process_group() -> Iterator[ProcessGroup]:
    """Join the processes of torchrun; without torchrun, yield a group of one process.

    Raises:
        UsageError: the environment of torchrun is incomplete.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield ProcessGroup()
        return
    try:
        rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    except (KeyError, ValueError):
        raise UsageError(
            "WORLD_SIZE is set but RANK is not; start the command with torchrun"
        ) from None
    # `broadcast` uses CPU tensors, which NCCL does not support.
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, timeout=_TIMEOUT)
    try:
        yield ProcessGroup(rank, size, local_rank)
    finally:
        dist.destroy_process_group()
