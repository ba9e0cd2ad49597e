"""One worker and two, each kept to one core: how much faster a film is.

    python benchmarks/workers.py [FILM] [--rounds 2]

The two run one after the other, round by round; the whole command is timed, planning and joining
included. Without a film, 72 s of the sample reel at 640x480 are used: four segments.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from vidcolor.media.ffmpeg_cli import ffmpeg_command

REEL = Path(__file__).parent.parent / "samples" / "reel.mkv"


def make_film(path: Path, loops: int = 4) -> Path:
    """The sample reel again and again, so that there are segments to share."""
    command = [ffmpeg_command(), "-v", "error", "-stream_loop", str(loops - 1), "-i", str(REEL)]
    command += ["-map", "0:v:0", "-c:v", "libx264", "-crf", "16", "-preset", "fast", str(path)]
    subprocess.run(command, check=True)
    return path


def run(film: Path, out: Path, workers: int) -> float:
    words = [sys.executable, "-m", "vidcolor", "colorize", str(film), "-o", str(out), "--force"]
    words += ["--workers", str(workers), "--threads", "1", "--quiet"]
    # with one worker the whole command has one core, planning and joining too
    cores = sorted(os.sched_getaffinity(0))[:workers]
    began = time.monotonic()
    subprocess.run(words, check=True, preexec_fn=lambda: os.sched_setaffinity(0, cores))
    return time.monotonic() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("film", type=Path, nargs="?")
    parser.add_argument("--rounds", type=int, default=2)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        film = chosen.film or make_film(folder / "film.mp4")
        print("round   one worker   two workers   ratio")
        for number in range(1, chosen.rounds + 1):
            one = run(film, folder / "one.mp4", 1)
            two = run(film, folder / "two.mp4", 2)
            same = (folder / "one.mp4").read_bytes() == (folder / "two.mp4").read_bytes()
            assert same, "the films differ"
            print(f"{number:5d}   {one:8.1f} s   {two:9.1f} s   {one / two:5.2f}", flush=True)


if __name__ == "__main__":
    main()
