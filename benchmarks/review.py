"""Are ten hints at the places of `vidcolor project review` better than ten random ones?

    python benchmarks/review.py photos/ clips/ --half odd

Color photos, and the middle frames of color clips, are made gray. Both sets of hints have the true
colors of their places. The table has the mean PSNR of R'G'B' in dB.
"""

import argparse
import warnings
from pathlib import Path

import av
import numpy as np
from PIL import Image

from vidcolor import Hint
from vidcolor.colorizer import Colorizer
from vidcolor.evaluation.image_metrics import image_psnr
from vidcolor.imaging.geometry import Geometry
from vidcolor.project.places import PlaceFinder

HALVES = {"all": slice(None), "even": slice(0, None, 2), "odd": slice(1, None, 2)}
COLOR_RADIUS = 2
"""The true color of a place is the median of a square of this radius, in pixels."""


def read_middle_frame(path):
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return frames[len(frames) // 2]


def read_image(path, max_side):
    is_clip = path.suffix in {".mp4", ".mkv", ".mov"}
    image = Image.fromarray(read_middle_frame(path)) if is_clip else Image.open(path)
    image = image.convert("RGB")
    image.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    return np.asarray(image)


def make_hints(rgb, points):
    height, width = rgb.shape[:2]
    hints = []
    for x, y in points:
        row, column = int(y * height), int(x * width)
        rows = slice(max(row - COLOR_RADIUS, 0), row + COLOR_RADIUS + 1)
        columns = slice(max(column - COLOR_RADIUS, 0), column + COLOR_RADIUS + 1)
        color = np.median(rgb[rows, columns].reshape(-1, 3), axis=0).round().astype(int)
        hex_code = "#{:02x}{:02x}{:02x}".format(*color)
        hints.append(Hint(x=float(x), y=float(y), unit="fraction", color=hex_code))
    return hints


def find_places(gray, colorizer, count):
    proxy = colorizer.make_upright_proxy(gray.astype(np.float32) / 255)
    geometry = Geometry(width=proxy.shape[1], height=proxy.shape[0])
    prediction = colorizer.predict([proxy], geometry)[0]
    finder = PlaceFinder(prediction, colorizer.segmentation.embed(proxy), colorizer)
    return [(place.x, place.y) for place in finder.find(count)]


def measure(rgb, colorizer, count, seeds):
    """Return the PSNR without hints, with random hints (mean of seeds), and with reviewed ones."""
    gray = np.rint(rgb @ np.array([0.2126, 0.7152, 0.0722])).astype(np.uint8)
    prepared = colorizer.prepare(gray)
    places = find_places(gray, colorizer, count)

    def score(points):
        return image_psnr(prepared.colorize(make_hints(rgb, points)), rgb)

    # Fewer places are found if a few objects cover the whole image.
    random = [score(np.random.default_rng(seed).random((len(places), 2))) for seed in range(seeds)]
    return image_psnr(prepared.colorize(), rgb), float(np.mean(random)), score(places)


def list_files(sources, half):
    for source in sources:
        paths = sorted(p for p in source.rglob("*") if p.suffix in {".jpg", ".png", ".mp4", ".mkv"})
        yield from paths[HALVES[half]] if source.is_dir() else [source]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sources", nargs="+", type=Path)
    parser.add_argument("--half", choices=HALVES, default="all", help="part of each folder")
    parser.add_argument("--hints", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=4, help="number of random placements")
    parser.add_argument("--max-side", type=int, default=480)
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # colors out of gamut
    colorizer = Colorizer.load()
    rows = []
    print(
        "| image | no hints | random | review | difference |\n| --- | ---: | ---: | ---: | ---: |"
    )
    for path in list_files(options.sources, options.half):
        rgb = read_image(path, options.max_side)
        rows.append(measure(rgb, colorizer, options.hints, options.seeds))
        print_row(path.stem, rows[-1])
    differences = [review - random for _, random, review in rows]
    print_row(f"mean of {len(rows)}", np.mean(rows, axis=0))
    error = np.std(differences) / max(len(rows), 1) ** 0.5
    better = np.mean(np.array(differences) > 0)
    print(f"\nstandard error of the mean difference {error:.2f} dB; better in {better:.0%}")


def print_row(name, values):
    none, random, review = values
    row = f"| {name} | {none:.2f} | {random:.2f} | {review:.2f} | {review - random:+.2f} |"
    print(row, flush=True)


if __name__ == "__main__":
    main()
