"""Any number of workers, alive or dying, makes the same film."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import pytest

from tests.helpers.films import write_shot_list
from vidcolor.colorizer import Colorizer
from vidcolor.errors import OutputError, UsageError, WeightsError, WorkerError
from vidcolor.film.engines.pool import MOST_CRASHED, MOST_KILLED, CancelledError, DiedError, Pool
from vidcolor.film.engines.process import ProcessWorker, WorkerResources
from vidcolor.film.engines.select import open_engine, worker_resources
from vidcolor.film.pipeline import colorize_film
from vidcolor.film.segment import render_segment
from vidcolor.film.segment_reader import SegmentReader
from vidcolor.film.workdir import WorkDir, work_path
from vidcolor.options import ColorizeOptions, Hint

STARTS, FRAMES = (0, 4, 8, 12, 16, 20), 24


pytestmark = pytest.mark.usefixtures("short_segments")


@pytest.fixture
def shots(tmp_path_factory):
    return write_shot_list(tmp_path_factory.mktemp("shots") / "shots.csv", STARTS, FRAMES)


@pytest.fixture
def film(clip):
    return clip("mkv", "libx264", "yuv420p", "-g", "6", frames=FRAMES)


class HereWorker:
    """A worker in this process; `deaths` says how often it dies over a segment."""

    def __init__(self, colorizer, deaths=None, killed=True):
        self.colorizer, self.killed = colorizer, killed
        self.deaths = {} if deaths is None else deaths
        self.rendered, self.closed = [], False

    def prepare(self, is_cancelled):
        pass

    def render(self, job, segment, work, progress, is_cancelled):
        folder = work.place_to_render(segment.number)
        if self.deaths.get(segment.number, 0) > 0:
            self.deaths[segment.number] -= 1
            raise DiedError("by SIGKILL", self.killed)
        self.rendered.append(segment.number)
        source = SegmentReader(job.plan, job.read)
        return render_segment(job, segment, folder, self.colorizer, source, None, progress)

    def close(self):
        self.closed = True


def color(film, target, shots, colorizer, engine=None, **more):
    options = ColorizeOptions(shots=shots, **more)
    return colorize_film(film, target, options, colorizer=colorizer, engine=engine)


def test_a_worker_that_dies_is_replaced(film, shots, flat, tmp_path):
    deaths = {1: MOST_KILLED - 1, 4: 2}
    workers = [HereWorker(flat, deaths) for _ in range(2)]
    color(film, tmp_path / "one.mp4", shots, flat)
    with Pool(workers) as pool:
        color(film, tmp_path / "two.mp4", shots, flat, pool)
    assert sorted(workers[0].rendered + workers[1].rendered) == [0, 1, 2, 3, 4, 5]
    assert (tmp_path / "one.mp4").read_bytes() == (tmp_path / "two.mp4").read_bytes()
    assert all(worker.closed for worker in workers)


@pytest.mark.parametrize(("killed", "times"), [(True, MOST_KILLED), (False, MOST_CRASHED)])
def test_a_segment_that_kills_is_named_and_the_rest_is_rendered(
    film, shots, flat, tmp_path, killed, times
):
    target, worker = tmp_path / "out.mp4", HereWorker(flat, {2: times}, killed)
    with (
        Pool([worker]) as pool,
        pytest.raises(WorkerError, match=rf"segment 2 \(frames 8 to 11.*{times} workers died"),
    ):
        color(film, target, shots, flat, pool)
    assert worker.rendered == [0, 1, 3, 4, 5]
    result = color(film, target, shots, flat)
    assert result.resumed_frames == FRAMES - 4


def test_what_fails_for_a_reason_is_not_tried_again(film, shots, flat, tmp_path):
    class Full(HereWorker):
        def render(self, job, segment, work, progress, is_cancelled):
            if segment.number == 3:
                raise OutputError("out.mp4: the disk is full")
            return super().render(job, segment, work, progress, is_cancelled)

    worker = Full(flat)
    with Pool([worker]) as pool, pytest.raises(OutputError, match="disk is full"):
        color(film, tmp_path / "out.mp4", shots, flat, pool)
    assert worker.rendered == [0, 1, 2]


def test_workers_that_cannot_begin(film, shots, flat, tmp_path):
    class Dead(HereWorker):
        def prepare(self, is_cancelled):
            raise DiedError("with exit code 1", killed=False)

    workers = [Dead(flat), Dead(flat)]
    with Pool(workers) as pool, pytest.raises(WorkerError, match="cannot be begun"):
        color(film, tmp_path / "out.mp4", shots, flat, pool)
    assert not list(tmp_path.iterdir())


def test_a_pool_that_is_closed_lets_go(film, shots, flat, tmp_path):
    """Ctrl-C: workers stop, who waits for them is told, finished segments are kept."""

    class Slow(HereWorker):
        def render(self, job, segment, work, progress, is_cancelled):
            while segment.number == 2:
                if is_cancelled():
                    raise CancelledError
                time.sleep(0.01)
            return super().render(job, segment, work, progress, is_cancelled)

    target = tmp_path / "out.mp4"
    pool, ended = Pool([Slow(flat)]), []

    def run():
        try:
            color(film, target, shots, flat, pool)
        except KeyboardInterrupt as stop:
            ended.append(stop)

    thread = threading.Thread(target=run)
    thread.start()
    work = WorkDir(work_path(target, None))
    while len(work.recorded()) < 2:
        time.sleep(0.01)
    pool.close()
    thread.join(10)
    assert "2 segments of it are finished" in ended[0].__notes__[0]


@pytest.mark.parametrize(
    ("options", "places"),
    [
        ({}, [WorkerResources("auto", 2)]),
        ({"workers": 3}, [WorkerResources("auto", 1)] * 3),
        ({"workers": 2, "threads": 1, "device": "cpu"},
         [WorkerResources("cpu", 1, (5,)), WorkerResources("cpu", 1, (7,))]),
        ({"workers": 2, "threads": 2}, [WorkerResources("auto", 2, (5, 7))] * 2),
    ],
)  # fmt: skip
def test_what_each_worker_gets(monkeypatch, options, places):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {5, 7})
    assert worker_resources(ColorizeOptions(**options)) == places


@pytest.fixture(scope="module")
def embedded():
    return Colorizer()


def test_processes_make_the_same_film_whoever_kills_them(film, shots, embedded, tmp_path):
    """Two workers, one of them killed five times; hints are led through the film for both."""
    hints = (Hint(x=30, y=30, color="teal", frame=9),)
    color(film, tmp_path / "one.mkv", shots, embedded, purpose="archive", hints=hints)
    workers = [ProcessWorker(WorkerResources("cpu", 1)) for _ in range(2)]
    stop, killed = threading.Event(), []
    rendering = work_path(tmp_path / "two.mkv", None) / "segments"

    def kill():
        """Whichever is due, in the middle of a segment."""
        while len(killed) < 5 and not stop.wait(0.02):
            pid = workers[len(killed) % 2].pid
            if any(rendering.glob("*.partial/picture*")) and pid is not None and pid not in killed:
                killed.append(pid)
                os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with Pool(workers) as pool:
        try:
            color(film, tmp_path / "two.mkv", shots, embedded, pool, purpose="archive", hints=hints)
        finally:
            stop.set()
            killer.join()
    assert len(killed) == 5
    assert _planes(tmp_path / "one.mkv") == _planes(tmp_path / "two.mkv")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.mkv", "two.mkv"]
    assert all(worker.pid is None for worker in workers)


def _planes(path):
    from tests.helpers.checks import read_film

    return [bytes(plane) for frame in read_film(path).frames for plane in frame.planes]


def test_a_worker_says_what_is_wrong(film, shots, embedded, flat, tmp_path):
    """Errors come back as they are: here the weights are others than the driver's."""
    options = ColorizeOptions(workers=1, threads=1)
    with open_engine(options, flat) as pool, pytest.raises(WeightsError, match="other weights"):
        color(film, tmp_path / "out.mp4", shots, flat, pool)
    assert not list(tmp_path.iterdir())


def test_ray_that_is_not_there(flat, monkeypatch):
    options = ColorizeOptions(engine="ray", ray_address="127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "ray", None)
    with (
        pytest.raises(UsageError, match=r"pip install 'vidcolor\[ray\]'"),
        open_engine(options, flat),
    ):
        pass
