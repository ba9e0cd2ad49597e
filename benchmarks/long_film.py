"""A film of hours: does memory stay flat, does sound stay in step, do planning and joining scale?

    python benchmarks/long_film.py [--hours 3] [--fps 25]

The film is synthetic: moving shapes at 640x480 in shots of 10 s, and a tone that beeps at every
cut. It is colored by a generator that costs nothing, so that what is measured is everything else;
the memory of the process is read every second.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from vidcolor.colorizer import Colorizer, ProxyPrediction
from vidcolor.film.pipeline import colorize_film
from vidcolor.imaging.guided_filter import GuidedUpsampler
from vidcolor.media.ffmpeg_cli import ffmpeg_command
from vidcolor.options import ColorizeOptions


class PlainColorizer(Colorizer):
    """Says the same color of everything, at once."""

    def __init__(self) -> None:
        says = {"name": "plain", "digest": "0" * 64, "native_size": 64, "accepts_hints": False}
        self._generator = type("Plain", (), says)
        self._upsample = GuidedUpsampler()
        self.vividness = None

    def predict(self, proxies, geometry, vividness=None, hints=None):
        stored = [np.ascontiguousarray(geometry.to_stored(proxy)) for proxy in proxies]
        sizes = [(max(1, p.shape[0] // 4), max(1, p.shape[1] // 4)) for p in stored]
        return [
            ProxyPrediction(
                np.full((2, *size), 12, np.float32), np.full(size, 0.5, np.float32), proxy
            )
            for size, proxy in zip(sizes, stored, strict=True)
        ]


def make_film(path: Path, seconds: int, fps: int) -> None:
    """Shots of 10 s: the picture jumps, and a beep begins, every 10 s."""
    picture = (
        f"testsrc2=size=640x480:rate={fps}:duration=600,"
        f"geq=lum='mod(lum(X,Y)+64*floor(N/{10 * fps}),256)':cb=128:cr=128,format=yuv420p"
    )
    sound = "aevalsrc='0.5*sin(880*2*PI*t)*lt(mod(t,10),0.1)':s=16000:d=600"
    ten = path.with_name("ten_minutes.mp4")
    run = [ffmpeg_command(), "-v", "error", "-y"]
    made = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound]
    code = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-c:a", "pcm_s16le"]
    subprocess.run([*run, *made, *code, str(ten.with_suffix(".mov"))], check=True)
    loops = -(-seconds // 600) - 1
    source = ["-stream_loop", str(loops), "-i", str(ten.with_suffix(".mov"))]
    subprocess.run([*run, *source, "-t", str(seconds), "-c", "copy", str(path)], check=True)


def resident_mib() -> float:
    text = Path("/proc/self/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) / 1024


def sound_of(path: Path) -> tuple[list[Fraction], int]:
    """When each packet of sound is heard, and how many there are."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        stamps = [p.pts * Fraction(stream.time_base) for p in container.demux(stream) if p.size]
    return stamps, len(stamps)


def measure(seconds: int, fps: int, folder: Path) -> None:
    film, out = folder / f"{seconds}.mov", folder / f"{seconds}.out.mov"
    make_film(film, seconds, fps)
    took: dict[str, float] = defaultdict(float)
    memory: list[tuple[str, int, float]] = []
    last_stage, last_time, last_look = "", time.monotonic(), 0.0

    def progress(step):
        nonlocal last_stage, last_time, last_look
        now = time.monotonic()
        took[step.stage] += now - last_time
        last_time = now
        if step.stage != last_stage or now - last_look > 1:
            last_stage, last_look = step.stage, now
            memory.append((step.stage, step.done, resident_mib()))

    options = ColorizeOptions(
        encoder_options=(("preset", "ultrafast"), ("crf", "30")), force=True, per_frame=True
    )
    result = colorize_film(film, out, options, colorizer=PlainColorizer(), progress=progress)
    before, after = sound_of(film), sound_of(out)
    drift = max((abs(a - b) for a, b in zip(before[0], after[0], strict=True)), default=0)
    color = [mib for stage, _, mib in memory if stage == "color"]
    tenth = max(1, len(color) // 10)
    rest = {s: max(mib for stage, _, mib in memory if stage == s) for s in ("look", "join")}
    print(
        f"{seconds / 3600:5.2f} h  {result.num_frames:7d} frames   "
        f"look {1e6 * took['look'] / result.num_frames:5.0f}   "
        f"color {1e6 * took['color'] / result.num_frames:6.0f}   "
        f"join {1e6 * took['join'] / result.num_frames:5.0f} us/frame   "
        f"MiB: look {rest['look']:.0f}, color {np.mean(color[tenth : 2 * tenth]):.0f} "
        f"(second tenth) {np.mean(color[-tenth:]):.0f} (last), join {rest['join']:.0f}   "
        f"sound off by {float(drift) * 1000:.3f} ms in {after[1]} packets",
        flush=True,
    )
    film.unlink()
    out.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=3.0)
    parser.add_argument("--fps", type=int, default=25)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        for share in (1 / 9, 1 / 3, 1):
            measure(round(3600 * chosen.hours * share), chosen.fps, Path(name))


if __name__ == "__main__":
    sys.exit(main())
