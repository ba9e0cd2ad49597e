"""What a user may ask for: one object for the command line and for Python."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from fractions import Fraction
from hashlib import sha256
from math import isfinite
from pathlib import Path
from typing import Any, Literal, get_args

from vidcolor.errors import InputError, UsageError

Purpose = Literal["delivery", "editing", "archive"]
GrayFrom = Literal["luma", "red", "green", "blue", "lightest"]
Range = Literal["keep", "limited", "full"]
Unit = Literal["pixel", "fraction"]
Resume = Literal["auto", "only", "never"]
EngineName = Literal["local", "ray"]

MAX_SATURATION = 3.0
MAX_WORKERS = 256
MACHINE = (
    *("device", "batch", "work_dir", "resume", "workers", "threads", "engine", "ray_address"),
)
"""Options that say how the work is done; the result is the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """A color that a person knows, at a place in a picture: a row of ``hints.json``."""

    x: float
    """Of the picture as displayed, rightwards: a pixel's number, or a fraction of the width."""
    y: float
    """Downwards: a pixel's number, or a fraction of the height."""
    color: str
    """``#rgb``, ``#rrggbb``, a CSS color name, or ``neutral``. Its hue and chroma count (CIELAB
    a*, b*); its lightness does not, as the picture has its own."""
    radius: float | None = None
    """Of the disc that surely has this color, in pixels or as a fraction of the short side; None
    for 1.2 % of the short side."""
    unit: Unit | None = None
    """Of `x`, `y` and `radius`. None for fractions where `x` and `y` both lie in 0 to 1 and one of
    them at least is a float, and for pixels else; so (1, 1) is a pixel and (1.0, 1.0) a corner."""
    file: str | None = None
    """Which of several pictures it is for: its name, or the end of its path."""
    time: Fraction | None = None
    """Seconds into a film."""
    frame: int | None = None
    """Number of a film's frame, from 0 at the first that is colored; without a time either it is
    that one."""
    name: str = "the hint"
    """What messages call it."""

    def __post_init__(self) -> None:
        if not (isfinite(self.x) and isfinite(self.y)):
            raise UsageError(f"{self.name}: x and y must be finite, not {self.x}, {self.y}")
        if self.unit not in (None, *get_args(Unit)):
            raise UsageError(f"{self.name}: unit is pixel or fraction, not {self.unit!r}")
        if self.radius is not None and not 0 < self.radius < float("inf"):
            raise UsageError(f"{self.name}: radius must be greater than 0, not {self.radius}")
        if self.time is not None and self.frame is not None:
            raise UsageError(f"{self.name}: has a time and a frame; say one of them")
        if (self.time or 0) < 0 or (self.frame or 0) < 0:
            raise UsageError(f"{self.name}: time and frame must not be negative")

    @property
    def in_fractions(self) -> bool:
        """Whether `x`, `y` and `radius` are fractions of the picture's size."""
        if self.unit is not None:
            return self.unit == "fraction"
        small = 0 <= self.x <= 1 and 0 <= self.y <= 1
        return small and (isinstance(self.x, float) or isinstance(self.y, float))


