"""A colored film beside its color original: read, judge, write down."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vidcolor.errors import InputError, UsageError
from vidcolor.evaluation.compare_options import CompareOptions
from vidcolor.evaluation.film_scores import ORIGINAL, FilmScorer, FilmScores
from vidcolor.fileio import atomic_output
from vidcolor.media.film_pair import FilmPair
from vidcolor.progress import Progress
from vidcolor.shots.detector import CutDetector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from vidcolor.media.preview import DisplayFrame
    from vidcolor.progress import ProgressCallback

    Rgb = NDArray[np.uint8]

JUDGED = 256
"""Short side, in pixels, at which films are judged; smaller ones as they are."""
COLORED, AGAINST = "colored", "against"


@dataclass(frozen=True, slots=True)
class FilmEvaluation:
    """A film, judged."""

    scores: FilmScores
    size: tuple[int, int]
    """Width and height at which it was judged."""
    slices: dict[str, Rgb]
    """By version: the row of pixels through the middle, one line a frame: (frames, width, 3)."""
    warnings: tuple[str, ...]


def evaluate_film(
    colored: Path,
    original: Path,
    against: Path | None = None,
    shots: Path | None = None,
    progress: ProgressCallback | None = None,
) -> FilmEvaluation:
    """Judge a film's color by its original.

    Frames are paired by time and judged at a short side of `JUDGED` pixels.

    Args:
        colored: the film.
        original: the same in its true colors.
        against: another version, to be judged with it.
        shots: a list of the original's shots; their cuts are found if None.
        progress: called after every frame.

    Raises:
        InputError: a film cannot be read.
        UsageError: films have no time in common, or the list makes no sense.
    """
    pairs = {COLORED: FilmPair(original, colored, CompareOptions())}
    if against is not None:
        pairs[AGAINST] = FilmPair(original, against, CompareOptions())
    first = pairs[COLORED]
    size = _judged_size(first.a.size)
    begins = _beginnings(shots)
    scorer = FilmScorer(list(pairs), float(first.a.video.rate or 25))
    slices: dict[str, list[Rgb]] = {name: [] for name in (ORIGINAL, *pairs)}
    total = first.a.video.estimated_frames
    count = 0
    for count, shown in enumerate(_together(pairs), 1):
        truth = shown[ORIGINAL].rgb(size)
        versions = {name: shown[name].rgb(size) for name in pairs}
        for name, rgb in {ORIGINAL: truth, **versions}.items():
            slices[name].append(rgb[size[1] // 2].copy())
        scorer.feed(truth, versions, float(shown[ORIGINAL].time_s), begins(count - 1, truth))
        if progress is not None:
            progress(Progress(colored, "judge", count, total))
    if not count:
        raise InputError(f"{colored}: has no frame in common with {original}")
    warnings = dict.fromkeys(text for pair in pairs.values() for text in pair.warnings)
    return FilmEvaluation(
        scorer.finish(),
        size,
        {name: np.stack(rows) for name, rows in slices.items()},
        tuple(warnings),
    )


def _judged_size(size: tuple[int, int]) -> tuple[int, int]:
    scale = min(1.0, JUDGED / min(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _beginnings(path: Path | None) -> Callable[[int, Rgb], bool]:
    """Tells whether a frame begins a shot, from its number and the original's picture."""
    if path is not None:
        from vidcolor.shots.shot_list import read_shots

        firsts = {shot.first for shot in read_shots(path).shots}
        return lambda number, _: number in firsts
    cuts = CutDetector()
    weights = np.array([0.2126, 0.7152, 0.0722], np.float32) / np.float32(255)
    return lambda _, rgb: cuts.feed(rgb.astype(np.float32) @ weights)


def _together(pairs: dict[str, FilmPair]) -> Iterator[dict[str, DisplayFrame]]:
    """The original's frames, each with those of all versions that are shown when it begins."""
    for shown in zip(*(pair.frames() for pair in pairs.values()), strict=False):
        yield {ORIGINAL: shown[0][0], **{n: s[1] for n, s in zip(pairs, shown, strict=True)}}


def document_of(done: FilmEvaluation) -> dict[str, Any]:
    """All figures in plain values; what could not be measured is null."""

    def plain(figures: dict[str, Any]) -> dict[str, Any]:
        return {
            name: {k: v if math.isfinite(v) else None for k, v in asdict(value).items()}
            for name, value in figures.items()
        }

    scores = done.scores
    return {
        "frames": scores.num_frames,
        "size": list(done.size),
        "figures": plain(scores.figures),
        "shots": [
            {
                "first_frame": shot.first,
                "last_frame": shot.last - 1,
                "start": round(shot.time_s, 3),
                "figures": plain(shot.figures),
            }
            for shot in scores.shots
        ],
        "warnings": list(done.warnings),
    }


def write_document(done: FilmEvaluation, path: Path, force: bool = False) -> None:
    """Write `document_of` as JSON.

    Raises:
        UsageError: it is not called .json.
        OutputError: it cannot be written.
    """
    if path.suffix.lower() != ".json":
        raise UsageError(f"{path}: the figures are written as .json; name it so")
    with atomic_output(path, force) as partial:
        partial.write_text(json.dumps(document_of(done), indent=1) + "\n", "utf-8")
