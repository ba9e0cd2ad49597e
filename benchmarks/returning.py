"""Measure whether what leaves the picture and returns gets the color that it had.

    python benchmarks/returning.py DIR                  one shot of each kind from each .mp4 file
    python benchmarks/returning.py DIR --kinds pan zoom --clips cups dog

The shots have grain and a changing exposure. They are made from the first frame of each clip:

    pan     the view moves to the right and back
    fast    the same within 8 frames each way
    dark    the same as "pan", while the exposure decreases by 40 %
    board   a gray board covers 70 % of the picture and uncovers it
    zoom    the view zooms in by 2.2 and out

The metric is the change of a*b* of patches between the first and the last frames, minus the change
in the original, on the flow grid. The columns are its median and its 95th percentile, the number of
key frames, and the number of key frames that are predicted twice.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import cv2
import numpy as np

from vidcolor.color.lab import rgb_to_lab_array
from vidcolor.colorizer import Colorizer
from vidcolor.generators.predictor import HintArrays
from vidcolor.imaging.resize import resize_area
from vidcolor.imaging.types import FloatArray
from vidcolor.motion.flow import DisFlow, estimate_flow, make_flow_input
from vidcolor.propagation.flow_frames import FlowFrame
from vidcolor.propagation.keyframes import split_intervals
from vidcolor.propagation.propagate import KeyframePrediction, Propagator

AT_REST = 8
"""Number of frames before and after the motion."""
MARGIN = 4
"""Frames at the start and the end that are not measured."""
PATCH = 3
"""Side of a patch, in pixels of the flow grid."""


def go_and_return(num_frames: int, stay: int) -> FloatArray:
    """Return positions from 0 to 1 and back, one for each frame."""
    forward = 0.5 - 0.5 * np.cos(np.pi * np.linspace(0, 1, num_frames, dtype=np.float32))
    rest = np.zeros(AT_REST, np.float32)
    return np.concatenate([rest, forward, np.ones(stay, np.float32), forward[::-1], rest])


def make_pan(image: FloatArray, positions: FloatArray) -> Iterator[FloatArray]:
    """Yield the views of a pan, which shows nothing of the first view in the middle."""
    height, width = image.shape[:2]
    size = (round(width * 0.48), round(height * 0.8))
    for position in positions:
        shift = position * (width - size[0]), position * (height - size[1])
        matrix = np.array([[1, 0, -shift[0]], [0, 1, -shift[1]]], np.float32)
        yield cv2.warpAffine(image, matrix, size)


def make_board(image: FloatArray, positions: FloatArray) -> Iterator[FloatArray]:
    """Yield frames in which a board with a gray texture moves over the picture and back."""
    height, width = image.shape[:2]
    coarse = np.random.default_rng(3).random((height // 14, width // 14), np.float32)
    board = 0.3 + 0.25 * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    board = board[:, : round(width * 0.7), None].repeat(3, axis=2)
    for position in positions:
        covered = round(position * board.shape[1])
        yield np.hstack([board[:, board.shape[1] - covered :], image[:, covered:]])


def make_zoom(image: FloatArray, positions: FloatArray) -> Iterator[FloatArray]:
    """Yield the views of a zoom to the center and back."""
    height, width = image.shape[:2]
    for scale in 1 + 1.2 * positions:
        center = (1 - scale) * width / 2, (1 - scale) * height / 2
        matrix = np.array([[scale, 0, center[0]], [0, scale, center[1]]], np.float32)
        yield cv2.warpAffine(image, matrix, (width, height))


KINDS: dict[str, tuple[Callable[..., Iterator[FloatArray]], FloatArray, float]] = {
    "pan": (make_pan, go_and_return(30, 20), 1.0),
    "fast": (make_pan, go_and_return(8, 40), 1.0),
    "dark": (make_pan, go_and_return(30, 20), 0.6),
    "board": (make_board, go_and_return(24, 24), 1.0),
    "zoom": (make_zoom, go_and_return(36, 16), 1.0),
}
"""By kind: a function, the positions of the frames, and the exposure of the last frame."""


def make_shot(clip: Path, kind: str) -> list[FloatArray]:
    """Return the R'G'B' frames of a shot, (H, W, 3) float32 in [0, 1]."""
    with av.open(str(clip)) as film:
        first = next(film.decode(video=0)).to_ndarray(format="rgb24")
    make_frames, positions, exposure = KINDS[kind]
    rng = np.random.default_rng(1)
    gains = np.linspace(1, exposure, len(positions)) + 0.06 * np.sin(np.arange(len(positions)) / 17)
    frames = []
    image = first.astype(np.float32) / 255
    for frame, gain in zip(make_frames(image, positions), gains, strict=True):
        noise = rng.normal(0, 0.01, frame.shape[:2]).astype(np.float32)
        frames.append(np.clip(frame * np.float32(gain) + noise[..., None], 0, 1))
    return frames


