"""The worker pool: dying workers, failing segments and cancellation.

The workers render in this process, and every shot is a segment.
"""

from __future__ import annotations

import threading
import time

import pytest

from tests.helpers.films import write_shot_list
from vidcolor.errors import OutputError, WorkerError
from vidcolor.film.api import colorize_film
from vidcolor.film.engines.base import CancelledError, WorkerDiedError
from vidcolor.film.engines.local import SegmentRenderer
from vidcolor.film.engines.pool import MAX_CRASHES, MAX_DEATHS, WorkerPool
from vidcolor.film.workdir import WorkDir, work_path
from vidcolor.options import ColorizeOptions

STARTS, FRAMES = (0, 2, 4, 6, 8, 10), 12
pytestmark = pytest.mark.usefixtures("short_segments")


@pytest.fixture
def shots(tmp_path_factory):
    return write_shot_list(tmp_path_factory.mktemp("shots") / "shots.csv", STARTS, FRAMES)


@pytest.fixture
def film(clip):
    return clip("mkv", "libx264", "yuv420p", "-g", "6", frames=FRAMES)


class InProcessWorker:
    """A worker that renders in this process and can pretend to die.

    Args:
        colorizer: renders the segments.
        deaths: number of workers that will die at each segment, by segment number. Workers may
            share it.
        killed: see `WorkerDiedError.killed`.
    """

    def __init__(self, colorizer, deaths=None, killed=True):
        self.renderer, self.killed = SegmentRenderer(colorizer), killed
        self.deaths = {} if deaths is None else deaths
        self.rendered, self.is_closed = [], False

    def prepare(self, is_cancelled):
        pass

    def render(self, job, segment, work, progress, is_cancelled):
        folder = work.create_segment_dir(segment.number)
        if self.deaths.get(segment.number, 0) > 0:
            self.deaths[segment.number] -= 1
            raise WorkerDiedError("by SIGKILL", self.killed)
        self.rendered.append(segment.number)
        self.renderer.open(job, work.path)
        return self.renderer.render(segment, folder, progress)

    def close(self):
        self.renderer.close()
        self.is_closed = True


def colorize(film, target, shots, colorizer, engine=None):
    options = ColorizeOptions(shots=shots)
    return colorize_film(film, target, options, colorizer=colorizer, engine=engine)


@pytest.mark.slow
def test_segments_of_dead_workers_are_rendered_again(film, shots, flat, tmp_path):
    deaths = {1: MAX_DEATHS - 1, 4: 2}
    workers = [InProcessWorker(flat, deaths) for _ in range(2)]
    colorize(film, tmp_path / "one.mp4", shots, flat)
    with WorkerPool(workers) as pool:
        colorize(film, tmp_path / "two.mp4", shots, flat, pool)
    assert sorted(workers[0].rendered + workers[1].rendered) == [0, 1, 2, 3, 4, 5]
    assert (tmp_path / "one.mp4").read_bytes() == (tmp_path / "two.mp4").read_bytes()
    assert all(worker.is_closed for worker in workers)


@pytest.mark.slow
@pytest.mark.parametrize(("killed", "deaths"), [(True, MAX_DEATHS), (False, MAX_CRASHES)])
def test_segment_that_kills_workers_is_given_up_and_all_others_are_rendered(
    film, shots, flat, tmp_path, killed, deaths
):
    target, worker = tmp_path / "out.mp4", InProcessWorker(flat, {2: deaths}, killed)
    message = rf"segment 2 \(frames 4 to 5, from 0\.2 s\) failed: {deaths} workers died"
    with WorkerPool([worker]) as pool, pytest.raises(WorkerError, match=message):
        colorize(film, target, shots, flat, pool)
    assert worker.rendered == [0, 1, 3, 4, 5]
    assert colorize(film, target, shots, flat).resumed_frames == FRAMES - 2


def test_failed_segment_is_not_rendered_again(film, shots, flat, tmp_path):
    class FailingWorker(InProcessWorker):
        def render(self, job, segment, work, progress, is_cancelled):
            if segment.number == 3:
                raise OutputError("out.mp4: the disk is full")
            return super().render(job, segment, work, progress, is_cancelled)

    worker = FailingWorker(flat)
    with WorkerPool([worker]) as pool, pytest.raises(OutputError, match="disk is full"):
        colorize(film, tmp_path / "out.mp4", shots, flat, pool)
    assert worker.rendered == [0, 1, 2]


def test_workers_that_cannot_start_are_an_error(film, shots, flat, tmp_path):
    class DeadWorker(InProcessWorker):
        def prepare(self, is_cancelled):
            raise WorkerDiedError("with exit code 1", killed=False)

    message = "a worker cannot start: it died with exit code 1"
    workers = [DeadWorker(flat), DeadWorker(flat)]
    with WorkerPool(workers) as pool, pytest.raises(WorkerError, match=message):
        colorize(film, tmp_path / "out.mp4", shots, flat, pool)
    assert not list(tmp_path.iterdir())


def test_closed_pool_interrupts_rendering_and_keeps_finished_segments(film, shots, flat, tmp_path):
    class WaitingWorker(InProcessWorker):
        def render(self, job, segment, work, progress, is_cancelled):
            while segment.number == 2:
                if is_cancelled():
                    raise CancelledError
                time.sleep(0.01)
            return super().render(job, segment, work, progress, is_cancelled)

    target = tmp_path / "out.mp4"
    pool, interrupts = WorkerPool([WaitingWorker(flat)]), []

    def run():
        try:
            colorize(film, target, shots, flat, pool)
        except KeyboardInterrupt as interrupt:
            interrupts.append(interrupt)

    thread = threading.Thread(target=run)
    thread.start()
    work = WorkDir(work_path(target, None))
    while len(work.finished_segments()) < 2:
        time.sleep(0.01)
    pool.close()
    thread.join(10)
    assert "partly finished; run the same command to resume" in interrupts[0].__notes__[0]
