"""The recipe: every number that decides which weights come out, and the stages' own choices.

Two runs with the same recipe, pictures, starting weights and number of processes make the same
weights. What only decides where and how fast they run is in `RunOptions`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

from vidcolor.errors import UsageError
from vidcolor.fileio import RUN_SUFFIX

Stage = Literal["pretrain", "adversarial", "fine-tune"]
STAGES: tuple[Stage, ...] = get_args(Stage)

SIZE_STEP = 32
"""The network's coarsest stride: sizes are multiples of it."""
ENCODER_STAGES = 7
DEFAULT_HOLDOUT = 0.05


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """What decides the weights; see `default_config` for each stage's defaults."""

    stage: Stage = "fine-tune"
    start: str = "embedded"
    """``embedded``, ``scratch`` (an encoder that knows ImageNet, a decoder that knows nothing), or
    the path of a .safetensors file that vidcolor trained."""
    steps: int | None = None
    """Updates in all; exactly one of steps and minutes is given."""
    minutes: float | None = None
    """Wall-clock time from which the number of steps is worked out, once, and then kept."""
    size: int = 192
    """Side of the square training pictures in pixels."""
    batch: int = 16
    """Pictures in each forward pass, of each process."""
    accumulate: int = 1
    """Forward passes in each update."""
    seed: int = 0

    learning_rate: float = 2e-4
    """Of the decoder, at its highest."""
    encoder_rate: float = 0.25
    """The encoder's learning rate relative to the decoder's."""
    hint_rate: float = 4.0
    """The learning rate, relative to the decoder's, of the part that spreads hints."""
    freeze: int = 2
    """Stages of the encoder, from the stem on, that stay as they are; 7 is the whole encoder."""
    freeze_norms: bool = False
    """Whether the decoder's batch norms keep their statistics too (the encoder's always do)."""
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.98)
    warm_up: int = 200
    """Steps over which the learning rate rises; at most a tenth of the run."""
    final_rate: float = 0.02
    """Where the cosine ends, relative to the highest rate."""
    max_gradient: float = 1.0
    """Gradients are scaled down to this norm."""
    ema: float = 0.999
    """Decay of the moving average of the weights, which is the result."""

    rebalance: float = 0.65
    """How strongly rare colors count more: 0 not at all, 1 as Zhang et al. (2016) did."""
    picture_weight: float = 0.35
    """Of what the painted pictures are judged by (PSNR against colorfulness), beside the
    cross-entropy of the distributions."""
    colorfulness: float = 0.9
    """Of the painted pictures, relative to the true ones', while training; `vidcolor evaluate`
    finds about a tenth less on others. What color may cost in PSNR follows from it."""
    coherence: float = 0.05
    """Of the painted colors' variation beyond the true ones', per a*b* unit."""
    distil: float = 0.0
    """Of the divergence from what the starting weights predict for the same picture."""
    keep: float = 0.0
    """Share of the starting weights in the result (Wortsman et al., 2022)."""
    rehearse_share: float = 0.25
    """Share of each batch that comes from the rehearsal pictures, where there are any."""

    perceptual_weight: float = 1.0
    """Adversarial stage: of the distance in the pretrained encoder's features."""
    adversarial_weight: float = 0.05
    """Adversarial stage: of the discriminator's opinion."""
    discriminator_rate: float = 2e-4
    """Adversarial stage: learning rate of the discriminator."""
    discriminator_steps: int = 100
    """Adversarial stage: steps in which the discriminator alone learns, at each round's start."""
    joint_steps: int = 200
    """Adversarial stage: steps in which both learn, after that."""

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.minutes is None):
            both = "say only one of --steps and --minutes"
            raise UsageError(both if self.steps else "say how long to train: --steps or --minutes")
        if self.size % SIZE_STEP or self.size < SIZE_STEP:
            raise UsageError(f"size {self.size} is not a multiple of {SIZE_STEP}: say --size 192")
        for name, low, high in _RANGES:
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise UsageError(f"{name.replace('_', ' ')} must be {low} to {high}, not {value}")
        if self.start == "scratch" and self.stage != "pretrain":
            raise UsageError(f"{self.stage} needs trained weights to start from; scratch has none")

    def to_dict(self) -> dict[str, Any]:
        """The recipe as JSON can hold it."""
        return {**asdict(self), "betas": list(self.betas)}

    def difference(self, other: dict[str, Any]) -> list[str]:
        """What differs from a recipe as `to_dict` gave it: ``size 160, not 128``."""
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
    ("picture_weight", 0, 1000),
    ("colorfulness", 0, 2),
    ("coherence", 0, 1000),
    ("distil", 0, 1000),
    ("keep", 0, 1),
    ("rehearse_share", 0, 1),
    ("perceptual_weight", 0, 1000),
    ("adversarial_weight", 0, 1000),
    ("discriminator_steps", 0, 10**6),
    ("joint_steps", 1, 10**6),
)
"""Field, lowest and highest value."""

_OF_STAGE: dict[Stage, dict[str, Any]] = {
    "pretrain": {},
    # Both begin from weights that know their trade: small steps, and nothing that the few new
    # pictures could bend (the encoder, the norms' statistics).
    "adversarial": {"learning_rate": 5e-5, "freeze_norms": True, "warm_up": 50},
    "fine-tune": {
        "learning_rate": 1e-4, "freeze": ENCODER_STAGES, "freeze_norms": True, "warm_up": 50,
        "distil": 0.5,
    },
}  # fmt: skip


def default_config(stage: Stage, **choices: Any) -> TrainingConfig:
    """A stage's defaults with the caller's choices over them.

    Args:
        stage: one of `STAGES`.
        choices: fields of `TrainingConfig`; those that are None are left to the stage.

    Raises:
        UsageError: the choices make no recipe.
    """
    made = {name: value for name, value in choices.items() if value is not None}
    return TrainingConfig(**{"stage": stage, **_OF_STAGE[stage], **made})


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Where a run happens, on which pictures, and what it leaves.

    The device and the precision do change their last digits, so a run goes on only with the ones
    it began with.
    """

    sources: tuple[Path, ...]
    """Folders, tar shards, films and pictures to learn from."""
    out: Path
    """The weights file to make."""
    validation: tuple[Path, ...] = ()
    """Pictures to measure on; none: `holdout` of the sources."""
    rehearse: tuple[Path, ...] = ()
    """Pictures of other kinds, mixed in so that they are not forgotten."""
    holdout: float = DEFAULT_HOLDOUT
    """Share of the sources that is kept for measuring."""
    cache: Path | None = None
    """Where decoded pictures are kept; None: in the run folder."""
    device: str = "auto"
    precision: str = "auto"
    workers: int = 1
    """Processes that prepare batches."""
    checkpoint_minutes: float = 5.0
    """Time between checkpoints; 0: after every step."""
    validations: int = 8
    """Measurements on the way, evenly spaced, besides the first and the last."""
    validation_pictures: int = 128
    """Most held-out pictures that are measured on."""
    validation_size: int = 256
    """Side in pixels at which they are measured."""
    restart: bool = False
    """Begin anew although there is a checkpoint."""
    force: bool = False
    """Replace existing results."""
    command: str = field(default="", compare=False)
    """The command line, for the model card."""

    @property
    def folder(self) -> Path:
        """Where checkpoint, log and plots go: ``OUT.train`` beside the weights."""
        return self.out.with_name(f"{self.out.stem}{RUN_SUFFIX}")
