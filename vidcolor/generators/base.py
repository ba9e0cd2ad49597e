"""The generator contract: the protocol `Generator` and the types of its inputs and outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor

    from vidcolor.imaging.types import FloatArray


@dataclass(frozen=True, slots=True)
class Prediction:
    """The output of a generator for a batch of images, at the generator's output resolution."""

    ab: Tensor
    """CIELAB a*, b* (D65): (N, 2, h, w) float32, about -110 to 110."""
    confidence: Tensor
    """Confidence: (N, 1, h, w) float32 in [0, 1]; all ones if the generator has none."""

    def __post_init__(self) -> None:
        _check_planes(self.ab, "confidence", self.confidence)


@dataclass(frozen=True, slots=True)
class Hints:
    """Colors that are known at some places of a batch of images, as planes of any resolution.

    A cell of the planes covers the same area of the image at any resolution; see `resample_hints`.
    """

    ab: Tensor
    """CIELAB a*, b*: (N, 2, h, w) float32; ignored where density is 0."""
    density: Tensor
    """Fraction of each cell that is hinted: (N, 1, h, w) float32 in [0, 1]."""

    def __post_init__(self) -> None:
        _check_planes(self.ab, "density", self.density)


def _check_planes(ab: Tensor, name: str, plane: Tensor) -> None:
    """Raise a ValueError if ab is not (N, 2, h, w), or the plane not (N, 1, h, w)."""
    if ab.ndim != 4 or ab.shape[1] != 2:
        raise ValueError(f"ab must be (N, 2, h, w), got {tuple(ab.shape)}")
    expected = (len(ab), 1, *ab.shape[2:])
    if tuple(plane.shape) != expected:
        raise ValueError(f"{name} must be {expected}, got {tuple(plane.shape)}")


def check_inputs(luma: Tensor, hints: Hints | None) -> None:
    """Raise a ValueError if luma is not (N, 1, H, W), or the hints have another batch size."""
    if luma.ndim != 4 or luma.shape[1] != 1 or 0 in luma.shape:
        raise ValueError(f"luma must be (N, 1, H, W), got {tuple(luma.shape)}")
    if hints is not None and len(hints.ab) != len(luma):
        raise ValueError(f"batch size mismatch: {len(hints.ab)} hints, {len(luma)} images")


def resample_hints(hints: Hints, size: tuple[int, int], device: str) -> tuple[Tensor, Tensor]:
    """Resample hints to the resolution of a network.

    The color of a cell is the mean of its hints, weighted by density. The density of a cell is
    the maximum in it, so that a single hinted pixel still colors its surroundings.

    Returns:
        A pair of float32 tensors of `size` (h, w): a*, b*, (N, 2, h, w), 0 where there is no hint;
        and density, (N, 1, h, w) in [0, 1].
    """
    import torch
    import torch.nn.functional as F  # noqa: N812

    density = hints.density.to(device, torch.float32).clamp(0, 1)
    ab = hints.ab.to(device, torch.float32)
    # Where density is 0, ab may hold any value. `where` removes NaN, which a product would keep.
    ab = torch.where(density > 0, ab, 0.0) * density
    weight = F.adaptive_avg_pool2d(density, size)
    ab = F.adaptive_avg_pool2d(ab, size) / weight.clamp(min=1e-8)
    return ab, F.adaptive_max_pool2d(density, size)


class Generator(Protocol):
    """A model that predicts a*, b* from L*.

    Resizing to `native_size`, batching, device selection, upsampling and the conversion to Cb, Cr
    happen outside, once for all generators.
    """

    name: str
    """Name of the model, e.g. ``embedded``."""
    native_size: int
    """Recommended length of the short side of the input, in pixels."""
    accepts_hints: bool
    """Whether the network takes hints. If not, the caller applies hints to the prediction."""
    has_confidence: bool
    """Whether the network estimates its confidence."""
    has_vividness: bool
    """Whether the network has a vividness parameter."""
    digest: str
    """SHA-256 in hex that identifies the weights; for a torch model, of the weights file."""
    device: str
    """Torch device of the computation and of the prediction, e.g. ``cpu`` or ``cuda:0``. Luma on
    another device is copied."""

    def __call__(
        self, luma: Tensor, hints: Hints | None = None, vividness: float | None = None
    ) -> Prediction:
        """Predict color.

        Args:
            luma: L*, (N, 1, H, W) float32 in [0, 100]; any H and W of at least 1.
            hints: hints for the batch; None if there are none.
            vividness: from 0 (muted) to 1 (vivid); None for the generator's default. Ignored
                without `has_vividness`.

        Returns:
            The prediction at the generator's output stride, on `device`.
        """
        ...


@dataclass(frozen=True, slots=True)
class ColorDistribution:
    """The probabilities of colors in each cell of one image."""

    probabilities: FloatArray
    """Probability of each of Q colors: (Q, h, w) float32 in [0, 1], with a sum of 1."""
    bins: FloatArray
    """a*, b* of the colors: (Q, 2) float32."""


@runtime_checkable
class EncodingGenerator(Protocol):
    """A generator that computes in a separate step what hints and vividness do not change."""

    def encode(self, luma: Tensor) -> Any:
        """Encode images; `luma` is L* as for `Generator`."""
        ...

    def decode(
        self, image: Any, hints: Hints | None = None, vividness: float | None = None
    ) -> Prediction:
        """Predict color as `Generator` from the result of `encode`."""
        ...

    def decode_distribution(self, image: Any) -> ColorDistribution:
        """Predict the distribution of colors without hints from the result of `encode`."""
        ...


@runtime_checkable
class DistributionGenerator(Protocol):
    """A generator that predicts a distribution of colors, and not only one color."""

    def predict_distribution(self, luma: Tensor) -> ColorDistribution:
        """Predict the distribution without hints; `luma` is L*, (1, 1, H, W) as for `Generator`."""
        ...
