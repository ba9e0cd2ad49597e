"""The compute process: order, replacement, cancellation, crashes, limits."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time

import pytest

from tests.helpers.studio_compute import load_nothing, load_test_tasks
from vidcolor.errors import InputError
from vidcolor.studio.compute.cache import ByteCache
from vidcolor.studio.compute.client import (
    PRIORITY_BACKGROUND,
    PRIORITY_CLICK,
    PRIORITY_HOVER,
    PRIORITY_PREFETCH,
    PRIORITY_VIEW,
    ComputeClient,
)
from vidcolor.studio.compute.errors import ComputeError, SupersededError, TaskError
from vidcolor.studio.compute.http import answer
from vidcolor.studio.compute.schedule import Request, Schedule
from vidcolor.studio.errors import TooLargeError
from vidcolor.studio.settings import StudioSettings
from vidcolor.system import is_process_running

SECONDS = 60


class Compute:
    """A client with its event loop."""

    def __init__(self, settings):
        self.client = ComputeClient(settings, load_nothing, load_test_tasks)
        self.client.start()
        self._runner = asyncio.Runner()

    def run(self, work):
        async def limited():
            async with asyncio.timeout(SECONDS):
                return await work(self.client.call)

        return self._runner.run(limited())

    def close(self):
        self._runner.run(self.client.close())
        self._runner.close()


@pytest.fixture(scope="module")
def compute(tmp_path_factory):
    settings = StudioSettings(data_dir=tmp_path_factory.mktemp("data"), max_pixels=1_000_000)
    compute = Compute(settings)
    yield compute
    compute.close()


async def wait_for(path):
    while not path.exists():
        await asyncio.sleep(0.01)


def make_request(number, priority, age_s=0.0):
    return Request(number, "", {}, priority, None, created=time.monotonic() - age_s)


def take_all(schedule):
    return [schedule.take().number for _ in range(len(schedule))]


def test_the_newest_click_is_first_and_views_keep_their_order():
    schedule = Schedule()
    for number, priority in enumerate(
        (PRIORITY_PREFETCH, PRIORITY_VIEW, PRIORITY_CLICK, PRIORITY_HOVER, PRIORITY_CLICK)
    ):
        schedule.add(make_request(number, priority))
    schedule.add(make_request(5, PRIORITY_VIEW))
    assert take_all(schedule) == [4, 2, 3, 1, 5, 0]


def test_a_click_that_has_waited_for_long_is_not_overtaken():
    schedule = Schedule(patience_s=1)
    for number, age_s in ((0, 5), (1, 3), (2, 0), (3, 0)):
        schedule.add(make_request(number, PRIORITY_CLICK, age_s))
    assert take_all(schedule) == [0, 1, 3, 2]


def test_a_cache_is_limited_in_bytes_and_notices_values_that_grow():
    class Value:
        nbytes = 40

    cache = ByteCache(100)
    first, second = cache.get("a", Value), cache.get("b", Value)
    assert cache.get("a", Value) is first
    cache.get("c", Value)
    assert "b" not in cache and "a" in cache
    assert cache.get("b", Value) is not second
    cache.get("b", Value).nbytes = 1000
    cache.trim()
    assert len(cache) == 1 and "b" in cache


def test_tasks_run_by_priority(compute, tmp_path):
    async def work(call):
        first = asyncio.ensure_future(call("wait", {"folder": str(tmp_path)}))
        await wait_for(tmp_path / "starts")
        path = str(tmp_path / "log")
        calls = [
            call("note", {"path": path, "name": name}, priority=priority)
            for name, priority in (
                ("prefetch", PRIORITY_PREFETCH),
                ("view", PRIORITY_VIEW),
                ("hover", PRIORITY_HOVER),
                ("click", PRIORITY_CLICK),
            )
        ]
        others = [asyncio.ensure_future(c) for c in calls]
        await asyncio.sleep(0)
        (tmp_path / "go").touch()
        return await asyncio.gather(first, *others)

    assert compute.run(work) == ["went", "prefetch", "view", "hover", "click"]
    assert (tmp_path / "log").read_text().split() == ["click", "hover", "view", "prefetch"]


def test_a_newer_request_replaces_one_with_the_same_key_and_joins_an_equal_one(compute, tmp_path):
    async def work(call):
        first = asyncio.ensure_future(call("wait", {"folder": str(tmp_path)}))
        await wait_for(tmp_path / "starts")
        path = str(tmp_path / "log")
        calls = [call("note", {"path": path, "name": name}, key="k") for name in ("1", "2", "2")]
        others = [asyncio.ensure_future(c) for c in calls]
        await asyncio.sleep(0)
        (tmp_path / "go").touch()
        return await asyncio.gather(first, *others, return_exceptions=True)

    _, replaced, *joined = compute.run(work)
    assert isinstance(replaced, SupersededError) and replaced.status == 409
    assert joined == ["2", "2"]
    assert (tmp_path / "log").read_text().split() == ["2"]


def test_a_task_ends_when_no_caller_waits_for_it(compute, tmp_path):
    async def work(call):
        running = asyncio.ensure_future(call("wait", {"folder": str(tmp_path)}))
        await wait_for(tmp_path / "starts")
        path = str(tmp_path / "log")
        queued = asyncio.ensure_future(call("note", {"path": path, "name": "canceled"}))
        await asyncio.sleep(0)
        queued.cancel()
        running.cancel()
        await asyncio.gather(running, queued, return_exceptions=True)
        return await call("note", {"path": path, "name": "next"}, priority=PRIORITY_PREFETCH)

    compute.run(work)
    assert (tmp_path / "ended").exists()
    assert (tmp_path / "log").read_text().split() == ["next"]


def test_a_view_makes_way_for_a_click_and_is_finished_afterwards(compute, tmp_path):
    async def work(call):
        view = asyncio.ensure_future(
            call("wait", {"folder": str(tmp_path)}, priority=PRIORITY_VIEW)
        )
        await wait_for(tmp_path / "starts")
        await call("note", {"path": str(tmp_path / "log"), "name": "click"})
        is_waiting = not view.done()
        (tmp_path / "go").touch()
        return is_waiting, await view

    assert compute.run(work) == (True, "went")
    assert len((tmp_path / "starts").read_text().split()) == 2


def test_errors_arrive_with_their_class_and_text(compute):
    def fail(kind):
        return compute.run(lambda call: call("fail", {"kind": kind}))

    with pytest.raises(InputError, match=r"^mill\.jpg: damaged; get a complete copy$"):
        fail("input")
    with pytest.raises(TooLargeError) as caught:
        fail("api")
    assert caught.value.status == 413 and caught.value.code == "too-large"
    with pytest.raises(TaskError, match="internal error") as caught:
        fail("bug")
    assert caught.value.status == 500


def test_a_task_is_repeated_once_after_a_crash(compute, tmp_path):
    restarts = compute.client.statistics.restarts
    path = str(tmp_path / "crashed")
    assert compute.run(lambda call: call("crash", {"path": path})) == "survived"
    with pytest.raises(ComputeError, match="SIGKILL") as caught:
        compute.run(lambda call: call("crash", {"path": path, "always": True}))
    assert caught.value.status == 503
    pid, _ = compute.run(lambda call: call("get_pid", {}))
    assert compute.client.statistics.pid == pid
    assert compute.client.statistics.restarts == restarts + 3


def test_the_process_has_no_network(compute):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        found = compute.run(lambda call: call("connect", {"port": port}))
    assert found == "PermissionError"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit memory")
def test_too_much_memory_fails_one_task_only(compute):
    with pytest.raises(InputError, match="too little memory"):
        compute.run(lambda call: call("allocate", {"bytes": 1 << 46}))
    pid = compute.client.statistics.pid
    limit = 1 << 20
    assert compute.run(lambda call: call("allocate", {"bytes": limit})) == limit
    with pytest.raises(InputError, match="too little memory"):
        compute.run(lambda call: call("allocate", {"bytes": 12 << 30}))
    assert compute.client.statistics.pid == pid


def test_background_tasks_run_in_a_process_of_their_own(compute, tmp_path):
    async def work(call):
        front = await call("get_pid", {})
        back = await call("get_pid", {}, priority=PRIORITY_BACKGROUND)
        return front, back

    (front, nice), (back, back_nice) = compute.run(work)
    assert front != back
    assert back_nice > nice or nice == 19


def test_a_closed_client_fails_calls_and_ends_its_process(tmp_path):
    compute = Compute(StudioSettings(data_dir=tmp_path))
    pid, _ = compute.run(lambda call: call("get_pid", {}))

    async def work(call):
        waiting = asyncio.ensure_future(call("wait", {"folder": str(tmp_path)}))
        await wait_for(tmp_path / "starts")
        await compute.client.close()
        with pytest.raises(ComputeError, match="shutting down"):
            await call("get_pid", {})
        with pytest.raises(ComputeError, match="shutting down"):
            await waiting

    compute.run(work)
    assert not is_process_running(pid)
    compute.close()


SERVER = """
import asyncio, sys
from pathlib import Path
from tests.helpers.studio_compute import load_nothing, load_test_tasks
from vidcolor.studio.compute.client import ComputeClient
from vidcolor.studio.settings import StudioSettings

