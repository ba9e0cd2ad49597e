"""Kinds of jobs for tests: they are quick, and show through files what they do."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidcolor.errors import InputError
from vidcolor.progress import Progress
from vidcolor.studio.compute.sandbox import choose_memory_limit
from vidcolor.studio.jobs.kinds import JobKind

if TYPE_CHECKING:
    from vidcolor.studio.jobs.context import JobContext
    from vidcolor.studio.jobs.models import Job

REFERENCE = f"{__name__}:KINDS"


def run_echo(context: JobContext, job: Job) -> dict[str, Any]:
    """Append a line to a file, as evidence of the run, and return the options."""
    if seconds := job.options.get("seconds"):
        time.sleep(seconds)
    if trace := job.options.get("trace"):
        with Path(trace).open("a") as file:
            file.write(f"{job.subject} {job.options.get('value')}\n")
    return job.options


def run_steps(context: JobContext, job: Job) -> dict[str, Any]:
    """Count in a file; a job that is run again continues where it stopped.

    With the option ``until``, it waits at half of the steps until a file exists.
    """
    path, total, until = Path(job.options["path"]), job.options["steps"], job.options.get("until")
    first = int(path.read_text()) if path.exists() else 0
    for done in range(first, total + 1):
        _replace(path, str(done))
        context.report(Progress(Path(job.name), "colorize", done, total))
        time.sleep(job.options.get("pause", 0.02))
        while until and done == total // 2 and not Path(until).exists():
            context.report(Progress(Path(job.name), "colorize", done, total))
            time.sleep(0.01)
    return {"first": first, "attempts": job.attempts}


def _replace(path: Path, text: str) -> None:
    """Write a file that is whole even if the process is killed."""
    partial = path.with_suffix(".partial")
    partial.write_text(text)
    partial.replace(path)


def run_wait(context: JobContext, job: Job) -> dict[str, Any]:
    """Never end, but stop when the context says so."""
    while True:
        context.report(Progress(Path(job.name), "colorize", 0, None))
        time.sleep(0.01)


def run_child(context: JobContext, job: Job) -> dict[str, Any]:
    """Start another process and wait for it, as a job that runs FFmpeg does."""
    with subprocess.Popen(["sleep", "600"]) as child:
        _replace(Path(job.options["path"]), str(child.pid))
    return {}


def run_hang(context: JobContext, job: Job) -> dict[str, Any]:
    """Ignore everything, as a decoder in an endless loop does."""
    while True:
        time.sleep(60)


def run_crash(context: JobContext, job: Job) -> dict[str, Any]:
    """End the process as a fault in native code does."""
    os.kill(os.getpid(), signal.SIGSEGV)
    raise AssertionError


def run_fail(context: JobContext, job: Job) -> dict[str, Any]:
    """Fail as the options say."""
    if job.options.get("how") == "unexpected":
        raise ValueError("secret.jpg")
    raise InputError("scan.jpg: not an image;\nconvert it")


def run_probe(context: JobContext, job: Job) -> dict[str, Any]:
    """Return what this process may do."""
    import resource

    try:
        socket.create_connection(("127.0.0.1", job.options["port"]), timeout=2).close()
        connected = True
    except OSError:
        connected = False
    return {
        "connected": connected,
        "niceness": os.nice(0),
        "core": resource.getrlimit(resource.RLIMIT_CORE)[0],
        "file_size": resource.getrlimit(resource.RLIMIT_FSIZE)[0],
        "has_torch": "torch" in sys.modules,
        "token": context.settings.token,
    }


def run_greedy(context: JobContext, job: Job) -> dict[str, Any]:
    """Reserve more memory than the limit allows, without using it."""
    import mmap

    size = choose_memory_limit(context.settings)
    with mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS):
        return {}


KINDS = {
    "echo": JobKind(f"{__name__}:run_echo", 40, 1, 60),
    "steps": JobKind(f"{__name__}:run_steps", 10, 1, 60, is_resumable=True),
    "wait": JobKind(f"{__name__}:run_wait", 10, 1, 60, is_resumable=True),
    "child": JobKind(f"{__name__}:run_child", 40, 1, 60, max_stop_seconds=0.2),
    "crash": JobKind(f"{__name__}:run_crash", 40, 1, 60),
    "fail": JobKind(f"{__name__}:run_fail", 40, 1, 60),
    "probe": JobKind(f"{__name__}:run_probe", 40, 1, 60),
    "greedy": JobKind(f"{__name__}:run_greedy", 40, 1, 60),
    "slow": JobKind(f"{__name__}:run_hang", 40, 1, 60, max_seconds=0.5),
    "silent": JobKind(f"{__name__}:run_hang", 40, 1, 0.5),
    "hang": JobKind(f"{__name__}:run_hang", 40, 1, 60, max_stop_seconds=0.2),
}
