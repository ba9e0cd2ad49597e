"""JSON documents of evaluations."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from vidcolor._version import __version__
from vidcolor.environment import get_library_versions
from vidcolor.errors import UsageError
from vidcolor.evaluation.scores import DEFINITIONS
from vidcolor.fileio import atomic_output

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from vidcolor.evaluation.film import FilmEvaluation
    from vidcolor.evaluation.film_scores import FilmMetrics
    from vidcolor.evaluation.scores import Evaluation, MethodScores

SCHEMA = 1
"""Version of the document's schema. It is increased with every incompatible change."""


def evaluation_to_json(evaluation: Evaluation) -> dict[str, Any]:
    """Return the options and the metrics of every method: over all images, by film and by image."""
    created = datetime.now(UTC).astimezone().isoformat(timespec="seconds")
    return {
        "schema": SCHEMA,
        "vidcolor": __version__,
        "created": created,
        "versions": get_library_versions(),
        "options": evaluation.options.to_json(),
        "encoder_sha256": evaluation.encoder_digest,
        "definitions": DEFINITIONS,
        "num_images": len(evaluation.images),
        "skipped": evaluation.skipped,
        "warnings": evaluation.warnings,
        "methods": [_method_to_json(evaluation, method) for method in evaluation.methods],
        "films": [
            {
                "source": str(path),
                "num_frames": len(frames),
                "metrics": {
                    method.name: evaluation.compute_means(method, frames).to_json()
                    for method in evaluation.methods
                },
            }
            for path, frames in evaluation.group_frames_by_film().items()
        ],
        "images": [_image_to_json(evaluation, index) for index in range(len(evaluation.images))],
    }


def _method_to_json(evaluation: Evaluation, method: MethodScores) -> dict[str, Any]:
    document: dict[str, Any] = {"name": method.name, "kind": method.kind, **method.metadata}
    document["metrics"] = evaluation.compute_means(method).to_json()
    if method.reliability is not None:
        document["calibration"] = method.reliability.to_json()
    if method.hinted_psnr:
        gray = evaluation.compute_means(evaluation.methods[0]).psnr
        document["hint_curve"] = [
            {"num_hints": count, "psnr": round(psnr, 4), "psnr_gain": round(psnr - gray, 4)}
            for count, psnr in method.compute_hint_curve()
        ]
    return document


def _image_to_json(evaluation: Evaluation, index: int) -> dict[str, Any]:
    image = evaluation.images[index]
    return {
        "name": image.name,
        "source": str(image.source),
        "kind": "frame" if image.is_frame else "photo",
        "time_s": None if image.time_s is None else round(float(image.time_s), 6),
        "size": evaluation.sizes[index],
        "metrics": {method.name: method.metrics[index].to_json() for method in evaluation.methods},
    }


def film_evaluation_to_json(evaluation: FilmEvaluation) -> dict[str, Any]:
    """Return the metrics of every version, for the film and for each shot; None where undefined."""
    scores = evaluation.scores
    return {
        "num_frames": scores.num_frames,
        "size": list(evaluation.size),
        "metrics": _film_metrics_to_json(scores.metrics),
        "shots": [
            {
                "first_frame": shot.first,
                "last_frame": shot.end - 1,
                "start_s": round(shot.time_s, 3),
                "metrics": _film_metrics_to_json(shot.metrics),
            }
            for shot in scores.shots
        ],
        "warnings": list(evaluation.warnings),
    }


def _film_metrics_to_json(metrics: Mapping[str, FilmMetrics]) -> dict[str, Any]:
    return {
        name: {k: v if math.isfinite(v) else None for k, v in asdict(values).items()}
        for name, values in metrics.items()
    }


def check_json_path(path: Path) -> None:
    """Check that a file has the extension of a JSON document.

    Raises:
        UsageError: the extension is not .json.
    """
    if path.suffix.lower() != ".json":
        raise UsageError(f"{path}: metrics are written as JSON; use the extension .json")


def write_json(document: dict[str, Any], path: Path, force: bool = True) -> None:
    """Write a JSON document.

    Args:
        document: JSON values.
        path: the file to write, with the extension .json.
        force: whether an existing file is replaced.

    Raises:
        UsageError: the extension is not .json.
        OutputError: the file exists and `force` is not set, or it cannot be written.
    """
    check_json_path(path)
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    with atomic_output(path, force) as partial:
        # File names may contain bytes that are not UTF-8.
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")
