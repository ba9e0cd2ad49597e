"""A Ray cluster of two nodes on this machine, one of which is lost during rendering."""

from __future__ import annotations

import threading

import pytest

from tests.helpers.films import read_plane_bytes, write_shot_list
from vidcolor.colorizer import Colorizer
from vidcolor.errors import UsageError
from vidcolor.film.api import colorize_film
from vidcolor.film.engines.local import LocalEngine
from vidcolor.film.engines.ray import open_ray_pool
from vidcolor.film.workdir import WorkDir, work_path
from vidcolor.options import ColorizeOptions, Hint

STARTS, FRAMES = (0, 4, 8, 12, 16, 20), 24


@pytest.fixture(scope="module")
def cluster():
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    cluster.second_node = cluster.add_node(num_cpus=1)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_lost_node_does_not_change_the_result(clip, tmp_path, short_segments, cluster):
    """Without shared storage, the source is sent to the nodes and segments are fetched."""
    film = clip("mkv", "libx264", "yuv420p", "-g", "6", frames=FRAMES)
    shots = write_shot_list(tmp_path / "shots.csv", STARTS, FRAMES)
    local = ColorizeOptions(
        shots=shots, purpose="archive", hints=(Hint(x=30, y=30, color="teal", frame=9),)
    )
    options = local.replace(
        engine="ray", ray_address=cluster.address, workers=2, threads=1, device="cpu"
    )
    one, two, embedded = tmp_path / "one.mkv", tmp_path / "two.mkv", Colorizer.load()
    colorize_film(film, one, local, colorizer=embedded, engine=LocalEngine(embedded))
    work = WorkDir(work_path(two, None))
    finished, num_finished_at_loss = threading.Event(), []

    def remove_node():
        while not finished.wait(0.05):
            if len(work.finished_segments()) >= 2:
                cluster.remove_node(cluster.second_node, allow_graceful=False)
                num_finished_at_loss.append(len(work.finished_segments()))
                return

    thread = threading.Thread(target=remove_node)
    thread.start()
    with open_ray_pool(options, shared_storage=False) as pool:
        result = colorize_film(film, two, options, colorizer=embedded, engine=pool)
    finished.set()
    thread.join()
    assert num_finished_at_loss
    assert num_finished_at_loss[0] < len(STARTS)
    assert result.num_frames == FRAMES
    assert read_plane_bytes(one) == read_plane_bytes(two)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.mkv", "shots.csv", "two.mkv"]


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_unreachable_cluster_is_reported():
    options = ColorizeOptions(engine="ray", ray_address="ray://127.0.0.1:1")
    message = r"cannot reach a Ray cluster at ray://127\.0\.0\.1:1: "
    with pytest.raises(UsageError, match=message), open_ray_pool(options):
        pass
