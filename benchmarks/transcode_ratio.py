"""What coloring costs beside a plain transcode of the same file with the same encoder settings.

    python benchmarks/transcode_ratio.py                  480p, 1080p and 4K, clean and grainy
    python benchmarks/transcode_ratio.py --long 480p      10 s against 10 min: memory is flat

Whole processes, started one after another on the same machine: wall time, processor time and peak
memory as the kernel counts them. The film is made from the sample reel, enlarged; of the long films
one repeats it, and one is a single shot that goes on and on.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np

from vidcolor.media.encoders import ENCODER_OPTIONS
from vidcolor.media.ffmpeg_cli import ffmpeg_command

REEL = Path(__file__).parent.parent / "samples" / "reel.mkv"
SIZES = {"480p": (640, 480), "1080p": (1440, 1080), "1080p wide": (1920, 1080), "4K": (3840, 2160)}
X264 = ENCODER_OPTIONS["libx264"]
SHOT = slice(0, 60)
"""Frames of the reel that are one shot."""


class Cost(NamedTuple):
    """What a process took."""

    wall_s: float
    cpu_s: float
    peak_mib: float


def make_film(
    path: Path, size: tuple[int, int], seconds: float, grain: float, one_shot: bool = False
) -> None:
    """The reel, enlarged and repeated; grain of a given deviation in code values.

    With `one_shot` only one of its shots, played forwards and backwards by turns.
    """
    rng = np.random.default_rng(7)
    noise = rng.normal(0, grain, (4, size[1], size[0])).astype(np.float32) if grain else None
    with av.open(str(REEL)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream("libx264", rate=25)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "12", "preset": "veryfast"}
        luma = [np.asarray(f.to_ndarray())[: f.height] for f in source.decode(video=0)]
        if one_shot:
            luma = luma[SHOT] + luma[SHOT][-2:0:-1]
        for n in range(round(seconds * 25)):
            picture = cv2.resize(luma[n % len(luma)], size, interpolation=cv2.INTER_CUBIC)
            if noise is not None:
                picture = np.clip(np.roll(noise[n % 4], n * 37, 1) + picture, 16, 235)
            frame = av.VideoFrame(*size, "yuv420p")
            for plane, value in zip(frame.planes, (picture, 128, 128), strict=True):
                rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
                rows[:, : plane.width] = value
            frame.pts, frame.time_base = n, Fraction(1, 25)
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))


def run(*command: str) -> Cost:
    """Run a process to its end."""
    began = time.monotonic()
    pid = os.posix_spawnp(
        command[0],
        command,
        os.environ,
        file_actions=[(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_WRONLY, 0) for fd in (1, 2)],
    )
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(command)}")
    wall = time.monotonic() - began
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def transcode(source: Path, target: Path) -> Cost:
    """FFmpeg alone: decode, encode."""
    options = [word for key, value in X264.items() for word in (f"-{key}", value)]
    return run(
        ffmpeg_command(), "-y", "-v", "error", "-i", str(source), "-c:v", "libx264", *options,
        str(target),
    )  # fmt: skip


def color(source: Path, target: Path) -> Cost:
    """The whole command."""
    return run(
        sys.executable, "-m", "vidcolor", "colorize", str(source), "-o", str(target), "-q", "-f"
    )


def compare(name: str, film: Path, seconds: float) -> None:
    """One row of the table: a film, transcoded and colored."""
    plain = transcode(film, film.with_name("plain.mp4"))
    ours = color(film, film.with_name("ours.mp4"))
    frames = seconds * 25
    print(
        f"{name:<26} {frames / plain.wall_s:>9.1f} {frames / ours.wall_s:>9.1f} "
        f"{ours.wall_s / plain.wall_s:>7.2f} {ours.cpu_s / plain.cpu_s:>7.2f} "
        f"{plain.peak_mib:>9.0f} {ours.peak_mib:>9.0f}",
        flush=True,
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--sizes", nargs="+", default=["480p", "1080p wide", "4K"], choices=SIZES)
    parser.add_argument("--long", choices=SIZES, help="10 s against 10 min of this size instead")
    parser.add_argument("--minutes", type=float, default=10, help="how long the long films are")
    args = parser.parse_args()
    print(
        f"{'':<26} {'plain f/s':>9} {'ours f/s':>9} {'wall':>7} {'cpu':>7} "
        f"{'plain MiB':>9} {'ours MiB':>9}"
    )
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "film.mp4"
        if args.long:
            for what, seconds, one_shot in (
                ("10 s", 10.0, False),
                (f"{args.minutes:g} min", 60 * args.minutes, False),
                (f"{args.minutes:g} min, one shot", 60 * args.minutes, True),
            ):
                make_film(film, SIZES[args.long], seconds, 0.0, one_shot)
                compare(f"{args.long} {what}", film, seconds)
            return
        for name in args.sizes:
            for look, grain in (("clean", 0.0), ("grainy", 6.0)):
                make_film(film, SIZES[name], args.seconds, grain)
                compare(f"{name} {look}", film, args.seconds)


if __name__ == "__main__":
    main()
