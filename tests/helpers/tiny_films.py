"""Tiny lossless films of flat colors that identify the frame number, made with PyAV."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.codec.context import Flags

from vidcolor.color.ycbcr import MATRICES, Coding, Matrix
from vidcolor.media.frames import view_plane

TICKS = 24000
"""Ticks per second of the time base; frames are 1000 ticks apart."""
SAMPLE_RATE = 48000
"""Audio samples per second."""
AAC_FRAME = 1024
"""Audio samples in a packet of AAC."""
Rgb = tuple[int, int, int]


def rgb_to_codes(rgb: Rgb, matrix: Matrix, coding: Coding) -> tuple[int, int, int]:
    """Return the Y', Cb, Cr codes of a color, computed from the definition in BT.709."""
    red, green, blue = (c / 255 for c in rgb)
    y = matrix.kr * red + matrix.kg * green + matrix.kb * blue
    cb, cr = (blue - y) / (2 * (1 - matrix.kb)), (red - y) / (2 * (1 - matrix.kr))
    return (
        round(y * coding.luma_span + coding.black),
        round(cb * coding.chroma_span + coding.neutral),
        round(cr * coding.chroma_span + coding.neutral),
    )


def make_flat_frame(
    rgb: Rgb, size: tuple[int, int], pix_fmt: str, matrix: Matrix, coding: Coding
) -> av.VideoFrame:
    """Return a frame of one color."""
    frame = av.VideoFrame(*size, pix_fmt)
    for plane, code in zip(frame.planes, rgb_to_codes(rgb, matrix, coding), strict=False):
        view_plane(plane, coding.bits)[:] = code
    return frame


def make_film(
    path: Path,
    colors: Sequence[Rgb],
    *,
    pts: Sequence[int] | None = None,
    size: tuple[int, int] = (64, 48),
    sar: Fraction | None = None,
    rotation: int = 0,
    audio: bool = False,
    first_pts: int = 0,
    matrix: str = "bt709",
) -> Path:
    """Write a lossless film with one flat color per frame.

    Args:
        path: the film.
        colors: R'G'B' of each frame.
        pts: PTS of each frame in ticks from the first; None for frames 1000 ticks apart.
        size: width and height in pixels.
        sar: sample aspect ratio; None for no tag.
        rotation: display rotation in degrees.
        audio: whether the film has an audio stream.
        first_pts: PTS of the first frame, in ticks.
        matrix: name of the matrix.
    """
    pts = pts or [1000 * n for n in range(len(colors))]
    coding = Coding(8, full_range=False)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24)
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = *size, "yuv420p"
        context.time_base = Fraction(1, TICKS)
        context.options = {"qp": "0", "bf": "0", "preset": "ultrafast"}
        context.flags |= Flags.frame_duration
        context.color_range, context.colorspace = 1, MATRICES[matrix].code
        if sar:
            context.sample_aspect_ratio = sar
        if rotation:
            stream.set_display_rotation(rotation)
        audio_stream = None
        if audio:
            audio_stream = container.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        container.start_encoding()
        for n, color in enumerate(colors):
            frame = make_flat_frame(color, size, "yuv420p", MATRICES[matrix], coding)
            frame.pts, frame.time_base = first_pts + pts[n], Fraction(1, TICKS)
            following = pts[n + 1] if n + 1 < len(pts) else pts[n] + 1000
            frame.duration = following - pts[n]
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if audio_stream is not None:
            _encode_tone(container, audio_stream, (pts[-1] + 1000) / TICKS, first_pts)
    return path


def _encode_tone(container, stream, seconds: float, first_pts: int) -> None:
    """Encode a tone with another pitch in every packet, so that packets can be identified."""
    for n in range(int(seconds * SAMPLE_RATE) // AAC_FRAME):
        phase = np.arange(AAC_FRAME) * (0.02 + 0.001 * n)
        frame = av.AudioFrame.from_ndarray(
            np.sin(phase).astype(np.float32)[None] / 2, format="fltp", layout="mono"
        )
        frame.sample_rate, frame.time_base = SAMPLE_RATE, Fraction(1, SAMPLE_RATE)
        frame.pts = n * AAC_FRAME + first_pts * SAMPLE_RATE // TICKS
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def gray_ramp(count: int) -> list[Rgb]:
    """Return grays that increase by 8 per frame from 40."""
    return [(40 + 8 * n,) * 3 for n in range(count)]


def red_ramp(count: int) -> list[Rgb]:
    """Return reds that increase by 8 per frame from 100."""
    return [(100 + 8 * n, 60, 50) for n in range(count)]
