"""Where the time goes: each stage of the pipeline by itself, one after another.

    python benchmarks/stages.py [FILM]

Milliseconds of wall time a frame. In the real pipeline the stages run beside each other.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from transcode_ratio import make_film

from vidcolor.colorizer import Colorizer
from vidcolor.colour.ycbcr import Coding, recode
from vidcolor.film.plan import film_geometry, plan_film
from vidcolor.media.planes import picture_with_chroma
from vidcolor.media.read import FilmReader
from vidcolor.media.write import FilmWriter
from vidcolor.options import ColorizeOptions

BATCH, FRAMES = 8, 96
spent: dict[str, float] = defaultdict(float)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Add the block's time to a stage."""
    began = time.perf_counter()
    yield
    spent[name] += time.perf_counter() - began


def measure(film: Path, folder: Path) -> int:
    """Run every stage over the film's first frames; how many there were."""
    options = ColorizeOptions()
    plan = plan_film(film, folder / "out.mp4", options)
    video, layout, matrix = plan.video, plan.encoder.layout, plan.video.matrix
    geometry, target = film_geometry(video), Coding(layout.bits, video.coding.full_range)
    with stage("load generator"):
        colorizer = Colorizer()
    frames = itertools.islice(FilmReader(film, video).frames(), FRAMES)
    count = 0
    with FilmWriter(folder / "out.mp4", plan.encoder, video) as writer:
        while True:
            with stage("decode"):
                group = list(itertools.islice(frames, BATCH))
            if not group:
                break
            with stage("proxy"):
                proxies = [colorizer.proxy(f.luma, video.coding, geometry) for f in group]
            with stage("generator"):
                colours = colorizer.predict(proxies, geometry)
            for frame, colour in zip(group, colours, strict=True):
                count += 1
                with stage("chroma"):
                    cb, cr = colorizer.chroma(
                        colour, frame.luma, video.coding, matrix, layout.subsampling
                    )
                with stage("compose"):
                    codes = (target.chroma_to_codes(cb), target.chroma_to_codes(cr))
                    luma = recode(frame.luma, video.coding, target)
                    picture = picture_with_chroma(frame.picture, layout.name, luma, codes)
                with stage("encode"):
                    writer.write(picture, frame.pts, frame.duration)
        with stage("encode"):
            writer.finish()
    return count


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
    for name, seconds in spent.items():
        print(f"{name:<16} {1000 * seconds / count:8.1f} ms a frame")


if __name__ == "__main__":
    main()
