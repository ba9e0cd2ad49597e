"""Let simulated users colorize photos of 2 megapixels on a real server, and check the results.

    python benchmarks/studio_load.py [--users 20] [--workers 2] [--minutes 10] [--max-queue 15]
    python benchmarks/studio_load.py --kills 20 [--seed 1]

Each user has a session and a stream of events of its own, uploads photos in parts, waits for the
job, and downloads the result. The queue is shorter than the number of users, so that it is full at
times. With --kills, the server or one of its workers is killed (SIGKILL) after 0.5 to 4 times the
mean time of a job, and the server is started again.

At the end, every accepted photo must be listed once with the bytes that were sent, unless it was
deleted some time after its download; its job must have ended once, and the user must have received
the result and the event. The times are those of
requests that do not wait for coloring or decoding. The bars: no status from 500 except 503 of a
full queue, the 95th percentile of the times at most 100 ms, memory of the server flat.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import contextlib
import hashlib
import io
import json
import os
import random
import secrets
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

SIZE = 1632, 1224
PART_BYTES = 256 << 10
MAX_P95_MS = 100
MAX_GROWTH = 0.03
"""Maximum growth of the memory of the server from the second third of the time to the last."""
MEMORY_KINDS = "resident", "anonymous"
SOURCE = Path(__file__).parents[1] / "samples" / "photo.jpg"
SERVER_CODE = """
import json, sys
from pathlib import Path
from vidcolor.studio.links import make_entrance
from vidcolor.studio.locking import bind_socket, locked_data_dir
from vidcolor.studio.server import run_server
from vidcolor.studio.settings import StudioSettings
settings = StudioSettings.model_validate_json(sys.argv[1])
with locked_data_dir(settings.data_dir), bind_socket(settings.host, settings.port) as listener:
    settings = settings.model_copy(update={"port": listener.getsockname()[1]})
    entrance = make_entrance(settings)
    print(json.dumps({"url": entrance.url, "token": entrance.token}), flush=True)
    run_server(settings, listener, ())
