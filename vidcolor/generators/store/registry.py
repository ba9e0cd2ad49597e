"""The registry of downloadable models, and the cache of installed weights."""

from __future__ import annotations

import contextlib
import json
import os
import re
import tomllib
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from pydantic import with_config

from vidcolor.errors import UsageError, WeightsError
from vidcolor.fileio import atomic_output
from vidcolor.schema import STORED, load_json, parse

CACHE_VARIABLE = "VIDCOLOR_HOME"
"""Environment variable that replaces the platform's cache directory."""
WEIGHTS_SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".caffemodel", ".onnx")
"""Suffixes of weights files."""
EMBEDDED_MODEL = "embedded"
"""Name of the model that is part of vidcolor."""


@with_config(STORED)
@dataclass(frozen=True, slots=True)
class DownloadSource:
    """A URL of a weights file."""

    url: str
    """HTTPS URL of the file."""
    sha256: str | None = None
    """Published SHA-256, in hex; None if none is published."""
    bytes: int | None = None
    """Published file size, in bytes; None if none is published."""

    @property
    def suffix(self) -> str:
        """Suffix of the file, e.g. ``.pth``."""
        return Path(self.url.partition("?")[0]).suffix


@with_config(STORED)
@dataclass(frozen=True, slots=True)
class RegistryEntry:
    """A model of registry.toml."""

    name: str
    architecture: str
    """Key of `architectures.ARCHITECTURES`, or ``onnx``."""
    title: str
    """Name of the model in its project."""
    task: str
    """Material that the model is made for, e.g. ``photos``."""
    style: str
    """Description of its colors, according to its users."""
    license: str
    """SPDX identifier of the license of the weights."""
    project: str
    """URL of the project."""
    sources: tuple[DownloadSource, ...]
    """URLs of the weights, in order of preference."""
    note: str = ""
    """Remark about the license."""
    commercial: bool = True
    """Whether the license permits commercial use."""


@with_config(STORED)
@dataclass(frozen=True, slots=True)
class CacheRecord:
    """A record of an installed weights file, stored beside it as ``FILE.json``."""

    sha256: str
    """SHA-256 of the file, in hex."""
    bytes: int
    """File size, in bytes."""
    origin: str
    """URL of the download, or name of the imported file."""
    digest_verified: bool = False
    """Whether the file had the published SHA-256 when it was downloaded."""
    architecture: str = ""
    """Key of `architectures.ARCHITECTURES`, ``onnx``, or ``vidcolor`` for the embedded network."""
    license: str = ""
    """License of the weights."""
    commercial: bool = True
    """Whether the license permits commercial use."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model of the registry, of the cache, or of both."""

    name: str
    entry: RegistryEntry | None
    """Registry entry; None for an imported model."""
    path: Path | None
    """Installed weights file; None if the weights are not installed."""
    record: CacheRecord | None
    """Record of the installed file; None if there is none."""

    @property
    def license(self) -> str:
        """License of the weights; ``unknown`` if neither registry nor record has one."""
        if self.entry is not None:
            return self.entry.license
        return (self.record.license if self.record else "") or "unknown"

    @property
    def commercial(self) -> bool:
        """Whether the license permits commercial use, according to registry and record."""
        sources: tuple[RegistryEntry | CacheRecord | None, ...] = (self.entry, self.record)
        return all(source.commercial for source in sources if source is not None)

    @property
    def bytes(self) -> int | None:
        """Size of the installed file, else of the download, in bytes; None if not published."""
        if self.path is not None:
            return self.path.stat().st_size
        sizes = (source.bytes for source in self.entry.sources) if self.entry else iter(())
        return next((size for size in sizes if size), None)


@cache
def load_registry() -> dict[str, RegistryEntry]:
    """Return all entries of registry.toml by name."""
    text = resources.files("vidcolor.generators.store").joinpath("registry.toml").read_text("utf-8")
    rows = [{"name": name, **values} for name, values in tomllib.loads(text).items()]
    return {row["name"]: parse(RegistryEntry, row, f"registry.toml: {row['name']}") for row in rows}


