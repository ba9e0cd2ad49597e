"""Operations that PyAV does not support, by the ffmpeg command."""

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
def find_ffmpeg() -> str:
    """Return the path of the system's ffmpeg. If there is none, return that of imageio-ffmpeg."""
    system_ffmpeg = shutil.which("ffmpeg")
    if system_ffmpeg:
        return system_ffmpeg
    import imageio_ffmpeg

    return str(imageio_ffmpeg.get_ffmpeg_exe())


def read_ffmpeg_version() -> tuple[str, str]:
    """Return the version and the license of the ffmpeg command, such as ``("7.1", "GPL")``.

    Raises:
        OSError: it cannot be run.
        subprocess.SubprocessError: it fails or hangs.
    """
    text = subprocess.run(
        [find_ffmpeg(), "-version"], capture_output=True, text=True, check=True, timeout=20
    ).stdout
    flags = {"nonfree": "not redistributable", "gpl": "GPL"}
    licenses = (name for flag, name in flags.items() if f"--enable-{flag} " in f"{text} ")
    return text.split()[2], next(licenses, "LGPL")


@dataclass(frozen=True, slots=True)
class ExtraStreams:
    """Streams that PyAV cannot mux although the container supports them."""

    source: Path
    """The file that contains the streams."""
    indices: tuple[int, ...]
    """Indices of the streams in `source`."""
    shift: Fraction
    """Seconds to subtract from every timestamp."""
    start: Fraction | None
    """Source time in seconds of the first packets to keep."""
    end: Fraction | None
    """Source time in seconds of the first packets after the trim."""

    def drop_expression(self) -> str:
        """Return FFmpeg's expression for packets outside the trim; empty without a trim."""
        conditions = []
        if self.start is not None:
            conditions.append(f"lt(pts*tb,{float(self.start - self.shift)})")
        if self.end is not None:
            conditions.append(f"gte(pts*tb,{float(self.end - self.shift)})")
        return "+".join(conditions)


def can_copy_stream(source: Path, index: int, muxer: str) -> bool:
    """Return whether the ffmpeg command can copy a stream into a container.

    Args:
        source: the file that contains the stream.
        index: its stream index.
        muxer: FFmpeg's name of the container's muxer.
    """
    import ffmpeg

    command = ffmpeg.input(str(source.absolute())).output(
        os.devnull, map=f"0:{index}", codec="copy", t=1, format=muxer
    )
    try:
        _run(command, source)
    except OutputError:
        return False
    return True


def remux_matroska(
    source: Path,
    target: Path,
    muxer: str,
    display_aspect: Fraction | None = None,
    extra_streams: ExtraStreams | None = None,
) -> None:
    """Copy a Matroska file packet by packet and add what PyAV could not write.

    PyAV never sets the sample aspect ratio of a stream. The bitstreams of FFV1, ProRes, VP9 and
    AV1 do not contain one.

    Args:
        source: the Matroska file.
        target: the copy to write.
        muxer: ``matroska`` or ``webm``.
        display_aspect: width over height of the displayed frame.
        extra_streams: streams of another file to append.

    Raises:
        OutputError: the ffmpeg command failed.
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
        # With one explicit disposition, ffmpeg does not set the others by its own rules.
        "disposition:v:0": "default",
    }
    if display_aspect is not None:
        options["aspect:v:0"] = f"{display_aspect.numerator}:{display_aspect.denominator}"
    if extra_streams is None:
        options["map"] = "0"  # By default ffmpeg maps one stream of each type.
    else:
        offset = str(float(-extra_streams.shift))
        extra_input = ffmpeg.input(str(extra_streams.source.absolute()), itsoffset=offset)
        streams += [extra_input[str(index)] for index in extra_streams.indices]
        drop = extra_streams.drop_expression()
        # The option -ss would start at the keyframe of the video. The audio of `source` is
        # trimmed already, so the filter does not change it.
        if drop:
            options["bsf:a"] = f"noise=drop='{drop}'"
    _run(ffmpeg.output(*streams, str(target.absolute()), **options), target)


def convert_subtitle(source: Path, index: int, target: Path, codec: str, muxer: str) -> None:
    """Convert a text subtitle stream to another codec, in a separate file.

    Args:
        source: the film.
        index: the index of the subtitle stream.
        target: the file to write.
        codec: FFmpeg's name of the subtitle encoder.
        muxer: FFmpeg's name of the target's muxer.

    Raises:
        OutputError: the ffmpeg command failed.
    """
    import ffmpeg

    command = ffmpeg.input(str(source.absolute())).output(
        str(target.absolute()), map=f"0:{index}", codec=codec, format=muxer, copyts=None
    )
    _run(command, target)


def _run(command: Any, target: Path) -> None:
    """Run a command of ffmpeg-python, which has no type annotations.

    Raises:
        OutputError: ffmpeg returned an error. The message is the last line of its log.
    """
    command = command.global_args("-nostdin", "-v", "error").overwrite_output()
    process = subprocess.run(
        command.compile(cmd=find_ffmpeg()),
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if process.returncode:
        last_line = (process.stderr.strip().splitlines() or ["no error message"])[-1]
        raise OutputError(f"{target}: ffmpeg failed: {last_line}")
