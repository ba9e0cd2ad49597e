"""Parts of a segment: short runs of frames, each in files of its own.

A segment is rendered part after part. Each finished part is committed with the state from which
the next frames can be rendered, also inside a shot, so that a killed run loses one part at most.

::

    segments/00003.partial/000/           video.mp4, confidence.mp4 or numbered images
    segments/00003.partial/000/done.json  written last: sizes and digests of the files beside it
    segments/00003.partial/000/state.npz  only in the last parts of an unfinished segment
"""

from __future__ import annotations

import contextlib
import os
import zipfile
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vidcolor.film.workdir import (
    SegmentResult,
    commit_folder,
    create_folder,
    finished_parts,
    part_dir,
)
from vidcolor.system import fsync_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from vidcolor.film.workdir import WorkDir

MAX_PART_S = Fraction(5)
"""Maximum duration of a part in seconds."""
PART_S = Fraction(4)
"""Duration from which a part ends, in seconds. Each part starts an encoder and an intra-coded
frame, so shorter parts would take more time and space."""
MIN_CUT_S = Fraction(2)
"""Duration from which a part ends at a cut, in seconds: an intra-coded frame costs little there."""
MIN_PART_FRAMES = 16
"""Minimum number of frames of a part, which is longer than `MAX_PART_S` below 4 frames per second.
"""
_STATE_FILE = "state.npz"
_STATES_KEPT = 2
"""Number of parts that keep their state. If the last part is damaged, the one before is used."""

Arrays = dict[str, "NDArray[Any]"]


@dataclass(frozen=True, slots=True)
class RenderState:
    """Everything that later frames depend on, besides the frames from `start` on."""

    start: int
    """Index of the first frame to read."""
    sections: Mapping[str, Arrays] = field(default_factory=dict)
    """Arrays of each stage of rendering that has a state."""


def split_parts(
    frames: range, cuts: Iterable[int], pts: Sequence[int], time_base: Fraction
) -> tuple[range, ...]:
    """Split the frames of a segment into parts.

    Args:
        frames: indices of the frames of the segment.
        cuts: indices of the frames that follow a cut.
        pts: timestamps of all frames of the film, in units of `time_base`.
        time_base: unit of the timestamps in seconds.
    """
    cuts, start, parts = frozenset(cuts), frames.start, []
    # The frame after the last one of the film has no timestamp; its difference is not needed.
    while (pts[frames.stop - 1] - pts[start]) * time_base >= MAX_PART_S:
        end, cut = start + 1, None
        while end < frames.stop:
            elapsed_s, count = (pts[end] - pts[start]) * time_base, end - start
            if elapsed_s >= PART_S and count >= MIN_PART_FRAMES:
                break
            if elapsed_s >= MIN_CUT_S and count >= MIN_PART_FRAMES and end in cuts:
                cut = end
            end += 1
        if (cut or end) == frames.stop:  # At a low frame rate, the rest has too few frames.
            break
        parts.append(range(start, cut or end))
        start = cut or end
    return (*parts, range(start, frames.stop))


def load_parts(folder: Path) -> tuple[list[SegmentResult], RenderState | None]:
    """Return the finished parts of a segment, and the state after them; ([], None) if none is.

    Parts without a state after them are left out, because rendering cannot continue there.
    """
    results = finished_parts(folder)
    while results:
        state = _read_state(part_dir(folder, len(results) - 1) / _STATE_FILE)
        if state is not None:
            return results, state
        results.pop()
    return [], None


def commit_part(
    folder: Path, number: int, result: SegmentResult, state: RenderState | None
) -> None:
    """Turn the directory from `create_part_dir` into a finished part, atomically.

    `state` is that after the part; None if rendering cannot continue there.
    """
    final = part_dir(folder, number)
    if state is not None:
        arrays = {
            f"{section}.{name}": array
            for section, items in state.sections.items()
            for name, array in items.items()
        }
        path = final.with_suffix(".partial") / _STATE_FILE
        np.savez(path, start=np.int64(state.start), **arrays)  # type: ignore[arg-type]
        fsync_path(path)
    commit_folder(final, result)
    if number >= _STATES_KEPT:
        (part_dir(folder, number - _STATES_KEPT) / _STATE_FILE).unlink(missing_ok=True)


def create_part_dir(folder: Path, number: int) -> Path:
    """Create an empty directory for the files of a part; `commit_part` renames it."""
    return create_folder(part_dir(folder, number))


def merge_parts(folder: Path, results: Sequence[SegmentResult]) -> SegmentResult:
    """Return the result of a segment from those of all its parts; remove their states."""
    depths: dict[str, int] = {}
    files: dict[str, tuple[int, str]] = {}
    for number, result in enumerate(results):
        (part_dir(folder, number) / _STATE_FILE).unlink(missing_ok=True)
        name = part_dir(folder, number).name
        files |= {f"{name}/{file}": value for file, value in result.files.items()}
        for film, depth in result.reorder_depths.items():
            depths[film] = max(depth, depths.get(film, 0))
    uses_color = [r.uses_source_color for r in results if r.uses_source_color is not None]
    return SegmentResult(
        reorder_depths=depths,
        files=files,
        warnings=tuple(dict.fromkeys(text for r in results for text in r.warnings)),
        uses_source_color=any(uses_color) if uses_color else None,
        shot_uncertainty=tuple(shot for r in results for shot in r.shot_uncertainty),
    )


def measure_parts(work: WorkDir) -> int:
    """Return the size in bytes of all encoded films and images in a work directory."""
    size = 0
    for parent, _, names in os.walk(work.segment_dir(0).parent):
        for name in names:
            if not name.endswith((".json", ".npz")):
                with contextlib.suppress(OSError):  # a directory was renamed meanwhile
                    size += Path(parent, name).stat().st_size
    return size


def _read_state(path: Path) -> RenderState | None:
    """Return a saved state; None if it is missing or damaged."""
    with contextlib.suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        sections: dict[str, Arrays] = {}
        start = int(arrays.pop("start"))
        for name, array in arrays.items():
            section, _, key = name.partition(".")
            sections.setdefault(section, {})[key] = array
        return RenderState(start, sections)
    return None
