"""Pictures that a camera can look at, as arrays: made-up landscapes and frames of the sample."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vidcolor.media.decode import FilmReader
from vidcolor.media.probe import probe
from vidcolor.motion.flow import DisFlow, estimate_flow, flow_input
from vidcolor.propagation.keyframes import FlowFrame

Array = NDArray[np.float32]

REEL = Path(__file__).parents[2] / "samples" / "reel.mkv"
REEL_SHOTS = (10, 70, 130, 220, 280, 340, 400)


def landscape(seed: int, height: int = 160, width: int = 480) -> Array:
    """Shapes with texture, (height, width) float32 in [0, 1]."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((height, width), np.float32)
    for cell, weight in ((40, 0.4), (12, 0.3), (5, 0.25), (3, 0.15)):
        coarse = rng.random((height // cell + 2, width // cell + 2), np.float32)
        picture += weight * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(picture - 0.05, 0, 1).astype(np.float32)


def panned(place: Array, count: int, speed: int, size: tuple[int, int] = (96, 128)) -> list[Array]:
    """What a camera sees that pans to the right."""
    height, width = size
    return [
        np.ascontiguousarray(place[20 : 20 + height, speed * n : speed * n + width])
        for n in range(count)
    ]


def sighted(frames: list[Array]) -> Iterator[FlowFrame[int]]:
    """Frames of one shot, with the flow from each to the next; their numbers ride along."""
    estimator, before = DisFlow(), None
    for number, frame in enumerate(frames):
        look = flow_input(frame)
        yield FlowFrame(
            number, look, None if before is None else estimate_flow(before, look, estimator)
        )
        before = look


def stills() -> list[Array]:
    """A frame of each of the sample reel's shots, (96, 128) float32 in [0, 1]."""
    video = probe(REEL).video
    frames = {f.index: f.luma for f in FilmReader(REEL, video).frames() if f.index in REEL_SHOTS}
    small = (cv2.resize(f, (128, 96), interpolation=cv2.INTER_AREA) for f in frames.values())
    return [np.asarray(video.coding.luma_to_unit(f), np.float32) for f in small]
