"""The actor that renders segments on a node of a Ray cluster; see `film.engines.ray`."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vidcolor._version import __version__
from vidcolor.film.engines.local import SegmentRenderer
from vidcolor.film.engines.process import make_picklable
from vidcolor.film.workdir import PLAN_FILE
from vidcolor.hints.overlays import OVERLAYS_FILE
from vidcolor.system import get_user_id, replace_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from vidcolor.film.engines.base import WorkerResources
    from vidcolor.film.segment import RenderJob, Segment
    from vidcolor.film.workdir import SegmentResult

FileStamp = tuple[object, ...]
"""Size and modification time of a file, which identify its version on every machine."""


def stamp_file(path: Path) -> FileStamp:
    """Return the stamp of a file."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _report(method: Callable[..., object]) -> Callable[..., tuple[str, object]]:
    """Return ("done", value) or ("failed", exception): Ray would lose the type of an exception."""

    @functools.wraps(method)
    def call(*arguments: object) -> tuple[str, object]:
        try:
            return "done", method(*arguments)
        except Exception as error:
            return "failed", make_picklable(error)

    return call


class RenderActor:
    """Renders segments, and exchanges files with the driver in chunks."""

    def __init__(self, resources: WorkerResources) -> None:
        """Prepare the actor on its node."""
        import torch

        # Ray reserves CPUs for an actor, but does not limit its threads.
        torch.set_num_threads(resources.threads)
        self._resources, self._renderer = resources, SegmentRenderer()
        self._done = 0
        self._rendered_dir = Path(tempfile.mkdtemp(prefix="vidcolor-ray-"))
        self._received_dir = Path(tempfile.gettempdir()) / f"vidcolor-sources-{get_user_id()}"

    @_report
    def get_version(self) -> str:
        """Return the version of vidcolor on this node."""
        return __version__

    @_report
    def find_missing(self, stamps: dict[Path, FileStamp]) -> tuple[str, list[Path]]:
        """Return the ID of this node, and the files that it neither has nor has received."""
        import ray

        node = ray.get_runtime_context().get_node_id()
        return node, [path for path, stamp in stamps.items() if self._locate(path, stamp) is None]

    def _locate(self, path: Path, stamp: FileStamp) -> Path | None:
        """Return the path of a file on this node; None if there is no such file."""
        # A received file has another modification time; its path contains the stamp instead.
        received = self._received_path(path, stamp)
        for candidate in (path, received):
            with contextlib.suppress(OSError):
                if stamp_file(candidate) == stamp or (candidate == received and candidate.exists()):
                    return candidate
        return None

    def _received_path(self, path: Path, stamp: FileStamp) -> Path:
        key = hashlib.sha256(f"{path} {stamp}".encode()).hexdigest()[:16]
        return self._received_dir / key / path.name

    @_report
    def write_chunk(
        self, path: Path, stamp: FileStamp, offset: int, chunk: bytes, is_last: bool
    ) -> None:
        """Write a chunk of a file that the driver sends; the last chunk completes the file."""
        final = self._received_path(path, stamp)
        final.parent.mkdir(parents=True, exist_ok=True)
        # Each actor has its own partial file, because several can receive the same file.
        partial = final.with_name(f"{self._rendered_dir.name}.partial")
        with partial.open("r+b" if offset else "wb") as file:
            file.seek(offset)
            file.write(chunk)
        if is_last:
            replace_file(partial, final)

    @_report
    def open(
        self, job: RenderJob, work: Path, stamps: dict[Path, FileStamp], plan_stamp: FileStamp
    ) -> bool:
        """Open a film; return whether this node has the work directory of the driver.

        `stamps` are those of the source files and of the overlays, and `plan_stamp` is that of
        the plan in the work directory, all with absolute paths.
        """
        located = {path: self._locate(path, stamp) for path, stamp in stamps.items()}
        overlays = located.get(work / OVERLAYS_FILE)

        def locate(path: Path) -> Path:
            return located.get(path) or path

        options = job.options.replace(device=self._resources.device)
        hints_dir = work if overlays is None else overlays.parent
        self._renderer.open(replace(job.relocate(locate), options=options), hints_dir)
        plan_file = work / PLAN_FILE
        return plan_file.exists() and stamp_file(plan_file) == plan_stamp

    @_report
    def render(self, segment: Segment, folder: Path | None) -> SegmentResult:
        """Render a segment of the opened film into a folder.

        Without a folder, it is written to a temporary directory of this node, for `read_chunk`.
        """
        self._done = 0
        if folder is None:
            folder = self._rendered_dir
            for entry in list(folder.iterdir()):
                shutil.rmtree(entry)
        return self._renderer.render(segment, folder, self._set_progress)

    def _set_progress(self, done: int) -> None:
        self._done = done

    def get_progress(self) -> int:
        """Return the number of finished frames of the current segment."""
        return self._done

    @_report
    def read_chunk(self, name: str, offset: int, size: int) -> bytes:
        """Return a chunk of a file that was rendered on this node."""
        with (self._rendered_dir / name).open("rb") as file:
            file.seek(offset)
            return file.read(size)

    def remove_files(self) -> None:
        """Remove everything that was rendered or received on this node."""
        shutil.rmtree(self._rendered_dir, ignore_errors=True)
        shutil.rmtree(self._received_dir, ignore_errors=True)
