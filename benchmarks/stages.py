"""Measure the time of each stage of the pipeline, one after another.

    python benchmarks/stages.py [FILM]

Prints milliseconds of wall-clock time per frame. In the real pipeline the stages run in parallel.
The time of "propagation" excludes flow and the generator. Flow runs in two threads.
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
from vidcolor.colorizer import Colorizer
from vidcolor.film.plan import plan_film
from vidcolor.film.shots import detect_shots
from vidcolor.generators.predictor import FramePredictor, PredictionArrays
from vidcolor.imaging.types import FloatArray
from vidcolor.media.decode import VideoReader
from vidcolor.media.frames import compose_frame
from vidcolor.media.writer import VideoWriter
from vidcolor.motion.flow import DisFlow
from vidcolor.options import ColorizeOptions
from vidcolor.propagation.flow_frames import attach_flow, make_analysis_frame
from vidcolor.propagation.shot_colorizer import ShotColorizer
from vidcolor.shots.detector import make_shot_finder

NUM_FRAMES = 96
stage_seconds: dict[str, float] = defaultdict(float)
"""Time of each stage, in seconds."""


class TimedFramePredictor(FramePredictor):
    """Measures the time of the generator."""

    def predict(self, *args: Any, **kwargs: Any) -> PredictionArrays:
        """Predict and measure; see `FramePredictor.predict`."""
        with time_stage("generator"):
            return super().predict(*args, **kwargs)


class TimedColorizer(Colorizer):
    """A colorizer that measures the time of the generator."""

    def prepare_proxy(self, proxy: FloatArray) -> FramePredictor:
        """Prepare to predict and measure; see `Colorizer.prepare_proxy`."""
        return TimedFramePredictor(self._predictor, proxy)


@contextmanager
def time_stage(name: str) -> Iterator[None]:
    """Add the time of a block to a stage."""
    start = time.perf_counter()
    yield
    stage_seconds[name] += time.perf_counter() - start


def measure(film: Path, folder: Path) -> int:
    """Run every stage over the first frames of a film; return their number."""
    options = ColorizeOptions(end=Fraction(NUM_FRAMES, 25), force=True)
    plan = plan_film(film, folder / "out.mp4", options)
    video, layout, matrix = plan.video, plan.encoder.layout, plan.video.matrix
    geometry, target = video.geometry, Coding(layout.bits, video.coding.full_range)
    with time_stage("load generator"):
        colorizer = TimedColorizer.load()
    with time_stage("analyze: decode"):
        frames = list(VideoReader(film, video, "luma", None, plan.end_s).frames())
    with time_stage("analyze: shots"):
        shots = detect_shots(frames, video).shots
    frames.clear()
    with time_stage("decode"):
        frames = list(VideoReader(film, video, "luma", None, plan.end_s).frames())
    with time_stage("proxy"):
        analyzed = [
            make_analysis_frame(f, colorizer.make_proxy(f.luma, video.coding, geometry))
            for f in frames
        ]
    with time_stage("flow"):
        deque(attach_flow(analyzed, make_shot_finder(shots), DisFlow()), maxlen=0)
    shot_colorizer = ShotColorizer(colorizer, shots, geometry)
    with time_stage("propagation"):
        predicted = list(shot_colorizer.colorize(iter(analyzed)))
    stage_seconds["propagation"] -= stage_seconds["generator"] + stage_seconds["flow"]
    with VideoWriter(folder / "out.mp4", plan.encoder, video) as writer:
        for item in predicted:
            frame = item.frame
            with time_stage("chroma"):
                cb, cr = colorizer.make_chroma(
                    item.prediction, frame.luma, video.coding, matrix, layout.subsampling
                )
            with time_stage("compose"):
                codes = (target.chroma_to_codes(cb), target.chroma_to_codes(cr))
                luma = recode(frame.luma, video.coding, target)
                av_frame = compose_frame(frame.av_frame, layout.name, luma, codes)
            with time_stage("encode"):
                writer.write(av_frame, frame.pts, frame.duration)
        with time_stage("encode"):
            writer.finish()
    return len(frames)


def main() -> None:
    """Measure a film and print one row per stage."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if len(sys.argv) > 1:
            film = Path(sys.argv[1])
        else:
            film = folder / "film.mp4"
            make_film(film, (1920, 1080), NUM_FRAMES / 25, 4.0)
        count = measure(film, folder)
    print(f"{count} frames")
    for name, seconds in stage_seconds.items():
        print(f"{name:<16} {1000 * seconds / count:8.1f} ms per frame")


if __name__ == "__main__":
    main()
