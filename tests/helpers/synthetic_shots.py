"""Synthetic shots for tests of shot detection; each frame is Y', (144, 192) float in [0, 1]."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

FrameArray = NDArray[np.floating[Any]]

HEIGHT, WIDTH = 144, 192
"""Size of a frame, in pixels."""


def make_scene(seed: int) -> FrameArray:
    """Return a landscape of soft shapes, larger than a frame: (256, 512) float32."""
    rng = np.random.default_rng(seed)
    scene = cv2.resize(rng.random((9, 17), np.float32), (512, 256), interpolation=cv2.INTER_CUBIC)
    return np.clip(scene, 0, 1)


def make_static_shot(seed: int, count: int) -> list[FrameArray]:
    """Return a shot in which nothing moves."""
    return [make_scene(seed)[:HEIGHT, :WIDTH]] * count


def make_pan(seed: int, count: int, speed: int) -> list[FrameArray]:
    """Return a pan to the right, at `speed` pixels per frame."""
    scene = make_scene(seed)
    return [scene[40 : 40 + HEIGHT, speed * n : speed * n + WIDTH] for n in range(count)]


def make_landscape(seed: int) -> FrameArray:
    """Return a bright sky, a dark forest and gray ground, with texture: (320, 192) float32."""
    rng = np.random.default_rng(seed)
    texture = cv2.resize(rng.random((40, 24), np.float32), (WIDTH, 320)) - 0.5
    rows = np.interp(np.arange(320), [0, 90, 130, 190, 230], [0.9, 0.85, 0.2, 0.25, 0.65])
    return np.clip(rows[:, None].astype(np.float32) + 0.5 * texture, 0, 1)


def make_tilt(scene: FrameArray, first: int, last: int, count: int) -> list[FrameArray]:
    """Return a vertical pan between two rows of a scene, with the camera at rest before and after.

    The camera rests for 20 frames, moves for `count` frames, each of them with the motion blur of a
    shutter that is open for half of the time, and rests again.
    """
    times = np.arange(count + 40)[:, None] - 20 + np.linspace(0, 0.5, 4)
    tops = np.rint(first + (last - first) * np.clip(times / count, 0, 1)).astype(int)
    return [np.mean([scene[top : top + HEIGHT] for top in row], axis=0) for row in tops]


def make_dissolve(
    outgoing: Sequence[FrameArray], incoming: Sequence[FrameArray]
) -> list[FrameArray]:
    """Return the mixture of two shots of equal length, with a rising share of the second one."""
    shares = np.linspace(0, 1, len(outgoing) + 2)[1:-1]
    return [(1 - s) * a + s * b for s, a, b in zip(shares, outgoing, incoming, strict=True)]


def fade_out(frames: Sequence[FrameArray], level: float) -> list[FrameArray]:
    """Return frames that fade to a constant level: 0 for black, 1 for white."""
    shares = np.linspace(0, 1, len(frames) + 2)[1:-1]
    return [(1 - s) * frame + s * level for s, frame in zip(shares, frames, strict=True)]


def fade_in(frames: Sequence[FrameArray], level: float) -> list[FrameArray]:
    """Return frames that fade in from a constant level: 0 for black, 1 for white."""
    shares = np.linspace(0, 1, len(frames) + 2)[1:-1][::-1]
    return [(1 - s) * frame + s * level for s, frame in zip(shares, frames, strict=True)]


def add_wear(frames: Iterable[FrameArray], seed: int = 0) -> Iterator[FrameArray]:
    """Yield the frames with flicker (gain, offset and gamma), grain and gate weave."""
    rng = np.random.default_rng(seed)
    for n, frame in enumerate(frames):
        gain = 1 + 0.25 * np.sin(1.7 * n) + rng.normal(0, 0.05)
        lit = gain * frame ** np.exp(rng.normal(0, 0.1)) + rng.normal(0, 0.02)
        shift = np.float32([[1, 0, rng.normal(0, 1)], [0, 1, rng.normal(0, 1)]])
        moved = cv2.warpAffine(lit, shift, lit.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
        yield np.clip(moved + rng.normal(0, 0.1, frame.shape), 0, 1)