def cache_dir() -> Path:
    """Return the directory of installed weights: ``models`` in the cache directory."""
    if directory := os.environ.get(CACHE_VARIABLE):
        return Path(directory).expanduser() / "models"
    import platformdirs

    return platformdirs.user_cache_path("vidcolor", appauthor=False) / "models"


def list_installed() -> dict[str, Path]:
    """Return the paths of installed weights files by model name, in alphabetical order."""
    try:
        paths = sorted(cache_dir().iterdir())
    except OSError:
        return {}
    installed = {
        path.stem: path
        for path in paths
        if path.suffix in WEIGHTS_SUFFIXES and not path.name.startswith(".") and path.is_file()
    }
    return dict(sorted(installed.items()))


def find_weights(name: str) -> Path:
    """Return the path of the weights file of an installed model.

    Raises:
        WeightsError: the model is not installed, or its name is unknown.
    """
    installed = list_installed()
    if name in installed:
        return installed[name]
    if name in load_registry():
        raise WeightsError(f"model {name!r} is not installed; run `vidcolor models pull {name}`")
    names = ", ".join(dict.fromkeys((EMBEDDED_MODEL, *installed, *load_registry())))
    raise WeightsError(
        f"unknown model {name!r}; choose from {names}, or pass the path of a weights file"
    )


def list_models() -> list[ModelInfo]:
    """Return all models of the registry, in its order, then all other installed models."""
    installed = list_installed()
    names = dict.fromkeys((*load_registry(), *installed))
    return [_model_info(name, installed) for name in names]


def find_model(name: str) -> ModelInfo:
    """Return a model of the registry or of the cache; raise a WeightsError if it is unknown."""
    installed = list_installed()
    if name not in load_registry():
        find_weights(name)
    return _model_info(name, installed)


def _model_info(name: str, installed: dict[str, Path]) -> ModelInfo:
    path = installed.get(name)
    return ModelInfo(name, load_registry().get(name), path, read_record(path) if path else None)


def validate_name(name: str) -> str:
    """Return the name of an imported model unchanged, if it is valid.

    Raises:
        UsageError: the name has other characters than ASCII letters, digits, ``-``, ``_`` and
            ``.``, starts with ``-`` or ``.``, is a file name, or is reserved.
    """
    is_valid = re.fullmatch(r"(?![.-])[A-Za-z0-9._-]*[A-Za-z0-9][A-Za-z0-9._-]*", name)
    if not is_valid or Path(name).suffix in WEIGHTS_SUFFIXES:
        raise UsageError(f"invalid model name {name!r}; use letters, digits, - and _")
    if name == EMBEDDED_MODEL:
        raise UsageError(f"the name {name!r} is reserved for the built-in model; choose another")
    return name


def read_record(path: Path) -> CacheRecord | None:
    """Return the record of a weights file; None if it is invalid or missing.

    A file that was copied by hand has no record.
    """
    with contextlib.suppress(OSError, ValueError):
        return load_json(CacheRecord, _record_path(path).read_text("utf-8"))
    return None


def write_record(path: Path, record: CacheRecord) -> None:
    """Write the record of a weights file."""
    with atomic_output(_record_path(path)) as partial:
        partial.write_text(json.dumps(asdict(record), indent=1) + "\n", encoding="utf-8")


def delete_record(path: Path) -> None:
    """Delete the record of a file, if there is one."""
    _record_path(path).unlink(missing_ok=True)


def delete_other_formats(path: Path) -> None:
    """Delete the files of the same model with other suffixes, which would make it ambiguous."""
    for suffix in WEIGHTS_SUFFIXES:
        other = path.with_name(path.stem + suffix)
        if other != path and other.is_file():
            other.unlink()
            delete_record(other)


def _record_path(path: Path) -> Path:
    return path.with_name(path.name + ".json")
