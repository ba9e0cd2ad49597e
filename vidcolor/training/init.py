"""Where training starts from: trained weights, or an encoder that only knows ImageNet."""

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


@dataclass(frozen=True, slots=True)
class InitialWeights:
    """A network to start from; training changes copies of it."""

    network: EmbeddedNetwork
    """float32, on the CPU, in evaluation mode, without gradients."""
    name: str
    digest: str
    """SHA-256 of the weights file; empty for a network from scratch."""

    def copy(self) -> EmbeddedNetwork:
        """The same network again, to be changed."""
        return copy.deepcopy(self.network)


def load_initial_weights(recipe: TrainingConfig) -> InitialWeights:
    """Load or make what a recipe starts from.

    Raises:
        WeightsError: the weights are missing, damaged, or for something else.
    """
    if recipe.start != SCRATCH:
        return network_of(recipe.start)
    torch.manual_seed(recipe.seed)
    network = EmbeddedNetwork(NetworkConfig())
    network.encoder.load_state_dict(load_encoder().state_dict())
    return InitialWeights(network.eval().requires_grad_(False), SCRATCH, "")


def network_of(model: str) -> InitialWeights:
    """The network of trained weights, as training needs it: unfolded, in float32.

    Args:
        model: name of packaged weights, or the path of a .safetensors file.

    Raises:
        WeightsError: the weights are missing, damaged, or for something else.
    """
    weights = read_weights(model)
    try:
        network = EmbeddedNetwork(NetworkConfig.from_json(weights.metadata["config"]))
        tensors = {name: tensor.float() for name, tensor in weights.tensors.items()}
        missing, unexpected = network.load_state_dict(tensors, strict=False)
        # Files leave out how many batches the norms have seen, which means nothing now.
        if unexpected or any(not name.endswith("num_batches_tracked") for name in missing):
            raise ValueError("other tensors")
    except (KeyError, ValueError, RuntimeError):
        raise WeightsError(
            f"{weights.path}: not weights of vidcolor's network; start from embedded, or from "
            "weights that vidcolor train made"
        ) from None
    return InitialWeights(network.eval().requires_grad_(False), weights.name, weights.digest)
