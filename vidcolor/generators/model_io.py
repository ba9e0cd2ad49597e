"""The input and output format of a network: preprocessing and postprocessing.

Published networks differ in the input (L* or R'G'B', 0 to 1 or 0 to 255, normalized or not), in the
input size, and in the output. A `ModelIO` describes these differences, so that `AdaptedGenerator`
can run any network, in torch or in ONNX Runtime.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

import torch
import torch.nn.functional as F  # noqa: N812
from pydantic import ValidationError, with_config

from vidcolor.color.lab import gray_to_lightness, lightness_to_gray, rgb_to_lab
from vidcolor.errors import UsageError
from vidcolor.generators.efficientnet import IMAGENET_MEAN, IMAGENET_STD
from vidcolor.schema import STORED, describe_error, get_adapter

if TYPE_CHECKING:
    from torch import Tensor

InputFormat = Literal["lightness", "gray", "rgb"]
"""Input channels; see `ModelIO.input`."""
OutputFormat = Literal["ab", "abc", "lab", "rgb", "bgr"]
"""Output channels; see `ModelIO.output`."""
Layout = Literal["nchw", "nhwc"]
"""Memory layout: channels after the batch dimension, or last."""

MAX_SIZE = 4096
"""Maximum model input size, in pixels."""
_KR, _KG, _KB = 0.299, 0.587, 0.114
"""Luma coefficients of BT.601, which DeOldify uses (through OpenCV's YUV conversion)."""


@with_config(STORED)
@dataclass(frozen=True, slots=True, kw_only=True)
class ModelIO:
    """The input and output format of a network.

    The field names are the keys of ``NAME.onnx.toml`` and of the metadata of exported ONNX files.
    """

    size: int
    """Input size, in pixels: side of the square if `square` is set, else the short side."""
    multiple: int = 1
    """Divisor of the input height and width, in pixels; non-square inputs are padded to it."""
    square: bool = True
    """Whether images are resized to squares, which ignores their aspect ratio. Most published
    networks were trained this way."""
    fixed: bool = False
    """Whether `size` is the only possible input size."""
    input: InputFormat = "rgb"
    """Input channels: ``lightness`` is L*; ``gray`` is sRGB-encoded gray; ``rgb`` is the same gray
    in three channels."""
    input_range: tuple[float, float] = (0.0, 1.0)
    """Input values of black (L* 0) and white (L* 100)."""
    input_mean: tuple[float, ...] = ()
    """Values that are subtracted from the input channels, after scaling to `input_range`."""
    input_std: tuple[float, ...] = ()
    """Divisors of the input channels, after the subtraction of `input_mean`."""
    output: OutputFormat = "ab"
    """Output channels: ``ab`` is CIELAB a*, b*; ``abc`` is a*, b* and confidence; ``lab`` is L*,
    a*, b*, of which L* is ignored; ``rgb`` and ``bgr`` are an sRGB image, of which only the chroma
    is used."""
    output_range: tuple[float, float] = (0.0, 1.0)
    """Output values of R'G'B' 0 and 1, after `output_std` and `output_mean` are applied."""
    output_mean: tuple[float, ...] = ()
    """Values that are added to the output channels of an image, after `output_std`."""
    output_std: tuple[float, ...] = ()
    """Factors of the output channels of an image."""
    output_unit: float = 1.0
    """Value of a*, b* at an output of 1, for outputs in CIELAB."""
    layout: Layout = "nchw"
    """Order of the dimensions of the input and of the output."""

    def __post_init__(self) -> None:
        if not 1 <= self.multiple <= self.size <= MAX_SIZE:
            raise ValueError(f"size must be between multiple and {MAX_SIZE}, got {self.size}")
        if self.size % self.multiple:
            raise ValueError(f"size must be a multiple of {self.multiple}, got {self.size}")
        for name in ("input_range", "output_range"):
            black, white = getattr(self, name)
            if black == white:
                raise ValueError(f"{name} must be two different numbers: black and white")
        channels = {"input": 3 if self.input == "rgb" else 1, "output": 3}
        for side, count in channels.items():
            mean, std = getattr(self, f"{side}_mean"), getattr(self, f"{side}_std")
            if len(mean) not in (0, count) or len(std) not in (0, count) or 0 in std:
                raise ValueError(
                    f"{side}_mean and {side}_std must have {count} numbers, without 0 in std"
                )

    def to_json(self) -> str:
        """Return one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> ModelIO:
        """Parse the output of `to_json`.

        Raises:
            ValueError: invalid JSON, unknown or missing fields, or invalid values.
        """
        try:
            # Strict, because pydantic would otherwise accept "256" as a number.
            model_io: ModelIO = get_adapter(cls).validate_json(text, strict=True)
        except ValidationError as error:
            raise ValueError(describe_error(error, cls)) from None
        return model_io

    @property
    def has_confidence(self) -> bool:
        """Whether the output includes confidence."""
        return self.output == "abc"

    def input_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the input size, without padding, for an image of a height and width, in pixels."""
        if self.square:
            return self.size, self.size
        scale = self.size / min(height, width)
        return max(round(height * scale), 1), max(round(width * scale), 1)

    def pad(self, gray: Tensor) -> Tensor:
        """Pad (N, C, H, W) on the right and at the bottom to multiples of `multiple`.

        The padding repeats the edge.
        """
        height, width = gray.shape[-2:]
        padding = 0, -width % self.multiple, 0, -height % self.multiple
        return F.pad(gray, padding, mode="replicate") if any(padding) else gray

    def preprocess(self, gray: Tensor) -> Tensor:
        """Convert sRGB-encoded gray, (N, 1, H, W) float32 in [0, 1], to the input of the network.

        It is float32: (N, C, H, W) or (N, H, W, C), depending on `layout`.
        """
        unit = gray_to_lightness(gray) / 100 if self.input == "lightness" else gray
        if self.input == "rgb":
            unit = unit.expand(-1, 3, -1, -1)
        black, white = self.input_range
        x = black + unit * (white - black)
        if self.input_mean:
            x = x - _channel_values(self.input_mean, x)
        if self.input_std:
            x = x / _channel_values(self.input_std, x)
        return x.permute(0, 2, 3, 1) if self.layout == "nhwc" else x

    def postprocess(self, output: Tensor, gray: Tensor) -> Tensor:
        """Convert the output of the network to a*, b*.

        If the output is an image, its BT.601 luma is replaced by the gray, as in DeOldify. Only its
        chroma has an effect.

        Args:
            output: output of the network for `gray`, in the layout and dtype of the network.
            gray: sRGB-encoded gray, (N, 1, H, W) float32 in [0, 1].

        Returns:
            a*, b*: (N, 2, h, w) float32 within ±128, at the output resolution of the network.
        """
        if self.output in ("ab", "abc", "lab"):
            first = 1 if self.output == "lab" else 0
            ab = self._to_nchw(output)[:, first : first + 2] * self.output_unit
        else:
            ab = _replace_luma(self.decode_image(output), gray)
        # Some networks have unbounded outputs, and NaN or infinity would spread along the flow.
        return torch.nan_to_num(ab, 0.0, 128.0, -128.0).clamp(-128, 128)

    def decode_image(self, output: Tensor) -> Tensor:
        """Return the image of an output in sRGB: R'G'B', (N, 3, h, w) float32 in [0, 1]."""
        y = self._to_nchw(output)
        if self.output_std:
            y = y * _channel_values(self.output_std, y)
        if self.output_mean:
            y = y + _channel_values(self.output_mean, y)
        black, white = self.output_range
        image = ((y - black) / (white - black)).clamp(0, 1)
        return image if self.output == "rgb" else image.flip(1)

    def extract_confidence(self, output: Tensor) -> Tensor:
        """Return the confidence, (N, 1, h, w) float32 in [0, 1]; ones if the output has none."""
        y = self._to_nchw(output)
        return y[:, 2:3].clamp(0, 1) if self.has_confidence else torch.ones_like(y[:, :1])

    def _to_nchw(self, output: Tensor) -> Tensor:
        y = output.float()
        return y.permute(0, 3, 1, 2) if self.layout == "nhwc" else y


def check_size(size: int, multiple: int, name: str) -> None:
    """Raise a UsageError if a network does not support an input size, in pixels."""
    if not multiple <= size <= MAX_SIZE or size % multiple:
        raise UsageError(
            f"--size must be a multiple of {multiple}, at most {MAX_SIZE}, for {name}; got {size}"
        )


def resize(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize (N, C, H, W) to a height and width in pixels: bilinear, antialiased."""
    if tuple(image.shape[-2:]) == tuple(size):
        return image
    return F.interpolate(image, size, mode="bilinear", align_corners=False, antialias=True)


def luma_to_gray(luma: Tensor, size: tuple[int, int]) -> Tensor:
    """Convert L*, (N, 1, H, W) in [0, 100], to sRGB gray of `size`, (N, 1, h, w) in [0, 1].

    The resize comes after the encoding, because published networks were trained on images that were
    resized in encoded values.
    """
    return resize(lightness_to_gray(luma).clamp(0, 1), size)


def compute_luma(image: Tensor) -> Tensor:
    """Return the BT.601 luma, (N, 1, h, w), of R'G'B', (N, 3, h, w)."""
    red, green, blue = image.chunk(3, dim=1)
    return _KR * red + _KG * green + _KB * blue


def _replace_luma(image: Tensor, gray: Tensor) -> Tensor:
    """Return a*, b* of an image (N, 3, h, w) after its luma is replaced by gray (N, 1, H, W)."""
    gray = resize(gray, (image.shape[-2], image.shape[-1]))
    # The same shift of R', G' and B' changes Y' by that amount and leaves Cb and Cr unchanged.
    shift = gray - compute_luma(image)
    _, ab = rgb_to_lab((image + shift).clamp(0, 1))
    return ab


def _channel_values(values: tuple[float, ...], like: Tensor) -> Tensor:
    """Return one value per channel as (1, C, 1, 1) float32 on the device of `like`."""
    return torch.tensor(values, dtype=torch.float32, device=like.device).view(1, -1, 1, 1)


ZHANG_IO = ModelIO(size=256, multiple=8, input="lightness", input_range=(0.0, 100.0))
"""Format of ECCV16 and SIGGRAPH17."""
DEOLDIFY_IO = ModelIO(
    size=336,
    multiple=16,
    input_mean=IMAGENET_MEAN,
    input_std=IMAGENET_STD,
    output="rgb",
    output_mean=IMAGENET_MEAN,
    output_std=IMAGENET_STD,
)
"""Format of DeOldify. The size is its default render factor for video, 21, times 16."""
DEOLDIFY_ONNX_IO = ModelIO(
    size=352,
    multiple=32,
    input_range=(0.0, 255.0),
    output="rgb",
    output_range=(0.0, 255.0),
)
"""Format of the usual ONNX exports of DeOldify, which include the normalization."""
DDCOLOR_IO = ModelIO(size=512, multiple=32)
"""Format of DDColor and its ONNX exports, which include the normalization."""
