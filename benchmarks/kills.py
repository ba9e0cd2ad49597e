"""Kill the command at random times, resume it, and compare the result with an uninterrupted run.

    python benchmarks/kills.py [--kills 40] [--embedded] [--workers 2] [--seed 1]

Each round starts without earlier work. The command is killed (SIGKILL) one to three times, alone or
with all its processes, and is then run to its end. The decoded frames, the audio packets and the
files in the directory must equal those of an uninterrupted run. Half of the kills come at a random
time, the other half at the start of a random stage, because some stages are short. The generator
predicts a constant color; with --embedded or --workers, the embedded generator is used.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import av

from vidcolor.media.ffmpeg_cli import find_ffmpeg

HERE = str(Path(__file__).parent)
NUM_SHOTS, SHOT_S, FPS = 4, 21, 2  # each shot is longer than the minimum of a segment
STAGES = ("starting", "planning", "rendering", "joining", "cleaning up")
"""Stages of a run, which `find_stage` recognizes by the files that exist."""
CONSTANT_COLOR_MAIN = """
from long_film import ConstantGenerator
from vidcolor import cli, colorizer
cli.main(colorizer_factory=lambda options: colorizer.Colorizer(ConstantGenerator()))
"""


@dataclass(frozen=True)
class Command:
    """The command line that is killed and resumed."""

    arguments: list[str]
    embedded: bool
    """Use the embedded generator instead of a constant color."""

    def start(self, folder: Path) -> subprocess.Popen[bytes]:
        """Start the command in a directory, in a process group of its own."""
        main = ["-m", "vidcolor"] if self.embedded else ["-c", CONSTANT_COLOR_MAIN]
        python_path = os.pathsep.join((HERE, os.environ.get("PYTHONPATH", "")))
        return subprocess.Popen(
            [sys.executable, *main, *self.arguments],
            cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
            env={**os.environ, "PYTHONPATH": python_path},
        )  # fmt: skip


def make_film(folder: Path) -> tuple[Path, Path]:
    """Write a film of several segments with audio, and its shot list; return both paths."""
    film, shots = folder / "film.mkv", folder / "shots.csv"
    seconds = NUM_SHOTS * SHOT_S
    video = f"testsrc2=size=96x64:rate={FPS}:duration={seconds},format=gray,format=yuv420p"
    audio = f"sine=frequency=300:duration={seconds}"
    command = [find_ffmpeg(), "-v", "error", "-f", "lavfi", "-i", video]
    command += ["-f", "lavfi", "-i", audio, "-map", "0", "-map", "1"]
    command += ["-c:v", "libx264", "-g", "10", "-c:a", "aac", str(film)]
    subprocess.run(command, check=True)
    rows = [f"{SHOT_S * FPS * n}" for n in range(NUM_SHOTS)]
    shots.write_text("first_frame\n" + "\n".join(rows) + "\n")
    return film, shots


def hash_content(path: Path) -> str:
    """Return a digest of all decoded frames with their timestamps, and of all other packets."""
    digest = hashlib.sha256()
    with av.open(str(path)) as container:
        for packet in container.demux():
            if packet.stream.type == "video":
                for frame in packet.decode():
                    digest.update(f"{frame.pts}".encode())
                    for plane in frame.planes:
                        digest.update(bytes(plane))
            elif packet.size:
                digest.update(f"{packet.stream.index} {packet.pts}".encode() + bytes(packet))
    return digest.hexdigest()


def find_stage(folder: Path) -> str:
    """Return the stage that the work in a directory has reached."""
    if (folder / "out.mp4").exists():
        return "cleaning up"
    work = folder / "out.mp4.vidcolor"
    if not (work / "plan.json").exists():
        return "planning" if work.exists() else "starting"
    done = len(list(work.glob("segments/*/done.json")))
    return "joining" if done == NUM_SHOTS else f"rendering, {done} of {NUM_SHOTS} finished"


def wait_for_stage(stage: str, process: subprocess.Popen[bytes], folder: Path) -> None:
    """Return when the process has reached a stage or has ended."""
    while process.poll() is None and not find_stage(folder).startswith(stage):
        time.sleep(0.001)


def kill_once(command: Command, folder: Path, rng: random.Random, duration_s: float) -> str | None:
    """Start the command and kill it; return its stage, or None if it ended by itself."""
    process = command.start(folder)
    if rng.random() < 0.5:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(rng.uniform(0.3, duration_s))
    else:
        wait_for_stage(rng.choice(STAGES), process, folder)
        time.sleep(rng.uniform(0, 0.05))
    if process.poll() is not None:
        return None
    # A crash of the system ends all processes; the out-of-memory killer ends one.
    if rng.random() < 0.5:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.communicate()
    return find_stage(folder)


def check_resumed(command: Command, folder: Path, expected: str) -> bool:
    """Resume the command; return whether the result equals that of the uninterrupted run."""
    process = command.start(folder)
    output = process.communicate()[0].decode()
    succeeded = process.returncode == 0 or "exists" in output
    files = sorted(p.name for p in folder.iterdir())
    is_equal = (folder / "out.mp4").exists() and hash_content(folder / "out.mp4") == expected
    if succeeded and is_equal and files == ["out.mp4"]:
        return True
    print("DIFFERENT", folder.name, process.returncode, files, is_equal, output)
    return False


def run_rounds(command: Command, root: Path, num_kills: int, rng: random.Random) -> int:
    """Kill and resume the command until it was killed often enough; return the failures."""
    uninterrupted = root / "uninterrupted"
    uninterrupted.mkdir()
    start = time.monotonic()
    assert command.start(uninterrupted).wait() == 0
    duration_s = time.monotonic() - start
    expected = hash_content(uninterrupted / "out.mp4")
    stages, failures = Counter[str](), 0
    while stages.total() < num_kills:
        folder = root / f"round{stages.total()}"
        folder.mkdir()
        for _ in range(rng.choice((1, 1, 2, 3))):
            stage = kill_once(command, folder, rng, duration_s)
            if stage is None:
                break
            stages[stage] += 1
        failures += not check_resumed(command, folder, expected)
        shutil.rmtree(folder)
    for stage, count in sorted(stages.items()):
        print(f"{count:4d}  killed while {stage}")
    print(f"{stages.total()} kills, {failures} results differ from the uninterrupted run")
    return failures


def main() -> int:
    """Parse the options and run all rounds; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=40, help="minimum number of kills")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--embedded", action="store_true", help="use the embedded generator")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        film, shots = make_film(root)
        arguments = ["colorize", str(film), "-o", "out.mp4", "--shots", str(shots)]
        if args.workers > 1:
            arguments += ["--workers", str(args.workers)]
        command = Command(arguments, args.embedded or args.workers > 1)
        return bool(run_rounds(command, root, args.kills, random.Random(args.seed)))


if __name__ == "__main__":
    sys.exit(main())
