"""Measure memory, audio sync and speed on films of several hours.

    python benchmarks/long_film.py [--hours 3] [--fps 25]

The film is synthetic: moving shapes at 640x480 in shots of 10 s, and a tone that beeps at every
cut. The generator predicts a constant color, so that everything else is measured. The memory of the
process is read every second.
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
import torch

from vidcolor.colorizer import Colorizer
from vidcolor.film.api import colorize_film
from vidcolor.generators.base import Prediction
from vidcolor.media.ffmpeg_cli import find_ffmpeg
from vidcolor.options import ColorizeOptions

STRIDE = 4


class ConstantGenerator:
    """A generator that predicts the same color for every pixel."""

    name, digest, device, native_size = "constant", "0" * 64, "cpu", 64
    accepts_hints, has_confidence, has_vividness = False, True, False

    def __call__(self, luma, hints=None, vividness=None):
        count, _, height, width = luma.shape
        grid = max(1, height // STRIDE), max(1, width // STRIDE)
        return Prediction(torch.full((count, 2, *grid), 12.0), torch.full((count, 1, *grid), 0.5))


class Monitor:
    """A progress callback that records time per stage, and memory every second."""

    def __init__(self):
        self.seconds: dict[str, float] = defaultdict(float)
        """Wall-clock time, by stage."""
        self.memory: dict[str, list[float]] = defaultdict(list)
        """Resident memory in MiB, by stage."""
        self._last_time = self._last_sample = time.monotonic()

    def __call__(self, progress):
        now = time.monotonic()
        self.seconds[progress.stage] += now - self._last_time
        self._last_time = now
        if progress.stage not in self.memory or now - self._last_sample > 1:
            self._last_sample = now
            self.memory[progress.stage].append(measure_resident_mib())


def measure_resident_mib() -> float:
    """Return the resident memory of this process in MiB."""
    text = Path("/proc/self/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) / 1024


def make_film(path: Path, seconds: int, fps: int) -> None:
    """Write a film with a cut and a beep every 10 s. Ten minutes are encoded and then repeated."""
    video = (
        f"testsrc2=size=640x480:rate={fps}:duration=600,"
        f"geq=lum='mod(lum(X,Y)+64*floor(N/{10 * fps}),256)':cb=128:cr=128,format=yuv420p"
    )
    audio = "aevalsrc='0.5*sin(880*2*PI*t)*lt(mod(t,10),0.1)':s=16000:d=600"
    ten_minutes = path.with_name("ten_minutes.mov")
    ffmpeg = [find_ffmpeg(), "-v", "error", "-y"]
    inputs = ["-f", "lavfi", "-i", video, "-f", "lavfi", "-i", audio]
    codecs = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-c:a", "pcm_s16le"]
    subprocess.run([*ffmpeg, *inputs, *codecs, str(ten_minutes)], check=True)
    # Encoding three hours would take longer than the measurement.
    loops = -(-seconds // 600) - 1
    repeated = ["-stream_loop", str(loops), "-i", str(ten_minutes)]
    subprocess.run([*ffmpeg, *repeated, "-t", str(seconds), "-c", "copy", str(path)], check=True)


def read_audio_times(path: Path) -> list[Fraction]:
    """Return the timestamp of each audio packet in seconds."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        return [p.pts * Fraction(stream.time_base) for p in container.demux(stream) if p.size]


def measure(seconds: int, fps: int, folder: Path) -> None:
    """Colorize a film of this duration and print one row."""
    film, out = folder / f"{seconds}.mov", folder / f"{seconds}.out.mov"
    make_film(film, seconds, fps)
    monitor = Monitor()
    options = ColorizeOptions(
        encoder_options=(("preset", "ultrafast"), ("crf", "30")), force=True, per_frame=True
    )
    colorizer = Colorizer(ConstantGenerator())
    result = colorize_film(film, out, options, colorizer=colorizer, progress=monitor)
    before, after = read_audio_times(film), read_audio_times(out)
    drift = max((abs(a - b) for a, b in zip(before, after, strict=True)), default=0)
    per_frame = {stage: 1e6 * s / result.num_frames for stage, s in monitor.seconds.items()}
    rendering = monitor.memory["colorize"]
    # The first tenth contains the start of the encoder and the threads.
    tenth = max(1, len(rendering) // 10)
    print(
        f"{seconds / 3600:5.2f} h  {result.num_frames:7d} frames   "
        f"us/frame: analyze {per_frame['analyze']:.0f}, colorize {per_frame['colorize']:.0f}, "
        f"join {per_frame['join']:.0f}   "
        f"MiB: analyze {max(monitor.memory['analyze']):.0f}, "
        f"colorize {np.mean(rendering[tenth : 2 * tenth]):.0f} (second tenth) "
        f"{np.mean(rendering[-tenth:]):.0f} (last tenth), "
        f"join {max(monitor.memory['join']):.0f}   "
        f"audio drift {float(drift) * 1000:.3f} ms in {len(after)} packets",
        flush=True,
    )
    film.unlink()
    out.unlink()


def main() -> None:
    """Measure a ninth, a third and all of the requested duration."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=3.0)
    parser.add_argument("--fps", type=int, default=25)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        for share in (1 / 9, 1 / 3, 1):
            measure(round(3600 * args.hours * share), args.fps, Path(name))


if __name__ == "__main__":
    sys.exit(main())
