"""The state of a run on disk: one safetensors file, so it is whole or not there at all.

The tensors are the network, its average, both optimizers' state and the discriminator; the facts
(step, length of the run, time used, recipe, digests of pictures and starting weights) are JSON in
the file's metadata. Nothing in it can run code when read. There is no state of random numbers: all
that is drawn follows from the recipe's seed and the step.
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

VERSION = 2
FILE = "checkpoint.safetensors"


@dataclass(frozen=True, slots=True)
class Identity:
    """What must be the same for a run to go on as if it had never stopped."""

    recipe: dict[str, Any]
    photographs: str
    """Digest of the pictures learned from."""
    rehearsal: str
    """Digest of the rehearsal pictures; empty without."""
    validation: str
    """Digest of the held-out pictures, on which confidence is calibrated; empty without."""
    start: str
    """Digest of the starting weights."""
    processes: int
    device: str
    """Kind of device: ``cpu``, ``cuda``, ``mps``."""
    precision: str


@dataclass(frozen=True, slots=True)
class Facts:
    """All of a checkpoint that is not a tensor."""

    identity: Identity
    steps_done: int
    steps: int | None
    """Length of the run; None while it is not settled."""
    seconds: float
    """Time used, over all attempts."""
    threads: int
    """Of torch on the CPU: sums depend on it in the last digits, so a resumed run takes over."""


def save(path: Path, trainer: Trainer, prior: Tensor, facts: Facts) -> None:
    """Write a checkpoint, replacing the one before in one step.

    Raises:
        OutputError: the disk is full or refuses.
    """
    from safetensors.torch import save_file

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in _tensors(trainer)}
    # Clones: safetensors refuses two names for one piece of memory.
    tensors = {name: tensor.clone() for name, tensor in tensors.items()}
    metadata = {"version": str(VERSION), "facts": json.dumps(asdict(facts))}
    with atomic_output(path) as partial:
        save_file({**tensors, "prior": prior}, partial, metadata)


def read_facts(path: Path) -> Facts | None:
    """The facts of a checkpoint; None if there is none.

    Raises:
        InputError: it is damaged, or another version's.
    """
    from safetensors import SafetensorError, safe_open

    if not path.exists():
        return None
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
        if metadata.get("version") != str(VERSION):
            raise ValueError("version")
        facts = json.loads(metadata["facts"])
        return Facts(**{**facts, "identity": Identity(**facts["identity"])})
    except (SafetensorError, ValueError, KeyError, TypeError, OSError):
        raise InputError(
            f"{path}: not a checkpoint of this version of vidcolor; say --restart to begin anew"
        ) from None


def read_prior(path: Path) -> Tensor:
    """The bins' prior that a run began with: (Q,) float32."""
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        prior: Tensor = file.get_tensor("prior")
    return prior


def load(path: Path, trainer: Trainer, facts: Facts) -> None:
    """Put a checkpoint's tensors into a trainer that was made as the one it was saved from.

    Raises:
        InputError: it does not fit.
    """
    from safetensors.torch import load_file

    try:
        tensors = load_file(path)
        trainer.network.load_state_dict(_part(tensors, "network."))
        trainer.average.load_state_dict(_part(tensors, "average."))
        trainer.objective.reward.copy_(tensors["reward"])
        _load_optimizer(trainer.optimizer, _part(tensors, "optimizer."))
        if trainer.discriminator is not None:
            trainer.discriminator.network.load_state_dict(_part(tensors, "discriminator."))
            _load_optimizer(
                trainer.discriminator.optimizer, _part(tensors, "discriminator_optimizer.")
            )
    except (RuntimeError, KeyError, ValueError):
        raise InputError(
            f"{path}: does not fit this network; say --restart to begin anew"
        ) from None
    trainer.steps_done = facts.steps_done


def _tensors(trainer: Trainer) -> Iterator[tuple[str, Tensor]]:
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
    """Give an optimizer its moments; its rates follow from the step and are not state."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        number, _, name = key.partition(".")
        state.setdefault(int(number), {})[name] = tensor
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
