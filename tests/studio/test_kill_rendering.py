"""Stops and kills of a server that renders a film: it goes on, and the result is the same."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.helpers.films import write_gray
from tests.helpers.studio_server import StudioProcess
from tests.helpers.synthetic_shots import make_pan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [
    pytest.mark.slow,
    pytest.mark.exhaustive,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="workers are found in /proc"),
]
NUM_SHOTS, FRAMES_PER_SHOT = 5, 21


@pytest.fixture
def server(tmp_path: Path) -> Iterator[StudioProcess]:
    """A server with a film of one frame a second, whose shots are a segment each."""
    shots = [make_pan(seed, FRAMES_PER_SHOT, 2) for seed in range(1, NUM_SHOTS + 1)]
    frames = [np.uint8(16 + 219 * frame) for shot in shots for frame in shot]
    film = write_gray(tmp_path / "reel.mkv", frames, rate=1)
    server = StudioProcess(tmp_path / "data", (film,)).start()
    yield server
    server.kill()


def wait_for(condition: Callable[[], Any], seconds: float = 120) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return value


def list_processes() -> dict[int, tuple[int, str]]:
    """Return parent and state of every process, by its ID."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        found[int(path.parent.name)] = int(parent), state
    return found


def find_descendants(pid: int) -> set[int]:
    processes, found = list_processes(), {pid}
    while more := {p for p, (parent, _) in processes.items() if parent in found} - found:
        found |= more
    return found - {pid}


def list_segments(folder: Path) -> dict[Path, int]:
    """Return the finished segments that a project keeps, and when each was finished."""
    return {path: path.stat().st_mtime_ns for path in folder.glob("segments/*/done.json")}


def render(server: StudioProcess, film_id: str) -> str:
    """Start a rendering, and return the ID of its job."""
    with server.client() as client:
        return str(client.post(f"/api/films/{film_id}/render", json={}).json()["id"])


def finish(server: StudioProcess, job_id: str) -> None:
    with server.client() as client:
        job = client.get(f"/api/jobs/{job_id}?wait=50").json()
    assert (job["state"], job["result"]["frames"]) == ("done", NUM_SHOTS * FRAMES_PER_SHOT)


def has_ended(processes: set[int]) -> bool:
    """Return whether processes have ended; those whose parent was killed may remain as zombies."""
    states = list_processes()
    return all(states.get(pid, (0, "Z"))[1] == "Z" for pid in processes)


def test_killed_rendering_is_resumed_and_equals_an_undisturbed_one(
    server: StudioProcess, tmp_path: Path
) -> None:
    with server.client() as client:
        (film,) = client.get("/api/films").json()["films"]
        opened = client.post(f"/api/films/{film['id']}/open").json()
        assert client.get(f"/api/jobs/{opened['job']['id']}?wait=50").json()["state"] == "done"
    job, folder = render(server, film["id"]), tmp_path / "reel.vidcolor"
    kept: dict[Path, int] = {}
    for number, stop in enumerate((server.kill, server.stop), 1):
        wait_for(lambda number=number: len(list_segments(folder)) >= number)
        assert server.process is not None
        processes = find_descendants(server.process.pid)
        assert len(processes) >= 3  # the workers and the compute process
        stop()
        wait_for(lambda processes=processes: has_ended(processes), 15)
        assert list_segments(folder).items() >= kept.items()
        kept = list_segments(folder)
        assert number <= len(kept) < NUM_SHOTS
        server.start()
    finish(server, job)
    segments = list_segments(folder)
    assert len(segments) == NUM_SHOTS
    assert segments.items() >= kept.items()
    result = tmp_path / "reel.color.mkv"
    resumed = result.read_bytes()

    result.unlink()
    shutil.rmtree(folder / "segments")
    finish(server, render(server, film["id"]))
    assert list_segments(folder).items().isdisjoint(segments.items())
    assert result.read_bytes() == resumed
