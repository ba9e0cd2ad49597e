"""Fade detection: one shot fades to black or white, and the next one fades in.

The contrast of a frame is the standard deviation of its Y', which dips in a fade; see Lienhart,
"Comparison of automatic shot boundary detection algorithms", SPIE 3656, 1999. Frames inside a fade
show more dust than content. The detector therefore compares the clear frames on both sides of the
dip, and reports a fade only if they show different shots.
"""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vidcolor.shots.features import FrameFeatures, measure_change

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_FLASH = 3
"""Maximum length of a flash, in frames. A dip in contrast of at most this length is not a fade."""
DIM_RATIO = 0.3
"""Ratio of a frame's contrast to the usual contrast below which the frame is dim."""
RECOVERED_RATIO = 0.5
"""Ratio of a frame's contrast to the usual contrast at which a run of dim frames ends. It is higher
than `DIM_RATIO`, so that flicker does not split a dip."""
STEADY_RATIO = 0.7
"""Ratio of the previous frame's contrast to the usual contrast. Above it, a sudden drop of contrast
is a cut to a dark shot, because a fade lowers the contrast gradually."""
USUAL_CONTRAST_DECAY = 0.97
"""Factor by which the usual contrast decays per frame. It ends a run of dim frames after about a
second if a dark shot follows."""
CLEAR_RATIO = 0.6
"""Minimum ratio of the contrast of a clear frame to the maximum contrast on its side of the dip."""
PLATEAU_FRAMES = 10
"""Number of frames without a higher contrast after which the contrast has reached its plateau."""
MAX_SLOPE_FRAMES = 40
"""Maximum number of frames on either side of a dip among which the clear frames are searched."""
COMPARED_FRAMES = 2
"""Number of clear frames on either side of the dip that are compared."""
MIN_CHANGE = 0.25
"""Minimum `measure_change` between the clear frames on both sides of a dip. With less, the same
shot continues, and the dip is not reported."""


@dataclass(frozen=True, slots=True)
class Fade:
    """A fade from one shot to another through black or white."""

    middle: int
    """Index of the frame in the middle of the dip, where the next shot starts."""
    before: int
    """Index of the last clear frame before the dip."""
    after: int
    """Index of the first clear frame after the dip."""


@dataclass(frozen=True, slots=True)
class _FadeSample:
    """A frame that is neither dim nor blank."""

    index: int
    contrast: float
    features: FrameFeatures


class FadeDetector:
    """Detects fades, with a delay of up to `MAX_SLOPE_FRAMES` after the dip."""

    def __init__(self, first: int = 0) -> None:
        """Create a detector; `first` is the index of the first frame that is fed."""
        self.is_dim = False
        """Whether the last frame is dim: close to black or white, or inside a fade."""
        self._count = first
        self._contrast = self._usual_contrast = 0.0
        self._clear: deque[_FadeSample] = deque(maxlen=MAX_SLOPE_FRAMES)
        self._dip_first = 0
        self._dip: tuple[int, int] | None = None
        self._before: list[_FadeSample] = []
        self._after: list[_FadeSample] = []

    def feed(self, contrast: float, features: FrameFeatures | None) -> Fade | None:
        """Process the next frame; return the fade that became final with it, or None.

        `contrast` is the standard deviation of its Y', 0 to 0.5. `features` is None if it is blank.
        """
        index, was_dim = self._count, self.is_dim
        self._count += 1
        self.is_dim = self._update_dim(contrast, features is None)
        if self.is_dim and not was_dim:
            self._dip_first = index
        elif was_dim and not self.is_dim and index - self._dip_first > MAX_FLASH:
            fade = self._evaluate()
            self._dip = (self._dip_first, index)
            self._before = _select_clear(reversed(self._clear))
            self._clear.clear()
            self._add_sample(index, contrast, features)
            return fade
        if not self.is_dim:
            self._add_sample(index, contrast, features)
        return self._evaluate() if self._dip and _has_plateau(self._after) else None

    def finish(self) -> Fade | None:
        """Return the fade at the end of the film that `feed` has not returned, or None."""
        return self._evaluate()

    def _add_sample(self, index: int, contrast: float, features: FrameFeatures | None) -> None:
        """Keep a frame that is not dim, for the side before the next dip and after the last one."""
        if features is not None:
            self._clear.append(_FadeSample(index, contrast, features))
            if self._dip:
                self._after.append(self._clear[-1])

    def _update_dim(self, contrast: float, is_blank: bool) -> bool:
        """Return whether the next frame is dim, and update the usual contrast."""
        # Frames of a dark shot are not dim: after a cut they set the usual contrast, and otherwise
        # the usual contrast decays to theirs.
        previous, self._contrast = self._contrast, contrast
        usual = self._usual_contrast = max(contrast, USUAL_CONTRAST_DECAY * self._usual_contrast)
        if is_blank:
            return True
        if self.is_dim:
            return contrast < RECOVERED_RATIO * usual
        if contrast >= DIM_RATIO * usual:
            return False
        if previous > STEADY_RATIO * usual:
            self._usual_contrast = contrast
            return False
        return True

    def _evaluate(self) -> Fade | None:
        """Compare both sides of the current dip, and forget the dip."""
        dip, self._dip = self._dip, None
        before, after = self._before, _select_clear(self._after)
        self._before, self._after = [], []
        if dip is None or not before or not after:
            return None
        pairs = itertools.product(before[:COMPARED_FRAMES], after[:COMPARED_FRAMES])
        if min(measure_change(a.features, b.features) for a, b in pairs) < MIN_CHANGE:
            return None
        return Fade(sum(dip) // 2, before[0].index, after[0].index)


def _select_clear(samples: Iterable[_FadeSample]) -> list[_FadeSample]:
    """Return the clear frames of one side of a dip up to the plateau, nearest to the dip first."""
    slope: list[_FadeSample] = []
    for sample in samples:
        slope.append(sample)
        if _has_plateau(slope):
            break
    maximum = max((sample.contrast for sample in slope), default=0.0)
    return [sample for sample in slope if sample.contrast >= CLEAR_RATIO * maximum]


def _has_plateau(slope: list[_FadeSample]) -> bool:
    """Return whether the contrast has not risen for `PLATEAU_FRAMES`, or the slope is too long."""
    if len(slope) >= MAX_SLOPE_FRAMES:
        return True
    contrasts = [sample.contrast for sample in slope]
    earlier = contrasts[:-PLATEAU_FRAMES]
    return bool(earlier) and max(earlier) >= max(contrasts[-PLATEAU_FRAMES:])
