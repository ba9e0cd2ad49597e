"""The queue of jobs and its workers."""

from __future__ import annotations

import asyncio
import functools
import math
import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.helpers.studio_queue import CLIENT, QueueRun
from vidcolor.errors import UsageError
from vidcolor.studio.jobs.errors import JobStateError, QueueFullError, UnknownJobError
from vidcolor.studio.jobs.kinds import KINDS
from vidcolor.studio.jobs.locks import lock_data_dir
from vidcolor.studio.jobs.models import ALL_CLIENTS, JobProgress
from vidcolor.studio.jobs.monitor import measure_memory
from vidcolor.studio.jobs.store import MAX_ATTEMPTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def idle(tmp_path: Path) -> QueueRun:
    """A queue without workers."""
    return QueueRun(tmp_path / "data", max_queue=4)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueueRun]:
    """A queue with one worker and the reserve, for all tests of the module."""
    run = QueueRun(tmp_path_factory.mktemp("queue") / "data").start()
    yield run
    run.close()


# The table


def test_equal_job_that_is_queued_receives_the_new_options(idle: QueueRun) -> None:
    first = idle.submit("echo", "a", value=1)
    second = idle.submit("echo", "a", value=2)
    assert first.id == second.id
    assert second.options == {"value": 2}
    other_part = idle.queue.submit("echo", "a", {}, CLIENT, part="7")
    assert other_part.id != first.id
    claimed = idle.queue.store.claim("1-x", 1)
    assert claimed is not None
    assert claimed.id == first.id
    assert idle.submit("echo", "a", value=3).id != first.id


def test_equal_jobs_do_not_run_at_the_same_time(idle: QueueRun) -> None:
    store = idle.queue.store
    first = idle.submit("echo", "a")
    assert store.claim("1-x", 2) is not None
    second = idle.submit("echo", "a")
    assert store.claim("2-x", 2) is None
    assert store.finish(first.id, "1-x", "done", result={})
    claimed = store.claim("2-x", 2)
    assert claimed is not None
    assert claimed.id == second.id


def test_priority_then_age_decide(idle: QueueRun) -> None:
    film = idle.submit("steps", "film")
    photos = [idle.submit("echo", name) for name in "ab"]
    urgent = idle.queue.submit("echo", "c", {}, CLIENT, priority=1)
    order = [idle.queue.store.claim("1-x", 9) for _ in range(4)]
    assert [job and job.id for job in order] == [urgent.id, photos[0].id, photos[1].id, film.id]


def test_full_queue_refuses_and_says_when_to_try_again(idle: QueueRun) -> None:
    for name in "abcd":
        idle.submit("echo", name)
    with pytest.raises(QueueFullError, match="4 jobs wait or run; try again in") as caught:
        idle.submit("echo", "e")
    assert 2 <= caught.value.retry_after <= 60
    assert caught.value.headers == {"Retry-After": str(caught.value.retry_after)}
    assert idle.submit("echo", "a", value=5).options == {"value": 5}  # replaces, adds none
    with pytest.raises(UsageError, match="nonsense: unknown kind of job"):
        idle.submit("nonsense")


def test_position_and_remaining_time(idle: QueueRun) -> None:
    store = idle.queue.store
    running = idle.submit("echo", "a")
    waiting = [idle.submit("echo", name) for name in "bc"]
    store.claim("1-x", 1)
    now = time.time()
    store.beat(running.id, "1-x", JobProgress("photos", 30, 110, now - 4, 10), True)
    job = idle.queue.get(running.id)
    # 20 units took 4 s, and 80 are left.
    assert job.position == 0
    assert job.seconds_left == pytest.approx(16, abs=0.5)
    jobs = [idle.queue.get(other.id) for other in waiting]
    assert [job.position for job in jobs] == [1, 2]
    assert [job.seconds_left for job in jobs] == pytest.approx([17, 18], abs=0.6)
    assert store.finish(running.id, "1-x", "done", result={})
    assert idle.queue.get(running.id).position is None


def test_canceled_job_is_not_run_and_can_be_retried(idle: QueueRun) -> None:
    job = idle.submit("echo", "a", value=1)
    assert idle.queue.cancel(job.id).state == "canceled"
    assert idle.queue.store.claim("1-x", 1) is None
    assert idle.queue.retry(job.id).state == "queued"
    with pytest.raises(JobStateError, match="already; it cannot be retried"):
        idle.queue.retry(job.id)
    assert idle.queue.store.claim("1-x", 1) is not None
    assert idle.queue.store.finish(job.id, "1-x", "done", result={})
    with pytest.raises(JobStateError, match="is done; it cannot be retried"):
        idle.queue.retry(job.id)
    assert idle.queue.cancel(job.id).state == "done"
    with pytest.raises(UnknownJobError, match="no such job"):
        idle.queue.cancel("nonsense")


