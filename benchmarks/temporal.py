"""Measure temporal consistency and accuracy of color: clips are turned gray and colorized.

    python benchmarks/temporal.py DIR                   all .mp4 files of a directory
    python benchmarks/temporal.py DIR --limit 48        the first 48 frames of each
    python benchmarks/temporal.py DIR --aged            with added flicker, grain and scratches

Each clip is colorized twice: with propagation, and each frame by itself. The metrics are those of
`vidcolor evaluate film`. "/truth" in the name of a column means a ratio to the ground truth, and
"/frames" or "/fr." a ratio to the colorization of single frames. "excess 95%" is the drift beyond
that of the ground truth. A column "(frames)" has the metric of the column before it for single
frames.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from vidcolor.colorizer import Colorizer
from vidcolor.evaluation.film import AGAINST, COLORED, GROUND_TRUTH, FilmEvaluation, evaluate_film
from vidcolor.film.api import colorize_film
from vidcolor.media.decode import VideoReader
from vidcolor.media.probe import probe
from vidcolor.options import ColorizeOptions
from vidcolor.training.degrade import grain, scratches

COLUMNS = ("CDC/truth", "(frames)", "warp/frames", "flicker/fr.", "dPSNR", "excess 95%",
           "(frames)", "edge F1", "(frames)", "chroma", "f/s")  # fmt: skip


def make_gray(source: Path, target: Path, limit: int | None, aged: bool) -> Path:
    """Write the luma of a clip as a lossless gray film; return its path."""
    video = probe(source).video
    rng = np.random.default_rng(5)
    flicker, lines = 0.0, 0
    with av.open(str(target), "w") as film:
        stream = film.add_stream("ffv1", rate=Fraction(video.rate or 25))
        stream.width, stream.height, stream.pix_fmt = video.width, video.height, "gray"
        stream.time_base = video.time_base
        for number, frame in enumerate(VideoReader(source, video).frames()):
            if limit is not None and number >= limit:
                break
            unit = video.coding.luma_to_unit(frame.luma)
            if aged:
                flicker = 0.6 * flicker + rng.normal(0, 0.07)
                lines = int(rng.integers(2**31)) if number % 40 == 0 else lines
                unit = unit * np.float32(math.exp(flicker))
                unit = scratches(unit, np.random.default_rng(lines + number % 2), 0.6)
                unit = grain(unit, rng, 0.6)
            # FFV1 is lossless, so the encoder adds no error to the metrics.
            codes = np.rint(np.clip(unit, 0, 1) * 255).astype(np.uint8)
            gray_frame = av.VideoFrame.from_ndarray(codes, "gray")
            gray_frame.pts, gray_frame.time_base = (
                frame.pts - (video.start_pts or 0),
                video.time_base,
            )
            film.mux(stream.encode(gray_frame))
        film.mux(stream.encode(None))
    return target


def evaluate_clip(
    clip: Path, folder: Path, colorizer: Colorizer, limit: int | None, aged: bool
) -> list[float]:
    """Colorize a clip both ways; return one row of metrics."""
    gray = make_gray(clip, folder / "gray.mkv", limit, aged)
    start = time.monotonic()
    archive = ColorizeOptions(purpose="archive", force=True)
    result = colorize_film(gray, folder / "propagated.mkv", archive, colorizer=colorizer)
    speed = result.num_frames / (time.monotonic() - start)
    per_frame = ColorizeOptions(purpose="archive", force=True, per_frame=True)
    colorize_film(gray, folder / "per_frame.mkv", per_frame, colorizer=colorizer)
    scores = evaluate_film(folder / "propagated.mkv", clip, folder / "per_frame.mkv")
    return [*make_row(scores), speed]


def make_row(scores: FilmEvaluation) -> list[float]:
    """Return the metrics of a clip, without the speed."""
    metrics = scores.report.metrics
    truth, propagated, single = (metrics[name] for name in (GROUND_TRUTH, COLORED, AGAINST))
    return [
        propagated["cdc"] / truth["cdc"],
        single["cdc"] / truth["cdc"],
        propagated["warp_error"] / single["warp_error"],
        propagated["flicker"] / single["flicker"],
        propagated["psnr"] - single["psnr"],
        propagated["excess_drift_p95"],
        single["excess_drift_p95"],
        propagated["edge_f1"],
        single["edge_f1"],
        propagated["chroma"] / single["chroma"],
    ]


def find_clips(args: argparse.Namespace) -> Iterator[Path]:
    """Yield the clips that the options name."""
    for clip in sorted(args.folder.glob("*.mp4")):
        if not args.clips or clip.stem in args.clips:
            yield clip


def main() -> None:
    """Evaluate all clips and print one row per clip."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clips", nargs="+", help="names of clips, without .mp4")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--aged", action="store_true")
    args = parser.parse_args()
    colorizer = Colorizer.load()
    rows: list[list[float]] = []
    print(f"{'':<32}" + "".join(f"{name:>12}" for name in COLUMNS))
    for clip in find_clips(args):
        print(f"{clip.stem} ...", end="\r", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            rows.append(evaluate_clip(clip, Path(folder), colorizer, args.limit, args.aged))
        print(f"{clip.stem:<32}" + "".join(f"{v:>12.3f}" for v in rows[-1]), flush=True)
    means = np.nanmean(np.array(rows), axis=0)
    print(f"{'mean':<32}" + "".join(f"{v:>12.3f}" for v in means))


if __name__ == "__main__":
    main()
