"""Several generators as one: people report that a mixture beats each of its parts."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812

from vidcolor.color.lab import gray_to_lightness
from vidcolor.errors import UsageError
from vidcolor.generators.base import Hints, Prediction
from vidcolor.generators.model_io import gray_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from vidcolor.generators.base import Generator

PLUS = "+"
"""Between the names of an ensemble's parts."""
CELL = 4
"""Pictures are whole multiples of this, so that no generator's grid reaches beyond their edge."""


def parts_of(model: str) -> list[str]:
    """The parts' names; none if it is one name with a plus in it, as of a file.

    Raises:
        UsageError: a part has no name.
    """
    from pathlib import Path

    if Path(model).is_file():
        return []
    names = model.split(PLUS)
    if "" in names:
        raise UsageError(f"model {model!r}: a name is missing beside the {PLUS}")
    return names


class Ensemble:
    """The mean color of several generators, which look at the same luma.

    Sure is what all are sure of: the mean of the confidence that they have. Hints reach it if all
    accept them, and vividness those that have a choice.
    """

    def __init__(self, generators: Sequence[Generator]) -> None:
        """Put generators together.

        Args:
            generators: two or more, on one device.

        Raises:
            UsageError: they compute on different devices.
        """
        self.generators = tuple(generators)
        devices = {generator.device for generator in generators}
        if len(devices) > 1:
            raise UsageError(f"an ensemble must compute on one device, not {sorted(devices)}")
        self.device = devices.pop()
        self.name = PLUS.join(generator.name for generator in generators)
        self.native_size = max(generator.native_size for generator in generators)
        self.accepts_hints = all(generator.accepts_hints for generator in generators)
        self.has_confidence = any(generator.has_confidence for generator in generators)
        self.has_vividness = any(generator.has_vividness for generator in generators)
        digests = " ".join(generator.digest for generator in generators)
        self.digest = hashlib.sha256(digests.encode()).hexdigest()

    @torch.inference_mode()
    def __call__(
        self, luma: Tensor, hints: Hints | None = None, vividness: float | None = None
    ) -> Prediction:
        """See `Generator`."""
        known = hints if self.accepts_hints else None
        said = [
            generator(
                _seen_by(generator, luma), known, vividness if generator.has_vividness else None
            )
            for generator in self.generators
        ]
        height, width = (max(p.ab.shape[axis] for p in said) for axis in (-2, -1))
        ab = torch.stack([_raised(p.ab, (height, width)) for p in said]).mean(0)
        sure = [
            _raised(p.confidence, (height, width))
            for p, generator in zip(said, self.generators, strict=True)
            if generator.has_confidence or not self.has_confidence
        ]
        return Prediction(ab, torch.stack(sure).mean(0))


def _seen_by(generator: Generator, luma: Tensor) -> Tensor:
    """Luma at the size that one of them works best at: others may want it larger."""
    height, width = luma.shape[-2:]
    scale = generator.native_size / min(height, width)
    if scale >= 1:
        return luma
    size = tuple(max(round(side * scale / CELL), 1) * CELL for side in (height, width))
    return gray_to_lightness(gray_of(luma, (size[0], size[1])))


def _raised(planes: Tensor, size: tuple[int, int]) -> Tensor:
    if tuple(planes.shape[-2:]) == size:
        return planes
    return F.interpolate(planes, size, mode="bilinear", align_corners=False)
