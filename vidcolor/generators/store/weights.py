"""Where weights come from: packaged, cached or by path; verified, and read without running code."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vidcolor.errors import WeightsError
from vidcolor.generators.store import registry

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class PackagedWeights:
    """Weights that come with vidcolor."""

    name: str
    """What the user calls them."""
    file: str
    """File name in models/."""
    sha256: str
    """Digest of the file, in hex."""
    card: str
    """File name of the model card in models/: what they are, do, and do badly."""
    license: str


@dataclass(frozen=True, slots=True)
class Weights:
    """The content of one weights file, verified."""

    name: str
    path: Path
    digest: str
    """SHA-256 of the file, in hex."""
    metadata: dict[str, str]
    """The file's own free-form metadata."""
    tensors: dict[str, Tensor]
    """As stored: on the CPU, in the file's precision."""


PACKAGED = {
    weights.name: weights
    for weights in (
        PackagedWeights(
            name="embedded",
            file="embedded.safetensors",
            sha256="7115d711387d7e957e7a6e08fefec75b43d1dd321458ff577f358317bac603d6",
            card="embedded.md",
            license="Apache-2.0",
        ),
    )
}
"""Packaged generators by name."""

ENCODER = PackagedWeights(
    name="encoder",
    file="encoder.safetensors",
    sha256="b2403025da354a5ccc368d2f113df085976b1e073f31269a8236a8c04093de66",
    card="encoder.md",
    license="Apache-2.0",
)
"""EfficientNet-Lite2 as ImageNet left it: no generator, so not among `PACKAGED`."""

_CHECKPOINTS = (b"PK\x03\x04", b"\x80")
"""How PyTorch's begin: zips, or in older ones pickles."""
_PACKAGE = Path(__file__).parents[2]
_FOLDERS = (_PACKAGE / "models", _PACKAGE.parent / "models")
"""In an installed wheel, in a checkout. That order: beside an installed package, a folder called
models is somebody else's."""


def packaged_file(name: str) -> Path:
    """Find a file of models/, e.g. a card.

    Raises:
        WeightsError: it is not there.
    """
    for folder in _FOLDERS:
        if (folder / name).is_file():
            return folder / name
    raise WeightsError(f"{_FOLDERS[0] / name}: missing; reinstall vidcolor")


def path_of(model: str) -> Path:
    """The file that a model's name or path means.

    Raises:
        WeightsError: a name that nobody knows, or of weights that are not here.
    """
    if model in PACKAGED:
        return packaged_file(PACKAGED[model].file)
    is_path = "/" in model or os.sep in model or Path(model).suffix in registry.SUFFIXES
    if is_path or Path(model).is_file():
        return Path(model)
    return registry.locate(model)


def read_weights(model: str) -> Weights:
    """Read and verify weights.

    Packaged weights must have the digest that this version of vidcolor was released with, and
    fetched ones that with which they came. A file given by path has no digest to meet: its own is
    computed, and goes wherever results name their weights. Of safetensors and of PyTorch's
    checkpoints nothing but tensors is read, so that no weights file can run code. What others
    publish comes with its norms folded, and with the ``architecture`` that was found in it among
    its metadata.

    Args:
        model: a name in `PACKAGED`, one of weights that are here, or the path of a file.

    Raises:
        WeightsError: unknown, missing, unreadable, not what the digest says, damaged, or of no
            network that vidcolor knows; one line that names the file and the way out.
    """
    if model in PACKAGED:
        return read_packaged(PACKAGED[model])
    path = path_of(model)
    return _load(path, path.stem)


def read_packaged(packaged: PackagedWeights) -> Weights:
    """Read weights that come with vidcolor; see `read_weights`.

    Raises:
        WeightsError: missing, unreadable, or not what the digest says.
    """
    return _load(packaged_file(packaged.file), packaged.name, packaged)


