"""Streaming shot detection on luma: combines cuts, dissolves and fades into shots.

The detectors in `cuts`, `fades` and `dissolves` reject film damage and motion inside a shot. Where
they report overlapping transitions, a fade replaces all others, and a cut replaces a dissolve.

PySceneDetect and TransNetV2 are not used, because their F1 on worn film is lower in
`benchmarks/shots.py`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from vidcolor.shots.cuts import CutDetector, FrameSample
from vidcolor.shots.dissolves import Dissolve, DissolveDetector
from vidcolor.shots.fades import Fade, FadeDetector
from vidcolor.shots.features import (
    MIN_CONTRAST,
    MIN_FAINT_CONTRAST,
    extract_features,
    is_faint,
    make_thumbnail,
    resize_frame,
)
from vidcolor.shots.letterbox import LetterboxCropper

if TYPE_CHECKING:
    from vidcolor.imaging.types import FloatArray

MERGE_DISTANCE = 3
"""Maximum distance, in frames, between two reports of one transition. A dissolve closer to another
transition is discarded."""
LOOKAHEAD = 120
"""Delay, in frames, after which a shot boundary is final. It exceeds the delay of all detectors."""
LOOKBACK = 96
"""Number of frames that are analyzed again when the active picture area grows. It is less than
`LOOKAHEAD`, so that shots that were already returned do not change."""

Transition = Literal["start", "cut", "dissolve", "fade"]
"""How a shot starts: at the start of the film, or by a transition from the previous shot."""
ShotKind = Literal["title", "picture"]
"""What a shot shows: text or blank leader, which has no color, or anything else."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A run of frames from one camera take.

    The shots of a film are consecutive and cover all frames. Indices count frames from 0.
    """

    first: int
    """Index of the first frame. After a dissolve, it is the first frame with a trace of the shot;
    after a fade, the middle of the black or white frames."""
    end: int
    """Index of the frame after the last one, which is the next shot's `first`."""
    transition: Transition = "cut"
    """Transition from the previous shot."""
    mixed_frames: int = 0
    """Number of frames from `first` on that also show the previous shot; 0 without a dissolve."""
    kind: ShotKind | None = None
    """What the shot shows, as far as a shot list says it; otherwise None."""

    @property
    def boundary(self) -> int:
        """Index of the first frame that is colorized as part of this shot.

        After a dissolve, it is the middle of the mixed frames; otherwise, it is `first`.
        """
        return self.first + self.mixed_frames // 2

    @property
    def mixed_range(self) -> range:
        """Indices of the frames that also show the previous shot."""
        return range(self.first, self.first + self.mixed_frames)


ShotFinder: TypeAlias = Callable[[int], Shot]
"""A function that returns the shot of the frame with a given index: the last one whose `Shot.first`
is not greater."""


def make_shot_finder(shots: Sequence[Shot]) -> ShotFinder:
    """Return a function that finds the shot of a frame among the consecutive shots of a film.

    A frame before the first shot is part of it.
    """
    starts = [shot.first for shot in shots]
    return lambda index: shots[max(bisect_right(starts, index) - 1, 0)]


class _Frame(NamedTuple):
    """A frame whose following frame decides whether it is faint or blank."""

    number: int
    """Index of the frame in the film, from 0."""
    frame: FloatArray
    """Result of `resize_frame`, without letterbox."""
    thumbnail: FloatArray


