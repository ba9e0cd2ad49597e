"""Workers that are actors in a Ray cluster, on this machine or on any number of others.

Each actor loads the generator once and renders one segment at a time.

An actor opens the files of the source directly if its node has files with the same path, size and
modification time. Otherwise the source is sent to the node once, in chunks. If the node has the
work directory under the same path, the actor writes segments into it. Otherwise their files are
fetched from the node, in chunks.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidcolor._version import __version__
from vidcolor.errors import OutputError, UsageError, WorkerError
from vidcolor.fileio import sha256_file
from vidcolor.film.engines.base import CancelledError, WorkerDiedError, WorkerResources
from vidcolor.film.engines.pool import WorkerPool
from vidcolor.film.engines.ray_actor import RenderActor, stamp_file
from vidcolor.film.workdir import PLAN_FILE
from vidcolor.hints.overlays import OVERLAYS_FILE
from vidcolor.system import fsync_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from vidcolor.film.engines.ray_actor import FileStamp
    from vidcolor.film.segment import RenderJob, Segment
    from vidcolor.film.workdir import SegmentResult, WorkDir
    from vidcolor.options import ColorizeOptions

CHUNK_BYTES = 32 << 20
"""Size of the chunks in which files are sent."""
DEFAULT_CORES = 2
"""CPU cores of a worker without a GPU if `threads` is not set."""
_POLL_S = 0.5
"""Interval of progress reports and of checks for cancellation, in seconds."""
_CALL_TIMEOUT_S = 30.0
"""Timeout of calls to which an actor responds immediately, in seconds."""


@contextlib.contextmanager
def open_ray_pool(options: ColorizeOptions, shared_storage: bool = True) -> Iterator[WorkerPool]:
    """Open a pool of Ray actors. If Ray is already initialized, it is used and left running.

    Args:
        options: `ray_address`, `workers`, `threads` and `device` are used. Without `workers`, there
            is one for each GPU of the cluster, or as many as fit on its CPUs.
        shared_storage: use files that the nodes have under the same path; otherwise every file is
            sent.

    Raises:
        UsageError: Ray is not installed, or the cluster cannot be reached.
    """
    try:
        import ray
    except ImportError:
        raise UsageError(
            "--engine ray needs Ray; install it with: pip install 'vidcolor[ray]'"
        ) from None
    owns_ray = not ray.is_initialized()
    if owns_ray:
        _connect(options)
    try:
        locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        workers = [RayWorker(share, locks, shared_storage) for share in _plan_actors(options)]
        with WorkerPool(workers) as pool:
            yield pool
    finally:
        if owns_ray:
            ray.shutdown()


def _connect(options: ColorizeOptions) -> None:
    """Connect to the cluster at `ray_address`, or start Ray on this machine."""
    import ray

    try:
        ray.init(
            address=options.ray_address,
            logging_level="ERROR",
            log_to_driver=False,
            include_dashboard=None if options.ray_address else False,
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        address = options.ray_address or "this machine"
        reason = " ".join(str(error).split())
        raise UsageError(f"cannot reach a Ray cluster at {address}: {reason}") from None


def _plan_actors(options: ColorizeOptions) -> list[WorkerResources]:
    """Return the resources of each actor; the cluster must be connected."""
    import ray

    available = ray.cluster_resources()
    gpus = int(available.get("GPU", 0))
    cores = options.threads or (1 if gpus else DEFAULT_CORES)
    if options.device in ("auto", "cuda") and (gpus or options.device == "cuda"):
        count = options.workers or gpus
        if not count:
            raise UsageError(
                "the Ray cluster has no GPU; use --workers N if nodes join later, or --device cpu"
            )
        return [WorkerResources("cuda", cores)] * count
    count = options.workers or max(1, int(available.get("CPU", 1)) // cores)
    return [WorkerResources(options.device, cores)] * count


class RayWorker:
    """An actor that renders segments; see `Worker`. `prepare` starts it."""

    def __init__(
        self,
        resources: WorkerResources,
        locks: defaultdict[str, threading.Lock],
        shared_storage: bool,
    ) -> None:
        """Create a worker whose actor is not running yet.

        Args:
            resources: of the actor, which reserves its threads as CPUs, and a GPU for ``cuda``.
            locks: one lock per node, shared by all workers, so that a source is sent only once.
            shared_storage: see `open_ray_pool`.
        """
        self._resources, self._locks, self._shared_storage = resources, locks, shared_storage
        self._actor: Any = None
        self._opened: Path | None = None
        """Work directory of the film that the actor has open."""
        self._has_work_dir = False
        """True if the actor writes to the work directory."""
        self._is_cancelled: Callable[[], bool] = lambda: False

    def prepare(self, is_cancelled: Callable[[], bool]) -> None:
        """Start the actor once a node has the resources for it; see `Worker.prepare`."""
        import ray

        if self._actor is not None:
            return
        self._is_cancelled = is_cancelled
        options = {
            "num_cpus": self._resources.threads,
            "num_gpus": 1 if self._resources.device == "cuda" else 0,
            "max_concurrency": 2,  # `get_progress` is called during `render`
        }
        with self._translate_ray_errors():
            self._actor = ray.remote(RenderActor).options(**options).remote(self._resources)
            version = self._call("get_version")
        # Another version may render different pixels.
        if version != __version__:
            raise UsageError(
                f"a Ray node has vidcolor {version}, but this machine has {__version__}; "
                "install the same version on all nodes"
            )

    def render(
        self,
        job: RenderJob,
        segment: Segment,
        work: WorkDir,
        progress: Callable[[int], None],
        is_cancelled: Callable[[], bool],
    ) -> SegmentResult:
        """Render a segment in the actor; see `Worker.render`."""
        import ray

        def report() -> None:
            with contextlib.suppress(ray.exceptions.GetTimeoutError):
                progress(ray.get(self._actor.get_progress.remote(), timeout=_CALL_TIMEOUT_S))

        self._is_cancelled = is_cancelled
        folder = work.create_segment_dir(segment.number).absolute()
        with self._translate_ray_errors():
            self._open(job, work)
            target = folder if self._has_work_dir else None
            result: SegmentResult = self._call("render", segment, target, report=report)
            if not self._has_work_dir:
                self._fetch_files(result, folder)
            return result

    @contextlib.contextmanager
    def _translate_ray_errors(self) -> Iterator[None]:
        """Turn exceptions of Ray into those of the `Worker` interface."""
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
            raise WorkerDiedError(f"({_last_line(error)})", killed=True) from None

    def _call(
        self, method: str, *arguments: object, report: Callable[[], None] = lambda: None
    ) -> Any:
        """Call a method of the actor; return its value or raise its error."""
        import ray

        reference = getattr(self._actor, method).remote(*arguments)
        while not ray.wait([reference], timeout=_POLL_S)[0]:
            if self._is_cancelled():
                self._kill()
                raise CancelledError
            report()
        status, value = ray.get(reference)
        if status == "failed":
            raise value
        return value

    def _open(self, job: RenderJob, work: WorkDir) -> None:
        """Send the source to the node if it is missing there, and open the film in the actor."""
        import ray

        if self._opened == work.path:
            return
        # Relative paths would be wrong in the working directory of the actor.
        job, work_dir = job.relocate(Path.absolute), work.path.absolute()
        files = list(job.source.files)
        if job.overlays is not None:
            files.append(work_dir / OVERLAYS_FILE)
        stamps = {path: stamp_file(path) for path in files}
        if not self._shared_storage:  # no file on the node has such a stamp
            stamps = {path: ("not shared", *stamp) for path, stamp in stamps.items()}
        node, missing = self._call("find_missing", stamps)
        if missing:
            with self._locks[node]:
                # Another actor of the node may have received the files meanwhile.
                _, missing = self._call("find_missing", stamps)
                for path in missing:
                    self._send_file(path, stamps[path])
        plan_stamp = stamp_file(work_dir / PLAN_FILE)
        has_work_dir = self._call("open", ray.put(job), work_dir, stamps, plan_stamp)
        self._has_work_dir = has_work_dir and self._shared_storage
        self._opened = work.path

    def _send_file(self, path: Path, stamp: FileStamp) -> None:
        with path.open("rb") as file:
            for offset in itertools.count(0, CHUNK_BYTES):
                chunk = file.read(CHUNK_BYTES)
                is_last = len(chunk) < CHUNK_BYTES
                self._call("write_chunk", path, stamp, offset, chunk, is_last)
                if is_last:
                    return

    def _fetch_files(self, result: SegmentResult, folder: Path) -> None:
        for name, (size, digest) in result.files.items():
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            with path.open("wb") as file:
                for offset in range(0, size, CHUNK_BYTES):
                    file.write(self._call("read_chunk", name, offset, CHUNK_BYTES))
            fsync_path(path)
            # Segments are joined without decoding, so an error would stay unnoticed.
            if sha256_file(path) != digest:
                raise OutputError(f"{path}: was damaged in the transfer from a Ray node")

    def _kill(self) -> None:
        """End the actor; the next `prepare` starts a new one."""
        import ray

        if self._actor is not None and ray.is_initialized():
            with contextlib.suppress(ray.exceptions.RayError, ValueError):
                ray.kill(self._actor)
        self._actor = self._opened = None

    def close(self) -> None:
        """End the actor and remove its files from the node."""
        import ray

        if self._opened is not None and ray.is_initialized():
            with contextlib.suppress(ray.exceptions.RayError, ValueError):
                ray.get(self._actor.remove_files.remote(), timeout=_CALL_TIMEOUT_S)
        self._kill()


def _last_line(error: Exception) -> str:
    """Return the last line of a message: Ray puts a traceback of the actor before it."""
    lines: Sequence[str] = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