def test_only_the_owner_ends_a_job(idle: QueueRun) -> None:
    store = idle.queue.store
    job = idle.submit("echo", "a")
    store.claim("1-x", 1)
    store.release("1-x", "kill")
    assert not store.finish(job.id, "1-x", "done", result={})
    assert store.beat(job.id, "1-x", None, False) == "lost"
    store.claim("2-x", 1)
    assert store.finish(job.id, "2-x", "done", result={"n": 2})
    assert not store.finish(job.id, "2-x", "failed", error="again")
    assert idle.queue.get(job.id).result == {"n": 2}


def test_job_is_given_up_after_too_many_kills(idle: QueueRun) -> None:
    store = idle.queue.store
    job = idle.submit("echo", "a")
    for number in range(MAX_ATTEMPTS):
        assert store.claim(f"{number}-x", 1) is not None
        store.release(f"{number}-x", "kill", "by SIGKILL")
    job = idle.queue.get(job.id)
    assert job.state == "failed"
    assert "ended by SIGKILL in each of 8 attempts" in (job.error or "")


def test_jobs_of_a_deleted_photo_are_removed(idle: QueueRun) -> None:
    store = idle.queue.store
    running = idle.submit("echo", "a")
    store.claim("1-x", 1)
    queued = idle.submit("echo", "a")
    other = idle.submit("echo", "b")
    assert idle.queue.remove("a") == 1
    with pytest.raises(UnknownJobError):
        idle.queue.get(queued.id)
    assert store.beat(running.id, "1-x", None, False) == "cancel"
    assert store.finish(running.id, "1-x", "canceled")
    assert [job.id for job in idle.queue.list()] == [other.id]


def test_old_jobs_are_forgotten(idle: QueueRun) -> None:
    ids = {}
    for subject, age in (("a", 700), ("b", 700), ("c", 90_000)):
        ids[subject] = idle.queue.cancel(idle.submit("echo", subject).id).id
        idle.database.connection.execute(
            "UPDATE jobs SET finished = finished - ? WHERE id = ?", (age, ids[subject])
        )
    new = idle.submit("echo", "a")
    assert [job.id for job in idle.queue.list()] == [new.id, ids["b"]]


def test_clients_see_their_jobs_and_shared_ones(idle: QueueRun) -> None:
    own = idle.submit("echo", "a")
    shared = idle.queue.submit("echo", "b", {}, ALL_CLIENTS)
    assert [job.id for job in idle.queue.list(CLIENT)] == [shared.id, own.id]
    assert [job.id for job in idle.queue.list("other")] == [shared.id]
    assert len(idle.queue.list()) == 2
    assert idle.queue.find("a", "echo") == idle.queue.get(own.id)
    assert idle.queue.find("c") is None


def test_job_has_the_name_of_its_photo(idle: QueueRun) -> None:
    idle.database.connection.execute(
        "INSERT INTO photos (id, client, name, path, is_upload, size, sha256, created, visited) "
        "VALUES ('p', 'c', 'mill.jpg', '', 0, 1, '', 0, 0)"
    )
    assert idle.submit("echo", "p").name == "mill.jpg"
    assert idle.queue.submit("echo", "zip", {}, CLIENT, name="all.zip").name == "all.zip"


def test_kinds_of_the_studio_exist() -> None:
    from vidcolor.studio.jobs.kinds import load_reference

    for kind in KINDS.values():
        assert callable(load_reference(kind.run))


# Workers


def test_worker_returns_the_result(run: QueueRun) -> None:
    job = run.run("echo", value="ü")
    assert (job.state, job.result, job.error) == ("done", {"value": "ü"}, None)
    assert job.started is not None
    assert job.finished is not None
    assert job.created <= job.started <= job.finished
    assert run.list_states(job.id) == ["queued", "running", "done"]


def test_errors_are_one_line_and_the_log_names_no_file(
    run: QueueRun, caplog: pytest.LogCaptureFixture
) -> None:
    assert run.run("fail").error == "scan.jpg: not an image; convert it"
    job = run.run("fail", how="unexpected")
    assert job.state == "failed"
    assert job.error == "internal error (ValueError: secret.jpg); please report it"
    deadline = time.monotonic() + 60
    while "job-failed" not in caplog.text and time.monotonic() < deadline:
        time.sleep(0.02)
    record = next(r for r in caplog.records if r.getMessage() == "job-failed")
    assert "secret" not in str(vars(record))
    assert "run_fail" in str(vars(record))


def test_progress_is_stored_at_most_four_times_a_second(run: QueueRun, tmp_path: Path) -> None:
    job = run.run("steps", path=str(tmp_path / "n"), steps=40, pause=0.02)
    assert job.started is not None
    assert job.finished is not None
    events = [e.data for e in run.events.read(0, 10**9) if e.data["id"] == job.id]
    reports = [e["progress"]["done"] for e in events if e["progress"] and e["state"] == "running"]
    assert reports == sorted(reports)
    assert 2 <= len(reports) <= math.ceil((job.finished - job.started) * 4) + 1
    assert events[-1]["state"] == "done"


