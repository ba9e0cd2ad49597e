"""The interface between a training run and its task: what a run trains, and on what.

`vidcolor.training.run.TASKS` lists the tasks.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, TypeVar

from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import torch

    from vidcolor.generators.device import Precision
    from vidcolor.imaging.types import Rgb
    from vidcolor.training.config import RunOptions, TrainingConfig
    from vidcolor.training.dataset import PhotoStore
    from vidcolor.training.distributed import ProcessGroup
    from vidcolor.training.report import ValidationMetrics
    from vidcolor.training.stream import BatchStream
    from vidcolor.training.weights import InitialWeights

Network = TypeVar("Network", bound=nn.Module)
PackedBatch = TypeVar("PackedBatch")

Losses = dict[str, Tensor]
"""Unweighted losses by name, each () float32 without gradient."""


class LossOutput(NamedTuple):
    """Losses of one batch."""

    total: Tensor
    """The weighted sum, () float32 with gradient."""
    losses: Losses
    statistics: Tensor | None = None
    """Values for `Objective.update`, (`Objective.num_statistics`,) float32 without gradient."""


class Objective(ABC, Generic[Network, PackedBatch]):
    """The losses of a task, with their state."""

    num_statistics: ClassVar[int] = 0
    """Number of values in `LossOutput.statistics`."""

    @abstractmethod
    def compute(self, network: Network, batch: PackedBatch) -> LossOutput:
        """Run a network on a batch and compute its losses."""

    # The next three methods are for objectives with a state.
    def update(self, statistics: Tensor) -> None:
        """Adjust the state after a step.

        Args:
            statistics: sum of `LossOutput.statistics` over the batches of the step, averaged over
                all processes.
        """

    def state(self) -> dict[str, Tensor]:
        """Return the state for a checkpoint; see `TrainingTask.create_objective`."""
        return {}


class Validator(ABC, Generic[Network]):
    """Measures networks in evaluation mode, on the device, on one set of photographs."""

    @abstractmethod
    def measure(self, network: Network) -> ValidationMetrics:
        """Return the metrics of a network."""

    # Only some networks have values that are fitted instead of trained.
    def calibrate(self, network: Network) -> None:
        """Fit the values of a network that are not trained, at the end of a run."""

    @abstractmethod
    def draw_images(self, network: Network) -> dict[str, Rgb]:
        """Return labeled rows of example images, (n, S, S, 3) uint8 each."""


class TrainingTask(ABC, Generic[Network, PackedBatch]):
    """The network, batches, losses and metrics of a run."""

    card: ClassVar[str]
    """Template of the model card in ``templates/``."""
    accepts_replay: ClassVar[bool] = False
    """Whether replay photographs can be mixed into the batches."""
    start: InitialWeights[Network]
    """Network at the start of the run."""
    features: str = ""
    """SHA-256 of the weights of a fixed network whose features are the input; empty without one."""

    def __init__(self, config: TrainingConfig, device: torch.device, precision: Precision) -> None:
        """Load or create the initial network.

        Raises:
            WeightsError: weights are missing, damaged, or for another network.
        """
        self.config, self.device, self.precision = config, device, precision

    @abstractmethod
    def load(self, model: str) -> InitialWeights[Network]:
        """Load weights of the network: packaged ones or a .safetensors file.

        Raises:
            WeightsError: the weights are missing, damaged, or for another network.
        """

    @abstractmethod
    def create_stream(
        self, photos: PhotoStore, replay: PhotoStore | None, group: ProcessGroup
    ) -> BatchStream[PackedBatch]:
        """Return the batches of a process, from the training and the replay photographs."""

    @abstractmethod
    def create_objective(
        self, photos: PhotoStore, state: Mapping[str, Tensor] | None
    ) -> Objective[Network, PackedBatch]:
        """Create the losses for training photographs; `state` is that of a checkpoint."""

    @abstractmethod
    def parameter_groups(self, network: Network) -> list[dict[str, Any]]:
        """Select the trained parameters, whose `requires_grad` this method sets.

        Returns:
            Parameter groups of AdamW, each with its learning rate relative to that of the
            configuration, ``factor``.
        """

    @abstractmethod
    def set_training_mode(self, network: Network) -> None:
        """Set the modes of all modules for a training step."""

    @abstractmethod
    def create_validator(
        self, photos: PhotoStore, options: RunOptions
    ) -> Validator[Network] | None:
        """Create the validator; None if nothing in the photographs can be measured."""

    @abstractmethod
    def save(self, path: Path, network: Network, steps: int) -> None:
        """Write the weights of a network after a number of steps.

        Raises:
            OutputError: the file cannot be written.
        """
