"""Several processes that train one network, as torchrun starts them; or one, which is the same.

Gradients are averaged in one buffer of fixed layout rather than by DistributedDataParallel, which
regroups them after its first step: with three processes or more that changes the order of sums, so
that a resumed run would differ in the last digits. The network is small (26 MB of gradients), and
what overlapping would save is little.
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

_PATIENCE = timedelta(hours=6)
"""How long to wait for each other: the first process may be reading a large collection."""


@dataclass(frozen=True, slots=True)
class ProcessGroup:
    """This process among those that train together."""

    rank: int = 0
    """Its number; 0 prints and writes."""
    size: int = 1
    local_rank: int = 0
    """Its number on this machine, which is that of its GPU."""

    @property
    def leads(self) -> bool:
        """Whether this process prints and writes."""
        return self.rank == 0

    def average(self, tensors: Sequence[Tensor], flag: bool = False) -> bool:
        """Replace tensors by their mean over all processes, in place.

        Args:
            tensors: float, the same shapes in the same order everywhere.
            flag: a wish of this process, e.g. to stop.

        Returns:
            Whether any process had its flag set; the same everywhere.

        Raises:
            VidcolorError: another process is gone.
        """
        if self.size == 1:
            return flag
        device = tensors[0].device if tensors else torch.device("cpu")
        wish = torch.tensor([float(flag)], device=device)
        flat = torch.cat([*(t.detach().reshape(-1).float() for t in tensors), wish])
        try:
            dist.all_reduce(flat)
        except RuntimeError as error:
            raise VidcolorError(
                f"process {self.rank} of {self.size}: another one is gone; see what it said, and "
                "run the same command again"
            ) from error
        flat /= self.size
        parts = torch.split(flat[:-1], [t.numel() for t in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.detach().copy_(part.view_as(tensor))
        return bool(flat[-1] > 0)

    def agree(self, number: int) -> int:
        """The first process's number, in all of them."""
        if self.size == 1:
            return number
        said = torch.tensor([number], dtype=torch.int64)
        dist.broadcast(said, 0)
        return int(said)

    def wait(self) -> None:
        """Go on when all processes are here."""
        self.agree(0)


def is_first() -> bool:
    """Whether this process prints and writes, known before and after it joins the others."""
    return int(os.environ.get("RANK", "0")) == 0


@contextmanager
def process_group() -> Iterator[ProcessGroup]:
    """Join the processes that torchrun started; alone if it did not.

    Raises:
        UsageError: torchrun's environment is incomplete.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield ProcessGroup()
        return
    try:
        rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    except (KeyError, ValueError):
        raise UsageError("WORLD_SIZE is set, but not RANK: start it with torchrun") from None
    # Numbers and single words go through gloo, even where gradients go through NCCL.
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, timeout=_PATIENCE)
    try:
        yield ProcessGroup(rank, size, local_rank)
    finally:
        dist.destroy_process_group()