async def main():
    client = ComputeClient(StudioSettings(data_dir=Path(".")), load_nothing, load_test_tasks)
    client.start()
    print((await client.call("get_pid", {}))[0], flush=True)
    await asyncio.sleep(600)

if __name__ == "__main__":
    asyncio.run(main())
"""


def test_the_process_ends_with_a_killed_server(tmp_path):
    script = tmp_path / "server.py"
    script.write_text(SERVER)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, text=True, env=environment
    ) as server:
        pid = int(server.stdout.readline())
        server.kill()
        server.wait()
    limit = time.monotonic() + SECONDS
    while is_process_running(pid) and time.monotonic() < limit:
        time.sleep(0.02)
    assert not is_process_running(pid)


class FakeRequest:
    """A request whose client goes away."""

    def __init__(self, seconds):
        self._messages = [{"type": "http.request", "body": b""}, {"type": "http.disconnect"}]
        self._seconds = seconds

    async def receive(self):
        if len(self._messages) == 1:
            await asyncio.sleep(self._seconds)
        return self._messages.pop(0)


def test_work_is_canceled_when_the_client_of_the_request_has_gone():
    states = []

    async def work():
        try:
            await asyncio.sleep(SECONDS)
        except asyncio.CancelledError:
            states.append("canceled")
            raise

    async def succeed():
        return "answer"

    async def run():
        with pytest.raises(SupersededError):
            await answer(FakeRequest(0.01), work())
        return await answer(FakeRequest(SECONDS), succeed())

    assert asyncio.run(run()) == "answer"
    assert states == ["canceled"]
