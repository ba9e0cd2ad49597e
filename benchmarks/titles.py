"""Measure how well title cards are recognized in single frames, or estimate the weights for it.

    python benchmarks/titles.py PHOTOS [PHOTOS…]         with other cards than --fit
    python benchmarks/titles.py PHOTOS [PHOTOS…] --fit   prints WEIGHTS of vidcolor/titles/card.py

PHOTOS are folders with photographs, or films; all of them are live pictures. Photographs of text
count as errors, so look at the names that are printed. Cards, countdowns and text over photographs
are drawn by `title_cards.py`. The weights in the package were estimated from 1,000 cards, 500
photographs with text over them, and 4,800 photographs.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from title_cards import FONTS, CardPainter

from vidcolor.imaging.resize import resize_area
from vidcolor.titles.card import WEIGHTS, get_card_shape, make_vector, measure_card
from vidcolor.titles.countdown import recognize_countdown

THRESHOLDS = (0.3, 0.5, 0.7, 0.8)
NUM_CARDS, NUM_COUNTDOWNS, NUM_OVER = 1000, 100, 500
FRAME_STEP = 4
"""Distance of the frames of a film that are examined."""
NEGATIVE_WEIGHT = 3.0
"""Weight of pictures relative to cards: a picture without color is worse than a card with color."""
REGULARIZATION = 0.02
SHARPNESS, MIDDLE = 2.0, 0.5
"""The logits are scaled and shifted so that a confidence of 0.5 is above that of nearly all
pictures."""


class Sample(NamedTuple):
    """A frame and what is measured in it."""

    name: str
    vectors: list[list[float]]
    """Variables of the regression for each background that fits."""
    countdown: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--fit", action="store_true")
    arguments = parser.parse_args()
    split = "fit" if arguments.fit else "check"
    painter = CardPainter(7 if arguments.fit else 99, FONTS[split])
    started = time.process_time()
    pictures = [_measure(name, frame) for name, frame in _read_pictures(arguments.photos)]
    seconds = time.process_time() - started
    over = [
        _measure(name, painter.draw_over(frame))
        for _, (name, frame) in zip(range(NUM_OVER), _read_pictures(arguments.photos), strict=False)
    ]
    cards = [_measure(f"card {n}", painter.draw_card()) for n in range(NUM_CARDS)]
    weights = np.array(WEIGHTS)
    if arguments.fit:
        weights = _estimate(cards, [*pictures, *over])
        print("WEIGHTS =", tuple(np.round(weights, 3).tolist()))
    print(f"{1000 * seconds / max(len(pictures), 1):.1f} ms of processor time for each picture")
    for name, samples in (("cards", cards), ("text over pictures", over), ("pictures", pictures)):
        _print_scores(name, [(_score(weights, s.vectors), s.name) for s in samples])
    frames = [_measure("", painter.draw_countdown()) for _ in range(NUM_COUNTDOWNS)]
    _print_scores("countdowns", [(s.countdown, "") for s in frames])
    _print_scores("pictures as countdowns", [(s.countdown, s.name) for s in pictures])


def _read_pictures(paths: list[Path]) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    for path in paths:
        if path.is_dir():
            for file in sorted(path.rglob("*")):
                image = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE) if file.is_file() else None
                if image is not None:
                    yield str(file), np.asarray(image, np.uint8)
            continue
        film, index = cv2.VideoCapture(str(path)), 0
        while (result := film.read())[0]:
            if index % FRAME_STEP == 0:
                gray = cv2.cvtColor(result[1], cv2.COLOR_BGR2GRAY)
                yield f"{path}:{index}", np.asarray(gray, np.uint8)
            index += 1


def _measure(name: str, codes: NDArray[np.uint8]) -> Sample:
    small = resize_area(codes, get_card_shape(*codes.shape))
    frame = small.astype(np.float32) / np.float32(255)
    return Sample(name, [make_vector(f) for f in measure_card(frame)], recognize_countdown(frame))


def _estimate(cards: list[Sample], pictures: list[Sample]) -> NDArray[np.float64]:
    """Return the weights of a regularized logistic regression, by Newton's method."""
    positive = [vector for sample in cards for vector in sample.vectors]
    negative = [vector for sample in pictures for vector in sample.vectors]
    values = np.array(positive + negative)
    is_card = np.arange(len(values)) < len(positive)
    center, scale = values.mean(axis=0), values.std(axis=0)
    design = np.column_stack([(values - center) / scale, np.ones(len(values))])
    share = np.where(is_card, 1 / len(positive), NEGATIVE_WEIGHT / len(negative)) * len(values) / 4
    penalty = REGULARIZATION * len(values) * np.diag([1.0] * values.shape[1] + [0.0])
    weights = np.zeros(design.shape[1])
    for _ in range(60):
        probability = 1 / (1 + np.exp(-design @ weights))
        gradient = design.T @ (share * (probability - is_card)) + penalty @ weights
        curvature = share * probability * (1 - probability)
        hessian = (design * curvature[:, None]).T @ design + penalty
        weights -= np.linalg.solve(hessian + 1e-6 * np.eye(len(weights)), gradient)
    slopes = weights[:-1] / scale
    constant = weights[-1] - float(slopes @ center) - MIDDLE
    return SHARPNESS * np.append(slopes, constant)


def _score(weights: NDArray[np.float64], vectors: list[list[float]]) -> float:
    logits = [float(weights[:-1] @ v + weights[-1]) for v in vectors]
    return max((1 / (1 + np.exp(-np.clip(logit, -50, 50))) for logit in logits), default=0.0)


def _print_scores(name: str, scores: list[tuple[float, str]]) -> None:
    counts = [f"{sum(s >= t for s, _ in scores):5d} >= {t}" for t in THRESHOLDS]
    print(f"{name:24}{len(scores):6d}: {', '.join(counts)}")
    for score, text in sorted(scores, reverse=True)[:5]:
        if score > 0 and text and not text.startswith("card"):
            print(f"    {score:.2f} {text}")


if __name__ == "__main__":
    main()
