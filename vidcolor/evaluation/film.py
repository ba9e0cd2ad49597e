"""Evaluation of a colorized film against the same film in its true colors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.errors import InputError
from vidcolor.evaluation.film_scores import GROUND_TRUTH, FilmScorer, FilmScores
from vidcolor.media.film_pair import FilmPair
from vidcolor.progress import Progress
from vidcolor.shots.cuts import CausalCutDetector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from vidcolor.imaging.types import Rgb
    from vidcolor.media.preview import DisplayFrame
    from vidcolor.progress import ProgressCallback

MAX_SHORT_SIDE = 256
"""Maximum short side at which films are evaluated, in pixels; larger films are reduced."""
COLORED, AGAINST = "colored", "against"
"""Names of the colorized film and of the second colorized version in reports."""


@dataclass(frozen=True, slots=True)
class FilmEvaluation:
    """The result of the evaluation of a film."""

    scores: FilmScores
    """The metrics of all versions."""
    size: tuple[int, int]
    """Width and height at which the film was evaluated, in pixels."""
    slices: dict[str, Rgb]
    """The center row of every frame, by version: (frames, width, 3) uint8."""
    warnings: tuple[str, ...]
    """Differences in duration or aspect ratio between the films."""


def evaluate_film(
    colored: Path,
    ground_truth: Path,
    against: Path | None = None,
    shots: Path | None = None,
    progress: ProgressCallback | None = None,
) -> FilmEvaluation:
    """Evaluate a colorized film. Frames are paired by time.

    Args:
        colored: the colorized film.
        ground_truth: the same film in its true colors.
        against: a second colorized version, evaluated in the same pass; None for none.
        shots: a shot list of the ground truth; None to detect its cuts.
        progress: called after every frame.

    Raises:
        InputError: a film cannot be read, or the films have no frame in common.
        UsageError: the films do not overlap in time, or the shot list is invalid.
    """
    pairs = {COLORED: FilmPair(ground_truth, colored)}
    if against is not None:
        pairs[AGAINST] = FilmPair(ground_truth, against)
    film = pairs[COLORED].a
    size = _compute_evaluation_size(film.size)
    starts_shot = _make_shot_detector(shots)
    scorer = FilmScorer(list(pairs), float(film.video.rate or 25))
    slices: dict[str, list[Rgb]] = {name: [] for name in (GROUND_TRUTH, *pairs)}
    total = film.video.estimated_num_frames
    count = 0
    for count, (time_s, frames) in enumerate(_read_frames(pairs, size), 1):
        for name, rgb in frames.items():
            slices[name].append(rgb[size[1] // 2].copy())
        reference = frames.pop(GROUND_TRUTH)
        scorer.add_frame(reference, frames, time_s, starts_shot(count - 1, reference))
        if progress is not None:
            progress(Progress(colored, "evaluate", count, total))
    if not count:
        raise InputError(f"{colored}: no frame in common with {ground_truth}")
    warnings = dict.fromkeys(text for pair in pairs.values() for text in pair.warnings)
    return FilmEvaluation(
        scorer.finish(),
        size,
        {name: np.stack(rows) for name, rows in slices.items()},
        tuple(warnings),
    )


def _compute_evaluation_size(size: tuple[int, int]) -> tuple[int, int]:
    scale = min(1.0, MAX_SHORT_SIDE / min(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _make_shot_detector(path: Path | None) -> Callable[[int, Rgb], bool]:
    """Return a function that decides whether a frame starts a shot.

    The function takes the index of a frame and the frame of the ground truth, (H, W, 3) uint8. It
    must be called for every frame, in order.
    """
    if path is not None:
        from vidcolor.shots.shot_list import read_shots

        starts = {shot.first for shot in read_shots(path).shots}
        return lambda index, _: index in starts
    detector = CausalCutDetector()
    luma_weights = np.array([0.2126, 0.7152, 0.0722], np.float32) / np.float32(255)
    return lambda _, rgb: detector.feed(rgb.astype(np.float32) @ luma_weights)


def _read_frames(
    pairs: dict[str, FilmPair], size: tuple[int, int]
) -> Iterator[tuple[float, dict[str, Rgb]]]:
    """Yield the time of each frame of the ground truth, and the frame of every version."""
    # The versions may differ in length by a few frames. The evaluation ends with the shortest one.
    for frame_pairs in zip(*(pair.frames() for pair in pairs.values()), strict=False):
        reference = frame_pairs[0][0]
        frames: dict[str, DisplayFrame] = {GROUND_TRUTH: reference}
        frames.update({name: frame for name, (_, frame) in zip(pairs, frame_pairs, strict=True)})
        yield float(reference.time_s), {name: frame.rgb(size) for name, frame in frames.items()}
