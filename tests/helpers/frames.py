"""Frames as arrays, for tests of optical flow and propagation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np

from vidcolor.imaging.types import FloatArray
from vidcolor.media.decode import VideoReader
from vidcolor.media.probe import probe
from vidcolor.motion.flow import DisFlow, estimate_flow, make_flow_input
from vidcolor.propagation.flow_frames import FlowFrame

REEL = Path(__file__).parents[2] / "samples" / "reel.mkv"
"""The sample reel in the repository."""
REEL_FRAMES = (10, 70, 130, 220, 280, 340, 400)
"""The index of a frame in each shot of the sample reel."""


def make_texture(seed: int, height: int = 160, width: int = 480) -> FloatArray:
    """Return random texture with detail at several scales: (height, width) float32 in [0, 1]."""
    rng = np.random.default_rng(seed)
    texture = np.zeros((height, width), np.float32)
    for cell, weight in ((40, 0.4), (12, 0.3), (5, 0.25), (3, 0.15)):
        coarse = rng.random((height // cell + 2, width // cell + 2), np.float32)
        texture += weight * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(texture - 0.05, 0, 1).astype(np.float32)


def make_pan(
    image: FloatArray, num_frames: int, speed: int, size: tuple[int, int] = (96, 128)
) -> list[FloatArray]:
    """Return the frames of a pan to the right.

    Args:
        image: scene that is wide enough for all frames: (H, W) float32 in [0, 1].
        num_frames: number of frames.
        speed: pixels per frame.
        size: height and width of the frames.
    """
    height, width = size
    return [
        np.ascontiguousarray(image[20 : 20 + height, speed * n : speed * n + width])
        for n in range(num_frames)
    ]


def make_flow_frames(frames: Iterable[FloatArray]) -> Iterator[FlowFrame[int]]:
    """Yield the frames of one shot with their flow; `FlowFrame.item` is the frame index."""
    estimator, previous = DisFlow(), None
    for number, frame in enumerate(frames):
        current = make_flow_input(frame)
        flow = None if previous is None else estimate_flow(previous, current, estimator)
        yield FlowFrame(number, current, flow)
        previous = current


def read_reel_frames() -> list[FloatArray]:
    """Return a frame of each shot of the sample reel: (96, 128) float32 in [0, 1] each."""
    video = probe(REEL).video
    frames = {f.index: f.luma for f in VideoReader(REEL, video).frames() if f.index in REEL_FRAMES}
    small = (cv2.resize(f, (128, 96), interpolation=cv2.INTER_AREA) for f in frames.values())
    return [np.asarray(video.coding.luma_to_unit(f), np.float32) for f in small]
