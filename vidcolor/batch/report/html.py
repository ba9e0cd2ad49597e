"""The report as one self-contained HTML page."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from vidcolor._version import __version__
from vidcolor.batch.report.markup import (
    Markup,
    element,
    escape,
    join,
    jpeg_image,
    table,
    void_element,
)
from vidcolor.batch.report.previews import make_previews
from vidcolor.batch.report.uncertainty_html import uncertainty_section
from vidcolor.timecode import format_duration_in_words, format_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidcolor.batch.report.previews import Preview
    from vidcolor.batch.report.schema import ResultRecord

DISCLAIMER = (
    "The colors were predicted by a neural network. They are not a record of the original scene "
    "and should not be cited as one."
)
_KIND_NAMES = {"film": "Film", "photo": "Photo", "sequence": "Image sequence"}


@dataclass(frozen=True, slots=True)
class _DetailLevel:
    """Limits of what a page shows of each result, so that the page of a large run stays small."""

    max_results: int
    num_previews: int
    preview_width: int
    num_uncertain_shots: int


_DETAIL_LEVELS = (
    _DetailLevel(10, 3, 640, 24),
    _DetailLevel(60, 1, 560, 4),
    _DetailLevel(10**9, 1, 320, 1),
)


def build_page(records: Sequence[ResultRecord], created: str) -> str:
    """Return the HTML page of a report.

    Args:
        records: records of the tasks.
        created: date and time in ISO 8601.
    """
    style, script = _read_asset("report.css"), _read_asset("report.js")
    return Template(_read_asset("report.html")).substitute(
        style=style,
        script=script,
        style_hash=_csp_hash(style),
        script_hash=_csp_hash(script),
        title=escape(_title(records)),
        body=_body(records, created),
    )


def _read_asset(name: str) -> str:
    return resources.files("vidcolor.batch.report").joinpath("assets", name).read_text("utf-8")


def _csp_hash(text: str) -> str:
    """Return the Content-Security-Policy hash of an inline style or script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _title(records: Sequence[ResultRecord]) -> str:
    if len(records) == 1:
        return f"{Path(records[0]['target']).name}: colorization report"
    return f"Colorization report: {len(records)} results"


def _body(records: Sequence[ResultRecord], created: str) -> Markup:
    level = next(level for level in _DETAIL_LEVELS if len(records) <= level.max_results)
    sections = (_result_section(n, record, level) for n, record in enumerate(records, start=1))
    return join(
        _header(created),
        element("main", _summary(records), *sections),
        element("footer", element("p", f"Created by vidcolor {__version__} on {created}.")),
    )


def _header(created: str) -> Markup:
    date = datetime.fromisoformat(created)
    time = element("time", f"{date:%Y-%m-%d %H:%M}", datetime=created)
    return element(
        "header",
        element("p", "vidcolor ", __version__, " · ", time, class_="eyebrow"),
        element("h1", "Colorization report"),
        element("p", DISCLAIMER, class_="statement"),
    )


def result_state(record: ResultRecord) -> str:
    """Return ``failed``, ``skipped``, ``damaged`` or ``done``."""
    if record["error"] is not None:
        return "failed"
    if record["skipped"]:
        return "skipped"
    return "damaged" if record["damaged"] else "done"


def _state_pill(record: ResultRecord) -> Markup:
    state = result_state(record)
    text = "source damaged" if state == "damaged" else state
    return element("span", text, class_=f"pill {state}")


def _summary(records: Sequence[ResultRecord]) -> Markup:
    states = [result_state(record) for record in records]
    num_frames = sum(r["num_frames"] for r in records if r["kind"] != "photo")
    num_warnings = sum(len(r["warnings"]) for r in records)
    numbers = [
        (states.count("done") + states.count("damaged"), "colorized"),
        (states.count("skipped"), "skipped"),
        (states.count("failed"), "failed"),
        (num_warnings, "warning" if num_warnings == 1 else "warnings"),
        (f"{num_frames:,}", "frames"),
        (format_duration_in_words(sum(r["seconds"] for r in records)), "processing time"),
    ]
    tiles = (
        element("div", element("dt", label), element("dd", number))
        for number, label in numbers
        if number not in (0, "0") or label in ("colorized", "failed", "warnings")
    )
    return element(
        "section",
        element("h2", "Summary", id="summary"),
        element("dl", *tiles, class_="tiles"),
        table(
            ("Result", "Status", "Kind", "Frames", "Time", "Warnings"),
            (_summary_row(n, record) for n, record in enumerate(records, start=1)),
            "Results of this run",
            numeric_columns=(3, 4, 5),
        ),
        aria_labelledby="summary",
    )


def _summary_row(number: int, record: ResultRecord) -> list[object]:
    name = Path(record["target"]).name
    return [
        element("a", name, href=f"#result-{number}"),
        _state_pill(record),
        _KIND_NAMES[record["kind"]],
        f"{record['num_frames']:,}" if record["num_frames"] else "",
        format_duration_in_words(record["seconds"]) if record["seconds"] else "",
        len(record["warnings"]) or "",
    ]


