"""Options of all tasks that colorize, for the command line and for Python."""

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
"""Maximum gain of chroma."""
MAX_WORKERS = 256
"""Maximum number of worker processes."""
MAX_BATCH = 64
"""Maximum number of frames per forward pass."""
EXECUTION_OPTIONS = (
    *("device", "batch", "work_dir", "resume", "workers", "threads", "engine", "ray_address"),
)
"""Options that select how the work is executed; they do not change the result."""
_NOT_IN_FINGERPRINT = (*EXECUTION_OPTIONS, "force", "confidence", "allow_damaged", "model")
"""Options that `ColorizeOptions.fingerprint_values` omits. The name of the model is among them,
because the fingerprint contains the digest of its weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """The color of one point, given by a person: one row of a hint file."""

    x: float
    """Distance from the left edge of the displayed frame: a pixel index or a fraction of the width.
    """
    y: float
    """Distance from the top edge: a pixel index or a fraction of the height."""
    color: str
    """``#rgb``, ``#rrggbb``, a CSS color name, or ``neutral``. Only its hue and chroma (CIELAB a*,
    b*) are used, because the lightness is that of the frame."""
    radius: float | None = None
    """Radius of the disc that certainly has this color, in pixels or as a fraction of the short
    side; None for 1.2 % of the short side."""
    unit: Unit | None = None
    """Unit of `x`, `y` and `radius`. None means fractions if `x` and `y` are both in [0, 1] and at
    least one of them is a float, otherwise pixels: (1, 1) is a pixel and (1.0, 1.0) a corner."""
    file: str | None = None
    """Name, or end of the path, of the photo to which the hint applies; None for any photo."""
    time: Fraction | None = None
    """Time in the film, in seconds."""
    frame: int | None = None
    """Frame number in the film, counted from the first frame that is colorized. A hint without time
    and frame belongs to frame 0."""
    name: str = "the hint"
    """Name of the hint in messages."""

    def __post_init__(self) -> None:
        if not (isfinite(self.x) and isfinite(self.y)):
            raise UsageError(f"{self.name}: x and y must be finite, got {self.x}, {self.y}")
        if self.unit not in (None, *get_args(Unit)):
            raise UsageError(f"{self.name}: unit must be pixel or fraction, got {self.unit!r}")
        if self.radius is not None and not 0 < self.radius < float("inf"):
            raise UsageError(f"{self.name}: radius must be greater than 0, got {self.radius}")
        if self.time is not None and self.frame is not None:
            raise UsageError(f"{self.name}: has a time and a frame; give only one of them")
        if (self.time or 0) < 0 or (self.frame or 0) < 0:
            raise UsageError(f"{self.name}: time and frame must not be negative")

    @property
    def in_fractions(self) -> bool:
        """Whether `x`, `y` and `radius` are fractions of the frame size."""
        if self.unit is not None:
            return self.unit == "fraction"
        small = 0 <= self.x <= 1 and 0 <= self.y <= 1
        return small and (isinstance(self.x, float) or isinstance(self.y, float))


@dataclass(frozen=True, slots=True, kw_only=True)
class ColorizeOptions:
    """All options of a task, with the names and defaults of the command line.

    The digest in each result's tags covers these names and values, so a renamed field would make
    finished results look outdated.
    """

    # Source

    start: Fraction | None = None
    """Start time in seconds. Earlier frames and audio are dropped. None for the beginning."""
    end: Fraction | None = None
    """End time in seconds, exclusive; None for the end of the film."""
    gray_from: GrayFrom = "luma"
    """Source of the luma: the luma plane, one color channel, or the maximum of the three."""
    shots: Path | None = None
    """Shot list as written by `vidcolor shots`, possibly edited; its frames are counted from
    `start`. None to detect shots."""
    fps: Fraction | None = None
    """Frame rate of an image sequence, in frames per second; None for the default."""
    range: Range = "keep"
    """Luma range of the output. ``limited`` and ``full`` convert the luma, with one rounding."""
    allow_damaged: bool = False
    """Whether a truncated or partly unreadable source counts as success."""

    # Color

    model: str = "embedded"
    """Generator: a name, a weights file, or several joined with ``+``; see
    `generators.load_generator`."""
    size: int | None = None
    """Short side of the proxies in pixels; None for the generator's own size."""
    vividness: float | None = None
    """0 (muted) to 1 (vivid); None for the generator's default."""
    saturation: float = 1.0
    """Chroma gain, 0 (gray) to 3. Colors outside the gamut are compressed into it."""
    hints: tuple[Hint, ...] | Path | None = None
    """Color hints, or a hint file (see `hints.io`). In a film each hint colors its object
    throughout the shot."""
    reference: Path | None = None
    """Color image of the same scene or of a similar one. Its colors are copied where it matches,
    otherwise its palette is used."""
    reference_time: Fraction | None = None
    """Time at which the film shows the reference; it then applies to that shot. None to search all
    shots; if none matches, its palette is used for all of them."""
    trust: float | None = None
    """Weight of the source's color: 0 (ignored) to 1 (used as far as it is plausible). None to not
    read it at all."""
    per_frame: bool = False
    """Whether every frame of a film is colorized independently; the result flickers."""
    mark: bool = False
    """Whether a small palette icon is drawn into the bottom left corner, which changes luma there.
    """

    # Output

    purpose: Purpose = "delivery"
    """Intended use of the film; it selects encoder, container and pixel format."""
    encoder: str | None = None
    """FFmpeg's name of the video encoder; None to select it by purpose."""
    encoder_options: tuple[tuple[str, str], ...] = ()
    """Options of the encoder as pairs of key and value."""
    pix_fmt: str | None = None
    """Pixel format of the encoder; None to select it by encoder and source."""
    quality: int | None = None
    """Quality of JPEG and lossy WebP output, 1 to 100. None keeps the luma coding of a JPEG source.
    """
    confidence: Path | None = None
    """Additional output file for the confidence, as a gray film or image."""
    force: bool = False
    """Whether existing output files are overwritten."""

    # Execution

    device: str = "auto"
    """Device of the generator; see `generators.load_generator`."""
    precision: str = "auto"
    """``auto``, ``fp32`` or ``bf16``."""
    batch: int = 8
    """Number of frames per forward pass where frames are colorized independently, 1 to 64. It
    changes speed and memory, not the result."""
    work_dir: Path | None = None
    """Directory for unfinished films; None for a directory beside each result."""
    resume: Resume = "auto"
    """How to treat unfinished work. ``auto``: resume it if source and options match. ``only``: fail
    if there is none to resume. ``never``: start over."""
    workers: int | None = None
    """Number of processes that render segments; None for one per GPU, or one. It changes speed and
    memory, not the result."""
    threads: int | None = None
    """CPU cores per worker; None for an equal share of all cores."""
    engine: EngineName = "local"
    """Where the workers run: on this machine, or in a Ray cluster."""
    ray_address: str | None = None
    """Address of the Ray cluster; None for the cluster of this machine, or a new local one."""

    def __post_init__(self) -> None:
        self._check_color()
        self._check_execution()
        if self.quality is not None and not 1 <= self.quality <= 100:
            raise UsageError(f"--quality must be in [1, 100], got {self.quality}")
        if self.start is not None and self.start < 0:
            raise UsageError("--start must not be negative")
        if self.end is not None and self.end <= (self.start or 0):
            raise UsageError("--end must be later than --start")
        if self.fps is not None and self.fps <= 0:
            raise UsageError("--fps must be greater than 0")

    def _check_color(self) -> None:
        if self.vividness is not None and not 0 <= self.vividness <= 1:
            raise UsageError(f"--vividness must be in [0, 1], got {self.vividness}")
        if not 0 <= self.saturation <= MAX_SATURATION:
            raise UsageError(
                f"--saturation must be in [0, {MAX_SATURATION:g}], got {self.saturation}"
            )
        if self.trust is not None and not 0 <= self.trust <= 1:
            raise UsageError(f"--trust must be in [0, 1], got {self.trust}")
        has_hints = bool(self.hints) or self.reference is not None
        if self.per_frame and has_hints:
            raise UsageError(
                "--per-frame cannot be combined with hints, which apply to whole shots"
            )
        if self.trust is not None and has_hints:
            raise UsageError("--trust cannot be combined with hints or a reference")

    def _check_execution(self) -> None:
        if not 1 <= self.batch <= MAX_BATCH:
            raise UsageError(f"--batch must be in [1, {MAX_BATCH}], got {self.batch}")
        if self.workers is not None and not 1 <= self.workers <= MAX_WORKERS:
            raise UsageError(f"--workers must be in [1, {MAX_WORKERS}], got {self.workers}")
        if self.threads is not None and self.threads < 1:
            raise UsageError(f"--threads must be 1 or more, got {self.threads}")
        if self.ray_address is not None and self.engine != "ray":
            raise UsageError("--ray-address requires --engine ray")

    def fingerprint_values(self) -> dict[str, Any]:
        """Return the options that the result depends on, as plain values.

        Files of hints, references and shots are represented by their SHA-256.

        Raises:
            InputError: such a file cannot be read.
        """
        values = {k: v for k, v in self.to_json().items() if k not in _NOT_IN_FINGERPRINT}
        values["trust"] = self.trust or None  # 0 gives the same result as None
        if isinstance(self.hints, Path):
            values["hints"] = _sha256(self.hints)
        elif self.hints is not None:  # an empty list gives the same result as None
            values["hints"] = [_without_names(hint) for hint in values["hints"]] or None
        if self.reference is not None:
            values["reference"] = _sha256(self.reference)
        if self.shots is not None:
            values["shots"] = _sha256(self.shots)
        return values

    def input_files(self) -> tuple[Path, ...]:
        """Return the files besides the source that are read and must not be overwritten."""
        hints = self.hints if isinstance(self.hints, Path) else None
        return tuple(path for path in (hints, self.reference, self.shots) if path is not None)

    def to_json(self) -> dict[str, Any]:
        """Return all options as plain values."""
        return {name: _plain(value) for name, value in asdict(self).items()}


def _sha256(path: Path) -> str:
    try:
        return sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
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
