"""Structured logs: one JSON object a line, without file names, addresses and content."""

from __future__ import annotations

import json
import logging
import re
import time
import traceback
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

REQUESTS = logging.getLogger("vidcolor.studio.requests")
SERVER = logging.getLogger("vidcolor.studio.server")
_FIELDS = "vidcolor_fields"
_FILE_NAME = "studio.log"
_MAX_BYTES = 10 << 20
_NUM_FILES = 3
_SEPARATOR = r"[/\\]"
_PATH = re.compile(rf"(?<!\w)(?:[A-Za-z]:)?(?:{_SEPARATOR}[^/\\\s'\",;:)]+)+")
_LIBRARIES = ("uvicorn", "uvicorn.error", "uvicorn.access", "asyncio")


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object with `time`, `level`, `event` and its fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        values: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "event": describe_event(record),
        }
        values |= getattr(record, _FIELDS, {})
        if record.exc_info and record.exc_info[0] is not None:
            kind, _, trace = record.exc_info
            values |= {"exception": kind.__name__, "at": describe_trace(trace)}
        return json.dumps(values, ensure_ascii=False)


def describe_event(record: logging.LogRecord) -> str:
    """Return the message of a record; of one of a library, the first line without paths.

    asyncio, for example, adds exceptions with their texts, which may contain names of files.
    """
    if record.name.startswith("vidcolor.studio"):
        return record.getMessage()
    lines = str(record.msg).splitlines() or [""]
    return _PATH.sub("PATH", lines[0])


def describe_trace(trace: TracebackType | None) -> list[str]:
    """Return module, function and line of each frame; messages may contain names of files."""
    frames = traceback.extract_tb(trace)
    return [
        f"{'/'.join(re.split(_SEPARATOR, f.filename)[-3:])}:{f.lineno} {f.name}" for f in frames
    ]


def log(logger: logging.Logger, level: int, event: str, **fields: Any) -> None:
    """Write one line with fields."""
    logger.log(level, event, extra={_FIELDS: fields})


def log_exception(event: str, error: BaseException, **fields: Any) -> None:
    """Write one line about an exception that no code expects: its class and where it happened."""
    info = (type(error), error, error.__traceback__)
    SERVER.error(event, exc_info=info, extra={_FIELDS: fields})


def open_log(data_dir: Path, *, also_print: bool) -> None:
    """Write the logs of the server to a file of limited size, and on request to standard error."""
    # On a full disk a line is lost. By default, its traceback goes to standard error.
    logging.raiseExceptions = False
    directory = data_dir / "logs"
    directory.mkdir(parents=True, exist_ok=True)
    handlers: list[logging.Handler] = [
        RotatingFileHandler(
            directory / _FILE_NAME, maxBytes=_MAX_BYTES, backupCount=_NUM_FILES, encoding="utf-8"
        )
    ]
    if also_print:
        handlers.append(logging.StreamHandler())
    for handler in handlers:
        handler.setFormatter(JsonFormatter())
    for name in ("vidcolor.studio", *_LIBRARIES):
        logger = logging.getLogger(name)
        logger.handlers = list(handlers)
        logger.propagate = False
        logger.setLevel(logging.INFO if name == "vidcolor.studio" else logging.WARNING)
