"""Kills of workers and servers: every accepted job ends once, and no process is left over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.helpers.studio_queue import CLIENT, QueueRun
from vidcolor.studio.jobs import locks, supervisor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SERVER_CODE = """
import sys, time; from pathlib import Path
from tests.helpers.studio_queue import QueueRun
QueueRun(Path(sys.argv[1]), workers=2).start()
print("started", flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueueRun]:
    """A queue whose workers tests kill, because it starts them again."""
    run = QueueRun(tmp_path_factory.mktemp("queue") / "data").start()
    yield run
    run.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process with a queue of two workers on ``tmp_path / "data"``."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER_CODE, str(tmp_path / "data")],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        yield process
        process.kill()


def wait_for(condition: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def get_state(pid: int) -> str:
    """Return the state of a process as in ps(1), such as T for stopped; "" without the process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def has_ended(pid: int) -> bool:
    """Return whether a process has ended; one whose parent was killed may remain as a zombie."""
    return get_state(pid) in ("", "Z")


def test_job_of_a_killed_worker_runs_again_and_ends_once(run: QueueRun, tmp_path: Path) -> None:
    path, go = tmp_path / "n", tmp_path / "go"
    job = run.submit("steps", path=str(path), steps=20, until=str(go))
    wait_for(lambda: path.exists() and int(path.read_text()) == 10)
    worker = run.find_worker(job.id)
    os.kill(worker, signal.SIGKILL)
    go.touch()
    job = run.wait(job.id)
    assert job.state == "done"
    assert job.result is not None
    assert job.result["attempts"] == 2
    assert job.result["first"] == 10  # it continued
    assert run.list_states(job.id) == ["queued", "running", "queued", "running", "done"]
    assert has_ended(worker)


def test_processes_of_a_killed_worker_end(run: QueueRun, tmp_path: Path) -> None:
    path = tmp_path / "pid"
    job = run.submit("child", path=str(path))
    wait_for(lambda: path.exists())
    child = int(path.read_text())
    path.unlink()
    os.kill(run.find_worker(job.id), signal.SIGKILL)
    wait_for(lambda: has_ended(child))
    wait_for(lambda: path.exists())  # the job runs again
    child = int(path.read_text())
    run.queue.cancel(job.id)
    assert run.wait(job.id).state == "canceled"
    wait_for(lambda: has_ended(child))


def test_worker_without_heartbeat_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "HANG_SECONDS", 2.5)
    monkeypatch.setattr(supervisor, "WATCH_INTERVAL_S", 0.1)
    run = QueueRun(tmp_path / "data").start()
    go = tmp_path / "go"
    job = run.submit("steps", path=str(tmp_path / "n"), steps=2, until=str(go))
    run.wait_running(job.id)
    os.kill(run.find_worker(job.id), signal.SIGSTOP)
    go.touch()
    job = run.wait(job.id)
    run.close()
    assert (job.state, job.attempts) == ("done", 2)


@pytest.mark.parametrize("stopped", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_jobs_of_a_killed_server_end_once(
    server: subprocess.Popen[str], stopped: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "_END_TIMEOUT_S", 0.5)
    run = QueueRun(tmp_path / "data")  # submits to the database of the server
    trace, child_path, go = tmp_path / "trace", tmp_path / "pid", tmp_path / "go"
    film = run.submit("steps", path=str(tmp_path / "n"), steps=20, until=str(go))
    busy = run.submit("child", path=str(child_path))
    photos = [
        run.queue.submit("echo", f"p{n}", {"trace": str(trace), "value": n}, CLIENT, priority=-60)
        for n in range(5)
    ]
    run.wait_running(film.id)
    wait_for(lambda: child_path.exists())
    workers = [run.find_worker(job.id) for job in (film, busy)]
    if stopped:  # it cannot notice that the server has ended
        os.kill(workers[0], signal.SIGSTOP)
        wait_for(lambda: get_state(workers[0]) == "T")
    server.kill()
    server.wait()
    ended = [workers[1], int(child_path.read_text()), *([] if stopped else [workers[0]])]
    wait_for(lambda: all(map(has_ended, ended)))
    assert has_ended(workers[0]) is not stopped

    go.touch()
    run.start()
    assert has_ended(workers[0])
    run.queue.cancel(busy.id)
    for job in (film, *photos):
        ended = run.wait(job.id)
        assert ended.state == "done"
        assert run.list_states(job.id).count("done") == 1
    assert run.wait(busy.id).state == "canceled"
    run.close()
    assert run.queue.get(film.id).attempts == 1
    assert sorted(trace.read_text().splitlines()) == [f"p{n} {n}" for n in range(5)]
