"""What is known about single frames of a project."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vidcolor.colorizer import ProxyPrediction
    from vidcolor.hints.discs import HintDisc
    from vidcolor.imaging.types import FloatArray, Rgb
    from vidcolor.segmentation.model import EmbeddedImage
    from vidcolor.uncertainty import UncertainRegion


@dataclass(frozen=True, slots=True)
class Still:
    """One frame of a project in color."""

    frame: int
    """Index of the frame."""
    color: Rgb
    """R'G'B' as the film will have it, upright with square pixels: (H, W, 3) uint8."""
    gray: Rgb
    """Y' of the source as R'G'B': (H, W, 3) uint8."""
    regions: tuple[UncertainRegion, ...]
    """The least certain regions; empty if the generator has no confidence."""
    discs: tuple[HintDisc, ...]
    """The hints of this frame, in pixels of the displayed frame at `size`."""
    size: tuple[int, int]
    """H, W of the displayed frame, in which discs are placed."""


@dataclass(frozen=True, slots=True)
class ExaminedFrame:
    """What is known about a frame of a picture before its decisions are applied."""

    prediction: ProxyPrediction
    """Upright prediction without hints; its overlay is the color of references."""
    embedding: EmbeddedImage
    """Embedding of its proxy."""
    decided: FloatArray | None
    """Weight of the objects of hints and of the color of references of its shot: (h, w) float32 in
    [0, 1]; None without any."""
