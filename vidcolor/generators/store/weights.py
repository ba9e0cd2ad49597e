"""Locates weights (packaged, cached, or by path), verifies them, and reads them safely."""

from __future__ import annotations

import enum
import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vidcolor.errors import UsageError, WeightsError
from vidcolor.fileio import check_not_special, check_url
from vidcolor.generators.store import registry
from vidcolor.generators.store.caffe import (
    CAFFE_SUFFIX,
    convert_bins,
    find_bins,
    read_bins,
    read_caffe_model,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


@dataclass(frozen=True, slots=True)
class PackagedWeights:
    """Weights that are part of vidcolor."""

    name: str
    file: str
    """File name in models/."""
    sha256: str
    card: str
    """File name of the model card in models/."""
    license: str
    """SPDX identifier of the license."""


@dataclass(frozen=True, slots=True)
class Weights:
    """The content of a weights file, after verification."""

    name: str
    path: Path
    digest: str
    """SHA-256 of the file, in hex."""
    metadata: dict[str, str]
    """Metadata of the file, and the detected ``architecture`` of a published checkpoint."""
    tensors: dict[str, Tensor]
    """State dict on the CPU, in the precision of the file."""


class ContentType(enum.Enum):
    """The type of a file, detected from its first bytes; values are parts of error messages."""

    SAFETENSORS = "safetensors"
    CHECKPOINT = "a PyTorch checkpoint; rename it to .pth"
    ONNX = "an ONNX file; rename it to .onnx"
    WEB_PAGE = "a web page, not weights; fetch it again"
    LFS_POINTER = "a Git LFS pointer, not weights; run git lfs pull"
    CAFFE = "a Caffe model; rename it to .caffemodel"
    PROTOTXT = "the description of a Caffe network, without weights; use the .caffemodel file"
    HDF5 = "an HDF5 file; Keras models and Caffe models in HDF5 are not supported"
    EMPTY = "empty file; fetch it again"
    UNKNOWN = "not a weights file; check the path"


PACKAGED_WEIGHTS = {
    weights.name: weights
    for weights in (
        PackagedWeights(
            name=registry.EMBEDDED_MODEL,
            file="embedded.safetensors",
            sha256="66fac58af3218333e115f74416633fb4092f8b547e14854cb3bf14d08c2ec34e",
            card="embedded.md",
            license="Apache-2.0",
        ),
    )
}
"""Packaged generators by name."""

ENCODER_WEIGHTS = PackagedWeights(
    name="encoder",
    file="encoder.safetensors",
    sha256="b2403025da354a5ccc368d2f113df085976b1e073f31269a8236a8c04093de66",
    card="encoder.md",
    license="Apache-2.0",
)
"""EfficientNet-Lite2, pretrained on ImageNet. Not in `PACKAGED_WEIGHTS`: it is not a generator."""

SEGMENTATION_WEIGHTS = PackagedWeights(
    name="segmentation",
    file="segmentation.safetensors",
    sha256="3a7f924dbfe16bbc59897bcd7be2f937e637afcf14ab85ae90cc3cb700389ad7",
    card="segmentation.md",
    license="Apache-2.0",
)
"""The network that finds the objects which hints lie on. It is not a generator."""

_CHECKPOINT_MAGIC = (b"PK\x03\x04", b"\x80")
"""First bytes of PyTorch checkpoints: zip files, or pickles in the legacy format."""
_CAFFE_TYPES = (ContentType.CAFFE, ContentType.UNKNOWN)
"""Content types of a file with the suffix of Caffe models that its reader accepts or describes."""
_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_PROTOTXT = re.compile(rb"\s*(#[^\n]*\n\s*)*(name\s*:|layers?\s*\{|input(_dim|_shape)?\s*[:{])")
"""Pattern of the start of the description of a Caffe network, after comments."""
_CAFFE_TAGS = (b"\xa2\x06", b"\x12", b"\x1a", b"\x22")
"""Tags of the first field of a Caffe model after its name: a layer or an input."""
_PACKAGE = Path(__file__).parents[2]
MODEL_DIRS = (_PACKAGE / "models", _PACKAGE.parent / "models")
"""Directories of packaged weights in an installed wheel and in a checkout. The wheel comes first,
because a directory named ``models`` beside an installed package may belong to another package."""


def find_packaged_file(name: str, directories: Sequence[Path] = MODEL_DIRS) -> Path:
    """Return the path of a file of models/, e.g. a model card."""
    for directory in directories:
        if (directory / name).is_file():
            return directory / name
    raise WeightsError(f"{directories[0] / name}: missing; reinstall vidcolor")


def resolve_path(model: str) -> Path:
    """Return the path of the weights file of a model, which is a name or a path.

    A path need not exist if it contains a separator or has one of the suffixes of weights files.

    Raises:
        WeightsError: the name is unknown, or the weights are not installed.
    """
    if model in PACKAGED_WEIGHTS:
        return find_packaged_file(PACKAGED_WEIGHTS[model].file)
    is_path = "/" in model or os.sep in model or Path(model).suffix in registry.WEIGHTS_SUFFIXES
    if is_path or Path(model).is_file():
        return Path(model)
    return registry.find_weights(model)


def read_weights(model: str, bins: Path | None = None) -> Weights:
    """Read and verify the weights of a model, which is a name or a path.

    Packaged weights must have the digest of this release, and cached weights the digest in their
    record. Only tensors are read, so no weights file can run code. Published checkpoints are
    returned with folded reparametrizations, and with the detected ``architecture`` in the metadata.
    The digest of a Caffe model also covers its color bins.

    Args:
        model: name, or path of a weights file.
        bins: file with the color bins of a Caffe model; None for the one beside it.

    Raises:
        WeightsError: the weights are unknown, missing, unreadable, damaged, or of an unknown
            architecture, or they do not match their digest.
        UsageError: `bins` is given, and the model is not a Caffe model.
    """
    if model in PACKAGED_WEIGHTS:
        reject_bins(model, bins)
        return read_packaged_weights(PACKAGED_WEIGHTS[model])
    path = resolve_path(model)
    # Read the file once, so that the hashed bytes are the used bytes even if the file changes.
    data = read_weights_file(path)
    digest = hashlib.sha256(data).hexdigest()
    verify_cached_digest(path, digest)
    content_type = detect_content_type(data)
    if path.suffix == CAFFE_SUFFIX and content_type in _CAFFE_TYPES:
        return _read_caffe(path, data, digest, bins)
    if content_type in (ContentType.CHECKPOINT, ContentType.SAFETENSORS):
        reject_bins(model, bins)
    metadata, tensors = _parse(path, data)
    if not {"config", "architecture"} & metadata.keys():
        metadata, tensors = _convert_published(path, metadata, tensors)
    if "architecture" in metadata:
        _check_architecture(path, metadata["architecture"])
    return Weights(path.stem, path, digest, metadata, tensors)


def _read_caffe(path: Path, data: bytes, digest: str, bins: Path | None) -> Weights:
    """Return the weights of a Caffe model with its color bins."""
    # The model comes first: another network has no color bins that could be missing.
    tensors = read_caffe_model(path, data)
    values = read_bins(find_bins(path, bins))
    tensors |= convert_bins(values)
    digest = hashlib.sha256(f"{digest} ".encode() + values.tobytes()).hexdigest()
    return Weights(path.stem, path, digest, {"architecture": "eccv16"}, tensors)


def reject_bins(model: str, bins: Path | None) -> None:
    """Raise a UsageError if color bins are given for a model that is not a Caffe model."""
    if bins is not None:
        raise UsageError(
            f"--bins applies to Caffe models ({CAFFE_SUFFIX}) only; {model} is not one"
        )


def read_packaged_weights(
    packaged: PackagedWeights, directories: Sequence[Path] = MODEL_DIRS
) -> Weights:
    """Read weights that are part of vidcolor; see `read_weights`."""
    path = find_packaged_file(packaged.file, directories)
    data = read_weights_file(path)
    digest = hashlib.sha256(data).hexdigest()
    advice = "reinstall vidcolor, or pass the path of the file to use it anyway"
    _check_digest(path, digest, packaged.sha256, advice)
    metadata, tensors = _parse(path, data)
    return Weights(packaged.name, path, digest, metadata, tensors)


def verify_cached_digest(path: Path, digest: str) -> None:
    """Compare the SHA-256 of a file with its record, if it is in the cache and has a record.

    Raises:
        WeightsError: the digests differ.
    """
    record = registry.read_record(path) if path.parent == registry.cache_dir() else None
    if record is not None:
        advice = (
            f"fetch it again with `vidcolor models pull --force {path.stem}`, or import it again"
        )
        _check_digest(path, digest, record.sha256, advice)


def _check_digest(path: Path, digest: str, expected: str, advice: str) -> None:
    if digest != expected:
        raise WeightsError(
            f"{path}: damaged or replaced: its SHA-256 is {digest[:12]}…, expected"
            f" {expected[:12]}…; {advice}"
        )


def _check_architecture(path: Path, name: str) -> None:
    from vidcolor.generators.store.architectures import ARCHITECTURES

    if name not in ARCHITECTURES:
        raise WeightsError(
            f"{path}: unknown architecture {name}; it may need a newer version of vidcolor"
        )


def _convert_published(
    path: Path, metadata: dict[str, str], tensors: dict[str, Tensor]
) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Fold the reparametrizations of a published state dict, and detect its architecture."""
    from vidcolor.generators.store.architectures import ARCHITECTURES, detect_architecture
    from vidcolor.generators.store.checkpoints import fold_reparametrizations, strip_prefixes

    tensors = fold_reparametrizations(strip_prefixes(tensors))
    architecture = detect_architecture(tensors)
    if architecture is None:
        first_key = next(iter(tensors), "none")
        supported = "; ".join(other.title for other in ARCHITECTURES.values())
        raise WeightsError(
            f"{path}: unknown architecture (first key: {first_key}); supported are vidcolor's own;"
            f" {supported}; and ONNX files"
        )
    return {**metadata, "architecture": architecture.name}, tensors


def read_weights_file(path: Path) -> bytes:
    """Read all bytes of a weights file; raise a VidcolorError if that fails."""
    check_not_special(path)
    try:
        return path.read_bytes()
    except FileNotFoundError:
        check_url(path)
        raise WeightsError(f"{path}: no such weights file; check the path") from None
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror or error}") from None


def _parse(path: Path, data: bytes) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Parse a file into metadata and tensors."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    content_type = detect_content_type(data)
    if content_type is ContentType.CHECKPOINT:
        from vidcolor.generators.store.checkpoints import load_checkpoint

        return {}, load_checkpoint(path, data)
    if content_type is not ContentType.SAFETENSORS:
        raise WeightsError(f"{path}: {describe_content(data)}")
    try:
        tensors = load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    except (SafetensorError, ValueError):
        raise WeightsError(
            f"{path}: damaged or truncated ({len(data)} bytes); fetch it again"
        ) from None
    return header.get("__metadata__", {}), tensors


def detect_content_type(data: bytes) -> ContentType:
    """Detect the type of a file by its content; its suffix may be wrong."""
    # A safetensors file is a header size in 8 bytes, then a JSON object. It is tested first: the
    # size may start with the magic of a checkpoint.
    if data[8:9] == b"{":
        return ContentType.SAFETENSORS
    if data.startswith(_CHECKPOINT_MAGIC):
        return ContentType.CHECKPOINT
    if data.lstrip()[:1] == b"<":
        return ContentType.WEB_PAGE
    if data.startswith(b"version https://git-lfs"):
        return ContentType.LFS_POINTER
    if data.startswith(_HDF5_MAGIC):
        return ContentType.HDF5
    if _PROTOTXT.match(data):
        return ContentType.PROTOTXT
    # A Caffe model is a protobuf message: the name of the network, if any, then its layers.
    after_name = 2 + data[1] if data[:1] == b"\n" and len(data) > 1 else 0
    if data.startswith(_CAFFE_TAGS, after_name):
        return ContentType.CAFFE
    # An ONNX file is a protobuf message: the IR version, then the name of the producer.
    if data[:1] == b"\x08" and any(name in data[:64] for name in (b"torch", b"onnx", b"tf2")):
        return ContentType.ONNX
    return ContentType.UNKNOWN if data else ContentType.EMPTY


def describe_content(data: bytes) -> str:
    """Describe a file of an unexpected type, with advice, for an error message."""
    return detect_content_type(data).value
