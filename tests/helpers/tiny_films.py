"""Tiny films whose color tells the frame's number, made with PyAV."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.codec.context import Flags

from vidcolor.color.ycbcr import MATRICES, Coding, Matrix
from vidcolor.media.frames import plane_array

TICKS = 24000
Rgb = tuple[int, int, int]


def codes_of(rgb: Rgb, matrix: Matrix, coding: Coding) -> tuple[int, int, int]:
    """Y', Cb, Cr codes of a color, by the definition."""
    red, green, blue = (c / 255 for c in rgb)
    y = matrix.kr * red + matrix.kg * green + matrix.kb * blue
    cb, cr = (blue - y) / (2 * (1 - matrix.kb)), (red - y) / (2 * (1 - matrix.kr))
    return (
        round(y * coding.luma_span + coding.black),
        round(cb * coding.chroma_span + coding.neutral),
        round(cr * coding.chroma_span + coding.neutral),
    )


def flat_frame(
    rgb: Rgb, size: tuple[int, int], pix_fmt: str, matrix: Matrix, coding: Coding
) -> av.VideoFrame:
    frame = av.VideoFrame(*size, pix_fmt)
    for plane, code in zip(frame.planes, codes_of(rgb, matrix, coding), strict=False):
        plane_array(plane, coding.bits)[:] = code
    return frame


def make_film(
    path: Path,
    colors: Sequence[Rgb],
    *,
    stamps: Sequence[int] | None = None,
    size: tuple[int, int] = (64, 48),
    sar: Fraction | None = None,
    rotation: int = 0,
    sound: bool = False,
    origin: int = 0,
    matrix: str = "bt709",
) -> Path:
    """A lossless film of flat colors; stamps in ticks of 1/24000 s, 1000 apart by default."""
    stamps = stamps or [1000 * n for n in range(len(colors))]
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
        tone = container.add_stream("aac", rate=48000, layout="mono") if sound else None
        container.start_encoding()
        for n, color in enumerate(colors):
            frame = flat_frame(color, size, "yuv420p", MATRICES[matrix], coding)
            frame.pts, frame.time_base = origin + stamps[n], Fraction(1, TICKS)
            frame.duration = (stamps[n + 1] if n + 1 < len(stamps) else stamps[n] + 1000) - (
                stamps[n]
            )
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if tone is not None:
            seconds = (stamps[-1] + 1000) / TICKS
            add_tone(container, tone, seconds, origin)
    return path


def add_tone(container, stream, seconds: float, origin: int) -> None:
    for n in range(int(seconds * 48000) // 1024):
        wave = np.sin(np.arange(1024) * (0.02 + 0.001 * n)).astype(np.float32)[None] / 2
        frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
        frame.sample_rate, frame.time_base = 48000, Fraction(1, 48000)
        frame.pts = n * 1024 + origin * 2
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def grays(count: int) -> list[Rgb]:
    """Grays that rise by 8 a frame."""
    return [(40 + 8 * n,) * 3 for n in range(count)]


def reds(count: int) -> list[Rgb]:
    """Reds that rise by 8 a frame."""
    return [(100 + 8 * n, 60, 50) for n in range(count)]
