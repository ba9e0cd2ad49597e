"""Configuration of a training run, and the defaults of each stage.

Two runs with equal `TrainingConfig`, photographs, initial weights and number of processes produce
equal weights. `RunOptions` holds the settings that do not change the weights.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

from vidcolor.errors import UsageError
from vidcolor.fileio import TRAINING_RUN_SUFFIX

Stage = Literal["pretrain", "adversarial", "fine-tune"]
STAGES: tuple[Stage, ...] = get_args(Stage)

SIZE_STEP = 32
"""Largest stride of the network, in pixels; image sizes are multiples of it."""
ENCODER_STAGES = 7
"""Number of encoder stages that can be frozen."""
DEFAULT_HOLDOUT = 0.05
"""Default share of the source files that is held out for validation."""


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """Settings that determine the weights. `default_config` has the defaults of each stage."""

    stage: Stage = "fine-tune"
    start: str = "embedded"
    """Initial weights: ``embedded``, ``scratch`` (an ImageNet encoder and a random decoder), or the
    path of a .safetensors file that vidcolor trained."""
    steps: int | None = None
    """Number of optimizer steps. Exactly one of `steps` and `minutes` is set."""
    minutes: float | None = None
    """Training time in minutes. The number of steps is computed from it once and then fixed."""
    size: int = 192
    """Side of the square training images, in pixels."""
    batch: int = 16
    """Number of images in each forward pass of each process."""
    accumulate: int = 1
    """Number of forward passes in each optimizer step."""
    seed: int = 0
    """Seed of all random numbers."""

    learning_rate: float = 2e-4
    """Maximum learning rate of the decoder."""
    encoder_rate: float = 0.25
    """Learning rate of the encoder, relative to the decoder."""
    hint_rate: float = 4.0
    """Learning rate of the hint attention, relative to the decoder."""
    freeze: int = 2
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
    ema: float = 0.999
    """Decay of the moving average of the weights. The average is the result of the run."""

    rebalance: float = 0.65
    """Exponent of the class weights for rare colors: 0 disables them, 1 is Zhang et al. (2016)."""
    image_weight: float = 0.35
    """Weight of the image losses (PSNR and the reward for color), relative to the cross-entropy."""
    colorfulness: float = 0.9
    """Target colorfulness of the predictions during training, relative to the ground truth.
    `vidcolor evaluate` measures about a tenth less on other photographs. `Objective` adjusts the
    reward for color until this target is reached."""
    coherence: float = 0.05
    """Weight of the excess variation of the predicted color, per a*b* unit; it reduces blotches."""
    distill: float = 0.0
    """Weight of the KL divergence from the predictions of the initial weights."""
    keep: float = 0.0
    """Share of the initial weights in the result (Wortsman et al., 2022)."""
    replay_share: float = 0.25
    """Share of the replay photographs in each batch, if there are any."""

    perceptual_weight: float = 1.0
    """Adversarial stage: weight of the perceptual distance."""
    adversarial_weight: float = 0.05
    """Adversarial stage: weight of the adversarial loss."""
    discriminator_rate: float = 2e-4
    """Adversarial stage: learning rate of the discriminator."""
    discriminator_steps: int = 100
    """Adversarial stage: steps at the start of each round that only train the discriminator."""
    joint_steps: int = 200
    """Adversarial stage: steps of each round that train both networks."""

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.minutes is None):
            if self.steps:
                raise UsageError("use either --steps or --minutes, not both")
            raise UsageError("the length of the run is missing; use --steps or --minutes")
        # Other sizes would need padding at every stride of the network.
        if self.size % SIZE_STEP or self.size < SIZE_STEP:
            raise UsageError(
                f"--size must be a multiple of {SIZE_STEP}, got {self.size}; use for example 192"
            )
        for name, low, high in _RANGES:
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise UsageError(
                    f"{name.replace('_', ' ')} must be in [{low}, {high}], got {value}"
                )
        if self.start == "scratch" and self.stage != "pretrain":
            raise UsageError(f"stage {self.stage} needs trained weights; --start is scratch")

    def to_dict(self) -> dict[str, Any]:
        """Return the configuration in JSON types."""
        return {**asdict(self), "betas": list(self.betas)}

    def describe_differences(self, other: dict[str, Any]) -> list[str]:
        """Describe each field that differs from `other`, for example ``size 160, not 128``.

        Args:
            other: a configuration from `to_dict`.
        """
        own = self.to_dict()
        names = [f.name for f in fields(self) if own[f.name] != other.get(f.name)]
        return [f"{n.replace('_', ' ')} {own[n]}, not {other.get(n)}" for n in names]


_RANGES: tuple[tuple[str, float, float], ...] = (
    ("seed", 0, 2**63 - 1),
    ("steps", 1, 10**8),
    ("minutes", 0.1, 10**6),
    ("size", 32, 1024),
    ("batch", 1, 4096),
    ("accumulate", 1, 4096),
    ("learning_rate", 0, 1),
    ("freeze", 0, ENCODER_STAGES),
    ("ema", 0, 0.999999),
    ("rebalance", 0, 1),
    ("image_weight", 0, 1000),
    ("colorfulness", 0, 2),
    ("coherence", 0, 1000),
    ("distill", 0, 1000),
    ("keep", 0, 1),
    ("replay_share", 0, 1),
    ("perceptual_weight", 0, 1000),
    ("adversarial_weight", 0, 1000),
    ("discriminator_steps", 0, 10**6),
    ("joint_steps", 1, 10**6),
)
"""Field name, minimum and maximum."""

_STAGE_DEFAULTS: dict[Stage, dict[str, Any]] = {
    "pretrain": {},
    # Both stages start from trained weights. They use low learning rates and freeze the parts that
    # a few images could damage: the norm statistics and, for fine-tuning, the encoder.
    "adversarial": {"learning_rate": 5e-5, "freeze_norms": True, "warm_up": 50},
    "fine-tune": {
        "learning_rate": 1e-4, "freeze": ENCODER_STAGES, "freeze_norms": True, "warm_up": 50,
        "distill": 0.5,
    },
}  # fmt: skip


def default_config(stage: Stage, **choices: Any) -> TrainingConfig:
    """Return the configuration of a stage: its defaults, overridden by `choices`.

    Args:
        stage: one of `STAGES`.
        choices: fields of `TrainingConfig`. None selects the default of the stage.

    Raises:
        UsageError: a value is out of range, or values contradict each other.
    """
    chosen = {name: value for name, value in choices.items() if value is not None}
    return TrainingConfig(**{"stage": stage, **_STAGE_DEFAULTS[stage], **chosen})


@dataclass(frozen=True, slots=True)
class RunOptions:
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
    command: str = field(default="", compare=False)
    """The command line, for the model card."""

    @property
    def folder(self) -> Path:
        """Directory of the checkpoint, the log and the plots: ``OUT.train`` beside the weights."""
        return self.out.with_name(f"{self.out.stem}{TRAINING_RUN_SUFFIX}")
