"""Generators by name: those that come with vidcolor, those it knows of, those that are here."""

from __future__ import annotations

import json
import os
import tomllib
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidcolor.errors import UsageError, WeightsError
from vidcolor.fileio import atomic_output

if TYPE_CHECKING:
    from collections.abc import Iterator

HOME = "VIDCOLOR_HOME"
"""Environment variable: where weights are kept, instead of the platform's cache directory."""
SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".onnx")
"""Of files that can be weights."""
PACKAGED = "embedded"


@dataclass(frozen=True, slots=True)
class Source:
    """One address at which weights can be had."""

    url: str
    sha256: str | None = None
    """As stated by others, in hex; None if nobody states it."""
    bytes: int | None = None

    @property
    def suffix(self) -> str:
        """Of the file, e.g. ``.pth``."""
        return Path(self.url.partition("?")[0]).suffix


@dataclass(frozen=True, slots=True)
class Entry:
    """Weights that vidcolor knows of; see registry.toml."""

    name: str
    architecture: str
    """One of `architectures.ARCHITECTURES`, or ``onnx``."""
    title: str
    task: str
    look: str
    license: str
    project: str
    sources: tuple[Source, ...]
    """Mirrors, the best first."""
    note: str = ""
    commercial: bool = True
    """Whether the license allows of commercial use."""


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a file that is here; kept beside it."""

    sha256: str
    bytes: int
    origin: str
    """An address, or the name of the file that it was imported from."""
    stated: bool = False
    """Whether the digest was stated by somebody else, and met."""
    architecture: str = ""
    license: str = ""
    commercial: bool = True


@cache
def registry_entries() -> dict[str, Entry]:
    """All of registry.toml, by name."""
    text = resources.files("vidcolor.generators.store").joinpath("registry.toml").read_text("utf-8")
    return {name: _entry(name, values) for name, values in tomllib.loads(text).items()}


def _entry(name: str, values: dict[str, Any]) -> Entry:
    sources = tuple(Source(**source) for source in values.pop("sources"))
    return Entry(name=name, sources=sources, **values)


def cache_dir() -> Path:
    """Where weights are kept: in `VIDCOLOR_HOME`, or else the platform's cache directory."""
    if home := os.environ.get(HOME):
        return Path(home).expanduser() / "models"
    import platformdirs

    return platformdirs.user_cache_path("vidcolor", appauthor=False) / "models"


def installed() -> dict[str, Path]:
    """Files that are here, by the name that the user calls them."""
    return dict(sorted(_files()))


def _files() -> Iterator[tuple[str, Path]]:
    try:
        found = sorted(cache_dir().iterdir())
    except OSError:
        return
    for path in found:
        if path.suffix in SUFFIXES and not path.name.startswith(".") and path.is_file():
            yield path.stem, path


def locate(name: str) -> Path:
    """The file of a generator that is here.

    Raises:
        WeightsError: it is known, but not here; or nobody knows it.
    """
    here = installed()
    if name in here:
        return here[name]
    if name in registry_entries():
        raise WeightsError(
            f"model {name!r} is not on this machine yet: run `vidcolor models pull {name}`"
        )
    names = ", ".join(dict.fromkeys((PACKAGED, *here, *registry_entries())))
    raise WeightsError(
        f"model {name!r} is unknown: choose one of {names}, or give the path of a weights file"
    )


def check_name(name: str) -> str:
    """A name under which weights can be kept.

    Raises:
        UsageError: it is none.
    """
    plain = name.replace("-", "").replace("_", "").replace(".", "")
    if (
        not plain.isalnum()
        or not plain.isascii()
        or name[0] in ".-"
        or Path(name).suffix in SUFFIXES
    ):
        raise UsageError(f"{name!r} is no name for a model: use letters, digits, - and _")
    if name == PACKAGED:
        raise UsageError(f"{name!r} is the model that comes with vidcolor; choose another name")
    return name


def record_of(path: Path) -> Record | None:
    """What is known of a file that is here; None if nothing, as of one put there by hand."""
    try:
        return Record(**json.loads(_record_path(path).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def keep_record(path: Path, record: Record) -> None:
    """Write down what is known of a file.

    Raises:
        OutputError: it cannot be written.
    """
    with atomic_output(_record_path(path)) as partial:
        partial.write_text(json.dumps(asdict(record), indent=1) + "\n", encoding="utf-8")


def drop_record(path: Path) -> None:
    """Know nothing of a file any more."""
    _record_path(path).unlink(missing_ok=True)


def forget(name: str, but: Path) -> None:
    """Remove other files of a name, as after the same was fetched in another form."""
    for suffix in SUFFIXES:
        other = but.with_name(name + suffix)
        if other != but and other.is_file():
            other.unlink()
            drop_record(other)


def _record_path(path: Path) -> Path:
    return path.with_name(path.name + ".json")


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One row of what a user can choose from."""

    name: str
    entry: Entry | None
    """None of what was imported under a name of its own."""
    path: Path | None
    """None if it is not here."""
    record: Record | None

    @property
    def license(self) -> str:
        """Of the weights; ``unknown`` if nobody said."""
        if self.entry is not None:
            return self.entry.license
        return (self.record.license if self.record else "") or "unknown"

    @property
    def commercial(self) -> bool:
        """Whether the license allows of commercial use, as far as is known."""
        told: tuple[Entry | Record | None, ...] = (self.entry, self.record)
        return all(one.commercial for one in told if one is not None)

    @property
    def bytes(self) -> int | None:
        """Of the file that is here, or else of the one to be fetched."""
        if self.path is not None:
            return self.path.stat().st_size
        sizes = (source.bytes for source in self.entry.sources) if self.entry else iter(())
        return next((size for size in sizes if size), None)


def list_models() -> list[ModelInfo]:
    """All that are known or here, in the order of registry.toml, then by name."""
    here = installed()
    names = dict.fromkeys((*registry_entries(), *here))
    return [_shown(name, here) for name in names]


def find_model(name: str) -> ModelInfo:
    """One of them.

    Raises:
        WeightsError: nobody knows it.
    """
    here = installed()
    if name not in here and name not in registry_entries():
        locate(name)
    return _shown(name, here)


def _shown(name: str, here: dict[str, Path]) -> ModelInfo:
    path = here.get(name)
    return ModelInfo(name, registry_entries().get(name), path, record_of(path) if path else None)
