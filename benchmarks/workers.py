"""Measure the speedup of two workers over one, each bound to one core.

    python benchmarks/workers.py [FILM] [--rounds 2]

Each round times the command with one worker, then with two. Without FILM, 72 s of the sample reel
at 640x480 are used, which are four segments.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from vidcolor.media.ffmpeg_cli import find_ffmpeg

REEL = Path(__file__).parent.parent / "samples" / "reel.mkv"


def make_film(path: Path, loops: int = 4) -> Path:
    """Repeat the sample reel, so that the film has several segments."""
    command = [find_ffmpeg(), "-v", "error", "-stream_loop", str(loops - 1), "-i", str(REEL)]
    command += ["-map", "0:v:0", "-c:v", "libx264", "-crf", "16", "-preset", "fast", str(path)]
    subprocess.run(command, check=True)
    return path


def time_colorize(film: Path, out: Path, workers: int) -> float:
    """Return the wall-clock time of the command in seconds."""
    command = [sys.executable, "-m", "vidcolor", "colorize", str(film), "-o", str(out), "--force"]
    command += ["--workers", str(workers), "--threads", "1", "--quiet"]
    # The main process, which plans and joins, shares the cores of the workers.
    cores = sorted(os.sched_getaffinity(0))[:workers]
    start = time.monotonic()
    subprocess.run(command, check=True, preexec_fn=lambda: os.sched_setaffinity(0, cores))
    return time.monotonic() - start


def main() -> None:
    """Print one row per round."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("film", type=Path, nargs="?")
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        film = args.film or make_film(folder / "film.mp4")
        print("round   one worker   two workers   ratio")
        for number in range(1, args.rounds + 1):
            one = time_colorize(film, folder / "one.mp4", 1)
            two = time_colorize(film, folder / "two.mp4", 2)
            is_equal = (folder / "one.mp4").read_bytes() == (folder / "two.mp4").read_bytes()
            assert is_equal, "the films differ"
            print(f"{number:5d}   {one:8.1f} s   {two:9.1f} s   {one / two:5.2f}", flush=True)


if __name__ == "__main__":
    main()
