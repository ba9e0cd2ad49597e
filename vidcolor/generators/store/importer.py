"""Weights files of others brought into the cache: known for what they are, made safe, named."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from vidcolor.errors import OutputError, UsageError
from vidcolor.fileio import atomic_output, describe_os_error
from vidcolor.generators.store import registry
from vidcolor.generators.store.registry import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from vidcolor.generators.store.architectures import Architecture
    from vidcolor.generators.store.weights import Weights

OWN = "vidcolor"
"""What records call the architecture of vidcolor's own networks."""
_ONNX = "onnx"


def import_weights(
    file: Path,
    name: str | None = None,
    license: str = "",
    commercial: bool = True,
    force: bool = False,
) -> Path:
    """Take a weights file into the cache.

    Checkpoints of others become safetensors: norms folded, what only training had a use for left
    out, with architecture, convention and the digest of the original among the metadata.
    vidcolor's own and ONNX files are copied, the latter with their sidecar, after a look at whether
    they can be used.

    Args:
        file: .safetensors, .pth, .pt, .bin, .ckpt or .onnx.
        name: what it shall be called; None for the name of its architecture, or its own.
        license: of the weights, as the user knows it.
        commercial: whether that allows of commercial use.
        force: replace weights of that name.

    Returns:
        The file in the cache.

    Raises:
        WeightsError: missing, damaged, malicious, or of no network that vidcolor knows.
        UsageError: no such name can be given, or it is taken.
        OutputError: it cannot be written.
    """
    architecture, write, suffix = _looked_at(file)
    usual = architecture if architecture not in (OWN, _ONNX) else file.stem
    name = registry.check_name(name or usual)
    target = registry.cache_dir() / f"{name}{suffix}"
    if name in registry.installed() and not force:
        raise UsageError(f"{name}: is here already; choose another --name, or say --force")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{target.parent}: {describe_os_error(error)}") from error
    registry.drop_record(target)
    with atomic_output(target) as partial:
        write(partial)
        digest, size = _digest_of(partial), partial.stat().st_size
    record = Record(
        sha256=digest,
        bytes=size,
        origin=file.name,
        architecture=architecture,
        license=license,
        commercial=commercial,
    )
    registry.keep_record(target, record)
    registry.forget(name, but=target)
    _take_sidecar(file, target)
    return target


def _looked_at(file: Path) -> tuple[str, Callable[[Path], object], str]:
    """What a file is of, how it is written into the cache, and with which suffix.

    Raises:
        WeightsError: it cannot be used.
    """

    def copied(partial: Path) -> None:
        shutil.copyfile(file, partial)

    if file.suffix == ".onnx":
        from vidcolor.generators.onnx import load_onnx

        load_onnx(file, "cpu")
        return _ONNX, copied, ".onnx"
    from vidcolor.generators.store.architectures import ARCHITECTURES
    from vidcolor.generators.store.weights import read_weights

    weights = read_weights(str(file.absolute()))
    architecture = weights.metadata.get("architecture")
    if architecture is None:
        import torch

        from vidcolor.generators.embedded import load_embedded

        load_embedded(weights, torch.device("cpu"), "fp32")
        return OWN, copied, ".safetensors"
    converted = _converted(weights, ARCHITECTURES[architecture])
    return architecture, converted, ".safetensors"


def _converted(weights: Weights, kind: Architecture) -> Callable[[Path], object]:
    from safetensors.torch import save_file

    from vidcolor.generators.store.architectures import fitting

    tensors = {
        key: tensor.contiguous()
        for key, tensor in fitting(kind, weights.tensors, weights.path).items()
    }
    metadata = {
        "architecture": kind.name,
        "convention": kind.convention.to_json(),
        "original": weights.path.name,
        "original_sha256": weights.digest,
    }

    def write(partial: Path) -> None:
        partial.touch()
        mode = partial.stat().st_mode
        save_file(tensors, partial, metadata)
        partial.chmod(mode)  # safetensors lets nobody else read it

    return write


def _take_sidecar(file: Path, target: Path) -> None:
    from vidcolor.generators.onnx import SIDECAR

    sidecar = file.with_name(file.name + SIDECAR)
    if file.suffix == ".onnx" and sidecar.is_file():
        with atomic_output(target.with_name(target.name + SIDECAR)) as partial:
            shutil.copyfile(sidecar, partial)


def _digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
