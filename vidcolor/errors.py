"""The exceptions of vidcolor. Each message names the file, what is wrong and what to do."""

from __future__ import annotations


class VidcolorError(Exception):
    """A failure that the user can act on; the command exits with code 1."""

    exit_code = 1


class UsageError(VidcolorError):
    """Invalid options or arguments; the command exits with code 2."""

    exit_code = 2


class InputError(VidcolorError):
    """A source that cannot be read: missing, unsupported, without a video stream, or damaged."""


class InColorError(VidcolorError):
    """A source that is in color already, with the option `skip_color`."""


class OutputError(VidcolorError):
    """A result that cannot be written: full disk, missing permission, or an encoder error."""


class WeightsError(VidcolorError):
    """Weights that are missing, unknown, or do not match their digest."""


class BusyError(VidcolorError):
    """A work directory or project that is locked by another process."""


class ConflictError(VidcolorError):
    """A project file that was changed by another process or person since it was read."""


class WorkerError(VidcolorError):
    """A worker process that crashed repeatedly on the same part of the work."""


class DownloadError(VidcolorError):
    """Weights that could not be downloaded from any of their sources."""


def describe_unexpected_error(error: BaseException) -> str:
    """Return the message for an exception that no code expects, on one line."""
    details = " ".join(str(error).split())
    if isinstance(error, ImportError) and not (error.name or "").startswith("vidcolor"):
        return f"{details}; run `vidcolor doctor`, or reinstall vidcolor"
    return f"internal error ({type(error).__name__}: {details}); please report it"
