"""Images in memory: reads NumPy arrays and torch tensors, and returns results of the same kind."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar, get_args

import numpy as np

from vidcolor.color.ycbcr import MATRICES, Coding, Matrix, rgb_to_luma, rgb_to_luma_codes
from vidcolor.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from vidcolor.imaging.types import FloatArray, Plane

Layout = Literal["hwc", "chw"]
"""Position of the color channels: after height and width, or before them."""
Image = TypeVar("Image", "NDArray[Any]", "Tensor")
"""An image or a batch of images: a NumPy array or a torch tensor."""

MATRIX: Matrix = MATRICES["bt709"]
"""Matrix of the luma of images in memory."""
RANGE_TOLERANCE = 1e-3
"""How far float values may lie outside [0, 1]. It covers the rounding of float16, and is less than
half a code of 8 bits."""
_INTEGERS = ("uint8", "uint16")
_FLOATS = ("float16", "bfloat16", "float32", "float64")
_FLOAT_CODING = Coding(16, full_range=True)
"""Coding of the luma codes of float images. The result has the exact luma; see `LumaImage.unit`."""


class LumaImage(NamedTuple):
    """The luma of one image."""

    codes: Plane
    """(H, W) code values of `ArrayFormat.coding`. They may share memory with the image."""
    unit: FloatArray | None
    """Y' of a float image, (H, W) float32 in [0, 1], without rounding to codes; otherwise None."""


@dataclass(frozen=True, slots=True)
class ArrayFormat:
    """Kind, layout and number format of an image or a batch. The result has the same."""

    size: tuple[int, int]
    """Height and width."""
    batch: int | None
    """Number of images of a batch; None for a single image."""
    dtype: str
    """NumPy name of the number format, e.g. ``uint8``, or ``bfloat16``."""
    layout: Layout
    device: str | None
    """Torch device of a tensor; None for a NumPy array."""
    channels_last: bool = False
    """Whether a batch has the memory format `torch.channels_last`."""

    @property
    def coding(self) -> Coding:
        """Bit depth and range of the luma codes."""
        return _FLOAT_CODING if self.dtype in _FLOATS else Coding(_depth(self.dtype), True)

    def __str__(self) -> str:
        height, width = self.size
        kind = "array" if self.device is None else f"tensor on {self.device}"
        return f"{width}x{height} {self.dtype} {kind}"


def read_image(image: Any, layout: Layout | None = None) -> tuple[ArrayFormat, list[LumaImage]]:
    """Return the format and the luma of an image or of the images of a batch.

    Args:
        image: NumPy array or torch tensor, uint8, uint16, or float in [0, 1], with the shape
            (H, W), or with 1 or 3 channels: (H, W, C), (C, H, W), (N, H, W, C) or (N, C, H, W).
        layout: position of the channels. None if the shape shows it; if both are possible, the
            channels of an array are the last dimension, and those of a tensor are before H and W.

    Raises:
        UsageError: the type, the number format, the shape or a value is not supported.
    """
    if layout not in (None, *get_args(Layout)):
        raise UsageError(f"layout must be {' or '.join(get_args(Layout))}, got {layout!r}")
    is_tensor = _is_tensor(image)
    if not is_tensor and not isinstance(image, np.ndarray):
        raise UsageError(
            f"image must be a NumPy array or a torch tensor, got {type(image).__qualname__};"
            " convert a Pillow image with np.asarray(image.convert('RGB'))"
        )
    if isinstance(image, np.ma.MaskedArray):
        raise UsageError("image must not be a masked array; see numpy.ma.filled")
    dtype = str(image.dtype).removeprefix("torch.") if is_tensor else image.dtype.name
    if dtype not in (*_INTEGERS, *_FLOATS):
        raise UsageError(
            f"image must be uint8, uint16 or float, got {dtype}; convert it, for example to uint8"
            " with values from 0 to 255"
        )
    found = _find_layout(image.shape, layout, "chw" if is_tensor else "hwc")
    pixels = _read_tensor(image) if is_tensor else np.asarray(image)
    if not pixels.dtype.isnative:
        pixels = pixels.astype(pixels.dtype.newbyteorder("="))
    if found == "chw" and pixels.ndim > 2:
        pixels = np.moveaxis(pixels, -3, -1)
    batch = pixels.shape[0] if pixels.ndim == 4 else None
    images = pixels if batch is not None else pixels[None]
    fmt = ArrayFormat(
        size=(images.shape[1], images.shape[2]),
        batch=batch,
        dtype=dtype,
        layout=found,
        device=str(image.device) if is_tensor else None,
        channels_last=is_tensor and _is_channels_last(image),
    )
    if dtype in _FLOATS:
        _check_range(pixels)
    return fmt, [_read_luma(one, fmt.coding) for one in images]


