"""Small films of every kind, made on the spot."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.media.ffmpeg_cli import ffmpeg_command

if TYPE_CHECKING:
    from pathlib import Path

RATE = Fraction(24000, 1001)


@lru_cache(maxsize=64)
def noise(width: int, height: int, frames: int) -> bytes:
    """Gray, 16 bits: a bright disc wandering over a ramp, under grain that uses every code."""
    rng = np.random.default_rng(width * height + frames)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    pictures = []
    for n in range(frames):
        ramp = (x + y + 3 * n) % (width + height) / (width + height)
        disc = (x - width * (n + 1) / (frames + 1)) ** 2 + (y - height / 2) ** 2 < (height / 4) ** 2
        grain = rng.normal(0, 0.08, (height, width))
        pictures.append(np.clip(np.where(disc, 0.9, ramp) + grain, 0, 1) * 65535)
    return np.stack(pictures).astype("<u2").tobytes()


class ClipMaker:
    """Makes films with ffmpeg and keeps them for the session: equal requests give one file."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._made: dict[tuple[object, ...], Path] = {}

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
        """A film of wandering noise.

        Args:
            suffix: what the file is called, and so which container it is.
            codec: FFmpeg's name of the encoder.
            pix_fmt: what it is encoded from.
            more: further output options of ffmpeg.
            size: width and height.
            frames: how many.
            rate: frames a second.
            inputs: further input options of ffmpeg; the picture is input 0.
            vf: filters between the noise (tagged as limited range) and the encoder.
        """
        key = (suffix, codec, pix_fmt, more, size, frames, rate, inputs, vf)
        if key not in self._made:
            path = self._directory / f"clip{len(self._made)}.{suffix}"
            width, height = size
            raw = ["-f", "rawvideo", "-pix_fmt", "gray16le"]
            raw += ["-s", f"{width}x{height}", "-r", str(rate), "-i", "-"]
            filters = f"setparams=range=limited,{vf},format={pix_fmt}"
            ffmpeg(
                *raw, *inputs, "-filter:v:0", filters, "-c:v", codec, *more, str(path),
                stdin=noise(width, height, frames),
            )  # fmt: skip
            self._made[key] = path
        return self._made[key]


def ffmpeg(*arguments: str, stdin: bytes = b"") -> None:
    """Run the ffmpeg command; whatever it says is an error."""
    command = [ffmpeg_command(), "-v", "error", "-nostats", "-y", *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
