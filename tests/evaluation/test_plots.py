"""Plots show names of any file."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from vidcolor.evaluation.plots import write_plots
from vidcolor.evaluation.report import (
    Calibration,
    CalibrationBin,
    EvaluationReport,
    HintPoint,
    Method,
)

NAMES = ("_private", "$a_b^$ 100%", "broken \udcff")


def make_report() -> EvaluationReport:
    curve = (
        HintPoint(num_hints=0, psnr=22, psnr_gain=1),
        HintPoint(num_hints=10, psnr=25, psnr_gain=4),
    )
    bins = [
        CalibrationBin(upper_bound=0.5, fraction=0.0, confidence=None, accuracy=None),
        CalibrationBin(upper_bound=1.0, fraction=1.0, confidence=0.7, accuracy=0.6),
    ]
    calibration = Calibration(ece=0.1, radius_ab=15, num_cells=9, accuracy=0.6, bins=bins)
    models = [
        Method(name=n, kind="model", metrics={}, calibration=calibration, hint_curve=curve)
        for n in NAMES
    ]
    return EvaluationReport(
        schema=1, vidcolor="0", created="", versions={}, options={}, encoder_sha256="",
        definitions={}, num_images=0, skipped=[], warnings=[], films=[], images=[],
        methods=[Method(name="gray", kind="gray", metrics={"psnr": 21.0}), *models],
    )  # fmt: skip


def test_names_with_special_characters_are_plotted_and_stored(tmp_path: Path) -> None:
    report = make_report()
    for path in write_plots(report, tmp_path):
        with Image.open(path) as plot:
            assert min(plot.size) > 300
    report.write(tmp_path / "scores.json")
    text = (tmp_path / "scores.json").read_text("utf-8")
    assert all(name.replace("\udcff", "\\udcff") in text for name in NAMES)
