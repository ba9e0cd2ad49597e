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

    from vidcolor.media.packets import Trim


@lru_cache(maxsize=1)
def find_ffmpeg() -> str:
    """Return the path of the system's ffmpeg. If there is none, return that of imageio-ffmpeg."""
    if system_ffmpeg := shutil.which("ffmpeg"):
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
        [find_ffmpeg(), "-version"],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=True,
        timeout=20,
    ).stdout
    flags = {"nonfree": "not redistributable", "gpl": "GPL"}
    licenses = (name for flag, name in flags.items() if f"--enable-{flag} " in f"{text} ")
    return text.split()[2], next(licenses, "LGPL")


@dataclass(frozen=True, slots=True)
class ExtraStreams:
    """Streams of a source that PyAV cannot mux although the container supports them."""

    source: Path
    indices: tuple[int, ...]
    trim: Trim

    def drop_expression(self) -> str:
        """Return FFmpeg's expression for packets outside the trim; empty without a trim."""
        shift, start, end = self.trim.shift, self.trim.start, self.trim.end
        first = "" if start is None else f"lt(pts*tb,{float(start - shift)})"
        last = "" if end is None else f"gte(pts*tb,{float(end - shift)})"
        return "+".join(filter(None, (first, last)))


def can_copy_stream(source: Path, index: int, muxer: str) -> bool:
    """Return whether the ffmpeg command can copy the stream `index` into a container."""
    try:
        _convert(source, index, os.devnull, source, codec="copy", t=1, format=muxer)
    except OutputError:
        return False
    return True


def convert_subtitle(source: Path, index: int, target: Path, codec: str, muxer: str) -> None:
    """Convert the text subtitle stream `index` to another codec, in a separate file.

    Raises:
        OutputError: the ffmpeg command failed.
    """
    options = {
        "codec": codec,
        "format": muxer,
        "copyts": None,
        "avoid_negative_ts": "disabled",
        # With the default, microseconds, MP4 cannot store gaps of more than 35 minutes.
        "time_base:s": "1/1000",
    }
    _convert(source, index, _encode_path(target), target, **options)


def _convert(source: Path, index: int, output: bytes | str, target: Path, **options: Any) -> None:
    _run(_open_input(source).output(output, map=f"0:{index}", **options), target)


def _open_input(path: Path, **options: Any) -> Any:
    import ffmpeg

    from vidcolor.media.demux import PROBE_OPTIONS
    from vidcolor.media.input_formats import list_whitelists

    return ffmpeg.input(_encode_path(path), **list_whitelists(), **PROBE_OPTIONS, **options)


def _encode_path(path: Path) -> bytes:
    # ffmpeg-python encodes text in UTF-8, which fails for names that are not UTF-8.
    return os.fsencode(path.absolute())


def remux_matroska(
    source: Path,
    target: Path,
    muxer: str,
    display_aspect: Fraction | None = None,
    extra_streams: ExtraStreams | None = None,
) -> None:
    """Copy a Matroska or WebM file packet by packet and add what PyAV could not write.

    PyAV never sets the sample aspect ratio of a stream. The bitstreams of FFV1, ProRes, VP9 and
    AV1 do not contain one. `display_aspect` is width over height of the displayed frame; None
    keeps it. `extra_streams` are appended.

    Raises:
        OutputError: the ffmpeg command failed.
    """
    import ffmpeg

    streams = [_open_input(source)]
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
        offset = str(float(-extra_streams.trim.shift))
        extra_input = _open_input(extra_streams.source, itsoffset=offset)
        streams += [extra_input[str(index)] for index in extra_streams.indices]
        # The option -ss would start at the keyframe of the video. The audio of `source` is
        # trimmed already, so the filter does not change it.
        if drop := extra_streams.drop_expression():
            options["bsf:a"] = f"noise=drop='{drop}'"
    _run(ffmpeg.output(*streams, _encode_path(target), **options), target)


def _run(command: Any, target: Path) -> None:
    """Run a command of ffmpeg-python. An error contains the last line of ffmpeg's log."""
    command = command.global_args("-nostdin", "-v", "error").overwrite_output()
    process = subprocess.run(
        command.compile(cmd=find_ffmpeg()),
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if process.returncode:
        last_line = (process.stderr.strip().splitlines() or ["no error message"])[-1]
        raise OutputError(f"{target}: ffmpeg failed: {last_line}")
