"""What all networks here have in common: which parts compute how finely."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import nn


class Network(nn.Module, ABC):
    """A network whose steps before the last can be made coarser, and faster."""

    @abstractmethod
    def lower_precision(self, dtype: torch.dtype) -> None:
        """Let all but the last steps compute in dtype."""


def dtype_of(part: nn.Module) -> torch.dtype:
    """The type of its parameters, which its inputs must have."""
    return next(part.parameters()).dtype