class ShotDetector:
    """Detects shots with a delay of `LOOKAHEAD` frames and with bounded memory."""

    def __init__(self) -> None:
        self._count = 0
        self._cropper = LetterboxCropper()
        self._recent: deque[FloatArray] = deque(maxlen=LOOKBACK)
        # Dissolves are reported late and must not overlap a fade that was reported before.
        self._recent_fades: deque[Fade] = deque(maxlen=4)
        self._pending: list[Shot] = []
        """Shots after the current one, in order; their `end` is not known yet and is 0."""
        self._current = Shot(0, 0, "start")
        self._start_detectors(0)

    @property
    def current(self) -> Shot:
        """The last shot whose start is final. Its `end` is not known yet and is 0."""
        return self._current

    @property
    def next_first(self) -> int | None:
        """First frame of the shot after `current`; None if it is not known. It may still change."""
        return self._pending[0].first if self._pending else None

    @property
    def num_final(self) -> int:
        """Number of frames, from the first one, that are part of `current` or of an earlier shot.

        The mixed frames of `current` are not counted before all of them are final, because the next
        shot may replace the last ones.
        """
        limit = self._count - LOOKAHEAD
        return self._current.first if self._current.mixed_range.stop > limit else limit

    def _start_detectors(self, first: int) -> None:
        self._previous: FloatArray | None = None
        self._next: _Frame | None = None
        self._cuts, self._fades = CutDetector(), FadeDetector(first)
        self._dissolves = DissolveDetector(first)

    def feed(self, proxy: FloatArray) -> list[Shot]:
        """Process the next frame; return the shots that became final with it, in order.

        `proxy` is its Y', (h, w) float32 in [0, 1]. All frames have the same size.
        """
        frame = resize_frame(proxy)
        self._recent.append(frame)
        self._count += 1
        frames = [frame]
        if self._cropper.update(frame):  # earlier features were computed on another area
            self._start_detectors(self._count - len(self._recent))
            frames = list(self._recent)
        for index, recent in enumerate(frames, self._count - len(frames)):
            cropped = self._cropper.crop(recent)
            self._shift(_Frame(index, cropped, make_thumbnail(cropped)))
        return self._complete(self._count - LOOKAHEAD)

    def _shift(self, following: _Frame | None) -> None:
        """Process the frame before the given one; None for the last frame of the film."""
        if self._next is not None:
            thumbnails = (self._previous, None if following is None else following.thumbnail)
            self._detect(*self._next, [t for t in thumbnails if t is not None])
            self._previous = self._next.thumbnail
        self._next = following

    def _detect(
        self, index: int, frame: FloatArray, thumbnail: FloatArray, neighbors: Sequence[FloatArray]
    ) -> None:
        # At the end of a fade, the shot itself is faint.
        is_visible = not self._fades.is_dim and is_faint(thumbnail, neighbors)
        features = extract_features(thumbnail, MIN_FAINT_CONTRAST if is_visible else MIN_CONTRAST)
        fade = self._fades.feed(float(thumbnail.std()), features)
        if features is not None and not self._fades.is_dim:
            self._add(self._cuts.feed(FrameSample(index, features, frame)))
        self._add(fade)
        self._add(self._dissolves.feed(frame, thumbnail))

    def finish(self) -> list[Shot]:
        """Return the remaining shots; empty if there was no frame."""
        self._shift(None)
        for found in (*self._cuts.finish(), self._fades.finish(), *self._dissolves.finish()):
            self._add(found)
        complete = self._complete(self._count)
        return [*complete, replace(self._current, end=self._count)] if self._count else []

    def _add(self, found: tuple[int, int] | Fade | Dissolve | None) -> None:
        """Add a transition: a cut with the frames before and after it, a fade, or a dissolve."""
        if isinstance(found, Fade):  # replaces all other transitions inside it
            self._recent_fades.append(found)
            first, end = found.before + 1, found.after + 1
            self._pending = [s for s in self._pending if not _overlaps(s, first, end)]
            self._insert(Shot(found.middle, 0, "fade"))
        elif isinstance(found, Dissolve):  # ignored if another transition is close
            shot = Shot(found.first, 0, "dissolve", found.end - found.first)
            first, end = found.first - MERGE_DISTANCE, found.end + MERGE_DISTANCE
            is_near = any(_overlaps(other, first, end) for other in self._pending)
            in_fade = any(_overlaps(shot, f.before, f.after) for f in self._recent_fades)
            if not is_near and not in_fade:
                self._insert(shot)
        elif found is not None:  # a cut with blank frames is a fade
            last, first = found
            has_blank = first - last > 1
            self._insert(Shot((last + first + 1) // 2, 0, "fade") if has_blank else Shot(first, 0))

    def _insert(self, shot: Shot) -> None:
        """Insert a shot in order. A cut or a fade replaces the dissolves near it."""
        first, end = shot.first - MERGE_DISTANCE, shot.first + MERGE_DISTANCE + 1
        if not shot.mixed_frames:
            self._pending = [
                s for s in self._pending if not (s.mixed_frames and _overlaps(s, first, end))
            ]
        if shot.first > 0 and shot not in self._pending:
            self._pending.append(shot)
            self._pending.sort(key=lambda other: other.first)

    def _complete(self, before: int) -> list[Shot]:
        """Return the shots that end before the frame with index `before`, and remove them."""
        complete = []
        while self._pending and self._pending[0].first < before:
            following = self._pending.pop(0)
            first = self._current.first
            if following.first <= first:
                continue
            mixed_frames = min(self._current.mixed_frames, following.first - first)
            complete.append(replace(self._current, end=following.first, mixed_frames=mixed_frames))
            self._current = following
        return complete


def _overlaps(shot: Shot, first: int, end: int) -> bool:
    """Return whether the transition of a shot overlaps the frames in ``range(first, end)``."""
    return first < shot.first + max(shot.mixed_frames, 1) and shot.first < end
