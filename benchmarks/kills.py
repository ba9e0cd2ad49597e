"""Kill the command at random moments, run it again, and compare with a run that nobody disturbed.

    python benchmarks/kills.py [--kills 40] [--embedded] [--workers 2] [--seed 1]

Each round begins with nothing; the command is killed (SIGKILL, with all its processes or alone)
once or several times, then run to its end. Decoded frames, sound packets and what is left in the
folder must be those of the undisturbed run. Half of the kills come at a random time, half as soon
as the work is in a stage that is soon over. The generator costs nothing, unless --embedded asks for
the real one; workers always have that.
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
from pathlib import Path

import av

from vidcolor.media.ffmpeg_cli import ffmpeg_command

HERE = str(Path(__file__).parent)
SHOTS, SHOT_S, RATE = 4, 21, 2


def make_film(folder: Path) -> tuple[Path, Path]:
    """A film of several segments with sound, and the list of its shots."""
    film, shots = folder / "film.mkv", folder / "shots.csv"
    seconds = SHOTS * SHOT_S
    picture = f"testsrc2=size=96x64:rate={RATE}:duration={seconds},format=gray,format=yuv420p"
    sound = f"sine=frequency=300:duration={seconds}"
    command = [ffmpeg_command(), "-v", "error", "-f", "lavfi", "-i", picture]
    command += ["-f", "lavfi", "-i", sound, "-map", "0", "-map", "1"]
    command += ["-c:v", "libx264", "-g", "10", "-c:a", "aac", str(film)]
    subprocess.run(command, check=True)
    rows = [f"{SHOT_S * RATE * n}" for n in range(SHOTS)]
    shots.write_text("first_frame\n" + "\n".join(rows) + "\n")
    return film, shots


def content(path: Path) -> str:
    """Digest of every decoded frame with its time stamp, and of every other packet."""
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


PLAIN = """
from long_film import PlainColorizer
from vidcolor import cli, colorizer
colorizer.Colorizer.of = lambda _: PlainColorizer()
cli.main()
"""
STAGES = ("starting", "planning", "rendering", "joining", "tidying up")


def begin(arguments: list[str], folder: Path, embedded: bool) -> subprocess.Popen[bytes]:
    words = ["-m", "vidcolor"] if embedded else ["-c", PLAIN]
    return subprocess.Popen(
        [sys.executable, *words, *arguments],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((HERE, os.environ.get("PYTHONPATH", "")))},
    )  # fmt: skip


def wait_for(
    stage: str, process: subprocess.Popen[bytes], folder: Path, dice: random.Random
) -> None:
    """Return in a stage, or when the process has ended."""
    while process.poll() is None and not state(folder).startswith(stage):
        time.sleep(0.001)
    time.sleep(dice.uniform(0, 0.05))


def state(folder: Path) -> str:
    """Where a killed run was."""
    if (folder / "out.mp4").exists():
        return "tidying up"
    work = folder / "out.mp4.vidcolor"
    if not (work / "plan.json").exists():
        return "planning" if work.exists() else "starting"
    done = len(list(work.glob("segments/*/done.json")))
    return "joining" if done == SHOTS else f"rendering, {done} of {SHOTS} done"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--embedded", action="store_true")
    chosen = parser.parse_args()
    embedded = chosen.embedded or chosen.workers > 1
    dice = random.Random(chosen.seed)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        film, shots = make_film(root)
        words = ["colorize", str(film), "-o", "out.mp4", "--shots", str(shots)]
        words += ["--workers", str(chosen.workers)]
        undisturbed = root / "undisturbed"
        undisturbed.mkdir()
        began = time.monotonic()
        assert begin(words, undisturbed, embedded).wait() == 0
        length = time.monotonic() - began
        wanted = content(undisturbed / "out.mp4")
        where, kills, bad = Counter[str](), 0, 0
        while kills < chosen.kills:
            folder = root / f"round{kills}"
            folder.mkdir()
            for _ in range(dice.choice((1, 1, 2, 3))):
                process = begin(words, folder, embedded)
                if dice.random() < 0.5:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(dice.uniform(0.3, length))
                else:
                    wait_for(dice.choice(STAGES), process, folder, dice)
                if process.poll() is not None:
                    break
                if dice.random() < 0.5:
                    os.killpg(process.pid, signal.SIGKILL)
                else:
                    process.kill()
                process.communicate()
                kills += 1
                where[state(folder)] += 1
            last = begin(words, folder, embedded)
            said = last.communicate()[0].decode()
            fine = last.returncode == 0 or "exists already" in said
            left = sorted(p.name for p in folder.iterdir())
            same = (folder / "out.mp4").exists() and content(folder / "out.mp4") == wanted
            if not (fine and same and left == ["out.mp4"]):
                bad += 1
                print("BAD", folder.name, last.returncode, left, same, said)
            shutil.rmtree(folder)
    for moment, count in sorted(where.items()):
        print(f"{count:4d}  killed while {moment}")
    print(f"{kills} kills, {bad} of the films differ from the undisturbed one")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
