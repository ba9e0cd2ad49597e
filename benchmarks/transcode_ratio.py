"""Measure the cost of colorizing, relative to a transcode with the same encoder settings.

    python benchmarks/transcode_ratio.py                  480p, 1080p and 4K, clean and grainy
    python benchmarks/transcode_ratio.py --pairs 5        medians of five pairs, for a busy machine
    python benchmarks/transcode_ratio.py --long 480p      10 s and 10 min: memory must not grow

Processes run one after another on the same machine. The kernel reports their CPU time and peak
memory. The film is the enlarged sample reel. One of the long films repeats it; the other is a
single shot.
"""

from __future__ import annotations

import argparse
import compileall
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

import vidcolor
from vidcolor.media.encoders import get_encoder
from vidcolor.media.ffmpeg_cli import find_ffmpeg

REEL = Path(__file__).parent.parent / "samples" / "reel.mkv"
SIZES = {"480p": (640, 480), "1080p": (1440, 1080), "1080p wide": (1920, 1080), "4K": (3840, 2160)}
X264 = get_encoder("libx264").options
FIRST_SHOT = slice(0, 60)
"""Frames of the first shot of the reel."""


class Cost(NamedTuple):
    """The resources that a process used."""

    wall_s: float
    cpu_s: float
    peak_mib: float


def make_film(
    path: Path, size: tuple[int, int], seconds: float, grain: float, one_shot: bool = False
) -> None:
    """Write the sample reel, enlarged and repeated.

    Args:
        path: the film.
        size: width and height in pixels.
        seconds: duration.
        grain: standard deviation of added grain, in code values.
        one_shot: repeat the first shot only, alternately forward and backward.
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
            luma = luma[FIRST_SHOT] + luma[FIRST_SHOT][-2:0:-1]
        for n in range(round(seconds * 25)):
            enlarged = cv2.resize(luma[n % len(luma)], size, interpolation=cv2.INTER_CUBIC)
            if noise is not None:
                enlarged = np.clip(np.roll(noise[n % 4], n * 37, 1) + enlarged, 16, 235)
            frame = av.VideoFrame(*size, "yuv420p")
            for plane, value in zip(frame.planes, (enlarged, 128, 128), strict=True):
                rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
                rows[:, : plane.width] = value
            frame.pts, frame.time_base = n, Fraction(1, 25)
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))


def run(*command: str) -> Cost:
    """Run a process to its end; return its cost."""
    start = time.monotonic()
    pid = os.posix_spawnp(
        command[0],
        command,
        os.environ,
        file_actions=[(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_WRONLY, 0) for fd in (1, 2)],
    )
    # Unlike `resource.getrusage`, wait4 reports the usage of this process only.
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(command)}")
    wall = time.monotonic() - start
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def compile_package() -> None:
    """Write the bytecode of vidcolor, which an installed package has too."""
    compileall.compile_dir(Path(vidcolor.__file__).parent, quiet=1)


def transcode(source: Path, target: Path) -> Cost:
    """Decode and encode with ffmpeg alone."""
    options = [word for key, value in X264.items() for word in (f"-{key}", value)]
    return run(
        find_ffmpeg(), "-y", "-v", "error", "-i", str(source), "-c:v", "libx264", *options,
        str(target),
    )  # fmt: skip


def colorize(source: Path, target: Path) -> Cost:
    """Run `vidcolor colorize`."""
    return run(
        sys.executable, "-m", "vidcolor", "colorize", str(source), "-o", str(target), "-q", "-f"
    )


def compare(name: str, film: Path, seconds: float, num_pairs: int) -> None:
    """Transcode and colorize a film in turn; print one row of medians."""
    frames, rows = seconds * 25, []
    for _ in range(num_pairs):
        plain = transcode(film, film.with_name("plain.mp4"))
        colorized = colorize(film, film.with_name("colorized.mp4"))
        rows.append(
            (
                frames / plain.wall_s,
                frames / colorized.wall_s,
                colorized.wall_s / plain.wall_s,
                colorized.cpu_s / plain.cpu_s,
                plain.peak_mib,
                colorized.peak_mib,
            )
        )
    plain_fps, color_fps, wall, cpu, plain_mib, color_mib = np.median(rows, axis=0)
    print(
        f"{name:<26} {plain_fps:>9.1f} {color_fps:>9.1f} {wall:>7.2f} {cpu:>7.2f} "
        f"{plain_mib:>9.0f} {color_mib:>9.0f}",
        flush=True,
    )


def main() -> None:
    """Parse the options and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--sizes", nargs="+", default=["480p", "1080p wide", "4K"], choices=SIZES)
    parser.add_argument("--long", choices=SIZES, help="compare 10 s and 10 min of this size")
    parser.add_argument("--pairs", type=int, default=1, help="repetitions; the medians are printed")
    parser.add_argument("--minutes", type=float, default=10, help="duration of the long films")
    args = parser.parse_args()
    compile_package()
    print(
        f"{'':<26} {'plain f/s':>9} {'color f/s':>9} {'wall':>7} {'cpu':>7} "
        f"{'plain MiB':>9} {'color MiB':>9}"
    )
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "film.mp4"
        if args.long:
            for label, seconds, one_shot in (
                ("10 s", 10.0, False),
                (f"{args.minutes:g} min", 60 * args.minutes, False),
                (f"{args.minutes:g} min, one shot", 60 * args.minutes, True),
            ):
                make_film(film, SIZES[args.long], seconds, 0.0, one_shot)
                compare(f"{args.long} {label}", film, seconds, args.pairs)
            return
        for name in args.sizes:
            for texture, grain in (("clean", 0.0), ("grainy", 6.0)):
                make_film(film, SIZES[name], args.seconds, grain)
                compare(f"{name} {texture}", film, args.seconds, args.pairs)


if __name__ == "__main__":
    main()
