"""The table row that describes a metric, and text tables of metrics."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_ASCII_LETTERS = str.maketrans({"Δ": "d", "é": "e"})
"""ASCII letters for those in titles that a console may not have: code page 1252 has no Δ."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of images or films: one row of a table such as `scores.IMAGE_METRICS`."""

    name: str
    """Name in JSON documents."""
    title: str
    """Title of its column in printed tables; empty for no column."""
    format: str
    """Format of a value in printed tables."""
    definition: str
    """Definition, for JSON documents."""
    unit: str = ""
    """Unit; empty for a number without unit."""
    better: Literal["higher", "lower", ""] = ""
    """Which values are better; empty if neither is."""
    measure: Callable[..., Any] | None = None
    """Returns the value of one image or frame. None for a metric without such values."""
    average: Callable[[Any], float] | None = None
    """Returns the value for several images or frames from their values; None for the mean."""
    summarize: Callable[[Any], float | None] | None = None
    """Returns the value for a whole method instead of `average`; None if it does not apply."""

    def format_value(self, value: float | None) -> str:
        """Format a value for a table: "" if the metric does not apply, "-" if it is undefined."""
        if value is None:
            return ""
        return "-" if math.isnan(value) else self.format.format(value)

    @property
    def axis_label(self) -> str:
        """Label of the metric in plots."""
        unit = f" in {self.unit}" if self.unit else ""
        return f"{self.title}{unit}" + (f"\n{self.better} is better" if self.better else "")


def format_table(
    title: str,
    rows: Mapping[str, Mapping[str, float | None]],
    metrics: Sequence[Metric],
    encoding: str | None = None,
) -> list[str]:
    """Return a table as lines of text. Columns without any value are left out.

    Args:
        title: title of the first column.
        rows: values by metric, by name of the row.
        metrics: the other columns.
        encoding: encoding of the output. Titles that it cannot represent are written in ASCII.
    """
    values_of_rows = rows.values()
    columns = [m for m in metrics if m.title and any(v[m.name] is not None for v in values_of_rows)]
    cells = [[title, *(_encode_title(metric.title, encoding) for metric in columns)]]
    cells += [
        [name, *(m.format_value(values[m.name]) for m in columns)] for name, values in rows.items()
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()
        for row in cells
    ]


def _encode_title(title: str, encoding: str | None) -> str:
    try:
        title.encode(encoding or "utf-8")
    except UnicodeEncodeError:
        return title.translate(_ASCII_LETTERS)
    return title
