"""Reads the Caffe model of ECCV16, ``colorization_release_v2.caffemodel``, and its color bins.

OpenCV 5 has no importer for Caffe models any more. A Caffe model is a protobuf message of the type
``NetParameter``; see ``caffe.proto`` in https://github.com/BVLC/caffe. The file has no color bins:
programs load them from ``pts_in_hull.npy``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vidcolor.errors import WeightsError
from vidcolor.generators.store.protobuf import (
    WireError,
    as_message,
    iterate_fields,
    read_varints,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from vidcolor.imaging.types import FloatArray

CAFFE_SUFFIX = ".caffemodel"
"""Suffix of Caffe models."""
BINS_FILE = "pts_in_hull.npy"
"""Name of the file with the a*, b* of the color bins."""
NUM_BINS = 313
"""Number of color bins."""

_MAX_AB = 128.0
"""Maximum absolute a* or b* of a bin."""
_LIGHTNESS_UNIT = 100.0
"""The Caffe model takes L* - 50. The network divides it by this number."""
_AB_UNIT = 110.0
"""The Caffe model returns a*, b*. The network multiplies its output by this number."""
_TEMPERATURE_SCALE = 2.606
"""Factor of the logits: the inverse of the temperature 0.38 in Zhang et al., arXiv:1603.08511. The
programs that use the Caffe model set the layer ``conv8_313_rh`` to it."""


class _LayerFields(NamedTuple):
    """Field numbers of a layer message."""

    name: int
    blobs: int


_LAYERS = {100: _LayerFields(1, 7), 2: _LayerFields(4, 6)}
"""Fields of ``NetParameter`` with layers: ``LayerParameter``, and ``V1LayerParameter`` before 2015.
"""
_LEGACY_SIZES = (1, 2, 3, 4)
"""Fields of ``BlobProto`` with sizes, before 2015."""
_SHAPE, _FLOATS, _DOUBLES = 7, 5, 8
"""Further fields of ``BlobProto``."""
_DTYPES = {_FLOATS: "<f4", _DOUBLES: "<f8"}


def _list_modules() -> dict[str, str]:
    """Return the modules of `Eccv16` by the names of their layers in the Caffe model."""
    modules = {}
    for block, count in enumerate((2, 2, 3, 3, 3, 3, 3), start=1):
        for n in range(1, count + 1):
            prefix = "bw_" if block == n == 1 else ""
            modules[f"{prefix}conv{block}_{n}"] = f"model{block}.{2 * n - 2}"
        modules[f"conv{block}_{count}norm"] = f"model{block}.{2 * count}"
    names = ("conv8_1", "conv8_2", "conv8_3", "conv8_313")
    return modules | {name: f"model8.{2 * n}" for n, name in enumerate(names)}


_MODULES = _list_modules()


def read_caffe_model(path: Path, data: bytes) -> dict[str, Tensor]:
    """Convert the Caffe model of ECCV16 to a state dict of `Eccv16` without the color bins.

    Args:
        path: file of the model, for messages.
        data: content of the file.

    Returns:
        float32 tensors on the CPU.

    Raises:
        WeightsError: the file is damaged or truncated, or is the model of another network.
    """
    import torch

    try:
        layers = read_layers(memoryview(data))
    except WireError:
        raise WeightsError(
            f"{path}: damaged or truncated Caffe model ({len(data)} bytes); fetch it again"
        ) from None
    missing = [name for name in _MODULES if name not in layers]
    if missing:
        others = f" and {len(missing) - 1} more layers" if len(missing) > 1 else ""
        raise WeightsError(
            f"{path}: truncated, or the Caffe model of another network ({missing[0]}{others}"
            " missing); supported is colorization_release_v2.caffemodel"
        )
    arrays: dict[str, NDArray[Any]] = {}
    with np.errstate(all="ignore"):  # values that are not finite are reported later
        for name, module in _MODULES.items():
            arrays |= _convert_layer(path, name, module, layers[name])
        arrays["model1.0.weight"] *= _LIGHTNESS_UNIT
        arrays["model8.6.weight"] *= _TEMPERATURE_SCALE
        arrays["model8.6.bias"] *= _TEMPERATURE_SCALE
        return {
            key: torch.from_numpy(np.ascontiguousarray(array, np.float32))
            for key, array in arrays.items()
        }


def _convert_layer(
    path: Path, name: str, module: str, blobs: list[NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """Return the tensors of a convolution (weight, bias) or of a batch norm."""
    is_norm = name.endswith("norm")
    num_blobs = 3 if is_norm else 2
    if len(blobs) != num_blobs:
        raise WeightsError(
            f"{path}: layer {name} has {len(blobs)} blobs, expected {num_blobs}; fetch it again"
        )
    if not is_norm:
        # Old files store the bias with the shape (1, 1, 1, C).
        return {f"{module}.weight": blobs[0], f"{module}.bias": blobs[1].reshape(-1)}
    mean, variance, factor = (blob.reshape(-1) for blob in blobs)
    # Caffe stores sums with the weight of each, and takes a weight of 0 for empty sums.
    scale = 1 / factor[0] if factor.size and factor[0] else 0.0
    return {
        f"{module}.running_mean": mean * scale,
        f"{module}.running_var": variance * scale,
        f"{module}.weight": np.ones_like(mean),
        f"{module}.bias": np.zeros_like(mean),
    }


def read_layers(message: memoryview) -> dict[str, list[NDArray[Any]]]:
    """Return the blobs of the layers of a ``NetParameter`` message that have blobs, by name.

    Raises:
        WireError: the message is damaged or truncated.
    """
    layers = {}
    for number, value in iterate_fields(message):
        if number not in _LAYERS:
            continue
        fields, name, blobs = _LAYERS[number], "", []
        for layer_number, layer_value in iterate_fields(as_message(value)):
            if layer_number == fields.name:
                name = bytes(as_message(layer_value)).decode("utf-8", "replace")
            elif layer_number == fields.blobs:
                blobs.append(_read_blob(as_message(layer_value)))
        if blobs:
            layers[name] = blobs
    return layers


def _read_blob(message: memoryview) -> NDArray[Any]:
    """Return the values of a ``BlobProto``, which must have as many as its shape says."""
    shape: list[int] = []
    legacy_sizes: list[int] = []
    chunks: list[NDArray[Any]] = []
    for number, value in iterate_fields(message):
        if number == _SHAPE:
            for dimension_number, dimension in iterate_fields(as_message(value)):
                shape += read_varints(dimension) if dimension_number == 1 else []
        elif number in _LEGACY_SIZES:
            legacy_sizes += read_varints(value)
        elif number in _DTYPES:
            chunk, dtype = as_message(value), np.dtype(_DTYPES[number])
            if len(chunk) % dtype.itemsize:
                raise WireError("an array ends inside a value")
            chunks.append(np.frombuffer(chunk, dtype))
    values = np.concatenate(chunks) if chunks else np.empty(0, np.float32)
    shape = shape or legacy_sizes
    if math.prod(shape) != values.size:
        raise WireError(f"a blob of shape {shape} has {values.size} values")
    return values.reshape(shape)


def convert_bins(bins: FloatArray) -> dict[str, Tensor]:
    """Return the rest of the state dict of `Eccv16`: the color bins from `read_bins`."""
    import torch

    weight = np.ascontiguousarray(bins.T[:, :, None, None] / np.float32(_AB_UNIT))
    return {"model_out.weight": torch.from_numpy(weight)}


def find_bins(model: Path, bins: Path | None = None) -> Path:
    """Return the file with the color bins of a Caffe model: `bins`, or the one beside the model.

    The project of the authors has it in the directory ``resources`` beside that of the model.

    Raises:
        WeightsError: there is no such file.
    """
    if bins is not None:
        if bins.exists():
            return bins
        raise WeightsError(f"{bins}: no such file; --bins names the color bins, {BINS_FILE}")
    beside = (model.with_name(BINS_FILE), model.parent.parent / "resources" / BINS_FILE)
    found = next((path for path in beside if path.is_file()), None)
    if found is not None:
        return found
    raise WeightsError(
        f"{model}: needs its color bins; copy {BINS_FILE} beside it, or name the file with --bins"
    )


def read_bins(path: Path) -> FloatArray:
    """Read the a*, b* of the color bins: (313, 2) float32.

    Raises:
        WeightsError: the file cannot be read, or holds something else.
    """
    try:
        bins = np.load(path, allow_pickle=False)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (ValueError, EOFError):
        bins = None
    if isinstance(bins, np.ndarray) and bins.dtype.kind in "fiu":
        bins = bins.squeeze()
        if bins.shape == (2, NUM_BINS):
            bins = bins.T
        # NaN fails the comparison.
        if bins.shape == (NUM_BINS, 2) and bool((np.abs(bins) <= _MAX_AB).all()):
            result: FloatArray = bins.astype(np.float32)
            return result
    raise WeightsError(
        f"{path}: not the color bins of ECCV16, which are {NUM_BINS} pairs of a*, b*; fetch"
        f" {BINS_FILE} again"
    )
