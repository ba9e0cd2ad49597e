"""Gray films that are written from arrays, and the decoded frames of colorized ones."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from tests.helpers.checks import read_film
from vidcolor.imaging.types import Uint8Array
from vidcolor.media.decode import VideoReader
from vidcolor.media.frames import view_plane
from vidcolor.media.probe import probe

REEL = Path(__file__).parents[2] / "samples" / "reel.mkv"
"""The sample reel in the repository."""
REEL_CUTS = (0, 60, 120, 210, 270, 330, 390)
"""First frames of its shots."""


def write_shot_list(path: Path, starts: Sequence[int], num_frames: int) -> Path:
    """Write a shot list in the CSV format that users write.

    Args:
        path: path of the list.
        starts: index of the first frame of each shot.
        num_frames: number of frames of the film.
    """
    ends = (*starts[1:], num_frames)
    rows = [f"{first},{end - 1}" for first, end in zip(starts, ends, strict=True)]
    path.write_text("\n".join(["first_frame,last_frame", *rows]))
    return path


def write_gray(path: Path, frames: Iterable[Uint8Array], rate: int = 25) -> Path:
    """Write a lossless gray film; each frame is (h, w) uint8."""
    with av.open(str(path), "w") as film:
        stream = film.add_stream("ffv1", rate=rate)
        stream.pix_fmt, stream.time_base = "gray", Fraction(1, rate)
        for number, codes in enumerate(frames):
            if not number:
                stream.width, stream.height = codes.shape[1], codes.shape[0]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(codes), "gray")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))
    return path


def read_reel(first: int, count: int, size: tuple[int, int] = (160, 120)) -> list[Uint8Array]:
    """Return frames of the sample reel, reduced to `size` (width, height)."""
    video = probe(REEL).video
    frames = itertools.islice(VideoReader(REEL, video).frames(), first, first + count)
    unit = (video.coding.luma_to_unit(f.luma) for f in frames)
    small = (cv2.resize(u, size, interpolation=cv2.INTER_AREA) for u in unit)
    return [np.rint(255 * s).astype(np.uint8) for s in small]


def read_planes(path: Path) -> list[list[NDArray[np.generic]]]:
    """Return all planes of all frames of a film."""
    film = read_film(path)
    return [[view_plane(p, film.bits).copy() for p in frame.planes] for frame in film.frames]


def read_lab(path: Path) -> list[NDArray[np.float32]]:
    """Return L*, a*, b* of each frame: (h, w, 3) float32."""
    with av.open(str(path)) as film:
        rgb = [f.to_ndarray(format="rgb24") for f in film.decode(video=0)]
    return [cv2.cvtColor(c.astype(np.float32) / 255, cv2.COLOR_RGB2LAB) for c in rgb]


def read_plane_bytes(path: Path) -> list[list[bytes]]:
    """Return all planes of all frames of a film as bytes, for exact comparisons."""
    return [[plane.tobytes() for plane in frame] for frame in read_planes(path)]