@dataclass(frozen=True, slots=True, kw_only=True)
class ColorizeOptions:
    """Everything that shapes a result, with the defaults of the command line.

    The names are those of the command's options.
    """

    # what
    start: Fraction | None = None
    """Seconds into the film at which to begin; earlier frames and sound are left out."""
    end: Fraction | None = None
    """Seconds into the film at which to stop."""
    gray_from: GrayFrom = "luma"
    """What the luma is taken from: as recorded, one channel, or the lightest of the three."""
    shots: Path | None = None
    """A list of the film's shots, as `vidcolor shots` writes it and a person may have corrected it;
    frames are counted from `start`. None to find them."""
    fps: Fraction | None = None
    """Frame rate that an image sequence is played at."""
    range: Range = "keep"
    """What the luma codes of a film mean; anything but ``keep`` moves them, rounded once."""
    allow_damaged: bool = False
    """Count a source that is cut off or partly unreadable as success."""

    # look
    model: str = "embedded"
    """Name of a generator or a weights file, or several with ``+`` between; see
    `generators.load_generator`."""
    size: int | None = None
    """Short side in pixels at which the generator looks at pictures; None for its own."""
    vividness: float | None = None
    """0 (calm) to 1 (vivid); None for the generator's own default."""
    saturation: float = 1.0
    """Gain of the chroma, 0 (gray) to 3; what the gamut cannot show is drawn in softly."""
    hints: tuple[Hint, ...] | Path | None = None
    """Colors that a person knows, or a file of them (see `vidcolor.hints.io`). In a film each
    colors its object through the shot that it lies in."""
    reference: Path | None = None
    """A picture whose colors are taken over: in place where it shows the same, and as a palette
    where it shows the like."""
    reference_time: Fraction | None = None
    """Seconds into a film at which `reference` shows it, for the shot around; None to find the
    shots that it shows, or to lend its palette to all if it shows none."""
    trust: float | None = None
    """For color originals: 0 (their color is left aside) to 1 (it is followed as far as it can be
    believed); None if it is not looked at."""
    per_frame: bool = False
    """Color every frame of a film by itself, as if there were no other: it flickers."""
    mark: bool = False
    """Draw a small palette into the bottom left corner; luma changes there and nowhere else."""

    # output
    purpose: Purpose = "delivery"
    """What the film is for; picks encoder, container and pixel format."""
    encoder: str | None = None
    encoder_options: tuple[tuple[str, str], ...] = ()
    pix_fmt: str | None = None
    quality: int | None = None
    """Of JPEG and lossy WebP pictures, 1 to 100; None codes a JPEG's luma as its source does."""
    confidence: Path | None = None
    """Where to write how sure the generator is, as a gray film or picture."""
    force: bool = False
    """Replace an existing output."""

    # machine
    device: str = "auto"
    precision: str = "auto"
    batch: int = 8
    """Frames that the network colors at once where each is colored by itself; changes speed and
    memory, never the result."""
    work_dir: Path | None = None
    """Where unfinished work on films is kept; None for beside each result."""
    resume: Resume = "auto"
    """Whether to go on with unfinished work: where there is some of the same film by the same
    recipe; ``only`` then, or not at all; or never."""
    workers: int | None = None
    """Processes that color at the same time, each another segment of a film; None for one, or for
    one on each GPU. Changes speed and memory, never the result."""
    threads: int | None = None
    """Cores that each worker uses; None for its share of all."""
    engine: EngineName = "local"
    """Where the workers are: on this machine, or in a Ray cluster."""
    ray_address: str | None = None
    """Of the cluster; None for the one that this machine belongs to, or else a new local one."""

    def __post_init__(self) -> None:
        if self.vividness is not None and not 0 <= self.vividness <= 1:
            raise UsageError(f"vividness must lie between 0 and 1, not {self.vividness}")
        if not 0 <= self.saturation <= MAX_SATURATION:
            raise UsageError(
                f"saturation must lie between 0 and {MAX_SATURATION:g}, not {self.saturation}"
            )
        if self.trust is not None and not 0 <= self.trust <= 1:
            raise UsageError(f"trust must lie between 0 and 1, not {self.trust}")
        if self.per_frame and (self.hints or self.reference is not None):
            raise UsageError("hints color whole shots; per-frame coloring has no use for them")
        if self.trust is not None and (self.hints or self.reference is not None):
            raise UsageError("trust in the original's color and hints do not go together yet")
        if not 1 <= self.batch <= 64:
            raise UsageError(f"batch must lie between 1 and 64, not {self.batch}")
        if self.workers is not None and not 1 <= self.workers <= MAX_WORKERS:
            raise UsageError(f"workers must lie between 1 and {MAX_WORKERS}, not {self.workers}")
        if self.threads is not None and self.threads < 1:
            raise UsageError(f"threads must be 1 or more, not {self.threads}")
        if self.ray_address is not None and self.engine != "ray":
            raise UsageError("a Ray address is of no use without the engine ray")
        if self.quality is not None and not 1 <= self.quality <= 100:
            raise UsageError(f"quality must lie between 1 and 100, not {self.quality}")
        if self.start is not None and self.start < 0:
            raise UsageError("start must not be negative")
        if self.end is not None and self.end <= (self.start or 0):
            raise UsageError("end must come after start")
        if self.fps is not None and self.fps <= 0:
            raise UsageError("fps must be greater than 0")

    def recipe(self) -> dict[str, Any]:
        """What the result depends on, in plain values; machine and safety options are left out.

        Of files of hints and references it is the content that counts.

        Raises:
            InputError: such a file cannot be read.
        """
        without = (*MACHINE, "force", "confidence", "allow_damaged", "model")
        recipe = {k: v for k, v in self.to_json().items() if k not in without}
        recipe["trust"] = self.trust or None  # none at all is the same as no look at all
        if isinstance(self.hints, Path):
            recipe["hints"] = _digest_of(self.hints)
        elif self.hints is not None:  # none at all is the same as an empty list of them
            recipe["hints"] = [_without_names(hint) for hint in recipe["hints"]] or None
        if self.reference is not None:
            recipe["reference"] = _digest_of(self.reference)
        if self.shots is not None:
            recipe["shots"] = _digest_of(self.shots)
        return recipe

    def also_read(self) -> tuple[Path, ...]:
        """Files of a person's that are read beside the source, and so must not be written."""
        named = (self.hints if isinstance(self.hints, Path) else None, self.reference, self.shots)
        return tuple(path for path in named if path is not None)

    def to_json(self) -> dict[str, Any]:
        """All options in plain values."""
        return {name: _plain(value) for name, value in asdict(self).items()}


def _digest_of(path: Path) -> str:
    try:
        return sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None


def _without_names(hint: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in hint.items() if k not in ("name", "file")}


def _plain(value: Any) -> Any:
    if isinstance(value, Fraction | Path):
        return str(value)
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return value
