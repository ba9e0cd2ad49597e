"""Colors that hints give to key frames, as propagation takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from vidcolor.imaging.types import FloatArray


class HintMask(NamedTuple):
    """The color that hints give to one frame, and where they apply, on the flow grid."""

    ab: FloatArray
    """a*, b*: (2, h, w) float32; undefined where alpha is 0."""
    alpha: FloatArray
    """(h, w) float32 in [0, 1]: 1 where the color is exactly that of the hints."""


class HintMaskSource(Protocol):
    """The hint masks of a film's key frames."""

    @property
    def required_keyframes(self) -> frozenset[int]:
        """Indices of the frames that must be key frames."""
        ...

    def get(self, frame_index: int) -> HintMask | None:
        """Return the hint mask of a key frame, or None if it has none."""
        ...
