"""Stills show their own frame, whatever was asked for before: no memory of a decoder is reused."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np
import pytest

from tests.helpers.clips import ffmpeg
from vidcolor.project.api import Project
from vidcolor.studio.compute.errors import TaskCanceledError
from vidcolor.studio.compute.state import ComputeState
from vidcolor.studio.films.projects import pack_decisions
from vidcolor.studio.films.tasks import TASKS
from vidcolor.studio.settings import StudioSettings

if TYPE_CHECKING:
    from typing import Any

    from vidcolor.colorizer import Colorizer
    from vidcolor.imaging.types import FloatArray, Plane

REEL = Path(__file__).parents[2] / "samples" / "reel.mkv"
BLOCKS = (16, 16)
"""Number of rows and columns of blocks whose mean luma is compared."""
NUM_FRAMES = 12
NUM_REQUESTS = 44
MAX_DIFFERENCE = 3.0
"""Maximum difference of the mean luma of a block, in code values of 0 to 255."""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project of a film of different pictures whose decoder reuses its buffers."""
    source = tmp_path_factory.mktemp("reels") / "reel.mp4"
    ffmpeg(
        "-i", str(REEL), "-an", "-vf", "select='not(mod(n,16))'", "-frames:v", str(NUM_FRAMES),
        "-fps_mode", "vfr", "-c:v", "libx264", "-qp", "12", "-pix_fmt", "yuv420p", str(source),
    )  # fmt: skip
    return Project.new(source)


def decode_luma(path: Path) -> list[Plane]:
    """Return the stored luma of all frames, with memory of their own."""
    planes = []
    with av.open(path) as container:
        for frame in container.decode(video=0):
            plane = frame.planes[0]
            codes = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
            planes.append(codes[:, : plane.width].copy())
    return planes


def measure_blocks(gray: Any) -> FloatArray:
    """Return the mean of each block of a picture in [0, 255]."""
    return cv2.resize(np.asarray(gray, np.float32), BLOCKS, interpolation=cv2.INTER_AREA)


def test_stills_show_their_frame_after_any_requests(project: Project, flat: Colorizer) -> None:
    canceled_after = 0

    def is_canceled() -> bool:
        nonlocal canceled_after
        canceled_after -= 1
        return canceled_after == 0

    state = ComputeState(StudioSettings(data_dir=project.folder), lambda _: flat, is_canceled)
    stored = decode_luma(project.find_source())
    expected = [measure_blocks((luma.astype(np.float32) - 16) * 255 / 219) for luma in stored]
    for n, blocks in enumerate(expected):
        others = [np.abs(blocks - other).max() for k, other in enumerate(expected) if k != n]
        assert min(others) > 2 * MAX_DIFFERENCE  # a wrong frame is noticed
    rng, shown, num_canceled, recent = random.Random(5), 0, 0, [0]
    for number in range(NUM_REQUESTS):
        # Frames that were shown shortly before are those that a renderer keeps.
        recent = [*recent[-2:], rng.choice([*recent, *range(NUM_FRAMES)])]
        if number % 20 == 5:
            frame, place = rng.randrange(NUM_FRAMES), (rng.random(), rng.random())
            project.hints.add(*place, "keep", frame=frame, unit="fraction")
        payload = {
            "project": str(project.path),
            "key": str(number),
            "decisions": pack_decisions(project.document),
            "frame": recent[-1],
        }
        canceled_after = rng.choice((0, 0, 1, 2))
        try:
            if rng.random() < 0.1:
                TASKS["film.colors"](state, {**payload, "x": rng.random(), "y": rng.random()})
                continue
            view = rng.choice(("gray", "color"))
            answer = TASKS["film.still"](
                state, {**payload, "view": view, "width": 0, "format": "png"}
            )
        except TaskCanceledError:
            num_canceled += 1
            continue
        shown += 1
        bgr = cv2.imdecode(np.frombuffer(answer["data"], np.uint8), cv2.IMREAD_COLOR)
        found = measure_blocks(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY))
        difference = np.abs(found - expected[payload["frame"]]).max()
        assert difference < MAX_DIFFERENCE, (number, view, payload["frame"])
    assert shown > NUM_REQUESTS / 3
    assert num_canceled >= 4
