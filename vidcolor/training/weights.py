"""The weights file that a run ends with: what `vidcolor colorize --model` reads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import torch

from vidcolor import __version__
from vidcolor.fileio import atomic_output

if TYPE_CHECKING:
    from pathlib import Path

    from vidcolor.generators.network import EmbeddedNetwork
    from vidcolor.training.config import TrainingConfig

_LARGEST_HALF = 65504.0


def save_weights(path: Path, network: EmbeddedNetwork, recipe: TrainingConfig, steps: int) -> None:
    """Write a network in half precision, with what it takes to build it.

    Args:
        path: the file, replaced if it exists.
        network: the trained one.
        recipe: kept in the metadata.
        steps: how many were made.

    Raises:
        OutputError: the disk is full or refuses.
    """
    from safetensors.torch import save_file

    # How many batches the norms have seen is of no use to anybody: the statistics are there.
    state = {n: t for n, t in network.state_dict().items() if not n.endswith("batches_tracked")}
    tensors = {name: _compact(tensor) for name, tensor in state.items()}
    provenance = {"training": recipe.to_dict(), "steps": steps, "vidcolor": __version__}
    metadata = {
        "version": "1",
        "config": network.config.to_json(),
        "vidcolor": path.stem,
        "provenance": json.dumps(provenance, sort_keys=True),
        "format": "pt",
    }
    with atomic_output(path) as partial:
        save_file(tensors, partial, metadata)


def _compact(tensor: torch.Tensor) -> torch.Tensor:
    """float16 where it holds the values (a batch norm's variance can be larger)."""
    tensor = tensor.detach().cpu().contiguous()
    if tensor.is_floating_point() and tensor.abs().max() <= _LARGEST_HALF:
        tensor = tensor.half()
    return tensor.clone()
