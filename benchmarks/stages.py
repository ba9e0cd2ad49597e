"""Where the time goes: each stage of the pipeline by itself, one after another.

    python benchmarks/stages.py [FILM]

Milliseconds of wall time a frame. In the real pipeline the stages run beside each other. "Tracks,
filling" is what steady color takes beside flow and the generator; flow runs in two threads.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

from transcode_ratio import make_film

from vidcolor.color.ycbcr import Coding, recode
from vidcolor.colorizer import Colorizer, ProxyPrediction
from vidcolor.film.plan import film_geometry, plan_film
from vidcolor.media.decode import FilmReader
from vidcolor.media.frames import picture_with_chroma
from vidcolor.media.writer import FilmWriter
from vidcolor.motion.flow import DisFlow
from vidcolor.options import ColorizeOptions
from vidcolor.propagation.analysis_frame import make_analysis_frame, with_flow
from vidcolor.propagation.shot_colorizer import ShotColorizer
from vidcolor.shots.shot_list import find_shots

FRAMES = 96
spent: dict[str, float] = defaultdict(float)


class TimedColorizer(Colorizer):
    """Counts what the network takes."""

    def predict(self, *args: Any, **kwargs: Any) -> list[ProxyPrediction]:
        """See `Colorizer.predict`."""
        with stage("generator"):
            return super().predict(*args, **kwargs)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Add the block's time to a stage."""
    began = time.perf_counter()
    yield
    spent[name] += time.perf_counter() - began


def measure(film: Path, folder: Path) -> int:
    """Run every stage over the film's first frames; how many there were."""
    options = ColorizeOptions(end=Fraction(FRAMES, 25), force=True)
    plan = plan_film(film, folder / "out.mp4", options)
    video, layout, matrix = plan.video, plan.encoder.layout, plan.video.matrix
    geometry, target = film_geometry(video), Coding(layout.bits, video.coding.full_range)
    with stage("load generator"):
        colorizer = TimedColorizer()
    with stage("look: decode"):
        frames = list(FilmReader(film, video, "luma", None, plan.end_s).frames())
    with stage("look: shots"):
        shots = find_shots(frames, video).shots
    frames.clear()
    with stage("decode"):
        frames = list(FilmReader(film, video, "luma", None, plan.end_s).frames())
    with stage("proxy"):
        analyzed = [
            make_analysis_frame(f, colorizer.proxy(f.luma, video.coding, geometry)) for f in frames
        ]
    with stage("flow"):
        deque(with_flow(analyzed, shots, DisFlow()), maxlen=0)
    colorist = ShotColorizer(colorizer, shots, geometry)
    with stage("tracks, filling"):
        predicted = list(colorist.color(iter(analyzed)))
    spent["tracks, filling"] -= spent["generator"] + spent["flow"]
    with FilmWriter(folder / "out.mp4", plan.encoder, video) as writer:
        for item in predicted:
            frame = item.frame
            with stage("chroma"):
                cb, cr = colorizer.chroma(
                    item.color, frame.luma, video.coding, matrix, layout.subsampling
                )
            with stage("compose"):
                codes = (target.chroma_to_codes(cb), target.chroma_to_codes(cr))
                luma = recode(frame.luma, video.coding, target)
                picture = picture_with_chroma(frame.picture, layout.name, luma, codes)
            with stage("encode"):
                writer.write(picture, frame.pts, frame.duration)
        with stage("encode"):
            writer.finish()
    return len(frames)


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if len(sys.argv) > 1:
            film = Path(sys.argv[1])
        else:
            film = folder / "film.mp4"
            make_film(film, (1920, 1080), FRAMES / 25, 4.0)
        count = measure(film, folder)
    print(f"{count} frames")
    for name, seconds in spent.items():
        print(f"{name:<16} {1000 * seconds / count:8.1f} ms a frame")


if __name__ == "__main__":
    main()
