"""Excerpts: consecutive shots of a project that are rendered without the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidcolor.errors import UsageError
from vidcolor.film.request import Excerpt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidcolor.project.document import ProjectDocument


def choose_excerpt(document: ProjectDocument, indices: Sequence[int]) -> Excerpt | None:
    """Return the excerpt with the shots of these indices; None if they are the whole film.

    Shots that dissolve into each other are rendered together, so they are added.

    Raises:
        UsageError: the shots are not consecutive.
    """
    runs = _find_runs(indices)
    if len(runs) != 1:
        names = [str(a + 1) if a == b else f"{a + 1}-{b + 1}" for a, b in runs]
        raise UsageError(
            f"shots {', '.join(names)} are not consecutive; render one of these ranges at a time"
        )
    spans, (first, last) = document.spans, runs[0]
    while spans[first].mixed_frames:  # the first shot of a film has none
        first -= 1
    while last + 1 < len(spans) and spans[last + 1].mixed_frames:
        last += 1
    if first == 0 and last + 1 == len(spans):
        return None
    shots = range(first, last + 1)
    added = tuple(index for index in shots if index not in indices)
    return Excerpt(shots, range(spans[first].first, spans[last].end), added)


def _find_runs(indices: Sequence[int]) -> list[tuple[int, int]]:
    """Return the first and last index of each run of consecutive indices."""
    runs: list[tuple[int, int]] = []
    for index in sorted(set(indices)):
        if runs and runs[-1][1] + 1 == index:
            runs[-1] = runs[-1][0], index
        else:
            runs.append((index, index))
    return runs
