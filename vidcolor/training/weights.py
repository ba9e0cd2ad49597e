"""Weights files of training runs: those that a run starts from, and those that it writes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from torch import Tensor, nn

from vidcolor._version import __version__
from vidcolor.fileio import atomic_output

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from vidcolor.training.config import TrainingConfig

Network = TypeVar("Network", bound=nn.Module)

SCRATCH = "scratch"
"""Value of `TrainingConfig.start` for a network that is not trained yet."""
_MAX_FLOAT16 = 65504.0


class InitialWeights(NamedTuple, Generic[Network]):
    """The network at the start of a run. Training changes copies of it only."""

    network: Network
    """float32, on the CPU, in evaluation mode, without gradients."""
    name: str
    """Name of the weights in reports."""
    digest: str
    """SHA-256 of the weights file; empty for a network from scratch."""


def save_weights(
    path: Path,
    network: nn.Module,
    metadata: Mapping[str, str],
    config: TrainingConfig,
    steps: int,
) -> None:
    """Write a network in float16, with its provenance and further metadata.

    Raises:
        OutputError: the file cannot be written.
    """
    from safetensors.torch import save_file

    # `num_batches_tracked` is used by batch norms without momentum only.
    state = {n: t for n, t in network.state_dict().items() if not n.endswith("batches_tracked")}
    training = config.model_dump(mode="json")
    provenance = {"training": training, "steps": steps, "vidcolor": __version__}
    common = {
        "version": "1",
        "vidcolor": path.stem,
        "provenance": json.dumps(provenance, sort_keys=True),
        "format": "pt",
    }
    with atomic_output(path) as partial:
        tensors = {name: _to_half(tensor) for name, tensor in state.items()}
        save_file(tensors, partial, {**metadata, **common})


def _to_half(tensor: Tensor) -> Tensor:
    """Convert to float16, unless a value is too large, such as the variance of a batch norm."""
    tensor = tensor.detach().cpu().contiguous()
    if tensor.is_floating_point() and tensor.abs().max() <= _MAX_FLOAT16:
        tensor = tensor.half()
    return tensor.clone()
