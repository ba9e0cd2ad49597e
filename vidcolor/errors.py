"""One family of errors: each message names the file, what is wrong and what to do."""

from __future__ import annotations


class VidcolorError(Exception):
    """Work that failed for a reason the user can act on; the command ends with exit code 1."""

    exit_code = 1


class UsageError(VidcolorError):
    """The request itself cannot be carried out as said; exit code 2."""

    exit_code = 2


class InputError(VidcolorError):
    """A source that cannot be read: missing, not media, without a picture, damaged."""


class OutputError(VidcolorError):
    """A result that cannot be written: no room, no permission, a failing encoder."""


class WeightsError(VidcolorError):
    """Weights that are missing, unknown, or not what their digest says."""


class BusyError(VidcolorError):
    """Work that somebody else is at already."""


class WorkerError(VidcolorError):
    """A process that does part of the work, and died over it again and again."""


class DownloadError(VidcolorError):
    """Weights that no server gave."""
