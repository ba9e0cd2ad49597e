"""Recognizes the input and output format of ONNX files that others publish.

The evidence is the shapes, the arithmetic at the start of the graph, and the output for a gray
ramp. A format that these do not determine is refused with the keys that the user must write,
because a wrong range gives wrong colors without an error.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from vidcolor.color.lab import gray_to_lightness
from vidcolor.errors import WeightsError
from vidcolor.generators.model_io import (
    DDCOLOR_IO,
    DEOLDIFY_IO,
    DEOLDIFY_ONNX_IO,
    ZHANG_IO,
    ModelIO,
    compute_luma,
)
from vidcolor.generators.store.onnx_graph import Normalization, read_graph_ends

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from torch import Tensor

    from vidcolor.generators.model_io import InputFormat, Layout
    from vidcolor.generators.store.onnx_graph import GraphEnds

SIDECAR_SUFFIX = ".toml"
"""Suffix that is added to the name of an ONNX file for the name of its sidecar file."""

_RAMP_SIZES = (64, 256, 512)
"""Heights and widths of the test image where the file does not fix them, in pixels. Some networks
do not run on small images."""
_MAX_RAMP_ERROR = 0.1
"""Maximum mean difference between a gray ramp and the luma of the output for it, in [0, 1]."""
_MAX_BYTE_FACTOR = 0.1
"""Maximum factor of the normalization in a graph whose input is in [0, 255]. With ImageNet's
standard deviation the factor is 0.017, or 4.4 if the input is in [0, 1]."""
_MIN_RAMP_CONTRAST = 0.7
"""Minimum difference between the luma of both ends of the output for this ramp, in [0, 1]. It is
less if the network limits its output to a narrower range."""
_MIN_AB = 0.5
"""Maximum of a*, b* for a gray ramp below which they count as normalized."""
_TOLERANCE = 1e-3
"""Maximum difference of the constants in a graph from those of a known normalization."""
_NORMALIZED_LIGHTNESS = ((0.01, -0.5), (0.02, -1.0))
"""Factors and offsets of networks that take L* in [0, 100]: (L* - 50) / 100, and L* / 50 - 1."""

_UNIT_IO = ModelIO(size=256, multiple=32, output="rgb")
_IMAGE_FORMATS = (
    DEOLDIFY_ONNX_IO,
    DEOLDIFY_IO,
    replace(_UNIT_IO, input_range=(-1.0, 1.0), output_range=(-1.0, 1.0)),
    _UNIT_IO,
)
"""Formats of networks from images to images, from the widest range to the narrowest. A network
without limits reproduces the gray of each narrower range as well."""
_OUTPUT_FIELDS = ("output_range", "output_mean", "output_std")


class Signature(NamedTuple):
    """Names, dtypes and shapes of the inputs and of the output of a file."""

    inputs: list[str]
    dtype: Any
    """NumPy dtype of the first input."""
    input_shape: list[int | None]
    """Shape of the first input; None where any size is possible."""
    output: str
    output_shape: list[int | None]
    """Shape of the output; None where any size is possible."""

    @property
    def takes_bytes(self) -> bool:
        """Whether the input is uint8."""
        return bool(np.dtype(self.dtype).kind == "u")


def recognize_format(
    path: Path, data: bytes, signature: Signature, run: Callable[[Tensor], Tensor]
) -> ModelIO:
    """Return the format of a file without a description.

    Args:
        path: the file, for messages.
        data: content of the file.
        signature: inputs and outputs of the file.
        run: returns the output for an input; raises a WeightsError if the size is not supported.

    Raises:
        WeightsError: the format is not known; the message names the keys of the sidecar file.
    """
    ends = read_graph_ends(data, signature.inputs[0], signature.output)
    return _Probe(path, signature, ends, run).recognize()


class _Probe:
    """Finds the format of one file."""

    def __init__(
        self,
        path: Path,
        signature: Signature,
        ends: GraphEnds,
        run: Callable[[Tensor], Tensor],
    ) -> None:
        self.path, self.signature, self.ends, self.run = path, signature, ends, run
        self.layout: Layout = "nchw"

    def recognize(self) -> ModelIO:
        shape = self.signature.input_shape
        if shape[1] not in (1, 3) and shape[3] in (1, 3):
            self.layout = "nhwc"
        channels = shape[3] if self.layout == "nhwc" else shape[1]
        if channels == 3:
            return replace(self._recognize_rgb(), layout=self.layout)
        if channels == 1:
            return replace(self._recognize_gray(), layout=self.layout)
        if channels is None:
            raise self._refuse("the number of input channels is not fixed", "size and input")
        raise WeightsError(
            f"{self.path}: takes {channels} channels; only networks that take a gray image, in 1 or"
            " 3 channels, are supported"
        )

    def _recognize_rgb(self) -> ModelIO:
        """Return the format of a network that takes gray in three channels."""
        factor = self.ends.normalization.factor
        if any(abs(factor - known) < _TOLERANCE / 2 for known, _ in _NORMALIZED_LIGHTNESS):
            raise WeightsError(
                f"{self.path}: takes L* or L*, a*, b* in 3 channels; only gray R'G'B' in 3"
                " channels, and L* or gray in 1 channel, are supported"
            )
        white = 255.0 if self._is_byte_range() else 1.0
        model_io = replace(DDCOLOR_IO, input_range=(0.0, white))
        output = self._run_ramp(model_io)
        if output.shape[1] == 2:
            return self._check_ab(model_io, output)
        return self._recognize_image("rgb", output.shape[1])

    def _recognize_gray(self) -> ModelIO:
        """Return the format of a network that takes one channel."""
        output = self._run_ramp(ZHANG_IO)
        if output.shape[1] == 3 and not _is_lab(output):
            return self._recognize_image("gray", 3)
        found = self.ends.normalization
        if not any(np.allclose(found, known, atol=_TOLERANCE) for known in _NORMALIZED_LIGHTNESS):
            raise self._refuse(
                "the range of its one input channel is unknown",
                'size, input = "lightness" or "gray", and input_range, for example [0, 100] or'
                " [-50, 50]",
            )
        return self._check_ab(ZHANG_IO, output, _MIN_AB)

    def _check_ab(self, model_io: ModelIO, output: Tensor, min_ab: float = 0.0) -> ModelIO:
        """Return the format if the output is in units of a*, b*, of which one exceeds `min_ab`."""
        channels = output.shape[1]
        if channels not in (2, 3):
            raise self._refuse_channels(channels)
        ab = output[:, 1:] if channels == 3 else output
        if self.ends.has_unit_output or float(ab.abs().max()) < min_ab:
            raise self._refuse(
                "its a*, b* are at most 1, and their unit is unknown",
                "size, input, input_range and output_unit, for example 110 or 128",
            )
        return replace(model_io, output="lab") if channels == 3 else model_io

    def _recognize_image(self, channels_in: InputFormat, channels_out: int) -> ModelIO:
        """Return the format of a network that returns an image with the gray of the input."""
        if channels_out != 3:
            raise self._refuse_channels(channels_out)
        for model_io in self._list_image_formats():
            if channels_in == "gray":
                model_io = replace(model_io, input="gray", input_mean=(), input_std=())
            if _matches_ramp(model_io, self._run_ramp(model_io)):
                return model_io
        raise self._refuse(
            "the range of its image is unknown",
            "size, input_range (or input_mean and input_std), output and output_range",
        )

    def _list_image_formats(self) -> Sequence[ModelIO]:
        """Return the formats that are possible, of which the first that matches is right."""
        is_normalized = self.ends.normalization != Normalization()
        if not is_normalized and not self.signature.takes_bytes:
            return _IMAGE_FORMATS
        known = DEOLDIFY_ONNX_IO if self._is_byte_range() else _UNIT_IO
        return [
            replace(known, **{name: getattr(other, name) for name in _OUTPUT_FIELDS})
            for other in _IMAGE_FORMATS
        ]

    def _run_ramp(self, model_io: ModelIO) -> Tensor:
        """Return the output for a gray ramp, (1, C, h, w)."""
        model_io = replace(model_io, layout=self.layout)
        error: WeightsError | None = None
        for size in self._ramp_sizes():
            try:
                output = self.run(model_io.preprocess(_make_ramp(*size)))
            except WeightsError as failure:
                error = failure
                continue
            return output.permute(0, 3, 1, 2) if self.layout == "nhwc" else output
        assert error is not None
        raise error

    def _ramp_sizes(self) -> list[tuple[int, int]]:
        shape = self.signature.input_shape
        height, width = shape[1:3] if self.layout == "nhwc" else shape[2:4]
        sizes = [(height or size, width or size) for size in _RAMP_SIZES]
        return list(dict.fromkeys(sizes))

    def _is_byte_range(self) -> bool:
        """Return whether the input is in [0, 255]."""
        return self.signature.takes_bytes or abs(self.ends.normalization.factor) < _MAX_BYTE_FACTOR

    def _refuse(self, reason: str, keys: str) -> WeightsError:
        shapes = f"input {self.signature.input_shape}, output {self.signature.output_shape}"
        return WeightsError(
            f"{self.path}: {reason} ({shapes}); describe it in {self.path.name}{SIDECAR_SUFFIX}"
            f" with {keys} (see docs/models.md)"
        )

    def _refuse_channels(self, channels: int) -> WeightsError:
        return WeightsError(
            f"{self.path}: returns {channels} channels; only a*, b* (2 channels) and images (3"
            " channels) are supported"
        )


def _make_ramp(height: int, width: int) -> Tensor:
    """Return a gray ramp from left to right, (1, 1, H, W) float32 in [0, 1]."""
    return torch.linspace(0, 1, width).expand(1, 1, height, width)


def _matches_ramp(model_io: ModelIO, output: Tensor) -> bool:
    """Return whether an output for a gray ramp can be an image in the range of a format."""
    if model_io.output_range[1] > 1:
        # Loose limits suffice for bytes: all other ranges are much narrower.
        return bool(output.min() > -64) and 8 < float(output.max()) < 320
    luma = compute_luma(model_io.decode_image(output))
    end = max(luma.shape[-1] // 8, 1)
    contrast = float(luma[..., -end:].mean() - luma[..., :end].mean())
    error = float((luma - _make_ramp(*luma.shape[-2:])).abs().mean())
    return contrast > _MIN_RAMP_CONTRAST and error < _MAX_RAMP_ERROR


def _is_lab(output: Tensor) -> bool:
    """Return whether the first channel is the L* of the ramp."""
    lightness = gray_to_lightness(_make_ramp(*output.shape[-2:])) / 100
    return bool((output[:, :1] / 100 - lightness).abs().mean() < _MAX_RAMP_ERROR)
