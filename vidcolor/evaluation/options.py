"""Options of an evaluation."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from vidcolor.errors import UsageError
from vidcolor.options import ColorizeOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Selection = Literal["even", "worst", "best"]
"""Images on the score sheet: evenly spaced, or those with the lowest or the highest PSNR gain of
the first method after gray."""

DEFAULT_SIZE = 256
"""Default width and height of evaluated images, in pixels: those of Zhang et al., ECCV 2016."""
MIN_SIZE, MAX_SIZE = 64, 2048
"""Range of the evaluation size, in pixels."""
MAX_HINTS = 1000
"""Maximum number of hints in an image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateOptions:
    """Options of `evaluate`, named as on the command line."""

    models: tuple[str, ...] = ()
    """Names of generators, or weights files. If both this and `results` are empty, ``embedded``."""
    results: tuple[Path, ...] = ()
    """Folders of colorized photos and films, named like the ground truth."""
    vividness: tuple[float | None, ...] = (None,)
    """Values of vividness in [0, 1], each evaluated with every model; None for the model's
    default."""
    saturation: float = 1.0
    """Gain of the chroma of every model."""
    size: int | None = DEFAULT_SIZE
    """Width and height to which images are cropped and resized, in pixels; None for their own
    size."""
    hint_counts: tuple[int, ...] = ()
    """Numbers of hints at which the hint curve is computed, besides 0; empty for no curve."""
    frames: int = 8
    """Number of frames of each film."""
    limit: int | None = None
    """Maximum number of images, evenly spaced; None for no limit."""
    count: int = 8
    """Maximum number of images on the score sheet."""
    show: Selection = "even"
    """Which images are on the score sheet."""
    device: str = "auto"
    """Device of the generators; see `generators.load_generator`."""
    precision: str = "auto"
    """Precision of the generators: ``auto``, ``fp32`` or ``bf16``."""
    batch: int = 8
    """Number of images in a batch."""

    def __post_init__(self) -> None:
        if self.size is not None and not MIN_SIZE <= self.size <= MAX_SIZE:
            raise UsageError(f"--size must be in [{MIN_SIZE}, {MAX_SIZE}], got {self.size}")
        for count in self.hint_counts:
            if not 0 < count <= MAX_HINTS:
                raise UsageError(f"--hint-curve: counts must be in [1, {MAX_HINTS}], got {count}")
        for name in ("frames", "limit", "count", "batch"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"--{name} must be at least 1, got {value}")
        for path in self.results:
            if self.results.count(path) > 1:
                raise UsageError(f"{path}: given twice as --results; remove one")

    def iterate_variants(self) -> Iterator[tuple[str, ColorizeOptions]]:
        """Yield a name for reports and the options for each combination of model and vividness."""
        models = self.models or (() if self.results else ("embedded",))
        names = dict(zip(models, _shorten_names(models), strict=True))
        for model, vividness in itertools.product(names, dict.fromkeys(self.vividness)):
            options = ColorizeOptions(
                model=model,
                vividness=vividness,
                saturation=self.saturation,
                device=self.device,
                precision=self.precision,
                batch=self.batch,
            )
            suffix = "" if vividness is None else f", vividness {vividness:g}"
            yield names[model] + suffix, options

    def to_json(self) -> dict[str, Any]:
        """Return all options as JSON values."""
        return {**asdict(self), "results": [str(path) for path in self.results]}


def _shorten_names(models: Sequence[str]) -> list[str]:
    """Return file names without extension; the folder is added if two models have the same name."""
    stems = Counter(Path(model).stem for model in models)
    return [
        Path(m).stem if stems[Path(m).stem] == 1 else f"{Path(m).parent.name}/{Path(m).stem}"
        for m in models
    ]
