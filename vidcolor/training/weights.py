"""Weights files: the initial weights of a run and its result."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import torch

from vidcolor._version import __version__
from vidcolor.errors import WeightsError
from vidcolor.fileio import atomic_output
from vidcolor.generators import load_encoder
from vidcolor.generators.network import EmbeddedNetwork, NetworkConfig
from vidcolor.generators.store.weights import read_weights

if TYPE_CHECKING:
    from pathlib import Path

    from vidcolor.training.config import TrainingConfig

SCRATCH = "scratch"
"""Value of `TrainingConfig.start` for an ImageNet encoder and a random decoder."""
_MAX_FLOAT16 = 65504.0
"""Maximum finite float16 number."""


class InitialWeights(NamedTuple):
    """The network at the start of a run. Training changes copies of it only."""

    network: EmbeddedNetwork
    """float32, on the CPU, in evaluation mode, without gradients."""
    name: str
    """Name of the weights in reports."""
    digest: str
    """SHA-256 of the weights file; empty for a network from scratch."""


def load_initial_weights(config: TrainingConfig) -> InitialWeights:
    """Load or create the network that `TrainingConfig.start` names; see `load_network`."""
    if config.start != SCRATCH:
        return load_network(config.start)
    torch.manual_seed(config.seed)
    network = EmbeddedNetwork(NetworkConfig())
    network.encoder.load_state_dict(load_encoder().state_dict())
    return InitialWeights(network.eval().requires_grad_(False), SCRATCH, "")


def load_network(model: str) -> InitialWeights:
    """Load trained weights with separate batch norms, in float32.

    Args:
        model: name of packaged weights, or path of a .safetensors file.

    Raises:
        WeightsError: the weights are missing, damaged, or for another network.
    """
    weights = read_weights(model)
    try:
        # A file for inference may have float16 tensors; training needs float32.
        network = EmbeddedNetwork(NetworkConfig.from_json(weights.metadata["config"]))
        tensors = {name: tensor.float() for name, tensor in weights.tensors.items()}
        missing, unexpected = network.load_state_dict(tensors, strict=False)
        # Weights files omit `num_batches_tracked`, which training does not use.
        if unexpected or any(not name.endswith("num_batches_tracked") for name in missing):
            raise ValueError("tensors of another network")
    except (KeyError, ValueError, RuntimeError):
        raise WeightsError(
            f"{weights.path}: not weights of the embedded network; start from embedded or from "
            "weights that vidcolor trained"
        ) from None
    return InitialWeights(network.eval().requires_grad_(False), weights.name, weights.digest)


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
    training = config.model_dump(mode="json")
    provenance = {"training": training, "steps": steps, "vidcolor": __version__}
    metadata = {
        "version": "1",
        "config": network.config.to_json(),
        "vidcolor": path.stem,
        "provenance": json.dumps(provenance, sort_keys=True),
        "format": "pt",
    }
    with atomic_output(path) as partial:
        save_file({name: _to_half(tensor) for name, tensor in state.items()}, partial, metadata)


def _to_half(tensor: torch.Tensor) -> torch.Tensor:
    """Convert to float16, unless a value is too large, such as the variance of a batch norm."""
    tensor = tensor.detach().cpu().contiguous()
    if tensor.is_floating_point() and tensor.abs().max() <= _MAX_FLOAT16:
        tensor = tensor.half()
    return tensor.clone()
