"""An adapter that implements the generator contract for networks of any input and output format."""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING

import torch

from vidcolor.errors import UsageError
from vidcolor.generators.base import Hints, Prediction, check_inputs, resample_hints
from vidcolor.generators.device import torch_dtype
from vidcolor.generators.model_io import check_size, luma_to_gray, resize
from vidcolor.generators.store.architectures import ARCHITECTURES, build_network, select_tensors

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from vidcolor.generators.device import Precision
    from vidcolor.generators.model_io import ModelIO
    from vidcolor.generators.store.weights import Weights

MIN_STRIDE = 2
"""Minimum output stride, in pixels. Finer color is invisible after chroma subsampling and the
guided filter, and would make every following stage slower."""
_BAYER = ((0, 8, 2, 10), (12, 4, 14, 6), (3, 11, 1, 9), (15, 7, 13, 5))
"""Bayer's threshold matrix of order 4, in sixteenths."""


class AdaptedGenerator:
    """A generator that runs a network with its own input and output format.

    It accepts images of any size. Luma of (H, W) gives a prediction of (ceil(H / 2), ceil(W / 2)),
    or less if the output of the network is coarser.
    """

    has_vividness = False

    def __init__(
        self,
        network: Callable[..., Tensor],
        model_io: ModelIO,
        name: str,
        digest: str,
        device: torch.device | str = "cpu",
        accepts_hints: bool = False,
    ) -> None:
        """Wrap a network.

        Args:
            network: thread-safe function of the result of `ModelIO.preprocess` and, if
                `accepts_hints` is set, of the a*, b* of hints, (N, 2, H, W), and their binary mask,
                (N, 1, H, W). It returns the input of `ModelIO.postprocess`.
            model_io: input and output format of the network.
            name, digest, device, accepts_hints: see `Generator`.
        """
        self.name, self.digest, self.device = name, digest, str(device)
        self.accepts_hints, self.model_io = accepts_hints, model_io
        self.network = network
        self.native_size = model_io.size
        self.has_confidence = model_io.has_confidence

    @torch.inference_mode()
    def __call__(
        self, luma: Tensor, hints: Hints | None = None, vividness: float | None = None
    ) -> Prediction:
        """Predict color; see `Generator`. Hints are ignored if the network does not accept them."""
        check_inputs(luma, hints)
        height, width = luma.shape[-2:]
        size = self.model_io.input_size(height, width)
        gray = self.model_io.pad(luma_to_gray(luma.to(self.device, torch.float32), size))
        image = self.model_io.preprocess(gray)
        if self.accepts_hints:
            output = self.network(image, *self._hint_planes(hints, gray, size))
        else:
            output = self.network(image)
        planes = torch.cat(
            [self.model_io.postprocess(output, gray), self.model_io.extract_confidence(output)],
            dim=1,
        )
        # Crop the padding. The size is rounded up, because the last cell may overlap the padding.
        rows, columns = (
            ceil(size[axis] * planes.shape[axis - 2] / gray.shape[axis - 2]) for axis in (0, 1)
        )
        planes = planes[..., :rows, :columns]
        stride = max(MIN_STRIDE, round(size[0] / rows))
        if self.model_io.square or stride == MIN_STRIDE:
            planes = resize(planes, (ceil(height / stride), ceil(width / stride)))
        confidence = planes[:, 2:]
        confidence = confidence.clamp(0, 1) if self.has_confidence else torch.ones_like(confidence)
        return Prediction(planes[:, :2], confidence)

    def _hint_planes(
        self, hints: Hints | None, gray: Tensor, size: tuple[int, int]
    ) -> tuple[Tensor, Tensor]:
        """Return the hint inputs of the network; the padding has no hints."""
        planes = gray.new_zeros(len(gray), 3, *gray.shape[-2:])
        if hints is not None:
            ab, density = resample_hints(hints, size, self.device)
            mask = dither(density)
            planes[..., : size[0], : size[1]] = torch.cat([ab * mask, mask], dim=1)
        return planes[:, :2], planes[:, 2:]


def dither(density: Tensor) -> Tensor:
    """Convert density (N, 1, H, W) in [0, 1] to a mask of 0 and 1 by ordered dithering.

    In an area of density d, a fraction d of the pixels becomes 1, evenly spaced. Networks that were
    trained with binary masks understand it as many point hints. See Bayer, "An optimum method for
    two-level rendition of continuous-tone pictures", 1973.
    """
    height, width = density.shape[-2:]
    levels = torch.tensor(_BAYER, device=density.device, dtype=density.dtype)
    threshold = ((levels + 0.5) / 16).repeat(-(-height // 4), -(-width // 4))[:height, :width]
    return (density > threshold).to(density.dtype)


def load_adapted(
    weights: Weights,
    architecture_name: str,
    device: torch.device,
    precision: Precision,
    size: int | None = None,
) -> AdaptedGenerator:
    """Build a generator from the weights of one of `ARCHITECTURES`.

    The tensors are removed from the weights. The last layers of the network stay float32.

    Raises:
        WeightsError: the weights do not match the architecture.
        UsageError: the network does not support the size.
    """
    architecture = ARCHITECTURES[architecture_name]
    model_io = replace_input_size(architecture.model_io, size, weights.name)
    network = build_network(
        architecture, select_tensors(architecture, weights.tensors, weights.path)
    )
    # Free the float32 tensors that the lower precision replaces: up to 0.9 GB.
    weights.tensors.clear()
    if precision != "fp32":
        network.lower_precision(torch_dtype(precision))
    # torch's stubs lack this keyword.
    network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return AdaptedGenerator(
        network, model_io, weights.name, weights.digest, device, architecture.accepts_hints
    )


def replace_input_size(model_io: ModelIO, size: int | None, name: str) -> ModelIO:
    """Return a format with another input size, in pixels; None for the size of `model_io`.

    Raises:
        UsageError: the network does not support the size.
    """
    if size is None or size == model_io.size:
        return model_io
    if model_io.fixed:
        raise UsageError(f"--size must be {model_io.size} for {name}, got {size}")
    check_size(size, model_io.multiple, name)
    return replace(model_io, size=size)
