"""An evaluation as one JSON document for scripts."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from vidcolor import __version__
from vidcolor.digests import versions
from vidcolor.evaluation.scores import DEFINITIONS, scores_to_json
from vidcolor.fileio import atomic_output

if TYPE_CHECKING:
    from pathlib import Path

    from vidcolor.evaluation.scores import Evaluation, Row

SCHEMA = 1
"""Rises when a reader of the document must change."""


def document_of(done: Evaluation) -> dict[str, Any]:
    """Options, overall figures of every row, those of each film, and those of each picture."""
    created = datetime.now(UTC).astimezone().isoformat(timespec="seconds")
    return {
        "schema": SCHEMA,
        "vidcolor": __version__,
        "created": created,
        "versions": versions(),
        "options": done.options.to_json(),
        "encoder_sha256": done.encoder_digest,
        "definitions": DEFINITIONS,
        "num_pictures": len(done.originals),
        "left_out": done.left_out,
        "warnings": done.warnings,
        "rows": [_row(done, row) for row in done.rows],
        "films": [
            {
                "source": str(path),
                "num_frames": len(frames),
                "rows": {row.name: done.summary(row, frames).to_json() for row in done.rows},
            }
            for path, frames in done.films().items()
        ],
        "pictures": [_picture(done, index) for index in range(len(done.originals))],
    }


def _row(done: Evaluation, row: Row) -> dict[str, Any]:
    found: dict[str, Any] = {"name": row.name, "kind": row.kind, **row.facts}
    found["overall"] = done.summary(row).to_json()
    if row.reliability is not None:
        found["calibration"] = row.reliability.to_json()
    if row.hinted:
        gray = done.summary(done.rows[0]).psnr
        found["hint_curve"] = [
            {"hints": count, "psnr": round(value, 4), "gain": round(value - gray, 4)}
            for count, value in row.hint_curve()
        ]
    return found


def _picture(done: Evaluation, index: int) -> dict[str, Any]:
    original = done.originals[index]
    return {
        "name": original.name,
        "source": str(original.source),
        "kind": "frame" if original.is_frame else "picture",
        "time_s": None if original.time_s is None else round(float(original.time_s), 6),
        "size": done.sizes[index],
        "scores": {row.name: scores_to_json(row.scores[index]) for row in done.rows},
    }


def write_document(done: Evaluation, out: Path) -> None:
    """Write the document; an existing file is replaced.

    Raises:
        OutputError: it cannot be written.
    """
    text = json.dumps(document_of(done), indent=1, ensure_ascii=False) + "\n"
    with atomic_output(out) as partial:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")
