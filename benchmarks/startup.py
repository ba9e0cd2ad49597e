"""Measure what a short film and a photo cost beyond their own work, relative to `import torch`.

    python benchmarks/startup.py
    python benchmarks/startup.py --repeat 15       more repetitions, for a busy machine

All numbers are seconds of processor time (user and system) of whole processes that run in turn; the
minimum of the repetitions counts. Wall-clock time would depend on the other load of the machine.

- torch: `python -c "import torch"`.
- total: `vidcolor colorize` of half a second of the sample reel (160x120), or of a photo of that
  size.
- work: a colorization of the same file in a process that has already colorized it. It consists of
  decoding, shot detection, color and encoding.
- start: total - work. This is the time beyond the encode of the clip.
- The last column divides start by torch. The goal is at most 1.3.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from transcode_ratio import compile_package, make_film, run

from vidcolor.media.ffmpeg_cli import find_ffmpeg

SIZE = 160, 120
WARM_RUN = """
import sys, time
from vidcolor import Colorizer, ColorizeOptions, colorize_film, colorize_photo
colorize = colorize_film if sys.argv[1] == "film" else colorize_photo
colorizer = Colorizer.from_options(ColorizeOptions())
costs = []
for _ in range(4):
    start = time.process_time()
    colorize(sys.argv[2], sys.argv[3], ColorizeOptions(force=True), colorizer=colorizer)
    costs.append(time.process_time() - start)
print(min(costs[1:]))
"""


def measure_work(kind: str, source: Path, target: Path) -> float:
    """Return the processor time of a colorization in a process that has done it before."""
    command = [sys.executable, "-c", WARM_RUN, kind, str(source), str(target)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Parse the options and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeat", type=int, default=7)
    repeat = parser.parse_args().repeat
    compile_package()
    with tempfile.TemporaryDirectory() as folder:
        film, photo = Path(folder) / "film.mkv", Path(folder) / "photo.jpg"
        make_film(film, SIZE, 0.5, grain=0)
        run(find_ffmpeg(), "-v", "error", "-i", str(film), "-frames:v", "1", str(photo))
        print(f"{'':<6} {'torch':>6} {'total':>6} {'work':>6} {'start':>6} {'start / torch':>13}")
        for kind, source in (("film", film), ("photo", photo)):
            target = source.with_stem("result")
            command = [sys.executable, "-m", "vidcolor", "colorize", str(source), "-o", str(target)]
            torch_s, total_s, work_s = [], [], []
            for _ in range(repeat):
                torch_s.append(run(sys.executable, "-c", "import torch").cpu_s)
                total_s.append(run(*command, "-q", "-f").cpu_s)
                work_s.append(measure_work(kind, source, target))
            torch, total, work = min(torch_s), min(total_s), min(work_s)
            start = total - work
            print(
                f"{kind:<6} {torch:>6.2f} {total:>6.2f} {work:>6.2f} {start:>6.2f} "
                f"{start / torch:>13.2f}"
            )


if __name__ == "__main__":
    main()
