"""The few things that PyAV cannot do and the ffmpeg command can."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from vidcolor.errors import OutputError

if TYPE_CHECKING:
    from fractions import Fraction
    from pathlib import Path


@lru_cache(maxsize=1)
def ffmpeg_command() -> str:
    """The system's ffmpeg, or the one inside imageio-ffmpeg."""
    found = shutil.which("ffmpeg")
    if found:
        return found
    import imageio_ffmpeg

    return str(imageio_ffmpeg.get_ffmpeg_exe())


@dataclass(frozen=True, slots=True)
class ExtraStreams:
    """Streams that PyAV refuses to mux though the format holds them."""

    source: Path
    indices: tuple[int, ...]
    shift: Fraction
    """Seconds that are taken off every time stamp."""
    start: Fraction | None
    """Seconds (source time) before which packets are left out."""
    end: Fraction | None
    """Seconds (source time) from which on packets are left out."""

    def outside(self) -> str:
        """FFmpeg's expression for the packets that are left out; empty if none are."""
        conditions = []
        if self.start is not None:
            conditions.append(f"lt(pts*tb,{float(self.start - self.shift)})")
        if self.end is not None:
            conditions.append(f"gte(pts*tb,{float(self.end - self.shift)})")
        return "+".join(conditions)


def can_copy(source: Path, index: int, muxer: str) -> bool:
    """Whether the ffmpeg command copies a stream into a container."""
    import ffmpeg

    job = ffmpeg.input(str(source.absolute())).output(
        os.devnull, map=f"0:{index}", codec="copy", t=1, format=muxer
    )
    try:
        _run(job, source)
    except OutputError:
        return False
    return True


def complete_matroska(
    source: Path,
    target: Path,
    muxer: str,
    display_aspect: Fraction | None = None,
    appendix: ExtraStreams | None = None,
) -> None:
    """Copy a Matroska file packet for packet, with what PyAV could not put into it.

    PyAV never sets a stream's sample aspect ratio, and FFV1, ProRes, VP9 and AV1 do not carry one.

    Args:
        source: the file.
        target: where the copy goes.
        muxer: ``matroska`` or ``webm``.
        display_aspect: width of the displayed picture over its height.
        appendix: streams of another file to put behind its own.
    """
    import ffmpeg

    streams = [ffmpeg.input(str(source.absolute()))]
    options: dict[str, Any] = {
        "codec": "copy",
        "format": muxer,
        "copyts": None,
        "map_metadata": 0,
        "map_chapters": 0,
        "avoid_negative_ts": "disabled",
        "default_mode": "passthrough",
        "disposition:v:0": "default",  # said for one stream, ffmpeg invents none for the others
    }
    if display_aspect is not None:
        options["aspect:v:0"] = f"{display_aspect.numerator}:{display_aspect.denominator}"
    if appendix is None:
        options["map"] = "0"  # of one input ffmpeg would take one stream a kind
    else:
        more = ffmpeg.input(str(appendix.source.absolute()), itsoffset=str(float(-appendix.shift)))
        streams += [more[str(index)] for index in appendix.indices]
        outside = appendix.outside()
        if outside:  # -ss would start at the picture's key frame; other sound is inside already
            options["bsf:a"] = f"noise=drop='{outside}'"
    _run(ffmpeg.output(*streams, str(target.absolute()), **options), target)


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

    job = ffmpeg.input(str(source.absolute())).output(
        str(target.absolute()), map=f"0:{index}", codec=codec, format=muxer, copyts=None
    )
    _run(job, target)


def _run(job: object, target: Path) -> None:
    command = job.global_args("-nostdin", "-v", "error").overwrite_output()  # type: ignore[attr-defined]
    done = subprocess.run(
        command.compile(cmd=ffmpeg_command()),
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise OutputError(f"{target}: ffmpeg failed: {last}")
