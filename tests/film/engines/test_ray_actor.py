"""The actor that receives files of the driver."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
import torch

from vidcolor.film.engines.base import WorkerResources
from vidcolor.film.engines.ray_actor import RenderActor


def test_two_actors_receive_the_same_file_at_the_same_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    actors = [RenderActor(WorkerResources("cpu", torch.get_num_threads(), ())) for _ in range(2)]
    path, stamp = Path("/films/reel.mov"), (8, 1)
    for offset, chunk, is_last in ((0, b"half", False), (4, b"more", True)):
        for actor in actors:
            result = actor.write_chunk(path, stamp, offset, chunk, is_last)
            assert result == ("done", None)
    (received,) = tmp_path.glob("vidcolor-sources-*/*/*")
    assert received.name == "reel.mov"
    assert received.read_bytes() == b"halfmore"