def _result_section(number: int, record: ResultRecord, level: _DetailLevel) -> Markup:
    previews, message = make_previews(record, level.num_previews, level.preview_width)
    heading_id = f"result-{number}"
    return element(
        "section",
        element(
            "div",
            element("h2", Path(record["target"]).name, id=heading_id),
            _state_pill(record),
            class_="heading",
        ),
        element("p", record["source"], " → ", record["target"], class_="path"),
        element("p", record["error"], class_="note failed") if record["error"] else None,
        _gallery(previews, Path(record["source"]).name) if previews else None,
        element("p", message, class_="note") if message else None,
        _warnings(record),
        uncertainty_section(record, level.num_uncertain_shots),
        _facts(record),
        _streams(record),
        _provenance(record),
        _details(record),
        class_="result",
        aria_labelledby=heading_id,
    )


def _gallery(previews: list[Preview], name: str) -> Markup:
    """Return the previews of a result.

    Args:
        previews: previews of the result; not empty.
        name: file name of the source.
    """
    is_tall = all(preview.size[1] > preview.size[0] for preview in previews)
    class_ = "gallery single" if len(previews) == 1 else "gallery"
    sliders = (_slider(preview, name) for preview in previews)
    return element("div", *sliders, class_=f"{class_} tall" if is_tall else class_)


def _slider(preview: Preview, name: str) -> Markup:
    """Return a slider between source and result; without JavaScript each covers one half."""
    label = f"{name} at {preview.caption}" if preview.caption else name
    stage = element(
        "div",
        jpeg_image(preview.after, preview.size, f"Colorized: {label}", "after"),
        jpeg_image(preview.before, preview.size, f"Original: {label}", "before"),
        element("span", class_="line", aria_hidden="true"),
        element("span", "Original", class_="name left", aria_hidden="true"),
        element("span", "Colorized", class_="name right", aria_hidden="true"),
        void_element(
            "input",
            type="range",
            min=0,
            max=100,
            value=50,
            aria_label=f"Visible share of the original, {label}",
        ),
        class_="stage",
    )
    caption = element("figcaption", preview.caption) if preview.caption else None
    return element("figure", stage, caption)


def _warnings(record: ResultRecord) -> Markup | None:
    if not record["warnings"]:
        return None
    items = (element("li", text) for text in record["warnings"])
    return element("div", element("h3", "Warnings"), element("ul", *items), class_="note warned")


def _facts(record: ResultRecord) -> Markup | None:
    """Return the video properties and the speed of a result."""
    video = record["video"]
    facts: list[tuple[str, str]] = []
    if video:
        rate = f", {_format_rate(video['frame_rate'])} fps" if video["frame_rate"] else ""
        facts.append(("Frame size", f"{video['width']} × {video['height']}{rate}"))
        if video["duration_s"]:
            facts.append(("Duration of the source", format_time(video["duration_s"])))
        facts.append(("Source", f"{video['codec']}, {video['pix_fmt']}"))
        result = f"{video['encoder']}, {video['out_pix_fmt']}, in {video['container']}"
        facts.append(("Result", result))
    if record["num_frames"] and record["kind"] != "photo":
        facts.append(("Frames", f"{record['num_frames']:,}"))
    if record["seconds"]:
        speed = f", {record['fps']:.1f} frames/s" if record["kind"] != "photo" else ""
        facts.append(("Processing time", format_duration_in_words(record["seconds"]) + speed))
    if not facts:
        return None
    pairs = (element("div", element("dt", k), element("dd", v)) for k, v in facts)
    return element("dl", *pairs, class_="facts")


def _format_rate(rate: str) -> str:
    numerator, _, denominator = rate.partition("/")
    return f"{int(numerator) / int(denominator or 1):.5g}"


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
    headings = ("#", "Kind", "Stream", "Status", "Note")
    return join(
        element("h3", "Audio, subtitles and other streams"),
        table(headings, rows, "Streams other than the video stream"),
    )


def _provenance(record: ResultRecord) -> Markup | None:
    provenance = record["provenance"]
    if provenance is None:
        return None
    return join(
        element("h3", "Provenance of the color"),
        element("p", provenance["sentence"].partition(" [")[0], class_="provenance"),
    )


def _details(record: ResultRecord) -> Markup:
    """Return the digests, options and versions that are needed to reproduce the result."""
    provenance = record["provenance"]
    digests = [
        ("SHA-256 of the source", record["source_sha256"]),
        ("SHA-256 of the result", record["target_sha256"]),
        ("SHA-256 of the weights", provenance["weights_sha256"] if provenance else None),
        ("Recipe", provenance["recipe"] if provenance else None),
    ]
    options = [
        (k, _format_option(v)) for k, v in record["options"].items() if v not in (None, [], False)
    ]
    return element(
        "details",
        element("summary", "Details for reproduction: digests, options, versions"),
        _definitions("Digests", [(k, v) for k, v in digests if v]),
        _definitions("Options", options),
        _definitions("Seconds by stage", [(k, f"{v:.3f}") for k, v in record["timings"].items()]),
        _definitions("Versions", list(record["versions"].items())),
    )


def _definitions(title: str, pairs: list[tuple[str, str]]) -> Markup | None:
    if not pairs:
        return None
    items = (join(element("dt", k), element("dd", element("code", v))) for k, v in pairs)
    return join(element("h4", title), element("dl", *items, class_="lines"))


def _format_option(value: object) -> str:
    """Format the value of an option; encoder options become ``KEY=VALUE`` pairs."""
    if isinstance(value, list) and all(isinstance(v, list | tuple) for v in value):
        return " ".join("=".join(map(str, v)) for v in value)
    return value if isinstance(value, str) else json.dumps(value, default=str)
