"""Small films in any container, codec and pixel format, made by ffmpeg."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.media.ffmpeg_cli import find_ffmpeg

if TYPE_CHECKING:
    from pathlib import Path

RATE = Fraction(24000, 1001)
"""Default frame rate of clips."""
TWO_TONES = (
    *("-f", "lavfi", "-t", "1.668", "-i", "sine=440:r=48000"),
    *("-f", "lavfi", "-t", "1.668", "-i", "sine=660:r=44100"),
)
"""Inputs of ffmpeg: two tones of different sample rates. The first is `TWO_TONES[:6]`."""


@lru_cache(maxsize=64)
def make_noise(width: int, height: int, frames: int) -> bytes:
    """Return 16-bit gray frames: a bright disc moves over a ramp, with grain on every code."""
    rng = np.random.default_rng(width * height + frames)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    images = []
    for n in range(frames):
        ramp = (x + y + 3 * n) % (width + height) / (width + height)
        disc = (x - width * (n + 1) / (frames + 1)) ** 2 + (y - height / 2) ** 2 < (height / 4) ** 2
        grain = rng.normal(0, 0.08, (height, width))
        images.append(np.clip(np.where(disc, 0.9, ramp) + grain, 0, 1) * 65535)
    return np.stack(images).astype("<u2").tobytes()


class ClipMaker:
    """Makes clips with ffmpeg and caches them: equal arguments return the same file."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._cache: dict[tuple[object, ...], Path] = {}

    def __call__(
        self,
        suffix: str = "mkv",
        codec: str = "ffv1",
        pix_fmt: str = "yuv420p",
        *more: str,
        size: tuple[int, int] = (96, 64),
        frames: int = 12,
        rate: Fraction = RATE,
        inputs: tuple[str, ...] = (),
        vf: str = "null",
    ) -> Path:
        """Return the path of a clip of moving noise.

        Args:
            suffix: file extension, which sets the container.
            codec: FFmpeg's name of the encoder.
            pix_fmt: pixel format of the encoder's input.
            more: further output options of ffmpeg.
            size: width and height in pixels.
            frames: number of frames.
            rate: frames per second.
            inputs: further input options of ffmpeg. The noise is input 0.
            vf: filters between the noise, which is tagged as limited range, and the encoder.
        """
        key = (suffix, codec, pix_fmt, more, size, frames, rate, inputs, vf)
        if key not in self._cache:
            path = self._directory / f"clip{len(self._cache)}.{suffix}"
            width, height = size
            raw = ["-f", "rawvideo", "-pix_fmt", "gray16le"]
            raw += ["-s", f"{width}x{height}", "-r", str(rate), "-i", "-"]
            filters = f"setparams=range=limited,{vf},format={pix_fmt}"
            ffmpeg(
                *raw, *inputs, "-filter:v:0", filters, "-c:v", codec, *more, str(path),
                stdin=make_noise(width, height, frames),
            )  # fmt: skip
            self._cache[key] = path
        return self._cache[key]


def ffmpeg(*arguments: str, stdin: bytes = b"") -> None:
    """Run the ffmpeg command and assert that it succeeds."""
    command = [find_ffmpeg(), "-v", "error", "-nostats", "-y", *arguments]
    process = subprocess.run(command, input=stdin, capture_output=True, check=False)
    assert process.returncode == 0, process.stderr.decode()[-2000:]
