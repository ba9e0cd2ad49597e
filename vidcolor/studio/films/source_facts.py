"""What the studio shows of the source of a film, which its project does not state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vidcolor.media.probe import probe
from vidcolor.media.sequence import find_sequence
from vidcolor.media.sequence_reader import probe_sequence
from vidcolor.project.cache import load_analysis

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from vidcolor.project.api import Project

_STEP_TOLERANCE = 0.05
"""Maximum difference of the durations of frames at a constant rate, as a share of a duration."""


def describe_source(project: Project) -> dict[str, Any]:
    """Return facts about an analyzed source, as JSON.

    `width` and `height` are those of the displayed frames, with square pixels. `timecode` is that
    of the first frame; None if the source has none that is valid. `variable_rate` states whether
    the frames have different durations.

    Raises:
        VidcolorError: the source cannot be read.
    """
    source = project.find_source()
    if project.document.source.kind == "film":
        video = probe(source).video
    else:
        options = project.options
        video = probe_sequence(find_sequence(source), options.fps, options.gray_from).video
    analysis = load_analysis(project.path, project.document.source)
    pts: Sequence[int] = () if analysis is None else analysis.pts
    timecode = video.timecode_at(pts[0]) if pts else None
    width, height = video.displayed_size
    return {
        "width": width,
        "height": height,
        "timecode": None if timecode is None else str(timecode),
        "variable_rate": has_variable_rate(pts, video.time_base, video.rate),
    }


def has_variable_rate(pts: Sequence[int], time_base: Fraction, rate: Fraction | None) -> bool:
    """Return whether frames have different durations, apart from the rounding of timestamps.

    Args:
        pts: timestamps of the frames, in units of `time_base`.
        time_base: in seconds.
        rate: average number of frames per second; None if unknown.
    """
    if len(pts) < 3:
        return False
    steps = np.diff(np.asarray(pts, np.float64))
    nominal = float(steps.mean()) if rate is None else float(1 / (rate * time_base))
    # Timestamps are rounded only if the duration is not a whole number of units.
    rounding = 0 if abs(nominal - round(nominal)) < 1e-6 else 1
    return bool(np.abs(steps - nominal).max() > rounding + _STEP_TOLERANCE * nominal)
