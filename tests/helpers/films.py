"""Gray films written from arrays, and what is decoded of colored ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from tests.helpers.checks import read_film
from vidcolor.media.decode import FilmReader
from vidcolor.media.frames import plane_array
from vidcolor.media.probe import probe

Codes = NDArray[np.uint8]

REEL = Path(__file__).parents[2] / "samples" / "reel.mkv"
REEL_CUTS = (0, 60, 120, 210, 270, 330, 390)


def write_shot_list(path: Path, starts: Sequence[int], num_frames: int) -> Path:
    """A list of shots, as a person gives it."""
    ends = (*starts[1:], num_frames)
    rows = [f"{first},{end - 1}" for first, end in zip(starts, ends, strict=True)]
    path.write_text("\n".join(["first_frame,last_frame", *rows]))
    return path


def write_gray(path: Path, frames: Iterable[Codes], rate: int = 25) -> Path:
    """A lossless film of 8-bit luma, (h, w) each."""
    with av.open(str(path), "w") as film:
        stream = film.add_stream("ffv1", rate=rate)
        stream.pix_fmt, stream.time_base = "gray", Fraction(1, rate)
        for number, codes in enumerate(frames):
            if not number:
                stream.width, stream.height = codes.shape[1], codes.shape[0]
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(codes), "gray")
            picture.pts, picture.time_base = number, Fraction(1, rate)
            film.mux(stream.encode(picture))
        film.mux(stream.encode(None))
    return path


def reel(first: int, count: int, size: tuple[int, int] = (160, 120)) -> list[Codes]:
    """Frames of the sample reel, small."""
    video = probe(REEL).video
    frames = FilmReader(REEL, video).frames()
    unit = (video.coding.luma_to_unit(f.luma) for f in frames if first <= f.index < first + count)
    small = (cv2.resize(u, size, interpolation=cv2.INTER_AREA) for u in unit)
    return [np.rint(255 * s).astype(np.uint8) for s in small]


def planes_of(path: Path) -> list[list[NDArray[np.generic]]]:
    """All planes of all frames."""
    film = read_film(path)
    return [[plane_array(p, film.bits).copy() for p in frame.planes] for frame in film.frames]


def lab_of(path: Path) -> list[NDArray[np.float32]]:
    """L*, a*, b* of each frame: (h, w, 3)."""
    with av.open(str(path)) as film:
        rgb = [f.to_ndarray(format="rgb24") for f in film.decode(video=0)]
    return [cv2.cvtColor(c.astype(np.float32) / 255, cv2.COLOR_RGB2LAB) for c in rgb]
