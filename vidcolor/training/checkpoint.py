"""Checkpoints of a training run.

A checkpoint is one safetensors file that is replaced atomically: the network, its moving average,
the moments of the optimizer, the reward and the prior, and `CheckpointState` as JSON in the
metadata. Reading it never executes code. It has no state of random number generators, because all
random numbers follow from the seed and the step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from vidcolor.errors import InputError, UsageError
from vidcolor.fileio import atomic_output
from vidcolor.schema import Record
from vidcolor.training.config import TrainingConfig

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torch import Tensor

    from vidcolor.training.trainer import Trainer

VERSION = 4
"""Version of the file format. Other versions are rejected."""
FILE = "checkpoint.safetensors"
"""Name of the checkpoint in the run folder."""
_DESCRIPTIONS = {
    "photographs": "photographs",
    "replay": "replay photographs",
    "validation": "validation photographs",
    "start": "initial weights",
    "processes": "number of processes",
    "device": "device",
    "precision": "precision",
}
"""Descriptions of the fields of `RunIdentity` in messages."""


class RunIdentity(Record):
    """Everything that must be equal for a resumed run to produce the same weights."""

    config: TrainingConfig
    photographs: str
    """Digest of the training photographs."""
    replay: str
    """Digest of the replay photographs; empty if there are none."""
    validation: str
    """Digest of the validation photographs, which calibrate the confidence; empty if there are
    none."""
    start: str
    """Digest of the initial weights; empty for a network from scratch."""
    processes: int
    """Number of processes, each of which draws its own batches."""
    device: str
    """Device type: ``cpu``, ``cuda`` or ``mps``."""
    precision: str
    """Precision of the forward passes: ``fp32`` or ``bf16``."""

    def describe_differences(self, other: RunIdentity) -> str:
        """Describe each difference, for example ``size 160, not 128; different device``."""
        settings = [
            f"{name.replace('_', ' ')} {value}, not {getattr(other.config, name)}"
            for name, value in self.config
            if value != getattr(other.config, name)
        ]
        rest = [
            f"different {description}"
            for name, description in _DESCRIPTIONS.items()
            if getattr(self, name) != getattr(other, name)
        ]
        return "; ".join(settings + rest)


class CheckpointState(Record):
    """All values of a checkpoint that are not tensors."""

    identity: RunIdentity
    steps_done: int = 0
    """Number of optimizer steps so far."""
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
    """Write a checkpoint and atomically replace the previous one.

    Raises:
        OutputError: the file cannot be written.
    """
    from safetensors.torch import save_file

    # safetensors rejects two names for the same memory.
    tensors = {n: tensor.detach().cpu().contiguous().clone() for n, tensor in _tensors(trainer)}
    metadata = {"version": str(VERSION), "state": state.model_dump_json()}
    with atomic_output(path) as partial:
        save_file(tensors, partial, metadata)


def read_state(path: Path) -> CheckpointState | None:
    """Return the state of a checkpoint, or None if the file does not exist.

    Raises:
        InputError: the file is damaged, or was written by another version.
    """
    from safetensors import SafetensorError, safe_open

    if not path.exists():
        return None
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
        if metadata.get("version") != str(VERSION):
            raise ValueError("version")
        return CheckpointState.model_validate_json(metadata["state"])
    except (SafetensorError, UsageError, ValueError, KeyError, OSError):
        raise InputError(
            f"{path}: not a checkpoint of this version of vidcolor; use --restart to start again"
        ) from None


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint that `read_state` accepted; ``prior`` is the bin prior."""
    from safetensors.torch import load

    # `load_file` would map the file, which Windows does not replace while it is mapped.
    return load(path.read_bytes())


def restore(trainer: Trainer, tensors: dict[str, Tensor], path: Path) -> None:
    """Load the tensors of a checkpoint into a trainer with the same configuration.

    Raises:
        InputError: the tensors do not fit the trainer; `path` is named.
    """
    try:
        trainer.network.load_state_dict(_with_prefix(tensors, "network."))
        trainer.average.load_state_dict(_with_prefix(tensors, "average."))
        trainer.objective.reward.copy_(tensors["reward"])
        _restore_optimizer(trainer.optimizer, _with_prefix(tensors, "optimizer."))
    except (RuntimeError, KeyError, ValueError):
        raise InputError(
            f"{path}: does not fit this network; use --restart to start again"
        ) from None


def _tensors(trainer: Trainer) -> Iterator[tuple[str, Tensor]]:
    """Yield all tensors of a trainer with their names in the file."""
    yield "reward", trainer.objective.reward
    yield "prior", trainer.objective.prior
    for prefix, network in (("network", trainer.network), ("average", trainer.average)):
        for name, tensor in network.state_dict().items():
            yield f"{prefix}.{name}", tensor
    for number, state in trainer.optimizer.state_dict()["state"].items():
        for name, value in state.items():
            yield f"optimizer.{number}.{name}", torch.as_tensor(value)


def _restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Load the moments of an optimizer. Its learning rates follow from the step."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        number, _, name = key.partition(".")
        state.setdefault(int(number), {})[name] = tensor.clone()
    # The groups follow from the configuration, which is the same.
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _with_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose name starts with a prefix, without the prefix."""
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
