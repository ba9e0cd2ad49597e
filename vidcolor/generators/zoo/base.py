"""The base class of published networks."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import nn


class ZooNetwork(nn.Module, ABC):
    """A network whose layers, except for the last ones, can run in a lower precision.

    The last layers stay float32, because rounding their results causes the largest errors.
    """

    @abstractmethod
    def lower_precision(self, dtype: torch.dtype) -> None:
        """Convert all layers except for the last ones to a dtype, e.g. bfloat16."""


def parameter_dtype(module: nn.Module) -> torch.dtype:
    """Return the dtype of the parameters of a module, to which its inputs are converted."""
    return next(module.parameters()).dtype