def test_running_job_is_canceled_within_moments(run: QueueRun) -> None:
    job = run.submit("wait")
    run.wait_running(job.id)
    start = time.monotonic()
    run.queue.cancel(job.id)
    assert run.wait(job.id).state == "canceled"
    assert time.monotonic() - start < KINDS["render"].max_stop_seconds  # it stopped by itself


def test_job_that_does_not_stop_is_ended(run: QueueRun) -> None:
    job = run.submit("hang")
    run.wait_until(job.id, lambda job: job.state == "running")
    run.queue.cancel(job.id)
    assert run.wait(job.id).state == "canceled"
    assert run.run("echo").state == "done"


@pytest.mark.parametrize(
    ("kind", "message"),
    [("slow", "took longer than 0.5 s"), ("silent", "no progress in 0.5 s"), ("greedy", "memory")],
)
def test_job_beyond_a_limit_fails_and_the_next_runs(run: QueueRun, kind: str, message: str) -> None:
    job = run.run(kind)
    assert job.state == "failed"
    assert message in (job.error or "")
    assert run.run("echo").state == "done"


def test_memory_of_a_process_and_its_children_is_measured() -> None:
    before = measure_memory(os.getpid())
    code = "block = b'x' * (64 << 20); print(flush=True); input()"
    start = functools.partial(
        subprocess.Popen,
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with ThreadPoolExecutor(1) as pool, pool.submit(start).result() as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert measure_memory(os.getpid()) - before > 64 << 20
        child.kill()


def test_job_that_crashes_fails_after_three_attempts(run: QueueRun) -> None:
    job = run.run("crash")
    assert job.state == "failed"
    assert "by SIGSEGV in each of 3 attempts" in (job.error or "")
    assert run.run("echo").state == "done"


def test_worker_has_no_network_and_low_priority(run: QueueRun) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        result = run.run("probe", port=listener.getsockname()[1]).result
    assert result is not None
    assert not result["connected"]
    assert result["niceness"] >= 10
    assert result["core"] == 0
    assert result["file_size"] == run.settings.max_disk_bytes
    assert not result["has_torch"]
    assert result["token"] is None


def test_photos_do_not_wait_for_films(run: QueueRun) -> None:
    film = run.submit("wait")
    run.wait_running(film.id)
    photo = run.run("echo")
    assert photo.state == "done"
    assert run.queue.get(film.id).state == "running"
    run.queue.cancel(film.id)
    run.wait(film.id)


def test_waiting_ends_with_the_time_or_the_server(run: QueueRun) -> None:
    job = run.submit("wait")

    async def wait() -> tuple[str, float]:
        start = time.monotonic()
        state = (await run.queue.wait(job.id, 0.3)).state
        return state, time.monotonic() - start

    state, seconds = asyncio.run(wait())
    assert state in ("queued", "running")
    assert 0.25 < seconds < 3
    run.queue.cancel(job.id)
    run.wait(job.id)
    with pytest.raises(UnknownJobError):
        asyncio.run(run.queue.wait("nonsense", 5))


def test_drain_interrupts_films_and_finishes_photos(tmp_path: Path) -> None:
    run = QueueRun(tmp_path / "data", workers=2).start()
    path = tmp_path / "n"
    go = tmp_path / "go"
    film = run.submit("steps", path=str(path), steps=50, pause=0.0, until=str(go))
    run.wait_running(film.id)
    photo = run.submit("echo", seconds=0.5)
    run.wait_until(photo.id, lambda job: job.state == "running")
    waiting = run.submit("steps", "other", path=str(tmp_path / "m"), steps=1)
    run.queue.store.cancel(waiting.id)
    later = run.submit("echo", "later")
    start = time.monotonic()
    run.close()
    assert time.monotonic() - start < 10
    assert run.queue.get(photo.id).state == "done"
    interrupted = run.queue.get(film.id)
    assert (interrupted.state, interrupted.attempts) == ("queued", 0)
    reached = int(path.read_text())
    assert 0 < reached <= 25
    go.touch()
    assert run.queue.get(later.id).state in ("queued", "done")

    again = QueueRun(tmp_path / "data").start()
    result = again.wait(film.id).result
    again.close()
    assert result == {"first": reached, "attempts": 1}


def test_second_server_is_refused(run: QueueRun, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from vidcolor.studio.jobs.locks import lock_data_dir\n"
        "lock_data_dir(Path(sys.argv[1]))"
    )
    command = [sys.executable, "-c", code]
    used = subprocess.run([*command, run.settings.data_dir], capture_output=True, text=True)
    data_dir = run.settings.data_dir
    assert f"BusyError: {data_dir}: another vidcolor studio uses this directory" in used.stderr
    assert subprocess.run([*command, tmp_path]).returncode == 0
    lock_data_dir(tmp_path).release()  # the process has ended, and its lock with it
