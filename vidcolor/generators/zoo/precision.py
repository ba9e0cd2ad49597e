"""Which type a part of a network computes in."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import nn


def dtype_of(part: nn.Module) -> torch.dtype:
    """The type of its parameters, which its inputs must have."""
    return next(part.parameters()).dtype
