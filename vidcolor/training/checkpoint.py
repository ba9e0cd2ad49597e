"""Files of a training run: initial weights, checkpoints, and the weights that it writes.

A checkpoint is one file of torch.save that is replaced atomically and read with `weights_only`,
which never executes code. It has no state of random number generators, because all random numbers
follow from the seed and the step.
"""

from __future__ import annotations

import json
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from pydantic import Field

from vidcolor._version import __version__
from vidcolor.errors import InputError, UsageError, WeightsError
from vidcolor.fileio import atomic_output
from vidcolor.generators import load_encoder
from vidcolor.generators.network import EmbeddedNetwork, NetworkConfig
from vidcolor.generators.store.weights import read_weights
from vidcolor.schema import Record
from vidcolor.training.config import TrainingConfig

if TYPE_CHECKING:
    from pathlib import Path

    from vidcolor.training.trainer import Trainer

VERSION = 4
"""Version of the file format. Other versions are rejected."""
FILE = "checkpoint.pt"
"""Name of the checkpoint in the run folder."""
OLD_FILE = "checkpoint.safetensors"
"""Name of the checkpoint of version 0.1.0, which cannot be resumed."""
SCRATCH = "scratch"
"""Value of `TrainingConfig.start` for an ImageNet encoder and a random decoder."""
_MAX_FLOAT16 = 65504.0


class RunIdentity(Record):
    """Everything that must be equal for a resumed run to produce the same weights."""

    config: TrainingConfig
    photographs: str
    """Digest of the training photographs; the next two are empty if there are none."""
    replay: str = Field(title="replay photographs")
    validation: str = Field(title="validation photographs")
    """They calibrate the confidence."""
    start: str = Field(title="initial weights")
    """Digest of the initial weights; empty for a network from scratch."""
    processes: int = Field(title="number of processes")
    """Each process draws its own batches."""
    device: str
    """Device type: ``cpu``, ``cuda`` or ``mps``."""
    precision: str

    def describe_differences(self, other: RunIdentity) -> str:
        """Describe each difference, for example ``size 160, not 128; different device``."""
        settings = [
            f"{name.replace('_', ' ')} {value}, not {getattr(other.config, name)}"
            for name, value in self.config
            if value != getattr(other.config, name)
        ]
        rest = [
            f"different {field.title or name}"
            for name, field in RunIdentity.model_fields.items()
            if name != "config" and getattr(self, name) != getattr(other, name)
        ]
        return "; ".join(settings + rest)


class CheckpointState(Record):
    """All values of a checkpoint that are not tensors."""

    identity: RunIdentity
    steps_done: int = 0
    steps: int | None
    """Number of steps of the run; None until it is computed from ``minutes``."""
    seconds: float = 0.0
    """Training time over all attempts."""
    threads: int
    """Number of CPU threads of torch. It changes the last digits of sums, so a resumed run uses the
    same number."""

    @property
    def is_finished(self) -> bool:
        """Whether the run has reached its last step."""
        return self.steps_done == self.steps


def save(path: Path, trainer: Trainer, state: CheckpointState) -> None:
    """Write a checkpoint and atomically replace the previous one."""
    content = {
        "version": VERSION,
        "state": state.model_dump_json(),
        "network": trainer.network.state_dict(),
        "average": trainer.average.state_dict(),
        "optimizer": trainer.optimizer.state_dict(),
        "reward": trainer.objective.reward,
        "prior": trainer.objective.prior,
    }
    with atomic_output(path) as partial:
        torch.save(content, partial)


def read(path: Path) -> tuple[CheckpointState, dict[str, Any]] | None:
    """Return the state and the tensors of a checkpoint, or None if the file does not exist.

    Raises:
        InputError: the file is damaged, or was written by another version.
    """
    old = path.with_name(OLD_FILE)
    if not path.exists() and not old.exists():
        return None
    try:
        if not path.exists():
            path = old
            raise ValueError("version")
        content: dict[str, Any] = torch.load(path, "cpu", weights_only=True)
        if content["version"] != VERSION:
            raise ValueError("version")
        return CheckpointState.model_validate_json(content["state"]), content
    except (UnpicklingError, UsageError, RuntimeError, ValueError, KeyError, EOFError, OSError):
        raise InputError(
            f"{path}: not a checkpoint of this version of vidcolor; use --restart to start again"
        ) from None


def restore(trainer: Trainer, content: dict[str, Any], path: Path) -> None:
    """Load the tensors of a checkpoint into a trainer with the same configuration.

    Raises:
        InputError: the tensors do not fit the trainer; `path` is named.
    """
    try:
        for name in ("network", "average", "optimizer"):
            getattr(trainer, name).load_state_dict(content[name])
        trainer.objective.reward.copy_(content["reward"])
    except (RuntimeError, KeyError, ValueError):
        raise InputError(
            f"{path}: does not fit this network; use --restart to start again"
        ) from None


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
    """Load packaged weights or a .safetensors file, with separate batch norms, in float32.

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
