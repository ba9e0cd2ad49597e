"""The weights file of a finished training run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import torch

from vidcolor._version import __version__
from vidcolor.fileio import atomic_output

if TYPE_CHECKING:
    from pathlib import Path

    from vidcolor.generators.network import EmbeddedNetwork
    from vidcolor.training.config import TrainingConfig

_MAX_FLOAT16 = 65504.0
"""Maximum finite float16 number."""


def save_weights(path: Path, network: EmbeddedNetwork, config: TrainingConfig, steps: int) -> None:
    """Write a network in float16, with the metadata that loading needs.

    Args:
        path: the file; replaced if it exists.
        network: the trained network.
        config: settings of the run, stored in the metadata.
        steps: number of steps, stored in the metadata.

    Raises:
        OutputError: the file cannot be written.
    """
    from safetensors.torch import save_file

    # `num_batches_tracked` is used by batch norms without momentum only.
    state = {n: t for n, t in network.state_dict().items() if not n.endswith("batches_tracked")}
    tensors = {name: _to_half(tensor) for name, tensor in state.items()}
    provenance = {"training": config.to_dict(), "steps": steps, "vidcolor": __version__}
    metadata = {
        "version": "1",
        "config": network.config.to_json(),
        "vidcolor": path.stem,
        "provenance": json.dumps(provenance, sort_keys=True),
        "format": "pt",
    }
    with atomic_output(path) as partial:
        save_file(tensors, partial, metadata)


def _to_half(tensor: torch.Tensor) -> torch.Tensor:
    """Convert to float16, unless a value is too large, such as the variance of a batch norm."""
    tensor = tensor.detach().cpu().contiguous()
    if tensor.is_floating_point() and tensor.abs().max() <= _MAX_FLOAT16:
        tensor = tensor.half()
    return tensor.clone()
