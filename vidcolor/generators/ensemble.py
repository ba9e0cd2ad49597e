"""Ensembles: generators that return the mean color of several generators."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812

from vidcolor.color.lab import gray_to_lightness
from vidcolor.errors import UsageError
from vidcolor.generators.base import Hints, Prediction
from vidcolor.generators.model_io import luma_to_gray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from vidcolor.generators.base import Generator

SEPARATOR = "+"
"""Separator of the model names of an ensemble."""
SIZE_MULTIPLE = 4
"""Divisor of the input sizes of members, in pixels. It is the output stride of the embedded
generator, so that whole output cells cover the image."""


def split_names(model: str) -> list[str]:
    """Split the name of an ensemble, e.g. ``embedded+ddcolor``, into the names of its members.

    Returns:
        The names; empty if `model` is the path of an existing file, which may contain a ``+``.

    Raises:
        UsageError: a member has no name.
    """
    if Path(model).is_file():
        return []
    names = model.split(SEPARATOR)
    if "" in names:
        raise UsageError(f"model {model!r}: a name is missing before or after {SEPARATOR}")
    return names


class Ensemble:
    """The mean color of several generators.

    The confidence is the mean over the generators that estimate one. Hints are used only if all
    generators accept them. Vividness is passed to the generators that support it. The output has
    the finest resolution among the generators.
    """

    def __init__(self, generators: Sequence[Generator]) -> None:
        """Combine generators; raise a UsageError if they are on different devices."""
        self.generators = tuple(generators)
        devices = {generator.device for generator in generators}
        if len(devices) > 1:
            raise UsageError(f"an ensemble must run on one device, got {sorted(devices)}")
        self.device = devices.pop()
        self.name = SEPARATOR.join(generator.name for generator in generators)
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
        """Predict color; see `Generator`."""
        used_hints = hints if self.accepts_hints else None
        predictions = [
            generator(
                _resize_luma(luma, generator.native_size),
                used_hints,
                vividness if generator.has_vividness else None,
            )
            for generator in self.generators
        ]
        height, width = (max(p.ab.shape[axis] for p in predictions) for axis in (-2, -1))
        ab = torch.stack([_upsample(p.ab, (height, width)) for p in predictions]).mean(0)
        confidences = [
            _upsample(p.confidence, (height, width))
            for p, generator in zip(predictions, self.generators, strict=True)
            if generator.has_confidence or not self.has_confidence
        ]
        return Prediction(ab, torch.stack(confidences).mean(0))


def _resize_luma(luma: Tensor, native_size: int) -> Tensor:
    """Downsample luma (N, 1, H, W) to the native size of a member, if the luma is larger."""
    # The resize happens in encoded gray, as in `AdaptedGenerator`.
    height, width = luma.shape[-2:]
    scale = native_size / min(height, width)
    if scale >= 1:
        return luma
    size = tuple(
        max(round(side * scale / SIZE_MULTIPLE), 1) * SIZE_MULTIPLE for side in (height, width)
    )
    return gray_to_lightness(luma_to_gray(luma, (size[0], size[1])))


def _upsample(planes: Tensor, size: tuple[int, int]) -> Tensor:
    """Upsample (N, C, h, w) to a height and width: bilinear."""
    if tuple(planes.shape[-2:]) == size:
        return planes
    return F.interpolate(planes, size, mode="bilinear", align_corners=False)