def check_kept(path: Path, digest: str) -> None:
    """Hold the digest of a file in the cache against that with which it came, if it is known.

    Raises:
        WeightsError: it is another.
    """
    record = registry.record_of(path) if path.parent == registry.cache_dir() else None
    if record is not None:
        advice = (
            f"fetch it again with `vidcolor models pull --force {path.stem}`, or import it again"
        )
        _check(path, digest, record.sha256, advice)


def _check(path: Path, digest: str, must_be: str, advice: str) -> None:
    if digest != must_be:
        raise WeightsError(
            f"{path}: damaged or replaced: its SHA-256 is {digest[:12]}…, not"
            f" {must_be[:12]}…; {advice}"
        )


def _load(path: Path, name: str, packaged: PackagedWeights | None = None) -> Weights:
    # Read once: what was hashed is what is used, even if the file changes meanwhile.
    data = read_file(path)
    digest = hashlib.sha256(data).hexdigest()
    if packaged is None:
        check_kept(path, digest)
    else:
        advice = "reinstall vidcolor, or give the path to use it as it is"
        _check(path, digest, packaged.sha256, advice)
    metadata, tensors = _parse(path, data)
    if packaged is None and not {"config", "architecture"} & metadata.keys():
        metadata, tensors = _adopted(path, metadata, tensors)
    if "architecture" in metadata:
        _check_known(path, metadata["architecture"])
    return Weights(name, path, digest, metadata, tensors)


def _check_known(path: Path, architecture: str) -> None:
    from vidcolor.generators.store.architectures import ARCHITECTURES

    if architecture not in ARCHITECTURES:
        raise WeightsError(
            f"{path}: weights of a network called {architecture}, which this vidcolor does not"
            " know; use a newer one"
        )


def _adopted(
    path: Path, metadata: dict[str, str], tensors: dict[str, Tensor]
) -> tuple[dict[str, str], dict[str, Tensor]]:
    """What others publish, with its norms folded and its architecture told."""
    from vidcolor.generators.store.architectures import ARCHITECTURES, detect
    from vidcolor.generators.store.checkpoints import folded, without_prefix

    tensors = folded(without_prefix(tensors))
    kind = detect(tensors)
    if kind is None:
        first = next(iter(tensors), "nothing")
        known = "; ".join(kind.title for kind in ARCHITECTURES.values())
        raise WeightsError(
            f"{path}: weights of no network that vidcolor knows (they begin with {first});"
            f" it knows its own; {known}; and ONNX files"
        )
    return {**metadata, "architecture": kind.name}, tensors


def read_file(path: Path) -> bytes:
    """All of a weights file.

    Raises:
        WeightsError: missing or unreadable.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such weights file; check the path") from None
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror or error}") from None


def _parse(path: Path, data: bytes) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Split a file into metadata and tensors."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    if data.startswith(_CHECKPOINTS):
        from vidcolor.generators.store.checkpoints import unpickle

        return {}, unpickle(path, data)
    if data[8:9] != b"{":
        raise WeightsError(f"{path}: {what_instead(data)}")
    try:
        tensors = load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    except (SafetensorError, ValueError):
        raise WeightsError(
            f"{path}: damaged or cut short ({len(data)} bytes); fetch it again"
        ) from None
    return header.get("__metadata__", {}), tensors


def what_instead(data: bytes) -> str:
    """Say what a file is that holds no weights, and what to do about it."""
    if data.lstrip()[:1] == b"<":
        return "a web page, not weights; the download failed, fetch it again"
    if data.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the weights; run git lfs pull"
    if data.startswith(_CHECKPOINTS):
        return "a PyTorch checkpoint; give it a name that ends in .pth"
    if data[:1] == b"\x08" and any(word in data[:64] for word in (b"torch", b"onnx", b"tf2")):
        return "an ONNX file; give it a name that ends in .onnx"
    return "empty; fetch it again" if not data else "no weights file; check the path"
