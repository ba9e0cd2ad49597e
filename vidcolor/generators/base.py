"""The contract between what predicts chroma and everything around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a generator says of a batch of pictures, on the generator's own (coarser) grid."""

    ab: Tensor
    """CIELAB a*, b* (D65): (N, 2, h, w) float32, about -110 to 110."""
    confidence: Tensor
    """How sure the generator is: (N, 1, h, w) float32 in [0, 1]; all ones if it cannot tell."""

    def __post_init__(self) -> None:
        a, c = self.ab.shape, self.confidence.shape
        if len(a) != 4 or a[1] != 2:
            raise ValueError(f"ab must be (N, 2, h, w), not {tuple(a)}")
        if tuple(c) != (a[0], 1, a[2], a[3]):
            raise ValueError(f"confidence must be {(a[0], 1, a[2], a[3])}, not {tuple(c)}")


@dataclass(frozen=True, slots=True)
class Hints:
    """Known color at known places, on any grid (the generator resamples it to its own)."""

    ab: Tensor
    """CIELAB a*, b*: (N, 2, h, w) float32; ignored where density is 0."""
    density: Tensor
    """Share of each cell whose color is known: (N, 1, h, w) float32 in [0, 1]."""

    def __post_init__(self) -> None:
        a, d = self.ab.shape, self.density.shape
        if len(a) != 4 or a[1] != 2:
            raise ValueError(f"ab must be (N, 2, h, w), not {tuple(a)}")
        if tuple(d) != (a[0], 1, a[2], a[3]):
            raise ValueError(f"density must be {(a[0], 1, a[2], a[3])}, not {tuple(d)}")


def check_inputs(luma: Tensor, hints: Hints | None) -> None:
    """What every generator asks of its inputs.

    Raises:
        ValueError: luma is not (N, 1, H, W) with H and W of at least 1, or hints are for another
            number of pictures.
    """
    if luma.ndim != 4 or luma.shape[1] != 1 or 0 in luma.shape:
        raise ValueError(f"luma must be (N, 1, H, W), not {tuple(luma.shape)}")
    if hints is not None and len(hints.ab) != len(luma):
        raise ValueError(f"hints for {len(hints.ab)} pictures do not suit {len(luma)}")


class Generator(Protocol):
    """Predicts a*, b* from L*: the one thing that differs between colorizers.

    Resizing to `native_size`, batching, devices, upsampling and the conversion to Cb, Cr are
    done outside, once for all generators.
    """

    name: str
    """What the user calls it, e.g. ``embedded``."""
    native_size: int
    """Short side in pixels at which it works best."""
    accepts_hints: bool
    """Whether it has a use for hints; one without is given none, and color that is known is led
    through its picture afterwards."""
    has_confidence: bool
    """Whether it can tell how sure it is."""
    has_vividness: bool
    """Whether it can be asked for calmer or more vivid color."""
    digest: str
    """SHA-256 of the weights file, in hex."""
    device: str
    """Where it computes, as torch names it, e.g. ``cpu`` or ``cuda:0``; luma from elsewhere is
    copied there, and the prediction stays there."""

    def __call__(
        self, luma: Tensor, hints: Hints | None = None, vividness: float | None = None
    ) -> Prediction:
        """Predict color.

        Args:
            luma: L*, (N, 1, H, W) float32 in [0, 100]; any H and W of at least 1.
            hints: known color, or None.
            vividness: 0 (the calm mean of what is plausible) to 1 (the single likeliest color);
                None for the generator's own default, and for one that has no choice.
        """
        ...
