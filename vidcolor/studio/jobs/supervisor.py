"""Starts the worker processes of a server, restarts those that end, and stops them."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from vidcolor.studio.compute.spawning import make_command, make_environment
from vidcolor.studio.jobs.config import WorkerConfig
from vidcolor.studio.jobs.locks import end_worker
from vidcolor.studio.logs import SERVER, log, log_exception
from vidcolor.system import EXTERNAL_SIGNALS, describe_exit, list_cores

if TYPE_CHECKING:
    from pathlib import Path

    from vidcolor.studio.jobs.models import Job
    from vidcolor.studio.jobs.store import JobStore, ReleaseReason
    from vidcolor.studio.settings import StudioSettings

HANG_SECONDS = 120.0
"""Time without heartbeat after which a worker is killed, in seconds."""
QUICK_SECONDS = 5.0
"""A worker that ends earlier while idle, in seconds, is restarted after a growing delay."""
MIN_DELAY_S, MAX_DELAY_S = 0.5, 30.0
WATCH_INTERVAL_S = 5.0
"""Interval in which heartbeats are checked, in seconds."""
LOG_SECONDS = 5.0
"""Time in which the log of a worker that has ended is read to its end, in seconds."""


@dataclass(eq=False, slots=True)
class _Process:
    """A worker that runs."""

    popen: subprocess.Popen[bytes]
    log: threading.Thread
    """Passes on what the worker logs."""
    name: str
    """Owner of the jobs of the worker; starts with the ID of the process."""
    heartbeat: tuple[str, float] | None = None
    """Job and heartbeat that the worker last showed."""
    seen_at: float = 0.0
    """Time at which they changed, on the monotonic clock: it stops while the machine sleeps."""

    def send(self, command: str) -> None:
        """Write a line to the worker. One that reads nothing more misses it."""
        assert self.popen.stdin is not None
        with contextlib.suppress(OSError, ValueError):  # full or closed pipe
            os.write(self.popen.stdin.fileno(), f"{command}\n".encode())

    def kill(self) -> None:
        """Kill the worker and the processes that it has started."""
        _kill_group(self.popen.pid)

    def wait(self) -> int:
        """Return the exit code of the worker, after its own processes were killed too.

        All that it logged was passed on then.
        """
        if sys.platform == "linux":
            # Until the exit code is read, the ID of the group cannot belong to other processes.
            os.waitid(os.P_PID, self.popen.pid, os.WEXITED | os.WNOWAIT)
            _kill_group(self.popen.pid)
        code = self.popen.wait()
        if self.popen.stdin is not None:
            with contextlib.suppress(OSError):
                self.popen.stdin.close()
        self.log.join(LOG_SECONDS)
        return code


class WorkerSupervisor:
    """The pool of worker processes: one for each job that runs at a time, and a reserve.

    The reserve runs photos and other short jobs while films occupy all other workers.
    """

    def __init__(
        self, settings: StudioSettings, database: Path, store: JobStore, kinds: str
    ) -> None:
        """Prepare the pool; `start` starts it."""
        self._store, self._data_dir = store, settings.data_dir
        self._configs = [
            WorkerConfig(
                settings=settings.model_copy(update={"token": None}),
                database=database,
                kinds=kinds,
                is_reserve=number == settings.workers,
            )
            for number in range(settings.workers + 1)
        ]
        self._lock = threading.Lock()
        self._processes: set[_Process] = set()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._watcher = threading.Thread(target=self._watch, name="heartbeats", daemon=True)

    def start(self) -> None:
        """Start the workers, each with a thread that waits for its end."""
        self._threads = [
            threading.Thread(target=self._run_worker, args=(config,), daemon=True)
            for config in self._configs
        ]
        self._watcher.start()
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Make the workers look at the jobs now: one was submitted or canceled."""
        with self._lock:
            for process in self._processes:
                process.send("wake")

    def begin_stop(self) -> None:
        """Let the workers stop: no job is started any more, and films are interrupted."""
        self._stopping.set()
        with self._lock:
            for process in self._processes:
                process.send("drain")

    def stop(self, seconds: float) -> None:
        """Let the workers stop, kill those that run after a time in seconds, and return."""
        self.begin_stop()
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0))
        with self._lock:
            for process in self._processes:
                process.kill()
        for thread in (*self._threads, self._watcher):
            if thread.is_alive():
                thread.join()

    @property
    def num_running(self) -> int:
        """Number of workers that run."""
        return len(self._processes)

    def _run_worker(self, config: WorkerConfig) -> None:
        delay_s = 0.0
        while not self._stopping.wait(delay_s):
            start = time.monotonic()
            try:
                process = self._start_process(config)
            except OSError as error:  # too many processes, or too little memory
                log(SERVER, logging.WARNING, "worker-start-failed", reason=error.strerror)
                delay_s = min(max(2 * delay_s, MIN_DELAY_S), MAX_DELAY_S)
                continue
            code = process.wait()
            with self._lock:
                self._processes.discard(process)
            has_run_job = self._release(process, code)
            is_quick = time.monotonic() - start < QUICK_SECONDS and not has_run_job
            delay_s = min(max(2 * delay_s, MIN_DELAY_S), MAX_DELAY_S) if is_quick else 0.0

    def _start_process(self, config: WorkerConfig) -> _Process:
        token = secrets.token_hex(4)
        popen = subprocess.Popen(
            make_command("vidcolor.studio.jobs.worker", token),
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=_make_worker_environment(len(self._configs) - 1),
            start_new_session=True,  # Ctrl-C in the terminal of the server must not end a job
        )
        log_thread = threading.Thread(target=_copy_log, args=(popen.stdout,), daemon=True)
        log_thread.start()
        process = _Process(popen, log_thread, f"{popen.pid}-{token}")
        assert popen.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            popen.stdin.write(config.model_dump_json().encode() + b"\n")
        if hasattr(os, "set_blocking"):
            os.set_blocking(popen.stdin.fileno(), False)
        with self._lock:
            self._processes.add(process)
            if self._stopping.is_set():
                process.send("drain")
        return process

    def _release(self, process: _Process, code: int) -> bool:
        """Queue again what a worker was running that has ended; return whether it was running."""
        reason: ReleaseReason = "crash"
        if code == 0 or self._stopping.is_set():
            reason = "stop"
        elif code < 0 and signal.Signals(-code) in EXTERNAL_SIGNALS:
            reason = "kill"
        released = self._release_jobs(process.name, reason, describe_exit(code))
        end_worker(self._data_dir, process.name)  # removes its lock file
        if reason != "stop":
            jobs = [{"job": job.id, "kind": job.kind, "state": job.state} for job in released]
            log(SERVER, logging.WARNING, "worker-ended", how=describe_exit(code), jobs=jobs)
        if released:
            self.wake()
        return bool(released)

    def _release_jobs(self, name: str, reason: ReleaseReason, detail: str) -> list[Job]:
        while True:
            try:
                return self._store.release(name, reason, detail)
            except sqlite3.Error as error:  # such as a full disk
                log_exception("job-not-released", error)
                if self._stopping.wait(MIN_DELAY_S):
                    return []  # the next server releases it

    def _watch(self) -> None:
        """Kill workers that do not show that they are alive, such as stopped processes."""
        while not self._stopping.wait(WATCH_INTERVAL_S):
            with self._lock:
                processes = list(self._processes)
            now = time.monotonic()
            for process in processes:
                try:
                    heartbeat = self._store.get_heartbeat(process.name)
                except sqlite3.Error as error:
                    log_exception("heartbeat-not-read", error)
                    break
                if heartbeat is None or heartbeat != process.heartbeat:
                    process.heartbeat, process.seen_at = heartbeat, now
                elif now - process.seen_at > HANG_SECONDS:
                    log(SERVER, logging.WARNING, "worker-hangs", job=heartbeat[0])
                    process.kill()


def _copy_log(lines: IO[bytes]) -> None:
    """Pass on what a worker logs, until it has ended."""
    with lines, contextlib.suppress(OSError):
        for line in lines:
            try:
                fields = json.loads(line)
                event = fields.pop("event")
            except (ValueError, AttributeError, KeyError):  # Python itself cannot start
                event, fields = "worker-output", {"text": line.decode(errors="replace").rstrip()}
            fields.pop("time", None)
            fields.pop("level", None)
            log(SERVER, logging.WARNING, event, **fields)


def _make_worker_environment(num_workers: int) -> dict[str, str]:
    """Return the environment of one of several workers."""
    # Idle threads of torch spin, so that more threads than cores slow all workers down.
    num_threads = max(1, len(list_cores()) // num_workers)
    return {"OMP_NUM_THREADS": str(num_threads), **make_environment()}


def _kill_group(pid: int) -> None:
    with contextlib.suppress(OSError):
        if sys.platform != "win32":
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGTERM)
