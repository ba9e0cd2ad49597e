"""Output of a report as a JSON document for scripts or an HTML page for people."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidcolor._version import __version__
from vidcolor.batch.report.images import make_previews, outline_regions, show_lost_hint
from vidcolor.batch.report.schema import LeftOutRecord, Report, ResultRecord
from vidcolor.errors import UsageError
from vidcolor.fileio import atomic_output
from vidcolor.timecode import format_duration_in_words, format_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jinja2 import Environment

    from vidcolor.batch.report.images import Jpeg
    from vidcolor.batch.report.schema import RegionRecord

REPORT_SUFFIXES = (".json", ".html")


@dataclass(frozen=True, slots=True)
class _DetailLevel:
    """Limits of what a page shows of each result, so that the page of a large run stays small."""

    max_results: float
    num_previews: int
    preview_width: int
    num_uncertain_shots: int


_DETAIL_LEVELS = (
    _DetailLevel(10, 3, 640, 24),
    _DetailLevel(60, 1, 560, 4),
    _DetailLevel(float("inf"), 1, 320, 1),
)


def check_report_path(path: Path) -> None:
    """Check that the suffix of a report is supported.

    Raises:
        UsageError: the suffix is not supported.
    """
    if path.suffix.lower() not in REPORT_SUFFIXES:
        raise UsageError(f"{path}: unknown report format; use .json or .html")


def write_report(
    path: Path, records: Sequence[ResultRecord], left_out: Sequence[LeftOutRecord] = ()
) -> None:
    """Write a report as a `Report` in JSON or as one HTML page with previews; replace the file.

    Raises:
        UsageError: the suffix is not supported.
        OutputError: the file cannot be written.
    """
    check_report_path(path)
    created = datetime.now(UTC).astimezone().isoformat(timespec="seconds")
    report = Report(
        vidcolor=__version__, created=created, results=tuple(records), left_out=tuple(left_out)
    )
    with (
        atomic_output(path) as partial,
        partial.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as file,
    ):
        if path.suffix.lower() == ".json":
            json.dump(report.model_dump(), file, indent=2, ensure_ascii=False, default=str)
            file.write("\n")
        else:
            file.writelines(render_page(report))


def render_page(report: Report) -> Iterator[str]:
    """Yield the HTML page of a report in parts."""
    environment = _make_environment()
    style, script = (
        environment.loader.get_source(environment, name)[0]  # type: ignore[union-attr]
        for name in ("report.css", "report.js")
    )
    return environment.get_template("report.html.j2").generate(
        report=report,
        created=datetime.fromisoformat(report.created),
        level=next(x for x in _DETAIL_LEVELS if len(report.results) <= x.max_results),
        style=style,
        script=script,
        make_previews=make_previews,
        outline_regions=outline_regions,
        show_lost_hint=show_lost_hint,
    )


def _make_environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("vidcolor.batch.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "name": lambda path: Path(path).name,
        "data_uri": _format_data_uri,
        "csp_hash": _hash_for_csp,
        "time": format_time,
        "duration": format_duration_in_words,
        "rate": lambda rate: f"{float(Fraction(rate)):.5g}",
        "set_options": _format_set_options,
        "json": lambda value: json.dumps(value, ensure_ascii=False),
        "position": _describe_position,
    }
    return environment


def _format_data_uri(image: Jpeg) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(image.data).decode()


def _hash_for_csp(text: str) -> str:
    """Return the Content-Security-Policy hash of an inline style or script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _format_set_options(options: dict[str, Any]) -> list[tuple[str, str]]:
    """Format the options that are set; encoder options become ``KEY=VALUE`` pairs."""
    pairs = []
    for name, value in options.items():
        if isinstance(value, list) and all(isinstance(v, list | tuple) for v in value):
            value = " ".join("=".join(map(str, v)) for v in value)
        if value not in (None, "", [], False):
            pairs.append((name, value if isinstance(value, str) else json.dumps(value)))
    return pairs


def _describe_position(region: RegionRecord) -> str:
    """Describe the position of a region in words, such as ``Top left``."""
    x, y = region.point
    horizontal = ("left", "", "right")[min(int(3 * x), 2)]
    vertical = ("top", "", "bottom")[min(int(3 * y), 2)]
    return (f"{vertical} {horizontal}".strip() or "center").capitalize()
