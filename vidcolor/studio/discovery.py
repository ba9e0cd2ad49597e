"""Finds the photos and films of the command line, in a process of its own.

The search opens films with FFmpeg, which the server must not load. ``python -m
vidcolor.studio.discovery FILES`` prints one JSON object.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from vidcolor.errors import InputError, UsageError, VidcolorError
from vidcolor.studio.compute.spawning import make_command, make_environment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidcolor.studio.content import ItemKind


@dataclass(frozen=True, slots=True)
class Source:
    """A photo or film of the command line."""

    kind: ItemKind
    path: Path
    """Absolute path. For numbered frames it is their pattern or their folder."""
    size: int
    """Size in bytes; 0 for numbered frames."""
    project: Path | None = None
    """The project file, if it was named instead of its film."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """The result of a search."""

    sources: tuple[Source, ...]
    warnings: tuple[str, ...]
    """One line for each file or group of files that is left out."""


class DiscoveryProcess:
    """A search that runs while the server loads its libraries. A context manager."""

    def __init__(self, files: Sequence[Path]) -> None:
        """Start to search; without files there is nothing to find, which is not an error."""
        self._process: subprocess.Popen[bytes] | None = None
        if files:
            self._process = subprocess.Popen(
                make_command(__name__, *map(str, files)),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=make_environment(),
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End the search."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def wait(self) -> Discovery:
        """Return the result.

        Raises:
            InputError: a file does not exist, or there is no photo and no film.
            UsageError: the arguments contradict each other.
        """
        if self._process is None:
            return Discovery((), ())
        output, errors = self._process.communicate()
        try:
            values = json.loads(output)
        except ValueError:
            lines = errors.decode(errors="replace").strip().splitlines()
            raise InputError(f"the files cannot be searched ({lines[-1:]})") from None
        if "error" in values:
            kind = UsageError if values["exit_code"] == UsageError.exit_code else InputError
            raise kind(values["error"])
        sources = tuple(
            Source(
                row["kind"],
                Path(row["path"]),
                row["size"],
                Path(row["project"]) if row["project"] else None,
            )
            for row in values["sources"]
        )
        return Discovery(sources, tuple(values["warnings"]))


def find_sources(files: Sequence[Path]) -> dict[str, Any]:
    """Return `sources` and `warnings` as JSON, or `error` and `exit_code`."""
    from vidcolor.batch.discover import describe_left_out, discover
    from vidcolor.batch.task import LeftOut
    from vidcolor.options import ColorizeOptions

    left_out: list[LeftOut] = []
    try:
        tasks = discover(
            [path.absolute() for path in files], None, None, ColorizeOptions(), left_out
        )
    except VidcolorError as error:
        return {"error": str(error), "exit_code": error.exit_code}
    warnings = [f"left out: {text}" for text in describe_left_out(left_out)]
    warnings += [str(task.error) for task in tasks if task.error is not None]
    sources = [
        {
            "kind": "photo" if task.kind == "photo" else "film",
            "path": str(task.source.absolute()),
            "size": task.source.stat().st_size if task.source.is_file() else 0,
            "project": f"{task.cache}.json" if task.cache is not None else None,
        }
        for task in tasks
        if task.error is None
    ]
    if not sources:
        return {"error": "; ".join(warnings) or "no photo and no film", "exit_code": 1}
    return {"sources": sources, "warnings": warnings}


if __name__ == "__main__":
    print(json.dumps(find_sources([Path(text) for text in sys.argv[1:]])))  # noqa: T201
