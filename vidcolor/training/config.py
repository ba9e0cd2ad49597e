"""Configuration of a training run, and the defaults of each stage.

Two runs with equal `TrainingConfig`, photographs, initial weights and number of processes produce
equal weights. `RunOptions` holds the settings that do not change the weights.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from vidcolor.errors import UsageError
from vidcolor.fileio import TRAINING_RUN_SUFFIX
from vidcolor.schema import Record, describe_error

Stage = Literal["pretrain", "fine-tune"]

SIZE_STEP = 32
"""Largest stride of the network, in pixels; image sizes are multiples of it."""
ENCODER_STAGES = 7
"""Number of encoder stages that can be frozen."""
DEFAULT_HOLDOUT = 0.05
"""Default share of the source files that is held out for validation."""


def _check_size(size: int) -> int:
    # Other sizes would need padding at every stride of the network.
    if size % SIZE_STEP or size < SIZE_STEP:
        raise ValueError(
            f"--size must be a multiple of {SIZE_STEP}, got {size}; use for example 192"
        )
    return size


Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0, le=1000)]
Count = Annotated[int, Field(ge=1, le=4096)]


class TrainingConfig(Record):
    """Settings that determine the weights. `default_config` has the defaults of each stage."""

    stage: Stage = "fine-tune"
    start: str = "embedded"
    """Initial weights: ``embedded``, ``scratch`` (an ImageNet encoder and a random decoder), or the
    path of a .safetensors file that vidcolor trained."""
    steps: int | None = Field(None, ge=1, le=10**8)
    """Number of optimizer steps. Exactly one of `steps` and `minutes` is set."""
    minutes: float | None = Field(None, ge=0.1, le=10**6)
    """Training time in minutes. The number of steps is computed from it once and then fixed."""
    size: Annotated[int, AfterValidator(_check_size)] = Field(192, le=1024)
    """Side of the square training images, in pixels."""
    batch: Count = 16
    """Number of images in each forward pass of each process."""
    accumulate: Count = 1
    """Number of forward passes in each optimizer step."""
    seed: int = Field(0, ge=0, le=2**63 - 1)
    """Seed of all random numbers."""

    learning_rate: Share = 2e-4
    """Maximum learning rate of the decoder."""
    encoder_rate: float = 0.25
    """Learning rate of the encoder, relative to the decoder."""
    hint_rate: float = 4.0
    """Learning rate of the hint attention, relative to the decoder."""
    freeze: int = Field(2, ge=0, le=ENCODER_STAGES)
    """Number of frozen encoder stages, counted from the stem; 7 freezes the whole encoder."""
    freeze_norms: bool = False
    """Whether the batch norms of the decoder keep their statistics. Those of the encoder always
    do."""
    weight_decay: float = 0.01
    """Weight decay of AdamW."""
    betas: tuple[float, float] = (0.9, 0.98)
    """Decay rates of the moments of AdamW."""
    warm_up: int = 200
    """Steps over which the learning rate rises; at most a tenth of the run."""
    final_rate: float = 0.02
    """Final value of the cosine schedule, relative to the maximum learning rate."""
    max_gradient: float = 1.0
    """Maximum norm of the gradients; larger gradients are scaled down."""
    ema: float = Field(0.999, ge=0, le=0.999999)
    """Decay of the moving average of the weights. The average is the result of the run."""

    rebalance: Share = 0.65
    """Exponent of the class weights for rare colors: 0 disables them, 1 is Zhang et al. (2016)."""
    image_weight: Weight = 0.35
    """Weight of the image losses (PSNR and the reward for color), relative to the cross-entropy."""
    colorfulness: float = Field(0.9, ge=0, le=2)
    """Target colorfulness of the predictions during training, relative to the ground truth.
    `vidcolor evaluate` measures about a tenth less on other photographs. `Objective` adjusts the
    reward for color until this target is reached."""
    coherence: Weight = 0.05
    """Weight of the excess variation of the predicted color, per a*b* unit; it reduces blotches."""
    distill: Weight = 0.0
    """Weight of the KL divergence from the predictions of the initial weights."""
    keep: Share = 0.0
    """Share of the initial weights in the result (Wortsman et al., 2022)."""
    replay_share: Share = 0.25
    """Share of the replay photographs in each batch, if there are any."""

    @model_validator(mode="after")
    def _check_combination(self) -> Self:
        if (self.steps is None) == (self.minutes is None):
            if self.steps:
                raise ValueError("use either --steps or --minutes, not both")
            raise ValueError("the length of the run is missing; use --steps or --minutes")
        if self.start == "scratch" and self.stage != "pretrain":
            raise ValueError(f"stage {self.stage} needs trained weights; --start is scratch")
        return self


_STAGE_DEFAULTS: dict[Stage, dict[str, Any]] = {
    "pretrain": {},
    # A few images could damage the encoder and the norm statistics, so both are frozen.
    "fine-tune": {
        "learning_rate": 1e-4, "freeze": ENCODER_STAGES, "freeze_norms": True, "warm_up": 50,
        "distill": 0.5,
    },
}  # fmt: skip


def default_config(stage: Stage, **choices: Any) -> TrainingConfig:
    """Return the configuration of a stage: its defaults, overridden by `choices`.

    Args:
        stage: the stage.
        choices: fields of `TrainingConfig`. None selects the default of the stage.

    Raises:
        UsageError: a value is out of range, or values contradict each other.
    """
    chosen = {name: value for name, value in choices.items() if value is not None}
    try:
        return TrainingConfig(**{"stage": stage, **_STAGE_DEFAULTS[stage], **chosen})
    except ValidationError as error:
        text = describe_error(error, TrainingConfig, lambda name: name.replace("_", " "))
        raise UsageError(text) from None


class RunOptions(Record):
    """Sources, outputs and hardware of a run.

    Device and precision change the last digits of the weights, so a run only resumes with the
    values that it was started with.
    """

    sources: tuple[Path, ...]
    """Training photographs: directories, tar shards, films and image files."""
    out: Path
    """The weights file to write."""
    validation: tuple[Path, ...] = ()
    """Validation photographs; if empty, `holdout` of the sources is held out."""
    replay: tuple[Path, ...] = ()
    """Photographs of other kinds. They are mixed in to prevent catastrophic forgetting."""
    holdout: float = DEFAULT_HOLDOUT
    """Share of the source files that is held out for validation."""
    cache: Path | None = None
    """Directory of the decoded images; None for a directory in the run folder."""
    device: str = "auto"
    """``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``."""
    precision: str = "auto"
    """``auto``, ``fp32`` or ``bf16``."""
    workers: int = 1
    """Number of processes that prepare batches; 0 prepares them in the training process."""
    checkpoint_minutes: float = 5.0
    """Time between checkpoints in minutes; 0 writes one after every step."""
    validations: int = 8
    """Number of evenly spaced validations, in addition to the first and the last."""
    validation_images: int = 128
    """Maximum number of held-out images that are measured."""
    validation_size: int = 256
    """Side of the measured images, in pixels."""
    restart: bool = False
    """Ignore an existing checkpoint."""
    force: bool = False
    """Replace existing results."""
    command: str = ""
    """The command line, for the model card."""

    @property
    def folder(self) -> Path:
        """Directory of the checkpoint, the log and the plots: ``OUT.train`` beside the weights."""
        return self.out.with_name(f"{self.out.stem}{TRAINING_RUN_SUFFIX}")
