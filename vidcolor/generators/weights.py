"""Where weights come from: the packaged ones by name, others by path; verified, never unpickled."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vidcolor.errors import WeightsError

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
    licence: str


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
            licence="Apache-2.0",
        ),
    )
}
"""Packaged generators by name."""

ENCODER = PackagedWeights(
    name="encoder",
    file="encoder.safetensors",
    sha256="b2403025da354a5ccc368d2f113df085976b1e073f31269a8236a8c04093de66",
    card="encoder.md",
    licence="Apache-2.0",
)
"""EfficientNet-Lite2 as ImageNet left it: no generator, so not among `PACKAGED`."""

_PACKAGE = Path(__file__).parents[1]
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


def read_weights(model: str) -> Weights:
    """Read and verify weights.

    Packaged weights must have the digest that this version of vidcolor was released with. A file
    given by path has no digest to meet: its own is computed, and goes wherever results name their
    weights. Nothing but safetensors is read, so that no weights file can run code.

    Args:
        model: a name in `PACKAGED`, or the path of a .safetensors file.

    Raises:
        WeightsError: unknown, missing, unreadable, not what the digest says, damaged, or not
            safetensors; one line that names the file and the way out.
    """
    packaged = PACKAGED.get(model)
    if packaged is None and "/" not in model and not Path(model).suffix:
        raise WeightsError(
            f"model {model!r} is unknown: choose one of {', '.join(PACKAGED)},"
            " or give the path of a .safetensors file"
        )
    return read_packaged(packaged) if packaged else _load(Path(model))


def read_packaged(packaged: PackagedWeights) -> Weights:
    """Read weights that come with vidcolor; see `read_weights`.

    Raises:
        WeightsError: missing, unreadable, or not what the digest says.
    """
    return _load(packaged_file(packaged.file), packaged)


def _load(path: Path, packaged: PackagedWeights | None = None) -> Weights:
    # Read once: what was hashed is what is used, even if the file changes meanwhile.
    data = _read(path)
    digest = hashlib.sha256(data).hexdigest()
    if packaged and digest != packaged.sha256:
        raise WeightsError(
            f"{path}: damaged or replaced: its SHA-256 is {digest[:12]}…, not"
            f" {packaged.sha256[:12]}…; reinstall vidcolor, or give the path to use it as it is"
        )
    metadata, tensors = _parse(path, data)
    return Weights(packaged.name if packaged else path.stem, path, digest, metadata, tensors)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise WeightsError(f"{path}: no such weights file; check the path") from None
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror or error}") from None


def _parse(path: Path, data: bytes) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Split a safetensors file into metadata and tensors."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    if data[8:9] != b"{":
        raise WeightsError(f"{path}: {_what_instead(data)}")
    try:
        tensors = load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    except (SafetensorError, ValueError):
        raise WeightsError(
            f"{path}: damaged or cut short ({len(data)} bytes); fetch it again"
        ) from None
    return header.get("__metadata__", {}), tensors


def _what_instead(data: bytes) -> str:
    """Say what a file is that is not safetensors, and what to do about it."""
    if data[:4] == b"PK\x03\x04" or data[:1] == b"\x80":
        return "a PyTorch pickle, which may run code when read; convert it to safetensors"
    if data.lstrip()[:1] == b"<":
        return "a web page, not weights; the download failed, fetch it again"
    if data.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the weights; run git lfs pull"
    return "empty; fetch it again" if not data else "not a safetensors file; check the path"
