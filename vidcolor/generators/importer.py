"""Imports weights files into the cache, after validation and conversion to safetensors."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vidcolor.errors import OutputError, UsageError
from vidcolor.fileio import atomic_output, describe_os_error, sha256_file
from vidcolor.generators.store import registry
from vidcolor.generators.store.registry import CacheRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from vidcolor.generators.store.architectures import Architecture
    from vidcolor.generators.store.weights import Weights

EMBEDDED_ARCHITECTURE = "vidcolor"
"""Architecture of the embedded network in cache records."""
ONNX_ARCHITECTURE = "onnx"
"""Architecture of ONNX files in cache records."""


@dataclass(frozen=True, slots=True)
class _Import:
    """A validated weights file that can be written into the cache."""

    architecture: str
    write: Callable[[Path], object]
    """Function that writes the file to a path."""
    suffix: str


def import_weights(
    file: Path,
    name: str | None = None,
    license: str = "",
    commercial: bool = True,
    force: bool = False,
    bins: Path | None = None,
) -> Path:
    """Import a weights file into the cache.

    Published checkpoints and Caffe models become safetensors files: reparametrizations are folded,
    tensors that only training uses are dropped, and the metadata holds the architecture, its
    `ModelIO` and the digest of the original. Weights of the embedded network and ONNX files are
    copied after a test load, ONNX files with their sidecar file.

    Args:
        file: file with one of `registry.WEIGHTS_SUFFIXES`.
        name: name of the model; None for the name of its architecture, or for the file name if
            the weights are copied.
        license: license of the weights, e.g. an SPDX identifier; may be empty.
        commercial: whether the license permits commercial use.
        force: replace an installed model of the same name.
        bins: file with the color bins of a Caffe model; None for ``pts_in_hull.npy`` beside it.

    Raises:
        WeightsError: the file is missing, damaged, malicious, or of an unknown architecture.
        UsageError: the name is invalid, a model of this name is installed, or `bins` is given
            without a Caffe model.
        OutputError: the file cannot be written.
    """
    prepared = _prepare(file, bins)
    is_published = prepared.architecture not in (EMBEDDED_ARCHITECTURE, ONNX_ARCHITECTURE)
    default_name = prepared.architecture if is_published else file.stem
    name = registry.validate_name(name or default_name)
    target = registry.cache_dir() / f"{name}{prepared.suffix}"
    if name in registry.list_installed() and not force:
        raise UsageError(f"{name}: already installed; choose another --name, or use --force")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{target.parent}: {describe_os_error(error)}") from error
    # If this process dies before `write_record`, no record is better than that of another file.
    registry.delete_record(target)
    with atomic_output(target) as partial:
        prepared.write(partial)
        digest, size = sha256_file(partial), partial.stat().st_size
    record = CacheRecord(
        sha256=digest,
        bytes=size,
        origin=file.name,
        architecture=prepared.architecture,
        license=license,
        commercial=commercial,
    )
    registry.write_record(target, record)
    registry.delete_other_formats(target)
    _copy_sidecar(file, target)
    return target


def _prepare(file: Path, bins: Path | None) -> _Import:
    """Detect and validate a weights file."""

    def copy(partial: Path) -> None:
        shutil.copyfile(file, partial)

    from vidcolor.generators.store.weights import read_weights, reject_bins

    if file.suffix == ".onnx":
        from vidcolor.generators.onnx import load_onnx

        reject_bins(str(file), bins)
        load_onnx(file, "cpu")
        return _Import(ONNX_ARCHITECTURE, copy, ".onnx")
    from vidcolor.generators.store.architectures import ARCHITECTURES

    weights = read_weights(str(file.absolute()), bins)
    architecture = weights.metadata.get("architecture")
    if architecture is None:
        import torch

        from vidcolor.generators.embedded import load_embedded

        load_embedded(weights, torch.device("cpu"), "fp32")
        return _Import(EMBEDDED_ARCHITECTURE, copy, ".safetensors")
    convert = _safetensors_writer(weights, ARCHITECTURES[architecture])
    return _Import(architecture, convert, ".safetensors")


def _safetensors_writer(weights: Weights, architecture: Architecture) -> Callable[[Path], object]:
    """Return a function that writes published weights to a path as safetensors."""
    from safetensors.torch import save_file

    from vidcolor.generators.store.architectures import select_tensors

    tensors = {
        key: tensor.contiguous()
        for key, tensor in select_tensors(architecture, weights.tensors, weights.path).items()
    }
    metadata = {
        "architecture": architecture.name,
        "model_io": architecture.model_io.to_json(),
        "original": weights.path.name,
        "original_sha256": weights.digest,
    }

    def write(partial: Path) -> None:
        # safetensors makes the file unreadable for other users, so restore the default mode.
        partial.touch()
        mode = partial.stat().st_mode
        save_file(tensors, partial, metadata)
        partial.chmod(mode)

    return write


def _copy_sidecar(file: Path, target: Path) -> None:
    """Copy the sidecar file of an ONNX file, if there is one."""
    from vidcolor.generators.onnx_format import SIDECAR_SUFFIX

    sidecar = file.with_name(file.name + SIDECAR_SUFFIX)
    if file.suffix == ".onnx" and sidecar.is_file():
        with atomic_output(target.with_name(target.name + SIDECAR_SUFFIX)) as partial:
            shutil.copyfile(sidecar, partial)
