"""Failures of the compute process, and the transport of errors between processes."""

from __future__ import annotations

from typing import Any

from vidcolor.errors import VidcolorError
from vidcolor.studio.errors import ApiError, UnavailableError

PackedError = tuple[type[VidcolorError], tuple[Any, ...], dict[str, Any]]
"""Class, arguments and attributes of an error. Unlike the error itself, they can be pickled even if
its constructor takes other arguments."""


class ComputeError(UnavailableError):
    """A task that failed because its process died, or is not there."""


class ComputeBusyError(UnavailableError):
    """A task that was refused because too many others wait."""


class SupersededError(ApiError):
    """A task that was dropped because a newer one with the same key replaced it."""

    def __init__(self, text: str) -> None:
        super().__init__(text, status=409, code="busy")


class TaskError(ApiError):
    """A task that failed because of a fault of the program."""

    def __init__(self, text: str) -> None:
        super().__init__(text, status=500, code="internal")


class TaskCanceledError(Exception):
    """Raised in the compute process, at a checkpoint of a task whose callers have gone."""


def pack_error(error: VidcolorError) -> PackedError:
    """Take an error apart, without its traceback."""
    return type(error), error.args, dict(vars(error))


def unpack_error(packed: PackedError) -> VidcolorError:
    """Make an error like the one that was taken apart."""
    kind, arguments, attributes = packed
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(attributes)
    return error
