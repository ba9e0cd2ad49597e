"""Checkpoints of a training run.

A checkpoint is one safetensors file that is replaced atomically. Its tensors are the network, its
moving average, the state of the optimizers and the discriminator. `CheckpointState` is JSON in the
metadata of the file. Reading a checkpoint never executes code. It has no state of random number
generators, because all random numbers follow from the seed and the step.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch

from vidcolor.errors import InputError
from vidcolor.fileio import atomic_output

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torch import Tensor

    from vidcolor.training.trainer import Trainer

VERSION = 3
"""Version of the file format. Other versions are rejected."""
FILE = "checkpoint.safetensors"
"""Name of the checkpoint in the run folder."""


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """Everything that must be equal for a resumed run to produce the same weights."""

    config: dict[str, Any]
    """The configuration, from `TrainingConfig.to_dict`."""
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

    def describe_differences(self, other: RunIdentity) -> list[str]:
        """Describe each field other than `config` that differs from `other`."""
        descriptions = {
            "photographs": "different photographs",
            "replay": "different replay photographs",
            "validation": "different validation photographs",
            "start": "different initial weights",
            "processes": "different number of processes",
            "device": "different device",
            "precision": "different precision",
        }
        return [
            description
            for name, description in descriptions.items()
            if getattr(self, name) != getattr(other, name)
        ]


@dataclass(frozen=True, slots=True)
class CheckpointState:
    """All values of a checkpoint that are not tensors."""

    identity: RunIdentity
    steps_done: int
    """Number of optimizer steps so far."""
    steps: int | None
    """Number of steps of the run; None until it is computed from ``minutes``."""
    seconds: float
    """Training time over all attempts."""
    threads: int
    """Number of CPU threads of torch. It changes the last digits of sums, so a resumed run uses the
    same number."""


def save(path: Path, trainer: Trainer, prior: Tensor, state: CheckpointState) -> None:
    """Write a checkpoint and atomically replace the previous one.

    Args:
        path: the checkpoint file.
        trainer: the trainer to save.
        prior: bin prior of the run, (Q,) float32.
        state: the values that are not tensors.

    Raises:
        OutputError: the file cannot be written.
    """
    from safetensors.torch import save_file

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in _tensors(trainer)}
    # safetensors rejects two names for the same memory.
    tensors = {name: tensor.clone() for name, tensor in tensors.items()}
    metadata = {"version": str(VERSION), "state": json.dumps(asdict(state))}
    with atomic_output(path) as partial:
        save_file({**tensors, "prior": prior}, partial, metadata)


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
        state = json.loads(metadata["state"])
        return CheckpointState(**{**state, "identity": RunIdentity(**state["identity"])})
    except (SafetensorError, ValueError, KeyError, TypeError, OSError):
        raise InputError(
            f"{path}: not a checkpoint of this version of vidcolor; use --restart to start again"
        ) from None


def read_prior(path: Path) -> Tensor:
    """Return the bin prior of a checkpoint that `read_state` accepted, (Q,) float32."""
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        prior: Tensor = file.get_tensor("prior")
    return prior


def load(path: Path, trainer: Trainer, state: CheckpointState) -> None:
    """Load the tensors of a checkpoint into a trainer with the same configuration.

    Args:
        path: the checkpoint file.
        trainer: the trainer to change.
        state: value of `read_state`.

    Raises:
        InputError: the tensors do not fit the trainer.
    """
    from safetensors.torch import load_file

    try:
        tensors = load_file(path)
        trainer.network.load_state_dict(_with_prefix(tensors, "network."))
        trainer.average.load_state_dict(_with_prefix(tensors, "average."))
        trainer.objective.reward.copy_(tensors["reward"])
        _load_optimizer(trainer.optimizer, _with_prefix(tensors, "optimizer."))
        if trainer.discriminator is not None:
            trainer.discriminator.network.load_state_dict(_with_prefix(tensors, "discriminator."))
            _load_optimizer(
                trainer.discriminator.optimizer, _with_prefix(tensors, "discriminator_optimizer.")
            )
    except (RuntimeError, KeyError, ValueError):
        raise InputError(
            f"{path}: does not fit this network; use --restart to start again"
        ) from None
    trainer.steps_done = state.steps_done


def _tensors(trainer: Trainer) -> Iterator[tuple[str, Tensor]]:
    """Yield all tensors of a trainer except the prior, with their names in the file."""
    for name, tensor in trainer.network.state_dict().items():
        yield f"network.{name}", tensor
    for name, tensor in trainer.average.state_dict().items():
        yield f"average.{name}", tensor
    yield "reward", trainer.objective.reward
    yield from _optimizer_tensors("optimizer.", trainer.optimizer)
    if trainer.discriminator is not None:
        for name, tensor in trainer.discriminator.network.state_dict().items():
            yield f"discriminator.{name}", tensor
        yield from _optimizer_tensors("discriminator_optimizer.", trainer.discriminator.optimizer)


def _optimizer_tensors(
    prefix: str, optimizer: torch.optim.Optimizer
) -> Iterator[tuple[str, Tensor]]:
    for number, state in optimizer.state_dict()["state"].items():
        for name, value in state.items():
            yield f"{prefix}{number}.{name}", torch.as_tensor(value)


def _load_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Load the moments of an optimizer. Its learning rates follow from the step."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        number, _, name = key.partition(".")
        state.setdefault(int(number), {})[name] = tensor
    # The groups follow from the configuration, which is the same.
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _with_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose name starts with a prefix, without the prefix."""
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
