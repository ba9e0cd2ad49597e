"""A run's report: one JSON document for scripts, or one page for people."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from vidcolor import __version__
from vidcolor.batch.report.html import build_page
from vidcolor.batch.report.schema import (
    ResultRecord,
    record,
    record_of_film,
    records_of,
)
from vidcolor.digests import sha256_file, sha256_of
from vidcolor.errors import UsageError
from vidcolor.fileio import atomic_output

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "ResultRecord",
    "record",
    "record_of_film",
    "records_of",
    "sha256_file",
    "sha256_of",
    "write_report",
]


def write_report(path: Path | str, records: Sequence[ResultRecord]) -> None:
    """Write what a run did; an existing report is replaced.

    Args:
        path: ``.json`` for ``{"vidcolor", "created", "results"}``; ``.html`` for one page that
            needs nothing else, with previews read from the sources and results named in it.
        records: see `record_of_film`, `record` and `records_of`.

    Raises:
        UsageError: another suffix.
        OutputError: it cannot be written.
    """
    path = Path(path)
    created = datetime.now(UTC).astimezone().isoformat(timespec="seconds")
    suffix = path.suffix.lower()
    if suffix == ".json":
        document = {"vidcolor": __version__, "created": created, "results": list(records)}
        text = json.dumps(document, indent=2, ensure_ascii=False, default=str) + "\n"
    elif suffix == ".html":
        text = build_page(records, created)
    else:
        raise UsageError(f"{path}: a report is a .json or an .html file")
    with atomic_output(path) as partial:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")
