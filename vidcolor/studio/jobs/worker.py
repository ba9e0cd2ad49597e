"""A worker process: ``python -m vidcolor.studio.jobs.worker TOKEN``, started by a server.

It reads its configuration and then commands from its standard input. The end of that input means
that the server has died, and ends the worker at once; its job is queued again by the next server.
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from vidcolor.errors import VidcolorError, describe_unexpected_error
from vidcolor.studio.compute.sandbox import (
    MAX_MEMORY_SHARE,
    choose_memory_limit,
    deny_network,
    get_total_memory,
    limit_files,
    limit_memory,
)
from vidcolor.studio.compute.state import load_colorizer
from vidcolor.studio.database import Database
from vidcolor.studio.events import EventLog
from vidcolor.studio.jobs.config import WorkerConfig
from vidcolor.studio.jobs.context import JobContext
from vidcolor.studio.jobs.errors import JobInterruptedError, JobStoppedError
from vidcolor.studio.jobs.kinds import load_reference
from vidcolor.studio.jobs.locks import lock_worker
from vidcolor.studio.jobs.monitor import JobMonitor, end_group
from vidcolor.studio.jobs.store import JobStore
from vidcolor.studio.logs import JsonFormatter, log_exception
from vidcolor.studio.names import hide_data_dir
from vidcolor.studio.storage import convert_failure, is_failure
from vidcolor.system import exit_process, ignore_stop_signals

if TYPE_CHECKING:
    from vidcolor.studio.jobs.kinds import Kinds
    from vidcolor.studio.jobs.models import Job
    from vidcolor.studio.settings import StudioSettings

NICENESS = 10
"""Added to the niceness of the server, so that clicks are answered first."""
IDLE_POLL_S = 1.0
"""Interval in which an idle worker looks for jobs. The server also wakes it for each new job."""


class Worker:
    """Runs one job after another until it must stop."""

    def __init__(self, config: WorkerConfig, name: str) -> None:
        """Open the database and lock the name of the worker."""
        self._settings, self._name, self._is_reserve = config.settings, name, config.is_reserve
        self._lock = lock_worker(config.settings.data_dir, name)
        self._database = Database(config.database)
        self._events = EventLog(self._database)
        self._kinds: Kinds = load_reference(config.kinds)
        self._store = JobStore(self._database, self._events, self._kinds)
        self._load_colorizer = functools.cache(functools.partial(load_colorizer, config.settings))
        max_memory = int(MAX_MEMORY_SHARE * get_total_memory())
        self._monitor = JobMonitor(self._store, name, max_memory)
        self._wake = threading.Event()
        self._is_draining = False

    def run(self) -> None:
        """Run jobs until `drain`."""
        while not self._is_draining:
            self._wake.clear()
            job = self._store.claim(self._name, self._settings.workers, self._is_reserve)
            if job is None:
                self._wake.wait(IDLE_POLL_S)
            else:
                self._run_job(job)
        Path(self._lock.lock_file).unlink(missing_ok=True)

    def wake(self) -> None:
        """Look for new jobs, and whether the job that runs is canceled."""
        self._wake.set()
        self._monitor.wake()

    def drain(self) -> None:
        """Stop after the job that runs, or at its next progress report if it can resume."""
        self._is_draining = True
        self._monitor.drain()
        self._wake.set()

    def _run_job(self, job: Job) -> None:
        kind = self._kinds[job.kind]
        context = JobContext(self._settings, self._database, self._events, self._load_colorizer)
        finish = functools.partial(self._store.finish, job.id, self._name)

        def fail(text: str) -> str | None:
            line = hide_data_dir(" ".join(text.split()), self._settings.data_dir)
            return finish("failed", error=line)

        try:
            with self._monitor.observe(context, job, kind):
                function = load_reference(kind.run)
                result = json.loads(json.dumps(function(context, job)))
        except JobInterruptedError:
            self._store.release(self._name, "stop")
        except JobStoppedError:
            finish("canceled")
        except VidcolorError as error:
            fail(str(error))
        except MemoryError:
            name = job.name or job.kind
            fail(f"{name}: too little memory; use a smaller file")
        except BaseException as error:
            text = describe_unexpected_error(error)
            if is_failure(error):
                text = f"{job.name or job.kind}: {convert_failure(error)}"
            # A job whose photo or film was deleted may miss any of its files.
            if fail(text) == "failed":
                log_exception("job-failed", error, job=job.id, kind=job.kind)
        else:
            finish("done", result=result)


def apply_limits(settings: StudioSettings) -> None:
    """Limit what this process may use, because it decodes files of strangers."""
    if sys.platform != "win32":
        with contextlib.suppress(OSError):
            os.nice(NICENESS)
    limit_memory(choose_memory_limit(settings))
    limit_files(settings.max_disk_bytes)
    if settings.engine != "ray":  # whose cluster is reached by network
        deny_network()


def _obey(worker: Worker) -> None:
    """Obey the commands of the server; end this process when the server has died."""
    for line in sys.stdin.buffer:
        if line == b"wake\n":
            worker.wake()
        elif line == b"drain\n":
            worker.drain()
    end_group()


def _set_up_log() -> None:
    """Log to the server through standard output, and drop what libraries write.

    That may contain names of files.
    """
    handler = logging.StreamHandler(os.fdopen(os.dup(1), "w", encoding="utf-8"))
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    null = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(null, descriptor)
    os.close(null)


def main() -> None:
    """Run a worker with the configuration on standard input."""
    config = WorkerConfig.model_validate_json(sys.stdin.buffer.readline())
    _set_up_log()
    apply_limits(config.settings)
    worker = Worker(config, f"{os.getpid()}-{sys.argv[1]}")
    ignore_stop_signals("SIGINT")
    # Not in the handler, which may interrupt the holder of a lock that `drain` needs.
    drain = functools.partial(threading.Thread, target=worker.drain, daemon=True)
    signal.signal(signal.SIGTERM, lambda *_: drain().start())
    threading.Thread(target=_obey, args=(worker,), name="commands", daemon=True).start()
    worker.run()
    exit_process(0)


if __name__ == "__main__":
    main()
