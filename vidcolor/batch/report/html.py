"""The report as one HTML page that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import datetime
from importlib import resources
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from vidcolor import __version__
from vidcolor.batch.report.gallery import gallery
from vidcolor.batch.report.markup import Markup, element, escaped, join, table
from vidcolor.batch.report.previews import previews
from vidcolor.batch.report.uncertainty_html import doubts_part
from vidcolor.imaging.text import clock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidcolor.batch.report.schema import ResultRecord

STATEMENT = (
    "The colors are a trained network's guess. They are not a record of what stood before the "
    "camera, and should not be cited as one."
)
_KINDS = {"film": "Film", "photo": "Photograph", "sequence": "Image sequence"}
_TIERS = ((10, 3, 640, 24), (60, 1, 560, 4), (10**9, 1, 320, 1))
"""Up to so many results: moments of each, and their width, and doubtful shots; keeps the page of a
batch light."""


def build_page(records: Sequence[ResultRecord], created: str) -> str:
    """The whole page.

    Args:
        records: what was done.
        created: ISO 8601.
    """
    style, script = _asset("report.css"), _asset("report.js")
    return Template(_asset("report.html")).substitute(
        style=style,
        script=script,
        style_hash=_csp_hash(style),
        script_hash=_csp_hash(script),
        title=escaped(_title(records)),
        body=_body(records, created),
    )


def _asset(name: str) -> str:
    return resources.files("vidcolor.batch.report").joinpath("assets", name).read_text("utf-8")


def _csp_hash(text: str) -> str:
    """What the page's security policy knows its own style and script by: no other one runs."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _title(records: Sequence[ResultRecord]) -> str:
    if len(records) == 1:
        return f"{Path(records[0]['target']).name}: coloring report"
    return f"Coloring report: {len(records)} results"


def _body(records: Sequence[ResultRecord], created: str) -> Markup:
    _, *sizes = next(t for t in _TIERS if len(records) <= t[0])
    return join(
        _header(created),
        element("main", _summary(records), *(_section(n, r, *sizes)
                                             for n, r in enumerate(records, start=1))),
        element("footer", element("p", f"Written by vidcolor {__version__}, {created}.")),
    )  # fmt: skip


def _header(created: str) -> Markup:
    day = datetime.fromisoformat(created)
    when = element("time", f"{day:%Y-%m-%d %H:%M}", datetime=created)
    return element(
        "header",
        element("p", "vidcolor ", __version__, " · ", when, class_="eyebrow"),
        element("h1", "Coloring report"),
        element("p", STATEMENT, class_="statement"),
    )


def status(record: ResultRecord) -> str:
    """``failed``, ``skipped``, ``damaged`` or ``done``."""
    if record["error"] is not None:
        return "failed"
    if record["skipped"]:
        return "skipped"
    return "damaged" if record["damaged"] else "done"


def _pill(record: ResultRecord) -> Markup:
    name = status(record)
    text = {"skipped": "done before", "damaged": "source damaged"}.get(name, name)
    return element("span", text, class_=f"pill {name}")


def _summary(records: Sequence[ResultRecord]) -> Markup:
    states = [status(r) for r in records]
    frames = sum(r["num_frames"] for r in records if r["kind"] != "photo")
    warnings = sum(len(r["warnings"]) for r in records)
    numbers = [
        (states.count("done") + states.count("damaged"), "colored"),
        (states.count("skipped"), "done before"),
        (states.count("failed"), "failed"),
        (warnings, "warning" if warnings == 1 else "warnings"),
        (f"{frames:,}", "frames"),
        (_length(sum(r["seconds"] for r in records)), "of work"),
    ]
    tiles = (
        element("div", element("dt", label), element("dd", number))
        for number, label in numbers
        if number not in (0, "0") or label in ("colored", "failed", "warnings")
    )
    return element(
        "section",
        element("h2", "Summary", id="summary"),
        element("dl", *tiles, class_="tiles"),
        table(
            ("Result", "Status", "Kind", "Frames", "Work", "Warnings"),
            (_summary_row(n, r) for n, r in enumerate(records, start=1)),
            "Results of this run",
            numeric=(3, 4, 5),
        ),
        aria_labeledby="summary",
    )


def _summary_row(number: int, record: ResultRecord) -> list[object]:
    name = Path(record["target"]).name
    return [
        element("a", name, href=f"#result-{number}"),
        _pill(record),
        _KINDS[record["kind"]],
        f"{record['num_frames']:,}" if record["num_frames"] else "",
        _length(record["seconds"]) if record["seconds"] else "",
        len(record["warnings"]) or "",
    ]


