"""Checkpoints of a training run.

A checkpoint is one file of torch.save that is replaced atomically and read with `weights_only`,
which never executes code. It has no state of random number generators, because all random numbers
follow from the seed and the step.
"""

from __future__ import annotations

from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

import torch
from pydantic import Field

from vidcolor.errors import InputError, UsageError
from vidcolor.fileio import atomic_output
from vidcolor.schema import Record
from vidcolor.training.config import TrainingConfig

if TYPE_CHECKING:
    from pathlib import Path

    from vidcolor.training.trainer import Trainer

VERSION = 5
"""Version of the file format. Other versions are rejected."""
FILE = "checkpoint.pt"
"""Name of the checkpoint in the run folder."""
OLD_FILE = "checkpoint.safetensors"
"""Name of the checkpoint of version 0.1.0, which cannot be resumed."""


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
    features: str
    """Digest of the weights whose features are the input; empty without them."""
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


def save(path: Path, trainer: Trainer[Any, Any], state: CheckpointState) -> None:
    """Write a checkpoint and atomically replace the previous one."""
    content = {
        "version": VERSION,
        "state": state.model_dump_json(),
        "network": trainer.network.state_dict(),
        "average": trainer.average.state_dict(),
        "optimizer": trainer.optimizer.state_dict(),
        "objective": trainer.objective.state(),
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


def restore(trainer: Trainer[Any, Any], content: dict[str, Any], path: Path) -> None:
    """Load the networks and the optimizer into a trainer with the same configuration.

    `TrainingTask.create_objective` loads the state of the objective, ``objective``.

    Raises:
        InputError: the tensors do not fit the trainer; `path` is named.
    """
    try:
        for name in ("network", "average", "optimizer"):
            getattr(trainer, name).load_state_dict(content[name])
    except (RuntimeError, KeyError, ValueError):
        raise InputError(
            f"{path}: does not fit this network; use --restart to start again"
        ) from None
