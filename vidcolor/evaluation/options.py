"""What may be asked of an evaluation."""

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

Show = Literal["even", "worst", "best"]
"""Spread evenly over all pictures; or those that the first judged row gains least or most on."""

LITERATURE_SIZE = 256
"""Side in pixels at which colorisers are compared since Zhang et al., 2016."""
SIZES = range(64, 2049)
MAX_HINTS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateOptions:
    """What is judged, and how; names as on the command line."""

    models: tuple[str, ...] = ()
    """Names or weights files; ``embedded`` if there is neither a model nor a folder of results."""
    results: tuple[Path, ...] = ()
    """Folders of pictures and films that are in color already, called like their originals."""
    vividness: tuple[float | None, ...] = (None,)
    """Every model is judged with each of them; None is the model's own."""
    saturation: float = 1.0
    size: int | None = LITERATURE_SIZE
    """Pictures are cut square and scaled to this many pixels; None leaves them as stored."""
    hint_counts: tuple[int, ...] = ()
    """Points of the hint curve besides 0; none for no curve."""
    frames: int = 8
    """Moments of each film."""
    limit: int | None = None
    """Originals in all, evenly spaced; None for every one."""
    count: int = 8
    """Pictures on the sheet."""
    show: Show = "even"
    """Which pictures the sheet shows."""
    device: str = "auto"
    precision: str = "auto"
    batch: int = 8

    def __post_init__(self) -> None:
        if self.size is not None and self.size not in SIZES:
            raise UsageError(f"size must lie between {SIZES[0]} and {SIZES[-1]} pixels")
        if any(not 0 < n <= MAX_HINTS for n in self.hint_counts):
            raise UsageError(f"hint counts must lie between 1 and {MAX_HINTS}")
        for name in ("frames", "limit", "count", "batch"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"{name} must be at least 1, not {value}")
        for path in self.results:
            if self.results.count(path) > 1:
                raise UsageError(f"{path}: named twice as --results")

    def looks(self) -> Iterator[tuple[str, ColorizeOptions]]:
        """Every model with every vividness: its name in the table, and how it is loaded."""
        models = self.models or (() if self.results else ("embedded",))
        names = dict(zip(models, _short_names(models), strict=True))
        for model, vividness in itertools.product(names, dict.fromkeys(self.vividness)):
            options = ColorizeOptions(
                model=model,
                vividness=vividness,
                saturation=self.saturation,
                device=self.device,
                precision=self.precision,
                batch=self.batch,
            )
            label = "" if vividness is None else f", vividness {vividness:g}"
            yield names[model] + label, options

    def to_json(self) -> dict[str, Any]:
        """All options in plain values."""
        return {**asdict(self), "results": [str(path) for path in self.results]}


def _short_names(models: Sequence[str]) -> list[str]:
    """File names without suffix; with their folder where two are called the same."""
    stems = Counter(Path(model).stem for model in models)
    return [
        Path(m).stem if stems[Path(m).stem] == 1 else f"{Path(m).parent.name}/{Path(m).stem}"
        for m in models
    ]
