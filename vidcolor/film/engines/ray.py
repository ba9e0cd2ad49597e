"""Workers that are actors in a Ray cluster: on this machine, or on any number of others.

Each actor loads the generator once and renders one segment at a time, so that no more segments are
under way than there are actors. What an actor needs is the source (all its files, if it is a
sequence): read where it lies if the node sees it under the same name, with the same size and date;
else sent to the node once, piece by piece. Likewise the work directory: where the node sees it the
segment is written into it, else it is fetched from there, piece by piece.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import shutil
import tempfile
import threading
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidcolor import __version__
from vidcolor.digests import sha256_file
from vidcolor.errors import OutputError, UsageError, WorkerError
from vidcolor.film.engines.pool import CancelledError, DiedError, Pool
from vidcolor.film.engines.process import SegmentRenderer, WorkerResources, sendable
from vidcolor.hints.tracking import HINT_TRACKS_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from vidcolor.film.segment import Job, Rendered
    from vidcolor.film.segments import Segment
    from vidcolor.film.workdir import WorkDir
    from vidcolor.options import ColorizeOptions

CHUNK = 32 << 20
"""Bytes that are sent at a time."""
CORES = 2
"""Of a worker without a GPU, where nobody says how many."""
_POLL_S, _PATIENCE_S = 0.5, 30.0


@contextlib.contextmanager
def ray_pool(options: ColorizeOptions, sees_files: bool = True) -> Iterator[Pool]:
    """A pool of actors; Ray is left as it was found.

    Args:
        options: `ray_address`, `workers`, `threads` and `device` are used. Without a number of
            workers there are as many as the cluster has GPUs, or room for on its CPUs, now.
        sees_files: whether to look for the source on the nodes before it is sent.

    Raises:
        UsageError: Ray is not installed, or there is no such cluster.
    """
    try:
        import ray
    except ImportError:
        raise UsageError("--engine ray needs Ray: pip install 'vidcolor[ray]'") from None
    began = not ray.is_initialized()
    if began:
        try:
            ray.init(
                address=options.ray_address,
                logging_level="ERROR",
                log_to_driver=False,
                include_dashboard=None if options.ray_address else False,
            )
        except (ConnectionError, RuntimeError, ValueError) as error:
            where = options.ray_address or "here"
            what = " ".join(str(error).split())
            raise UsageError(f"no Ray cluster can be reached at {where}: {what}") from None
    try:
        locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        workers = [RayWorker(needs, locks, sees_files) for needs in _needs(options)]
        with Pool(workers) as pool:
            yield pool
    finally:
        if began:
            ray.shutdown()


@dataclass(frozen=True, slots=True)
class _Needs:
    """What an actor asks of its node."""

    cpus: int
    gpus: float
    place: WorkerResources


def _needs(options: ColorizeOptions) -> list[_Needs]:
    import ray

    there = ray.cluster_resources()
    gpus = int(there.get("GPU", 0))
    cores = options.threads or (1 if gpus else CORES)
    if options.device in ("auto", "cuda") and (gpus or options.device == "cuda"):
        count = options.workers or gpus
        if not count:
            raise UsageError("the Ray cluster has no GPU; say --workers N if it grows, or use cpu")
        return [_Needs(cores, 1, WorkerResources("cuda", cores))] * count
    count = options.workers or max(1, int(there.get("CPU", 1)) // cores)
    return [_Needs(cores, 0, WorkerResources(options.device, cores))] * count


class RayWorker:
    """An actor; begun when it is first needed, on whatever node has room for it."""

    def __init__(
        self, needs: _Needs, locks: defaultdict[str, threading.Lock], sees_files: bool
    ) -> None:
        self._needs, self._locks, self._sees_files = needs, locks, sees_files
        self._actor: Any = None
        self._told: Path | None = None
        self._shares = False
        """Whether its node sees the work directory."""

    def prepare(self, is_cancelled: Callable[[], bool]) -> None:
        """See `Worker`, as all that follows; waits for a node that has room."""
        import ray

        if self._actor is not None:
            return
        options = {
            "num_cpus": self._needs.cpus,
            "num_gpus": self._needs.gpus,
            "max_concurrency": 2,  # or nobody could ask how far it is
        }
        with self._death_told():
            self._actor = ray.remote(_Renderer).options(**options).remote(self._needs.place)
            version = self._ask(self._actor.version.remote(), is_cancelled)
        if version != __version__:
            raise UsageError(
                f"a Ray node has vidcolor {version}, and this is {__version__}; install the same "
                "on all"
            )

    def render(
        self,
        job: Job,
        segment: Segment,
        work: WorkDir,
        progress: Callable[[int], None],
        is_cancelled: Callable[[], bool],
    ) -> Rendered:
        """Have the actor render a segment."""
        import ray

        folder = work.place_to_render(segment.number)
        with self._death_told():
            self._tell(job, work, is_cancelled)
            reference = self._actor.render.remote(segment, folder if self._shares else None)
            while not ray.wait([reference], timeout=_POLL_S)[0]:
                self._stop_if(is_cancelled)
                with contextlib.suppress(ray.exceptions.GetTimeoutError):
                    progress(ray.get(self._actor.progress.remote(), timeout=_PATIENCE_S))
            rendered: Rendered = self._ask(reference, is_cancelled)
            if not self._shares:
                self._fetch(rendered, folder, is_cancelled)
            return rendered

    @contextlib.contextmanager
    def _death_told(self) -> Iterator[None]:
        """What Ray raises, as what a pool understands."""
        import ray

        try:
            yield
        except KeyboardInterrupt:
            self._kill()
            raise
        except ray.exceptions.RayTaskError as error:
            raise WorkerError(f"a Ray worker failed: {_last_line(error)}") from error
        except ray.exceptions.RayError as error:
            self._kill()
            raise DiedError(f"({_last_line(error)})", killed=True) from None

    def _stop_if(self, is_cancelled: Callable[[], bool]) -> None:
        if is_cancelled():
            self._kill()
            raise CancelledError

    def _ask(self, reference: Any, is_cancelled: Callable[[], bool]) -> Any:
        """What an actor answers, once it does."""
        import ray

        while not ray.wait([reference], timeout=_POLL_S)[0]:
            self._stop_if(is_cancelled)
        kind, said = ray.get(reference)
        if kind == "failed":
            raise said
        return said

    def _tell(self, job: Job, work: WorkDir, is_cancelled: Callable[[], bool]) -> None:
        """Have the actor know of a film, and its node have the source."""
        import ray

        if self._told == work.path:
            return
        files = [path.absolute() for path in job.read.files]
        if job.pins is not None:
            files.append((work.path / HINT_TRACKS_FILE).absolute())
        marks = {path: _mark(path) for path in files}
        if not self._sees_files:
            marks = {path: ("unseen", *mark) for path, mark in marks.items()}
        node, missing = self._ask(self._actor.missing.remote(marks), is_cancelled)
        if missing:
            with self._locks[node]:  # one of the node's actors is sent them, the others wait
                _, missing = self._ask(self._actor.missing.remote(marks), is_cancelled)
                for path in missing:
                    self._send(path, marks[path], is_cancelled)
        shared = (work.path / "plan.json").absolute()
        self._shares = self._ask(
            self._actor.take.remote(ray.put(job), work.path, marks, (shared, _mark(shared))),
            is_cancelled,
        )
        self._shares = self._shares and self._sees_files
        self._told = work.path

    def _send(self, path: Path, mark: tuple[object, ...], is_cancelled: Callable[[], bool]) -> None:
        with path.open("rb") as file:
            for begin in itertools.count(0, CHUNK):
                chunk = file.read(CHUNK)
                is_last = len(chunk) < CHUNK
                sent = self._actor.receive.remote(path, mark, begin, chunk, is_last)
                self._ask(sent, is_cancelled)
                if is_last:
                    return

    def _fetch(self, rendered: Rendered, folder: Path, is_cancelled: Callable[[], bool]) -> None:
        for name, (size, digest) in rendered.files.items():
            path = folder / name
            with path.open("wb") as file:
                for begin in range(0, size, CHUNK):
                    chunk = self._ask(self._actor.give.remote(name, begin, CHUNK), is_cancelled)
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            if sha256_file(path) != digest:
                raise OutputError(f"{path}: did not arrive from its Ray node as it was sent")

    def _kill(self) -> None:
        import ray

        if self._actor is not None and ray.is_initialized():
            with contextlib.suppress(ray.exceptions.RayError, ValueError):
                ray.kill(self._actor)
        self._actor = self._told = None

    def close(self) -> None:
        """End the actor, and have it remove what it keeps on its node."""
        import ray

        if self._told is not None and ray.is_initialized():
            with contextlib.suppress(ray.exceptions.RayError, ValueError):
                ray.get(self._actor.clear.remote(), timeout=_PATIENCE_S)
        self._kill()


class _Renderer:
    """The actor."""

    def __init__(self, place: WorkerResources) -> None:
        import torch

        torch.set_num_threads(place.threads)
        self._place, self._renderer = place, SegmentRenderer()
        self._done = 0
        self._folder = Path(tempfile.mkdtemp(prefix="vidcolor-ray-"))
        self._sent = Path(tempfile.gettempdir()) / f"vidcolor-sources-{os.getuid()}"

    def version(self) -> tuple[str, str]:
        return "done", __version__

    def missing(self, marks: dict[Path, tuple[object, ...]]) -> tuple[str, object]:
        """This node, and which of some files it neither sees nor was sent."""
        import ray

        node = ray.get_runtime_context().get_node_id()
        missing = [path for path, mark in marks.items() if self._where(path, mark) is None]
        return "done", (node, missing)

    def _where(self, path: Path, mark: tuple[object, ...]) -> Path | None:
        sent = self._place_of(path, mark)
        for place in (path, sent):
            with contextlib.suppress(OSError):
                if _mark(place) == mark or (place == sent and place.exists()):
                    return place
        return None

    def _place_of(self, path: Path, mark: tuple[object, ...]) -> Path:
        whole = hashlib.sha256(f"{path} {mark}".encode()).hexdigest()[:16]
        return self._sent / whole / path.name

    def receive(
        self, path: Path, mark: tuple[object, ...], begin: int, chunk: bytes, is_last: bool
    ) -> tuple[str, object]:
        """Take a piece of a file; it has its name when it is complete."""
        try:
            final = self._place_of(path, mark)
            final.parent.mkdir(parents=True, exist_ok=True)
            partial = final.with_name(f"{final.name}.partial")
            with partial.open("r+b" if begin else "wb") as file:
                file.seek(begin)
                file.write(chunk)
            if is_last:
                partial.replace(final)
        except Exception as error:
            return "failed", sendable(error)
        return "done", None

    def take(
        self,
        job: Job,
        work: Path,
        marks: dict[Path, tuple[object, ...]],
        shared: tuple[Path, tuple[object, ...]],
    ) -> tuple[str, object]:
        """Turn to a film; whether its work directory is seen here."""
        try:
            places = {path: self._where(path, mark) for path, mark in marks.items()}
            pins = places.get((work / HINT_TRACKS_FILE).absolute())

            def place(path: Path) -> Path:
                return places.get(path.absolute()) or path

            options = replace(job.options, device=self._place.device)
            self._renderer.take(
                replace(job.moved(place), options=options), work if pins is None else pins.parent
            )
            path, mark = shared
            return "done", path.exists() and _mark(path) == mark
        except Exception as error:
            return "failed", sendable(error)

    def render(self, segment: Segment, folder: Path | None) -> tuple[str, object]:
        """Render a segment into a folder that both sides see, or into one of this node."""
        self._done = 0
        try:
            if folder is None:
                folder = self._folder
                for entry in list(folder.iterdir()):
                    entry.unlink()
            return "done", self._renderer.render(segment, folder, self._note)
        except Exception as error:
            return "failed", sendable(error)

    def _note(self, done: int) -> None:
        self._done = done

    def progress(self) -> int:
        """Frames of the running segment that are done."""
        return self._done

    def give(self, name: str, begin: int, size: int) -> tuple[str, object]:
        """A piece of a file that was rendered here."""
        try:
            with (self._folder / name).open("rb") as file:
                file.seek(begin)
                return "done", file.read(size)
        except OSError as error:
            return "failed", error

    def clear(self) -> None:
        """Remove what was kept on this node."""
        shutil.rmtree(self._folder, ignore_errors=True)
        shutil.rmtree(self._sent, ignore_errors=True)


def _mark(path: Path) -> tuple[object, ...]:
    """What tells that a file is the same, seen from another machine."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _last_line(error: Exception) -> str:
    lines: Sequence[str] = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
