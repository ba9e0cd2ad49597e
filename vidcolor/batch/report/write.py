"""Output of a report as a JSON document for scripts or an HTML page for people."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from vidcolor._version import __version__
from vidcolor.batch.report.html import build_page
from vidcolor.errors import UsageError
from vidcolor.fileio import atomic_output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidcolor.batch.report.schema import ResultRecord

REPORT_SUFFIXES = (".json", ".html")


def check_report_path(path: Path) -> None:
    """Check that the suffix of a report is supported.

    Raises:
        UsageError: the suffix is not supported.
    """
    if path.suffix.lower() not in REPORT_SUFFIXES:
        raise UsageError(f"{path}: unknown report format; use .json or .html")


def write_report(path: Path | str, records: Sequence[ResultRecord]) -> None:
    """Write the report of a run and replace an existing one.

    Args:
        path: path of the report. ``.json`` is a document with the keys ``vidcolor``, ``created``
            and ``results``; ``.html`` is one self-contained page with previews of the results.
        records: records of the tasks; see `vidcolor.batch.report.schema`.

    Raises:
        UsageError: the suffix is not supported.
        OutputError: the file cannot be written.
    """
    path = Path(path)
    check_report_path(path)
    created = datetime.now(UTC).astimezone().isoformat(timespec="seconds")
    if path.suffix.lower() == ".json":
        document = {"vidcolor": __version__, "created": created, "results": list(records)}
        text = json.dumps(document, indent=2, ensure_ascii=False, default=str) + "\n"
    else:
        text = build_page(records, created)
    with atomic_output(path) as partial:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")
