"""Is the color steady, and right? Color clips are made gray, colored, and compared.

    python benchmarks/temporal.py DIR                   all .mp4 of a folder
    python benchmarks/temporal.py DIR --limit 48        48 frames of each
    python benchmarks/temporal.py DIR --aged            worn first: flicker, grain, scratches

Each clip is colored twice in one run, as `colorize` does it and each frame by itself. Figures are
those of `vidcolor evaluate film`; ours over the truth's where it says truth, ours over those of
single frames where it says frames.
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
from vidcolor.evaluation.film import AGAINST, COLORED, evaluate_film
from vidcolor.evaluation.film_scores import FilmScores
from vidcolor.film.pipeline import colorize_film
from vidcolor.media.decode import FilmReader
from vidcolor.media.probe import probe
from vidcolor.options import ColorizeOptions
from vidcolor.training.degrade import grain, scratches

COLUMNS = ("CDC/truth", "(frames)", "warp/frames", "flicker/fr.", "dPSNR", "drift/truth",
           "(frames)", "edge F1", "(frames)", "chroma", "f/s")  # fmt: skip


def make_gray(source: Path, target: Path, limit: int | None, aged: bool) -> Path:
    """The clip's luma as a lossless film."""
    video = probe(source).video
    rng = np.random.default_rng(5)
    tremble, lines = 0.0, 0
    with av.open(str(target), "w") as film:
        stream = film.add_stream("ffv1", rate=Fraction(video.rate or 25))
        stream.width, stream.height, stream.pix_fmt = video.width, video.height, "gray"
        stream.time_base = video.time_base
        for number, frame in enumerate(FilmReader(source, video).frames()):
            if limit is not None and number >= limit:
                break
            unit = video.coding.luma_to_unit(frame.luma)
            if aged:
                tremble = 0.6 * tremble + rng.normal(0, 0.07)
                lines = int(rng.integers(2**31)) if number % 40 == 0 else lines
                unit = unit * np.float32(math.exp(tremble))
                unit = scratches(unit, np.random.default_rng(lines + number % 2), 0.6)
                unit = grain(unit, rng, 0.6)
            codes = np.rint(np.clip(unit, 0, 1) * 255).astype(np.uint8)
            picture = av.VideoFrame.from_ndarray(codes, "gray")
            picture.pts, picture.time_base = frame.pts - (video.start_pts or 0), video.time_base
            film.mux(stream.encode(picture))
        film.mux(stream.encode(None))
    return target


def judge(
    clip: Path, folder: Path, colorizer: Colorizer, limit: int | None, aged: bool
) -> list[float]:
    """One line of figures."""
    gray = make_gray(clip, folder / "gray.mkv", limit, aged)
    began = time.monotonic()
    archive = ColorizeOptions(purpose="archive", force=True)
    result = colorize_film(gray, folder / "ours.mkv", archive, colorizer=colorizer)
    speed = result.num_frames / (time.monotonic() - began)
    alone = ColorizeOptions(purpose="archive", force=True, per_frame=True)
    colorize_film(gray, folder / "alone.mkv", alone, colorizer=colorizer)
    scores = evaluate_film(folder / "ours.mkv", clip, folder / "alone.mkv").scores
    return [*line_of(scores), speed]


def line_of(scores: FilmScores) -> list[float]:
    """What the table says of a clip, but for speed."""
    ours, alone = scores.figures[COLORED], scores.figures[AGAINST]
    return [
        scores.beside_truth(COLORED, "cdc"),
        scores.beside_truth(AGAINST, "cdc"),
        ours.warp_error / alone.warp_error,
        ours.flicker / alone.flicker,
        ours.psnr - alone.psnr,
        scores.beside_truth(COLORED, "drift"),
        scores.beside_truth(AGAINST, "drift"),
        ours.edge_f1,
        alone.edge_f1,
        ours.chroma / alone.chroma,
    ]


def clips_of(args: argparse.Namespace) -> Iterator[Path]:
    """The wanted clips."""
    for clip in sorted(args.folder.glob("*.mp4")):
        if not args.clips or clip.stem in args.clips:
            yield clip


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clips", nargs="+", help="names without .mp4")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--aged", action="store_true")
    args = parser.parse_args()
    colorizer = Colorizer()
    rows: list[list[float]] = []
    print(f"{'':<32}" + "".join(f"{name:>12}" for name in COLUMNS))
    for clip in clips_of(args):
        print(f"{clip.stem} ...", end="\r", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            rows.append(judge(clip, Path(folder), colorizer, args.limit, args.aged))
        print(f"{clip.stem:<32}" + "".join(f"{v:>12.3f}" for v in rows[-1]), flush=True)
    means = np.nanmean(np.array(rows), axis=0)
    print(f"{'mean':<32}" + "".join(f"{v:>12.3f}" for v in means))


if __name__ == "__main__":
    main()
