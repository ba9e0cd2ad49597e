"""The actor that renders segments on a node of a Ray cluster; see `film.engines.ray`."""

from __future__ import annotations

import contextlib
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
from vidcolor.hints.tracks import HINT_TRACKS_FILE
from vidcolor.system import get_user_id

if TYPE_CHECKING:
    from vidcolor.film.engines.base import WorkerResources
    from vidcolor.film.segment import RenderJob, Segment

FileStamp = tuple[object, ...]
"""Size and modification time of a file, which identify its version on every machine."""


def stamp_file(path: Path) -> FileStamp:
    """Return the stamp of a file.

    Raises:
        OSError: the file does not exist or cannot be read.
    """
    status = path.stat()
    return status.st_size, status.st_mtime_ns


class RenderActor:
    """Renders segments, and exchanges files with the driver in chunks.

    Most methods return ("done", value) or ("failed", exception), because Ray would wrap a raised
    exception and lose its type.
    """

    def __init__(self, resources: WorkerResources) -> None:
        """Prepare the actor on its node.

        Args:
            resources: device and threads of the actor.
        """
        import torch

        # Ray reserves CPUs for an actor, but does not limit its threads.
        torch.set_num_threads(resources.threads)
        self._resources, self._renderer = resources, SegmentRenderer()
        self._done = 0
        self._rendered_dir = Path(tempfile.mkdtemp(prefix="vidcolor-ray-"))
        self._received_dir = Path(tempfile.gettempdir()) / f"vidcolor-sources-{get_user_id()}"

    def get_version(self) -> tuple[str, str]:
        """Return the version of vidcolor on this node."""
        return "done", __version__

    def find_missing(self, stamps: dict[Path, FileStamp]) -> tuple[str, object]:
        """Return the ID of this node, and the files that it neither has nor has received."""
        import ray

        node = ray.get_runtime_context().get_node_id()
        missing = [path for path, stamp in stamps.items() if self._locate(path, stamp) is None]
        return "done", (node, missing)

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
        """Return the path on this node for a file that is sent by the driver."""
        key = hashlib.sha256(f"{path} {stamp}".encode()).hexdigest()[:16]
        return self._received_dir / key / path.name

    def write_chunk(
        self, path: Path, stamp: FileStamp, offset: int, chunk: bytes, is_last: bool
    ) -> tuple[str, object]:
        """Write a chunk of a received file; the last chunk completes it.

        Args:
            path: path of the file on the driver.
            stamp: its stamp there.
            offset: offset of the chunk, in bytes.
            chunk: content of the chunk.
            is_last: whether the chunk ends the file.
        """
        try:
            final = self._received_path(path, stamp)
            final.parent.mkdir(parents=True, exist_ok=True)
            # Each actor has its own partial file, because several can receive the same file.
            partial = final.with_name(f"{self._rendered_dir.name}.partial")
            with partial.open("r+b" if offset else "wb") as file:
                file.seek(offset)
                file.write(chunk)
            if is_last:
                partial.replace(final)
        except Exception as error:
            return "failed", make_picklable(error)
        return "done", None

    def open(
        self, job: RenderJob, work: Path, stamps: dict[Path, FileStamp], plan_stamp: FileStamp
    ) -> tuple[str, object]:
        """Open a film; return whether this node has the work directory of the driver.

        Args:
            job: the film.
            work: absolute path of the work directory.
            stamps: stamps of the source files and of the hint tracks.
            plan_stamp: stamp of the plan in the work directory.
        """
        try:
            located = {path: self._locate(path, stamp) for path, stamp in stamps.items()}
            hint_tracks = located.get(work / HINT_TRACKS_FILE)

            def locate(path: Path) -> Path:
                return located.get(path) or path

            options = job.options.replace(device=self._resources.device)
            hints_dir = work if hint_tracks is None else hint_tracks.parent
            self._renderer.open(replace(job.relocate(locate), options=options), hints_dir)
            plan_file = work / PLAN_FILE
            return "done", plan_file.exists() and stamp_file(plan_file) == plan_stamp
        except Exception as error:
            return "failed", make_picklable(error)

    def render(self, segment: Segment, folder: Path | None) -> tuple[str, object]:
        """Render a segment of the opened film.

        Args:
            segment: the segment.
            folder: an empty segment directory in the work directory; None to write to a temporary
                directory of this node, for `read_chunk`.
        """
        self._done = 0
        try:
            if folder is None:
                folder = self._rendered_dir
                for entry in list(folder.iterdir()):
                    entry.unlink()
            return "done", self._renderer.render(segment, folder, self._set_progress)
        except Exception as error:
            return "failed", make_picklable(error)

    def _set_progress(self, done: int) -> None:
        self._done = done

    def get_progress(self) -> int:
        """Return the number of finished frames of the current segment."""
        return self._done

    def read_chunk(self, name: str, offset: int, size: int) -> tuple[str, object]:
        """Return a chunk of a file that was rendered on this node."""
        try:
            with (self._rendered_dir / name).open("rb") as file:
                file.seek(offset)
                return "done", file.read(size)
        except OSError as error:
            return "failed", error

    def remove_files(self) -> None:
        """Remove everything that was rendered or received on this node."""
        shutil.rmtree(self._rendered_dir, ignore_errors=True)
        shutil.rmtree(self._received_dir, ignore_errors=True)
