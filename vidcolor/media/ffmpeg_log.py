"""What FFmpeg and the encoders in it say: listened to for a moment, silent otherwise."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import av.logging

if TYPE_CHECKING:
    from collections.abc import Iterator

LogLine = tuple[int, str, str]
"""Level (`ERROR` and worse are smaller), who, text."""
ERROR = av.logging.ERROR


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """x264 prints some refusals past FFmpeg's log; they are told by the exception anyway."""
    try:
        kept = os.dup(2)
    except OSError:  # a service without stderr
        yield
        return
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@contextlib.contextmanager
def ffmpeg_says() -> Iterator[list[LogLine]]:
    """What FFmpeg logs meanwhile. For the calling thread's own short work only: listening while
    decoder threads run can lock up the interpreter (PyAV issues 751 and 909)."""
    level = av.logging.get_level()
    av.logging.set_level(av.logging.WARNING)
    av.logging.set_skip_repeated(False)  # or only the first of two equal refusals says why
    try:
        with av.logging.Capture(local=False) as said:
            yield said
    finally:
        av.logging.set_skip_repeated(True)
        av.logging.set_level(level)
