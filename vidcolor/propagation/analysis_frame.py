"""Frames on their way to their color: small copies of them, joined by flow within each shot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vidcolor.concurrency import parallel
from vidcolor.motion.flow import estimate_flow, flow_input
from vidcolor.propagation.keyframes import FlowFrame

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from vidcolor.media.decode import Frame
    from vidcolor.motion.flow import FlowEstimator, FlowInput
    from vidcolor.shots.detector import Shot

    Array = NDArray[np.float32]

FLOW_WORKERS = 2
"""Threads that measure flow, which one could not do as fast as a quick encoder writes."""


@dataclass(frozen=True, slots=True)
class AnalysisFrame:
    """A frame and the small upright copies that are looked at in its stead."""

    frame: Frame
    proxy: Array
    """What the generator sees: (h, w) float32 in [0, 1]."""
    look: FlowInput
    """What flow sees."""


def make_analysis_frame(frame: Frame, proxy: Array) -> AnalysisFrame:
    """Prepare a frame from its proxy."""
    return AnalysisFrame(frame, proxy, flow_input(proxy))


def boundary(shot: Shot) -> int:
    """The first frame that is colored as part of a shot: in a dissolve the middle one."""
    return shot.first + shot.mixed // 2


def with_flow(
    frames: Iterable[AnalysisFrame], shots: Sequence[Shot], estimator: FlowEstimator
) -> Iterator[FlowFrame[AnalysisFrame]]:
    """Join frames by the flow from the one before, where that is of the same shot.

    Args:
        frames: in order, one after another.
        shots: of the film.
        estimator: measures the flow; in several threads.
    """
    walls = frozenset(boundary(shot) for shot in shots)
    mixed = frozenset(n for shot in shots for n in range(shot.first, shot.first + shot.mixed))

    def see(pair: tuple[AnalysisFrame | None, AnalysisFrame]) -> FlowFrame[AnalysisFrame]:
        before, here = pair
        step = None
        if before is not None and here.frame.index not in walls:
            step = estimate_flow(before.look, here.look, estimator)
        return FlowFrame(here, here.look, step, here.frame.index in mixed)

    return parallel(see, _with_the_one_before(frames), FLOW_WORKERS, FLOW_WORKERS + 1)


def _with_the_one_before(
    frames: Iterable[AnalysisFrame],
) -> Iterator[tuple[AnalysisFrame | None, AnalysisFrame]]:
    before = None
    for frame in frames:
        yield before, frame
        before = frame