"""


class Server:
    """A server in a process of its own, which may be killed and started again."""

    def __init__(self, data_dir: Path, workers: int, max_queue: int) -> None:
        self.data_dir = data_dir
        self._settings = {"workers": workers, "max_queue": max_queue, "port": 0}
        self.url = self.token = ""
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        settings = json.dumps({"data_dir": str(self.data_dir), **self._settings})
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVER_CODE, settings], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        listening = json.loads(self._process.stdout.readline())
        self.url, self.token = listening["url"], listening["token"]
        self._settings["port"] = int(self.url.rpartition(":")[2])

    def end(self, number: int) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        with self._process:
            return self._process.wait()

    def list_workers(self) -> list[int]:
        """Return the process IDs of the workers."""
        assert self._process is not None
        workers = []
        for task in Path(f"/proc/{self._process.pid}/task").iterdir():
            with contextlib.suppress(OSError):  # the thread or the child has ended
                for child in (task / "children").read_text().split():
                    if "studio.jobs.worker" in Path(f"/proc/{child}/cmdline").read_text():
                        workers.append(int(child))
        return workers

    def measure_memory(self) -> tuple[float, float]:
        """Return the resident memory of the server alone, and its part without files, in MiB."""
        assert self._process is not None
        fields = Path(f"/proc/{self._process.pid}/statm").read_text().split()
        resident, files = (int(pages) * os.sysconf("SC_PAGE_SIZE") for pages in fields[1:3])
        return resident / (1 << 20), (resident - files) / (1 << 20)


@dataclass
class Statistics:
    """What the users observe."""

    times: dict[str, list[float]] = field(default_factory=lambda: collections.defaultdict(list))
    """Times of measured requests in seconds, by request."""
    statuses: collections.Counter[str] = field(default_factory=collections.Counter)
    disconnections: int = 0
    faults: list[str] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)
    """Resident and anonymous memory of the server in MiB, once a second."""
    kills: collections.Counter[str] = field(default_factory=collections.Counter)


class User:
    """One browser: a session, a stream of events, and one photo at a time."""

    def __init__(self, number: int, server: Server, statistics: Statistics) -> None:
        self.number, self._server, self._statistics = number, server, statistics
        self._http = httpx.AsyncClient(
            base_url=server.url, headers={"X-Vidcolor": "1"}, timeout=60, trust_env=False
        )
        self.photos: dict[str, str] = {}
        """SHA-256 of the accepted photos, by their ID."""
        self.listed: list[str] = []
        """Photos that the server lists at the end."""
        self.listed_at = 0.0
        self.results: set[str] = set()
        """Photos whose result was received."""
        self.done_events: collections.Counter[str] = collections.Counter()
        """Events about the end of a job, by the ID of the photo."""

    async def open(self) -> None:
        """Open a one-time link, as a browser does."""
        authorization = {"Authorization": f"Bearer {self._server.token}"}
        link = (await self._http.post("/api/links", headers=authorization)).json()["url"]
        await self._http.get(link)

    async def request(self, label: str | None, method: str, url: str, **options) -> httpx.Response:
        """Send a request, again and again while the server is down or its queue is full.

        `label` is the name under which the time is recorded; None if it is not.
        """
        while True:
            start = time.perf_counter()
            try:
                response = await self._http.request(method, url, **options)
            except httpx.TransportError:
                self._statistics.disconnections += 1
                await asyncio.sleep(0.2)
                if method == "PATCH":  # the offset may be another one now
                    return httpx.Response(409)
                continue
            if label is not None:
                self._statistics.times[label].append(time.perf_counter() - start)
            status = response.status_code
            code = response.json()["code"] if status >= 400 else ""
            self._statistics.statuses[f"{status} {code}".strip()] += 1
            if status >= 500 and code not in ("queue-full", "busy"):
                self._statistics.faults.append(f"{method} {label}: {status} {response.text}")
            if status != 503:
                return response
            await asyncio.sleep(min(int(response.headers["Retry-After"]), 5))

    async def read_events(self) -> None:
        """Count the ends of jobs, and continue after a disconnection where the stream ended."""
        last, type_ = "", ""
        while True:
            headers = {"Last-Event-ID": last} if last else {}
            with contextlib.suppress(httpx.TransportError):
                async with self._http.stream("GET", "/api/events", headers=headers) as response:
                    async for line in response.aiter_lines():
                        key, _, value = line.partition(": ")
                        if key == "id":
                            last = value
                        elif key == "event":
                            type_ = value
                            if value == "reset":
                                self._statistics.faults.append("the stream of events was reset")
                        elif key == "data" and type_ == "job":
                            job = json.loads(value)
                            self.done_events[job["subject"]] += job["state"] == "done"
            await asyncio.sleep(0.2)

    async def run(self, make_photo, end: asyncio.Event) -> None:
        """Colorize photos until the time is over."""
        await asyncio.sleep(random.uniform(0, 3))  # people do not start in the same moment
        while not end.is_set():
            await self.colorize(make_photo())
            await self.request("list photos", "GET", "/api/photos")
            await self.request("info", "GET", "/api/info")
            await asyncio.sleep(random.uniform(0.1, 1))

    async def colorize(self, photo: bytes) -> None:
        """Upload a photo, wait for its job, and download the result."""
        digest = hashlib.sha256(photo).hexdigest()
        photo_id = await self.upload(photo, digest)
        self.photos[photo_id] = digest
        while True:
            job = await self.find_job(photo_id)
            while job["state"] in ("queued", "running"):
                url = f"/api/jobs/{job['id']}"
                await self.request("job", "GET", url)
                job = (await self.request(None, "GET", f"{url}?wait=20")).json()
            if job["state"] != "done":
                self._statistics.faults.append(f"a job {job['state']}: {job['error']}")
                return
            response = await self.request("result", "GET", f"/api/photos/{photo_id}/result")
            if response.status_code == 200:
                break
        if Image.open(io.BytesIO(response.content)).size != SIZE:
            self._statistics.faults.append("a result has another size than its photo")
        self.results.add(photo_id)

    async def upload(self, photo: bytes, digest: str) -> str:
        """Upload a photo in parts, and return its ID."""
        body = {"name": "photo.jpg", "size": len(photo), "sha256": digest}
        while True:
            upload = (await self.request("begin upload", "POST", "/api/uploads", json=body)).json()
            if "duplicate" in upload:  # the last answer was lost
                return upload["duplicate"]["id"]
            offset = upload["received"]
            while True:
                response = await self.request(
                    "part of upload", "PATCH", f"/api/uploads/{upload['id']}",
                    content=photo[offset : offset + PART_BYTES],
                    headers={"Upload-Offset": str(offset)},
                )  # fmt: skip
                if response.status_code != 200:
                    break  # begin again, which finds what has arrived
                answer = response.json()
                if "kind" in answer:
                    return answer["id"]
                offset = answer["received"]

    async def find_job(self, photo_id: str) -> dict:
        """Return the newest job of a photo. If the queue was full, it is submitted now."""
        jobs = (await self.request("list jobs", "GET", "/api/jobs")).json()
        for job in jobs:
            if job["subject"] == photo_id and job["kind"] == "photo":
                return job
        url = f"/api/photos/{photo_id}/render"
        answer = (await self.request("submit job", "POST", url, json={})).json()
        return answer.get("job", answer)

    async def list_photos(self) -> list[str]:
        return [p["id"] for p in (await self.request(None, "GET", "/api/photos")).json()]


def make_photos():
    """Return a function that returns a JPEG file that no other call has returned."""
    gray = Image.open(SOURCE).convert("L").resize(SIZE)
    noise = np.random.default_rng(1).normal(0, 4, (SIZE[1], SIZE[0]))
    pixels = np.clip(np.asarray(gray) + noise, 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "jpeg", quality=92)
    data = buffer.getvalue()

    def make_photo() -> bytes:
        comment = secrets.token_hex(16).encode()
        segment = b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment
        return data[:2] + segment + data[2:]

    return make_photo


async def measure(server: Server, statistics: Statistics) -> None:
    """Record the memory of the server every second."""
    while True:
        with contextlib.suppress(OSError):  # it is being killed
            statistics.memory.append(server.measure_memory())
        await asyncio.sleep(1)


def measure_job(server: Server) -> float | None:
    """Return the mean time of the jobs that are done, in seconds; None without any."""
    with contextlib.closing(sqlite3.connect(server.data_dir / "studio.db")) as database:
        query = "SELECT avg(finished - started) FROM jobs WHERE state = 'done'"
        return database.execute(query).fetchone()[0]


async def kill(server: Server, statistics: Statistics, count: int, rng: random.Random) -> None:
    """Kill the server or a worker at random times: some jobs are hit, and some end between."""
    while not (seconds := measure_job(server)):
        await asyncio.sleep(1)
    for _ in range(count):
        await asyncio.sleep(rng.uniform(0.5, 4) * seconds)
        workers = server.list_workers()
        if workers and rng.random() < 0.5:
            with contextlib.suppress(ProcessLookupError):
                os.kill(rng.choice(workers), signal.SIGKILL)
                statistics.kills["worker"] += 1
        else:
            await asyncio.to_thread(server.end, signal.SIGKILL)
            statistics.kills["server"] += 1
            await asyncio.to_thread(server.start)


async def run_users(server: Server, args: argparse.Namespace, statistics: Statistics) -> list[User]:
    """Let the users work for the time, or until the last kill; return them."""
    users = [User(number, server, statistics) for number in range(args.users)]
    make_photo = make_photos()
    for user in users:
        await user.open()
    readers = [asyncio.create_task(user.read_events()) for user in users]
    sampler = asyncio.create_task(measure(server, statistics))
    await asyncio.sleep(1)
    end = asyncio.Event()
    tasks = [asyncio.create_task(user.run(make_photo, end)) for user in users]
    if args.kills:
        await kill(server, statistics, args.kills, random.Random(args.seed))
    else:
        await asyncio.sleep(args.minutes * 60)
    end.set()
    await asyncio.gather(*tasks)
    sampler.cancel()
    await asyncio.sleep(2)  # the last events
    for user in users:
        user.listed_at, user.listed = time.time(), await user.list_photos()
        if user.results != set(user.photos):
            statistics.faults.append(f"user {user.number}: a result was lost")
        if lost := [photo for photo in user.photos if not user.done_events[photo]]:
            statistics.faults.append(f"user {user.number}: {len(lost)} events were lost")
    for reader in readers:
        reader.cancel()
    return users


def check_data(server: Server, users: list[User], statistics: Statistics) -> int:
    """Compare the files and jobs of the server with what was accepted; return the jobs.

    The server has ended, so that no photo expires meanwhile.
    """
    with contextlib.closing(sqlite3.connect(server.data_dir / "studio.db")) as database:
        rows = dict(database.execute("SELECT id, path FROM photos"))
        ends = collections.Counter(
            job["id"]
            for (text,) in database.execute("SELECT data FROM events WHERE type = 'job'")
            if (job := json.loads(text))["state"] in ("done", "failed", "canceled")
        )
        jobs = database.execute("SELECT id, state, attempts FROM jobs").fetchall()
        query = "SELECT subject, at FROM audit WHERE event = 'photo-deleted'"
        deleted_at = dict(database.execute(query))
    for user in users:
        kept = user.photos.keys() - deleted_at.keys()
        listed = {p for p in user.photos if deleted_at.get(p, user.listed_at) >= user.listed_at}
        # Photos that expired after the list was read may be in it.
        if len(user.listed) != len(set(user.listed)) or not kept <= set(user.listed) <= listed:
            statistics.faults.append(
                f"user {user.number}: {len(user.listed)} photos listed, {len(listed)} expected"
            )
        for photo_id in kept:
            path, digest = Path(rows.get(photo_id, "")), user.photos[photo_id]
            if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != digest:
                statistics.faults.append("the file of a photo differs from what was sent")
    for job_id, state, attempts in jobs:
        if state != "done":
            statistics.faults.append(f"a job is {state} at the end after {attempts} attempts")
        # Events are kept for ten minutes, so that early jobs of a longer run have none.
        elif ends[job_id] > 1:
            statistics.faults.append(f"a job has ended {ends[job_id]} times")
    return len(jobs)


def print_table(statistics: Statistics, users: list[User], num_jobs: int, seconds: float) -> bool:
    """Print what was observed; return whether the bars are kept."""
    print(f"| {'request':14} | {'count':>6} | {'p50, ms':>8} | {'p95, ms':>8} | {'max, ms':>8} |")
    print("| --- | ---: | ---: | ---: | ---: |")
    every = [t for times in statistics.times.values() for t in times]
    for label, times in [*sorted(statistics.times.items()), ("all", every)]:
        p50, p95, top = 1000 * np.percentile(times, [50, 95, 100])
        print(f"| {label:14} | {len(times):6} | {p50:8.1f} | {p95:8.1f} | {top:8.1f} |")
    num_photos = sum(len(user.photos) for user in users)
    print(f"\n{num_photos} photos in {seconds:.0f} s, {num_jobs} jobs")
    print("statuses:", ", ".join(f"{k}: {n}" for k, n in sorted(statistics.statuses.items())))
    if statistics.kills:
        kills = ", ".join(f"{name}: {count}" for name, count in statistics.kills.items())
        print(f"kills: {kills}; interrupted requests: {statistics.disconnections}")
    is_flat = True
    for kind, memory in zip(MEMORY_KINDS, zip(*statistics.memory, strict=True), strict=True):
        third = max(len(memory) // 3, 1)
        early, late = np.mean(memory[third : 2 * third]), np.mean(memory[-third:])
        is_flat &= bool(statistics.kills) or bool(late <= (1 + MAX_GROWTH) * early)
        print(f"{kind} memory of the server, MiB: {memory[0]:.1f} at the start, {early:.1f} in the "
              f"second third, {late:.1f} in the last ({late / early - 1:+.1%}), {max(memory):.1f} "
              "at most")  # fmt: skip
    for fault, count in collections.Counter(statistics.faults).most_common(20):
        print(f"FAULT ({count}): {fault}")
    is_fast = bool(statistics.kills) or np.percentile(every, 95) * 1000 <= MAX_P95_MS
    print(f"faults: {len(statistics.faults)}; fast: {is_fast}; memory flat: {is_flat}")
    return not statistics.faults and is_fast and is_flat


def main() -> int:
    """Parse the options and run the users; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--max-queue", type=int, default=15)
    parser.add_argument("--kills", type=int, default=0, help="number of kills; ends after the last")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    statistics = Statistics()
    with tempfile.TemporaryDirectory() as name:
        server = Server(Path(name) / "data", args.workers, args.max_queue)
        server.start()
        start = time.monotonic()
        try:
            users = asyncio.run(run_users(server, args, statistics))
            seconds = time.monotonic() - start
        finally:
            if code := server.end(signal.SIGTERM):
                statistics.faults.append(f"the server ended with exit code {code}")
        num_jobs = check_data(server, users, statistics)
    return not print_table(statistics, users, num_jobs, seconds)


if __name__ == "__main__":
    sys.exit(main())
