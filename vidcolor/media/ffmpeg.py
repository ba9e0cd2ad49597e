"""The few things that PyAV cannot do and the ffmpeg command can."""

from __future__ import annotations

import shutil
import subprocess
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

from vidcolor.errors import OutputError

if TYPE_CHECKING:
    from pathlib import Path


@lru_cache(maxsize=1)
def ffmpeg_command() -> str:
    """The system's ffmpeg, or the one inside imageio-ffmpeg."""
    found = shutil.which("ffmpeg")
    if found:
        return found
    import imageio_ffmpeg

    return str(imageio_ffmpeg.get_ffmpeg_exe())


def set_matroska_aspect(
    source: Path, target: Path, display_aspect: Fraction, muxer: str = "matroska"
) -> None:
    """Copy a Matroska file packet for packet, with the picture's display aspect in its header.

    PyAV never sets a stream's sample aspect ratio, and FFV1, ProRes, VP9 and AV1 do not carry one.

    Args:
        source: the file.
        target: where the copy goes.
        display_aspect: width of the displayed picture over its height.
        muxer: ``matroska`` or ``webm``.
    """
    import ffmpeg

    aspect = f"{display_aspect.numerator}:{display_aspect.denominator}"
    job = ffmpeg.input(str(source)).output(
        str(target),
        map="0",
        codec="copy",
        format=muxer,
        copyts=None,
        avoid_negative_ts="disabled",
        **{"aspect:v:0": aspect, "default_mode": "passthrough"},
    )
    _run(job, target)


def convert_subtitle(source: Path, index: int, target: Path, codec: str, muxer: str) -> None:
    """Write one text subtitle stream into a file of its own, in another codec.

    Args:
        source: the film.
        index: of the stream in it.
        target: where the subtitles go.
        codec: FFmpeg's name of the encoder.
        muxer: the container of `target`.
    """
    import ffmpeg

    job = ffmpeg.input(str(source)).output(
        str(target), map=f"0:{index}", codec=codec, format=muxer, copyts=None
    )
    _run(job, target)


def _run(job: object, target: Path) -> None:
    command = job.global_args("-nostdin", "-v", "error").overwrite_output()  # type: ignore[attr-defined]
    done = subprocess.run(
        command.compile(cmd=ffmpeg_command()), capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise OutputError(f"{target}: ffmpeg failed: {last}")