def _section(number: int, record: ResultRecord, count: int, width: int, num_shots: int) -> Markup:
    """One result."""
    pictures, trouble = previews(record, count, width)
    heading = f"result-{number}"
    return element(
        "section",
        element(
            "div",
            element("h2", Path(record["target"]).name, id=heading),
            _pill(record),
            class_="heading",
        ),
        element("p", record["source"], " → ", record["target"], class_="path"),
        element("p", record["error"], class_="note failed") if record["error"] else None,
        gallery(pictures, Path(record["source"]).name) if pictures else None,
        element("p", trouble, class_="note") if trouble else None,
        _warnings(record),
        doubts_part(record, num_shots),
        _facts(record),
        _streams(record),
        _provenance(record),
        _details(record),
        class_="result",
        aria_labeledby=heading,
    )


def _warnings(record: ResultRecord) -> Markup | None:
    if not record["warnings"]:
        return None
    said = (element("li", w) for w in record["warnings"])
    return element("div", element("h3", "Warnings"), element("ul", *said), class_="note warned")


def _facts(record: ResultRecord) -> Markup | None:
    picture = record["picture"]
    facts: list[tuple[str, str]] = []
    if picture:
        rate = picture["frame_rate"]
        speed = f", {_rate(rate)} frames a second" if rate else ""
        facts.append(("Picture", f"{picture['width']} × {picture['height']}{speed}"))
        if picture["duration_s"]:
            facts.append(("Length of the source", clock(picture["duration_s"])))
        facts.append(("Source", f"{picture['codec']}, {picture['pix_fmt']}"))
        facts.append(
            (
                "Result",
                f"{picture['encoder']}, {picture['out_pix_fmt']}, in {picture['container']}",
            )
        )
    if record["num_frames"] and record["kind"] != "photo":
        facts.append(("Frames", f"{record['num_frames']:,}"))
    if record["seconds"]:
        speed = f", {record['fps']:.1f} frames a second" if record["kind"] != "photo" else ""
        facts.append(("Work", _length(record["seconds"]) + speed))
    if not facts:
        return None
    pairs = (element("div", element("dt", k), element("dd", v)) for k, v in facts)
    return element("dl", *pairs, class_="facts")


def _rate(rate: str) -> str:
    above, _, below = rate.partition("/")
    return f"{int(above) / int(below or 1):.5g}"


def _streams(record: ResultRecord) -> Markup | None:
    if not record["streams"]:
        return None
    rows = (
        [
            s["index"],
            s["kind"],
            ", ".join(x for x in (s["codec"], s["language"], s["title"]) if x),
            element("span", "kept" if s["kept"] else "dropped",
                    class_=f"pill {'done' if s['kept'] else 'damaged'}"),
            s["note"],
        ]
        for s in record["streams"]
    )  # fmt: skip
    return join(
        element("h3", "Sound, subtitles and other streams"),
        table(("#", "Kind", "What", "Fate", "How"), rows, "Streams beside the picture"),
    )


def _provenance(record: ResultRecord) -> Markup | None:
    made = record["provenance"]
    if made is None:
        return None
    return join(
        element("h3", "Where the color comes from"),
        element("p", made["sentence"].partition(" [")[0], class_="provenance"),
    )


def _details(record: ResultRecord) -> Markup:
    """What it takes to make the result again."""
    made = record["provenance"]
    digests = [
        ("SHA-256 of the source", record["source_sha256"]),
        ("SHA-256 of the result", record["target_sha256"]),
        ("SHA-256 of the weights", made["weights_sha256"] if made else None),
        ("Recipe", made["recipe"] if made else None),
    ]
    chosen = [(k, _plain(v)) for k, v in record["options"].items() if v not in (None, [], False)]
    return element(
        "details",
        element("summary", "To make it again: digests, options, versions"),
        _lines("Digests", [(k, v) for k, v in digests if v]),
        _lines("Options", chosen),
        _lines("Seconds by stage", [(k, f"{v:.3f}") for k, v in record["timings"].items()]),
        _lines("Versions", list(record["versions"].items())),
    )


def _lines(title: str, pairs: list[tuple[str, str]]) -> Markup | None:
    if not pairs:
        return None
    said = (join(element("dt", k), element("dd", element("code", v))) for k, v in pairs)
    return join(element("h4", title), element("dl", *said, class_="lines"))


def _plain(value: object) -> str:
    """An option's value; pairs of an encoder's options as they are typed."""
    if isinstance(value, list) and all(isinstance(v, list | tuple) for v in value):
        return " ".join("=".join(map(str, v)) for v in value)
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _length(seconds: float) -> str:
    """Seconds as people read them: ``4.2 s``, ``3 min 7 s``, ``2 h 3 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
