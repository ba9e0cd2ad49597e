"""Initial weights of a training run."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from vidcolor.errors import WeightsError
from vidcolor.generators import load_encoder
from vidcolor.generators.network import EmbeddedNetwork, NetworkConfig
from vidcolor.generators.store.weights import read_weights

if TYPE_CHECKING:
    from vidcolor.training.config import TrainingConfig

SCRATCH = "scratch"
"""Value of `TrainingConfig.start` for an ImageNet encoder and a random decoder."""


@dataclass(frozen=True, slots=True)
class InitialWeights:
    """The network at the start of a run. Training changes copies of it only."""

    network: EmbeddedNetwork
    """float32, on the CPU, in evaluation mode, without gradients."""
    name: str
    """Name of the weights in reports."""
    digest: str
    """SHA-256 of the weights file; empty for a network from scratch."""

    def copy(self) -> EmbeddedNetwork:
        """Return a copy of the network."""
        return copy.deepcopy(self.network)


def load_initial_weights(config: TrainingConfig) -> InitialWeights:
    """Load or create the network that `TrainingConfig.start` names.

    Raises:
        WeightsError: the weights are missing, damaged, or for another network.
    """
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