def make_image(fmt: ArrayFormat, images: Sequence[FloatArray]) -> Any:
    """Return R'G'B' images, (H, W, 3) float32, as an image or a batch of a format.

    Values are clipped to [0, 1] and scaled to the range of an integer format.
    """
    count, (height, width) = len(images), fmt.size
    first = fmt.layout == "chw" and not fmt.channels_last
    shape = (count, 3, height, width) if first else (count, height, width, 3)
    dtype = "float32" if fmt.dtype == "bfloat16" else fmt.dtype
    result = np.empty(shape, dtype)
    for target, image in zip(result, images, strict=True):
        values = np.clip(image, 0, 1)
        if fmt.dtype in _INTEGERS:
            values = np.rint(values * fmt.coding.luma_span)
        target[...] = values.transpose(2, 0, 1) if first else values
    found = _finish(fmt, result)
    return found.permute(0, 3, 1, 2) if fmt.channels_last else found


def make_planes(fmt: ArrayFormat, planes: Sequence[FloatArray]) -> Any:
    """Return one plane for each image, (H, W) float32 or (N, H, W), as an array or a tensor."""
    return _finish(fmt, np.stack(planes), "float32")


def _finish(fmt: ArrayFormat, result: NDArray[Any], dtype: str | None = None) -> Any:
    """Return a batch as it is, or its only image, on the device of a format."""
    if fmt.batch is None:
        result = result[0]
    if fmt.device is None:
        return result
    import torch

    number_format = getattr(torch, dtype or fmt.dtype)
    return torch.from_numpy(result).to(fmt.device, number_format)


def _is_tensor(image: Any) -> bool:
    """Return whether an object is a tensor, without importing torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(image, torch.Tensor)


def _is_channels_last(tensor: Tensor) -> bool:
    import torch

    return (
        tensor.ndim == 4
        and tensor.is_contiguous(memory_format=torch.channels_last)
        and not tensor.is_contiguous()
    )


def _read_tensor(tensor: Tensor) -> NDArray[Any]:
    """Return a tensor as an array, which shares its memory if it is on the CPU."""
    import torch

    if tensor.layout != torch.strided:
        raise UsageError(f"image must be a dense tensor, got {tensor.layout}")
    if tensor.is_meta:
        raise UsageError("image must have values, got a tensor on the device meta")
    tensor = tensor.detach().resolve_neg()  # the imaginary part of a conjugate is a negated view
    if tensor.dtype == torch.bfloat16:  # NumPy has no such type
        tensor = tensor.float()
    array: NDArray[Any] = tensor.cpu().numpy()
    return array


def _find_layout(shape: Sequence[int], layout: Layout | None, default: Layout) -> Layout:
    """Return the position of the channels; the default for images without channels."""
    shape = tuple(shape)
    if len(shape) == 2 and 0 not in shape:
        return layout or default
    axes: dict[Layout, int] = {"hwc": -1, "chw": -3}
    if len(shape) in (3, 4) and 0 not in shape:
        possible = [name for name, axis in axes.items() if shape[axis] in (1, 3)]
        if layout in possible:
            return layout
        if possible and layout is None:
            return default if default in possible else possible[0]
    expected = "(H, W), (H, W, C), (C, H, W), (N, H, W, C) or (N, C, H, W), where C is 1 or 3"
    wanted = f" with layout={layout!r}" if layout else ""
    advice = "; remove the alpha channel" if 4 in (shape[-1:] + shape[-3:-2]) else ""
    raise UsageError(f"image must be {expected}; got {shape}{wanted}{advice}")


def _check_range(pixels: NDArray[Any]) -> None:
    low, high = float(pixels.min()), float(pixels.max())
    if not np.isfinite([low, high]).all():  # the minimum of NaN and other values is NaN
        raise UsageError("image must not contain NaN or infinity; see np.nan_to_num")
    if low < -RANGE_TOLERANCE or high > 1 + RANGE_TOLERANCE:
        raise UsageError(
            f"float image must be in [0, 1], got {low:.4g} to {high:.4g}; divide it by its white"
            " value, or use np.clip"
        )


def _read_luma(pixels: NDArray[Any], coding: Coding) -> LumaImage:
    """Return the luma of (H, W) or (H, W, C) values."""
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    if pixels.dtype.kind == "u":
        if pixels.ndim == 3:
            pixels = rgb_to_luma_codes(pixels, MATRIX, coding.bits, coding.bits)
        return LumaImage(np.ascontiguousarray(pixels), None)
    unit = np.clip(pixels.astype(np.float32, order="C"), 0, 1)
    if unit.ndim == 3:
        unit = np.clip(rgb_to_luma(unit, MATRIX), 0, 1)
    return LumaImage(coding.unit_to_luma(unit), unit)


def _depth(dtype: str) -> int:
    """Return the bits of an integer format."""
    return np.dtype(dtype).itemsize * 8
