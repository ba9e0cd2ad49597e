"""What a user may ask for: one object for the command line and for Python."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from vidcolor.errors import UsageError

Purpose = Literal["delivery", "editing", "archive"]
GreyFrom = Literal["luma", "red", "green", "blue", "lightest"]
Range = Literal["keep", "limited", "full"]


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
    grey_from: GreyFrom = "luma"
    """What the luma is taken from: as recorded, one channel, or the lightest of the three."""
    fps: Fraction | None = None
    """Frame rate that an image sequence is played at."""
    range: Range = "keep"
    """What the luma codes of a film mean; anything but ``keep`` moves them, rounded once."""
    allow_damaged: bool = False
    """Count a source that is cut off or partly unreadable as success."""

    # look
    model: str = "embedded"
    """Name of the packaged generator, or a path to its weights."""
    vividness: float | None = None
    """0 (calm) to 1 (vivid); None for the generator's own default."""
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
    """Where to write how sure the generator is, as a grey film or picture."""
    force: bool = False
    """Replace an existing output."""

    # machine
    device: str = "auto"
    precision: str = "auto"
    batch: int = 8
    """Frames that the network colours at once; changes speed and memory, never the result."""

    def __post_init__(self) -> None:
        if self.vividness is not None and not 0 <= self.vividness <= 1:
            raise UsageError(f"vividness must lie between 0 and 1, not {self.vividness}")
        if not 1 <= self.batch <= 64:
            raise UsageError(f"batch must lie between 1 and 64, not {self.batch}")
        if self.quality is not None and not 1 <= self.quality <= 100:
            raise UsageError(f"quality must lie between 1 and 100, not {self.quality}")
        if self.start is not None and self.start < 0:
            raise UsageError("start must not be negative")
        if self.end is not None and self.end <= (self.start or 0):
            raise UsageError("end must come after start")
        if self.fps is not None and self.fps <= 0:
            raise UsageError("fps must be greater than 0")

    def recipe(self) -> dict[str, Any]:
        """What the result depends on, in plain values; machine and safety options are left out."""
        without = ("device", "batch", "force", "confidence", "allow_damaged", "model")
        return {k: v for k, v in self.to_json().items() if k not in without}

    def to_json(self) -> dict[str, Any]:
        """All options in plain values."""
        return {name: _plain(value) for name, value in asdict(self).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Fraction | Path):
        return str(value)
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    return value
