"""Evaluation of a hint in a film: how it acts on its object over time."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vidcolor.errors import InputError, UsageError
from vidcolor.evaluation.hint_metrics import (
    GRID_SIDE,
    HINT_METRICS,
    HintScore,
    score_hint,
    summarize_scores,
)
from vidcolor.evaluation.masks import ObjectMasks
from vidcolor.evaluation.report import HintFrame, HintMeans, HintRange, HintReport, HintScores
from vidcolor.hints.discs import srgb_to_ab
from vidcolor.hints.io import parse_color
from vidcolor.imaging.resize import limit_short_side
from vidcolor.media.film_pair import has_same_aspect_ratio
from vidcolor.media.preview import DisplayReader
from vidcolor.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from vidcolor.imaging.types import FloatArray, Rgb
    from vidcolor.progress import ProgressCallback

MAX_SHORT_SIDE = 2 * GRID_SIDE
"""Maximum short side at which films are evaluated, in pixels; larger films are reduced."""
DEFAULT_RANGES = ((0, 0), (24, 47))
"""Default ranges of frames, (first, last): the frame of the hint, and the second after one second
of a film at 24 frames per second."""


@dataclass(frozen=True, slots=True)
class HintEvaluation:
    """The result of the evaluation of a hint in a film."""

    report: HintReport
    """The metrics of each range and each frame."""
    times: list[float]
    """Time of each frame, in seconds."""
    scores: list[HintScore]
    """The metrics of each frame."""


def evaluate_hints(
    base: Path,
    hinted: Path,
    masks: Path,
    color: str,
    ranges: Sequence[tuple[int, int]] = DEFAULT_RANGES,
    progress: ProgressCallback | None = None,
) -> HintEvaluation:
    """Evaluate hints of one color on one object of a film.

    Args:
        base: the film colorized without hints.
        hinted: the film colorized with the hints and otherwise the same options.
        masks: the masks of the object in every frame; see `ObjectMasks`.
        color: the color of the hints, as in a hint file.
        ranges: first and last frames of the ranges to average, besides the whole film.
        progress: called after every frame.

    Raises:
        InputError: a film or the masks cannot be read, or no mask has an object.
        UsageError: the films differ in their size or their number of frames, there are fewer masks
            than frames, the masks have another aspect ratio, or the color is invalid.
    """
    target_ab = _parse_color(color)
    readers = DisplayReader(base), DisplayReader(hinted)
    if readers[0].size != readers[1].size:
        sizes = [f"{width}×{height}" for width, height in (reader.size for reader in readers)]
        raise UsageError(
            f"{hinted}: is {sizes[1]} and {base} {sizes[0]}; colorize both at the same size"
        )
    object_masks = ObjectMasks(masks)
    times: list[float] = []
    scores: list[HintScore] = []
    for index, (time_s, base_rgb, hinted_rgb) in enumerate(_read_frames(*readers)):
        mask = _read_mask(object_masks, index, readers[0])
        times.append(time_s)
        scores.append(score_hint(base_rgb, hinted_rgb, mask, target_ab))
        if progress is not None:
            total = readers[0].video.estimated_num_frames
            progress(Progress(hinted, "evaluate", index + 1, total))
    if all(math.isnan(score.coverage) for score in scores):
        raise InputError(
            f"{masks}: no mask has an object that is large enough to measure; "
            "use white for the object and black elsewhere"
        )
    return HintEvaluation(
        _make_report(color, target_ab, times, scores, ranges, object_masks), times, scores
    )


def _parse_color(color: str) -> tuple[float, float]:
    rgb = parse_color(color)
    if rgb is None:
        raise UsageError(f"--color: {color!r} is not a color; write #3b5f8a or steelblue")
    a, b = srgb_to_ab(np.array([[rgb]], np.uint8))[:, 0, 0]
    return float(a), float(b)


def _read_frames(base: DisplayReader, hinted: DisplayReader) -> Iterator[tuple[float, Rgb, Rgb]]:
    """Yield the time and both versions of each frame."""
    height, width = limit_short_side(base.size[::-1], MAX_SHORT_SIDE)
    pairs = itertools.zip_longest(base.frames(), hinted.frames())
    for count, (base_frame, hinted_frame) in enumerate(pairs):
        if base_frame is None or hinted_frame is None:
            longer, shorter = (base, hinted) if hinted_frame is None else (hinted, base)
            raise UsageError(
                f"{shorter.path}: has {count} frames and {longer.path} has more; "
                "colorize the same frames of the film with and without hints"
            )
        size = (width, height)
        yield float(base_frame.time_s), base_frame.rgb(size), hinted_frame.rgb(size)


def _read_mask(masks: ObjectMasks, index: int, film: DisplayReader) -> FloatArray:
    if index >= len(masks):
        raise UsageError(
            f"{masks.path}: has {len(masks)} masks and {film.path} has more frames; "
            "add a mask for every frame"
        )
    mask = masks.read(index)
    size = mask.shape[1], mask.shape[0]
    if not has_same_aspect_ratio(size, film.size):
        raise UsageError(
            f"{masks.get_name(index)}: is {size[0]}×{size[1]}, and {film.path} "
            f"{film.size[0]}×{film.size[1]}; use masks with the aspect ratio of the film"
        )
    return mask


def _make_report(
    color: str,
    target_ab: tuple[float, float],
    times: Sequence[float],
    scores: Sequence[HintScore],
    ranges: Sequence[tuple[int, int]],
    masks: ObjectMasks,
) -> HintReport:
    last_frame = len(scores) - 1
    spans = [(first, min(last, last_frame)) for first, last in ranges if first <= last_frame]
    warnings = [
        f"frames {first}-{last}: the film ends with frame {last_frame}"
        for first, last in ranges
        if last > last_frame
    ]
    if len(masks) > len(scores):
        warnings.append(
            f"{masks.path}: has {len(masks)} masks for {len(scores)} frames; "
            f"the first {len(scores)} are used"
        )
    return HintReport(
        num_frames=len(scores),
        color=color,
        color_ab=target_ab,
        definitions={metric.name: metric.definition for metric in HINT_METRICS},
        ranges=[_summarize(scores, *span) for span in (*spans, (0, last_frame))],
        frames=[
            HintFrame(time_s=round(time_s, 6), metrics=HintScores(**score._asdict()))
            for time_s, score in zip(times, scores, strict=True)
        ],
        warnings=warnings,
    )


def _summarize(scores: Sequence[HintScore], first: int, last: int) -> HintRange:
    part = scores[first : last + 1]
    return HintRange(
        first_frame=first,
        last_frame=last,
        num_measured=sum(not math.isnan(score.coverage) for score in part),
        metrics=HintMeans(**summarize_scores(part)),
    )
