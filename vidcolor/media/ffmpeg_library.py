"""FFmpeg's libraries: versions, capture of their log, and suppression of output to stderr."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import av.logging

if TYPE_CHECKING:
    from collections.abc import Iterator

LogLine = tuple[int, str, str]
"""Level (lower is more severe), name of the component, and text of a log message."""
ERROR = av.logging.ERROR
"""FFmpeg's log level of errors."""


def get_ffmpeg_versions() -> dict[str, str]:
    """Return the versions of the FFmpeg libraries, such as ``{"libavcodec": "62.28.102"}``."""
    return {name: ".".join(map(str, v)) for name, v in sorted(av.library_versions.items())}


@contextlib.contextmanager
def silence_stderr() -> Iterator[None]:
    """Redirect file descriptor 2 to the null device.

    x264 prints some errors directly to stderr instead of FFmpeg's log. They are also raised as
    exceptions.
    """
    try:
        saved = os.dup(2)
    except OSError:  # A service may run without stderr.
        yield
        return
    try:
        with Path(os.devnull).open("wb") as null:
            os.dup2(null.fileno(), 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


@contextlib.contextmanager
def capture_ffmpeg_log() -> Iterator[list[LogLine]]:
    """Capture FFmpeg's log messages of level WARNING and worse, in the list that is yielded.

    Use it for short work of the calling thread only. Capturing while decoder threads run can
    deadlock the interpreter (PyAV issues 751 and 909).
    """
    level = av.logging.get_level()
    av.logging.set_level(av.logging.WARNING)
    # Otherwise the second of two equal errors is not logged and has no reason.
    av.logging.set_skip_repeated(False)
    try:
        with av.logging.Capture(local=False) as log:
            yield log
    finally:
        av.logging.set_skip_repeated(True)
        av.logging.set_level(level)
