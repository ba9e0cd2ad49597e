"""The base class of published networks."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import nn


class ZooNetwork(nn.Module, ABC):
    """A network whose layers, except for the last ones, can run in a lower precision."""

    @abstractmethod
    def lower_precision(self, dtype: torch.dtype) -> None:
        """Convert all layers except for the last ones to a dtype."""


def parameter_dtype(module: nn.Module) -> torch.dtype:
    """Return the dtype of the parameters, which the inputs must have as well."""
    return next(module.parameters()).dtype
