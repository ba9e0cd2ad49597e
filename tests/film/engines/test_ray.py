"""A real Ray cluster of two nodes on this machine, one of which is lost in the middle."""

from __future__ import annotations

import threading
import time

import pytest

from tests.helpers.checks import read_film
from tests.helpers.films import write_shot_list
from vidcolor.colorizer import Colorizer
from vidcolor.errors import UsageError
from vidcolor.film.engines.ray import ray_pool
from vidcolor.film.pipeline import colorize_film
from vidcolor.film.workdir import WorkDir, work_path
from vidcolor.options import ColorizeOptions, Hint

STARTS, FRAMES = (0, 4, 8, 12, 16, 20), 24


@pytest.fixture(scope="module")
def cluster():
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    cluster.lost = cluster.add_node(num_cpus=1)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.mark.timeout(240)
def test_a_node_is_lost_and_the_film_is_the_same(clip, tmp_path, short_segments, cluster):
    """The source is sent to the nodes, segments come back, as on machines that share no disk."""
    film = clip("mkv", "libx264", "yuv420p", "-g", "6", frames=FRAMES)
    shots = write_shot_list(tmp_path / "shots.csv", STARTS, FRAMES)
    options = ColorizeOptions(
        shots=shots, purpose="archive", hints=(Hint(x=30, y=30, color="teal", frame=9),),
        engine="ray", ray_address=cluster.address, workers=2, threads=1, device="cpu",
    )  # fmt: skip
    embedded = Colorizer()
    one, two = tmp_path / "one.mkv", tmp_path / "two.mkv"
    colorize_film(film, one, options, colorizer=embedded)
    work = WorkDir(work_path(two, None))
    finished, lost = threading.Event(), []

    def lose():
        while not finished.wait(0.05):
            if len(work.recorded()) >= 2:
                cluster.remove_node(cluster.lost, allow_graceful=False)
                lost.append(len(work.recorded()))
                return

    loser = threading.Thread(target=lose)
    loser.start()
    with ray_pool(options, sees_files=False) as pool:
        result = colorize_film(film, two, options, colorizer=embedded, engine=pool)
    finished.set()
    loser.join()
    assert lost
    assert lost[0] < len(STARTS)
    assert result.num_frames == FRAMES
    films = [read_film(path) for path in (one, two)]
    planes = [[bytes(p) for f in film.frames for p in f.planes] for film in films]
    assert planes[0] == planes[1]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.mkv", "shots.csv", "two.mkv"]


@pytest.mark.timeout(120)
def test_a_cluster_that_is_not_there(tmp_path):
    began = time.monotonic()
    options = ColorizeOptions(engine="ray", ray_address="ray://127.0.0.1:1")
    with pytest.raises(UsageError, match="no Ray cluster can be reached"), ray_pool(options):
        pass
    assert time.monotonic() - began < 100
