"""Configuration of a training run, and the defaults of each task and stage.

Two runs with equal `TrainingConfig`, photographs, initial weights and number of processes produce
equal weights. `RunOptions` holds the settings that do not change the weights. The flags of the
command line are derived from the `Option` of each field.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import SerializerFunctionWrapHandler, model_serializer, model_validator

from vidcolor.errors import UsageError
from vidcolor.option import Option, OptionsModel
from vidcolor.options import ColorizeOptions

_COLORIZE = ColorizeOptions.options()
TaskName = Literal["color", "segmentation"]
Stage = Literal["pretrain", "fine-tune"]

SIZE_STEP = 32
"""Largest stride of the network, in pixels; image sizes are multiples of it."""
ENCODER_STAGES = 7
"""Number of encoder stages that can be frozen."""
DEFAULT_HOLDOUT = 0.05
"""Default share of the source files that is held out for validation."""
# A few images could damage the encoder and the norm statistics, so fine-tuning freezes both.
_STAGE_DEFAULTS: dict[str, dict[str, Any]] = {
    "fine-tune": {
        "learning_rate": 1e-4, "freeze": ENCODER_STAGES, "freeze_norms": True, "warm_up": 50,
        "distill": 0.5,
    },
}  # fmt: skip
"""Defaults of a stage that differ from those of `TrainingConfig`."""
_TASK_DEFAULTS: dict[str, dict[str, Any]] = {
    "segmentation": {
        "start": "scratch", "batch": 5, "learning_rate": 1.5e-3, "betas": (0.9, 0.99),
        "warm_up": 100, "ema": 0.998,
    },
}  # fmt: skip
"""Defaults of a task that differ from those of `TrainingConfig`."""
_COLOR_FIELDS = (
    "stage", "freeze", "rebalance", "colorfulness", "coherence", "keep", "encoder_rate",
    "hint_rate", "freeze_norms", "image_weight", "distill", "replay_share",
)  # fmt: skip
"""Fields of `TrainingConfig` that only the task ``color`` has."""


class TrainingConfig(OptionsModel):
    """Settings that determine the weights. None selects the default of the task and the stage."""

    # fmt: off
    task: Annotated[TaskName, Option(
        group="Input",
        help="What to train. color: the generator, which predicts color. segmentation: the network "
        "that finds the object which a hint lies on, and finds it again in other frames. The "
        "options that are marked as color options apply to the generator only.")] = "color"
    stage: Annotated[Stage, Option(
        group="Input",
        help="Color: fine-tune adapts trained weights to these photographs with a frozen encoder; "
        "pretrain trains everything on many photographs. Default: fine-tune.")] = "fine-tune"
    # torchrun reads --start as an abbreviation of two options of its own.
    start: Annotated[str, Option(
        group="Input", flags=("--start", "--start-from"),
        help="Initial weights: embedded, a .safetensors file, or scratch (for color an ImageNet "
        "encoder and a random decoder, for pretrain). Default: embedded; scratch for "
        "segmentation.", metavar="MODEL")] = "embedded"
    minutes: Annotated[float | None, Option(
        group="Length",
        help="Length of the run in minutes; the number of steps is computed from it once.",
        ge=0.1)] = None
    steps: Annotated[int | None, Option(
        group="Length", help="Length of the run in steps.", ge=1)] = None
    size: Annotated[int, Option(
        group="Training",
        help="Side of the training images in pixels, a multiple of 32. Half of the batches of "
        "segmentation have a side that is up to a third larger.", le=1024)] = 192
    batch: Annotated[int, Option(
        group="Training",
        help="Images per forward pass of each process; for segmentation, pairs of views. Default: "
        "16; 5 for segmentation.", ge=1, le=4096)] = 16
    accumulate: Annotated[int, Option(
        group="Training", help="Forward passes per step.", ge=1, le=4096)] = 1
    learning_rate: Annotated[float, Option(
        group="Training",
        help="Maximum learning rate, for color that of the decoder. Default: 2e-4 for pretrain, "
        "1e-4 for fine-tune, 1.5e-3 for segmentation.",
        ge=0, le=1)] = 2e-4
    freeze: Annotated[int, Option(
        group="Training",
        help="Color: number of frozen encoder stages from the first, 0 to 7. Default: 2; 7 for "
        "fine-tune.",
        ge=0, le=ENCODER_STAGES)] = 2
    rebalance: Annotated[float, Option(
        group="Training",
        help="Color: exponent of the class weights for rare colors; 0 disables them, 1 is Zhang et "
        "al. (2016). Default: 0.65.",
        ge=0, le=1)] = 0.65
    colorfulness: Annotated[float, Option(
        group="Training",
        help="Color: target colorfulness of predictions during training, relative to the ground "
        "truth. `vidcolor evaluate` measures about a tenth less on other photographs. Default: "
        "0.9.",
        ge=0, le=2)] = 0.9
    coherence: Annotated[float, Option(
        group="Training",
        help="Color: weight of the penalty on blotches (color that varies where the true color "
        "does not); 0 disables it. Default: 0.05.", ge=0, le=1000)] = 0.05
    keep: Annotated[float, Option(
        group="Training",
        help="Color: share of the initial weights in the result, 0 to 1. Default: 0.", ge=0, le=1
        )] = 0.0
    seed: Annotated[int, Option(
        group="Training", help="Seed of the random numbers.", ge=0)] = 0
    # fmt: on

    encoder_rate: float = 0.25
    """Learning rate of the encoder, relative to the decoder."""
    hint_rate: float = 4.0
    """Learning rate of the hint attention, relative to the decoder."""
    freeze_norms: bool = False
    """Whether the batch norms of the decoder keep their statistics. Those of the encoder always
    do."""
    weight_decay: float = 0.01
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
    image_weight: float = 0.35
    """Weight of the image losses (PSNR and the reward for color), relative to the cross-entropy."""
    distill: float = 0.0
    """Weight of the KL divergence from the predictions of the initial weights."""
    replay_share: float = 0.25
    """Share of the replay photographs in each batch, if there are any."""

    @model_validator(mode="before")
    @classmethod
    def _apply_defaults(cls, values: dict[str, Any]) -> dict[str, Any]:
        chosen = {name: value for name, value in values.items() if value is not None}
        task = chosen.get("task")
        if task in _TASK_DEFAULTS:
            unused = [cls.flag(name) for name in _COLOR_FIELDS if name in chosen]
            if unused:
                raise UsageError(f"{', '.join(unused)}: not an option of --task {task}; remove it")
            return _TASK_DEFAULTS[task] | chosen
        return _STAGE_DEFAULTS.get(chosen.get("stage", "fine-tune"), {}) | chosen

    @model_serializer(mode="wrap")
    def _omit_unused(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = serialize(self)
        if self.task == "color":
            return values
        return {name: value for name, value in values.items() if name not in _COLOR_FIELDS}

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.steps is None) == (self.minutes is None):
            if self.steps:
                raise UsageError("use either --steps or --minutes, not both")
            raise UsageError("the length of the run is missing; use --steps or --minutes")
        # Other sizes would need padding at every stride of the network.
        if self.size % SIZE_STEP or self.size < SIZE_STEP:
            raise UsageError(
                f"--size must be a multiple of {SIZE_STEP}, got {self.size}; use for example 192"
            )
        if self.task == "color" and self.start == "scratch" and self.stage != "pretrain":
            raise UsageError(f"stage {self.stage} needs trained weights; --start is scratch")
        return self


class RunOptions(OptionsModel):
    """Further sources, hardware and reports of a run.

    Device and precision change the last digits of the weights, so a run only resumes with the
    values that it was started with.
    """

    # fmt: off
    validation: Annotated[tuple[Path, ...], Option(
        group="Input",
        help="Validation photographs, instead of a share of PHOTOS.", metavar="PATH")] = ()
    holdout: Annotated[float | None, Option(
        group="Input",
        help=f"Share of the files that is held out for validation. Default: {DEFAULT_HOLDOUT}.",
        ge=0, le=0.9)] = None
    replay: Annotated[tuple[Path, ...], Option(
        group="Input", help="Color: photographs of other kinds, mixed in to prevent forgetting.",
        metavar="PATH")] = ()
    device: Annotated[str, _COLORIZE["device"]] = "auto"
    precision: Annotated[str, _COLORIZE["precision"]] = "auto"
    workers: Annotated[int, Option(
        group="Execution", help="Processes that prepare batches; 0 uses the training process.",
        ge=0, le=64)] = 1
    cache: Annotated[Path | None, Option(
        group="Execution",
        help="Directory of the decoded images, about 200 kB each. Default: in the run folder.",
        metavar="DIR")] = None
    checkpoint_minutes: Annotated[float, Option(
        group="Execution", help="Minutes between checkpoints.", ge=0)] = 5.0
    restart: Annotated[bool, Option(
        group="Execution", help="Ignore an existing checkpoint.", in_config=False)] = False
    force: Annotated[bool, _COLORIZE["force"]] = False
    # fmt: on

    validations: int = 8
    """Number of evenly spaced validations, in addition to the first and the last."""
    validation_images: int = 128
    """Maximum number of held-out images that are measured."""
    validation_size: int = 256
    """Side of the measured images, in pixels."""
    command: str = ""
    """The command line, for the model card."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.validation and self.holdout:
            raise UsageError("use either --validation or --holdout, not both")
        return self