def colorize(frames: list[FloatArray], colorizer: Colorizer) -> tuple[list[FloatArray], int, int]:
    """Return a*, b* of each frame on the flow grid, and how many frames are predicted and again."""
    estimator, counts = DisFlow(), [0, 0]

    def prepare(item: FloatArray) -> Callable[[HintArrays | None], KeyframePrediction]:
        prepared = colorizer.prepare_proxy(item)

        def predict(hints: HintArrays | None) -> KeyframePrediction:
            counts[hints is not None] += 1
            prediction = prepared.predict(hints)
            return KeyframePrediction(prediction.ab[0], prediction.confidence[0])

        return predict

    def read_flow() -> Iterator[FlowFrame[FloatArray]]:
        previous = None
        for frame in frames:
            luma = frame @ np.array([0.299, 0.587, 0.114], np.float32)
            proxy = colorizer.make_upright_proxy(luma)
            current = make_flow_input(proxy)
            flow = None if previous is None else estimate_flow(previous, current, estimator)
            yield FlowFrame(proxy, current, flow)
            previous = current

    propagator = Propagator(prepare, colorizer.accepts_hints, estimator)
    colors = [f.color for f in propagator.propagate(split_intervals(read_flow(), estimator))]
    return [color[..., :2] for color in colors], counts[0], counts[1]


def measure_change(frames: list[FloatArray], colors: list[FloatArray]) -> FloatArray:
    """Return the change of each patch from the first to the last frames, beyond the original's."""

    def sample_patches(ab: FloatArray) -> FloatArray:
        means = cv2.blur(np.ascontiguousarray(ab), (PATCH, PATCH))
        return np.asarray(means[PATCH::PATCH, PATCH::PATCH], np.float32)

    def get_truth(frame: FloatArray) -> FloatArray:
        small = resize_area(frame, colors[0].shape[:2])
        return rgb_to_lab_array(small.transpose(2, 0, 1))[1].transpose(1, 2, 0)

    ends = (MARGIN, len(frames) - 1 - MARGIN)
    color, truth = ([sample_patches(get(n)) for n in ends] for get in (
        lambda n: colors[n], lambda n: get_truth(frames[n])
    ))  # fmt: skip
    change, true_change = (np.linalg.norm(b - a, axis=-1) for a, b in (color, truth))
    return np.asarray((change - true_change).ravel(), np.float32)


def main() -> None:
    """Colorize all shots, and print one row for each and the means of each kind."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS)
    parser.add_argument("--clips", nargs="+", help="names of clips, without .mp4")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    colorizer = Colorizer.load()
    print(f"{'':<40}{'50%':>8}{'95%':>8}{'keys':>8}{'twice':>8}")
    for kind in args.kinds:
        rows = []
        for clip in sorted(args.folder.glob("*.mp4")):
            if args.clips and clip.stem not in args.clips:
                continue
            frames = make_shot(clip, kind)
            colors, keyframes, again = colorize(frames, colorizer)
            change = measure_change(frames, colors)
            rows.append([*np.percentile(change, (50, 95)), keyframes, again])
            print(
                f"{kind + ' ' + clip.stem:<40}" + "".join(f"{v:>8.2f}" for v in rows[-1]),
                flush=True,
            )
        print(f"{kind + ': mean':<40}" + "".join(f"{v:>8.2f}" for v in np.mean(rows, axis=0)))


if __name__ == "__main__":
    main()
