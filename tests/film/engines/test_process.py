"""Worker processes on this machine."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from tests.helpers.films import read_plane_bytes, write_shot_list
from vidcolor.colorizer import Colorizer
from vidcolor.errors import UsageError, WorkerError
from vidcolor.film.api import colorize_film
from vidcolor.film.engines.base import WorkerResources
from vidcolor.film.engines.pool import WorkerPool
from vidcolor.film.engines.process import ProcessWorker, make_picklable
from vidcolor.film.workdir import work_path
from vidcolor.options import ColorizeOptions, Hint

STARTS, FRAMES = (0, 4, 8, 12), 16
NUM_KILLS = 2


@pytest.mark.slow
@pytest.mark.usefixtures("short_segments")
def test_killed_processes_do_not_change_the_result(clip, tmp_path):
    """Two workers are killed while they render segments. Both use the same hint tracks."""
    film = clip("mkv", "libx264", "yuv420p", "-g", "6", frames=FRAMES)
    options = ColorizeOptions(
        shots=write_shot_list(tmp_path / "shots.csv", STARTS, FRAMES),
        purpose="archive",
        hints=(Hint(x=30, y=30, color="teal", frame=9),),
    )
    one, two, embedded = tmp_path / "one.mkv", tmp_path / "two.mkv", Colorizer.load()
    colorize_film(film, one, options, colorizer=embedded)
    workers = [ProcessWorker(WorkerResources("cpu", 1)) for _ in range(2)]
    finished, killed = threading.Event(), []
    segments = work_path(two, None) / "segments"

    def kill_workers():
        while len(killed) < NUM_KILLS and not finished.wait(0.02):
            pid = workers[len(killed) % 2].pid
            is_rendering = any(segments.glob("*.partial/*.partial/video*"))
            if is_rendering and pid is not None and pid not in killed:
                killed.append(pid)
                os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill_workers)
    killer.start()
    with WorkerPool(workers) as pool:
        try:
            colorize_film(film, two, options, colorizer=embedded, engine=pool)
        finally:
            finished.set()
            killer.join()
    assert len(killed) == NUM_KILLS
    assert read_plane_bytes(one) == read_plane_bytes(two)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.mkv", "shots.csv", "two.mkv"]
    assert all(worker.pid is None for worker in workers)


def test_user_errors_are_sent_unchanged_and_others_become_worker_errors():
    for error in (UsageError("a"), OSError(28, "No space left on device"), MemoryError()):
        assert make_picklable(error) is error

    class LocalError(Exception):
        """Cannot be pickled, because it is defined in a function."""

    for error in (ValueError("b"), LocalError("b")):
        sent = make_picklable(error)
        assert isinstance(sent, WorkerError)
        assert str(sent) == f"internal error ({type(error).__name__}: b); please report it"
