"""Tables of metrics."""

from __future__ import annotations

import math

from vidcolor.evaluation.film import FILM_METRICS
from vidcolor.evaluation.metrics import Metric, format_table
from vidcolor.evaluation.scores import IMAGE_METRICS

LEAK = Metric(
    "leak", "leak", "{:.1%}", unit="pixels", better="lower", definition="color outside the object"
)


def test_names_and_titles_are_unique_and_every_metric_is_defined() -> None:
    for metrics in (IMAGE_METRICS, FILM_METRICS):
        assert len({metric.name for metric in metrics}) == len(metrics)
        titles = [metric.title for metric in metrics if metric.title]
        assert len(set(titles)) == len(titles)
        assert all(metric.definition for metric in metrics)


def test_table_leaves_out_columns_without_values_and_marks_undefined_ones() -> None:
    other = Metric("psnr", "PSNR", "{:.2f}", definition="PSNR")
    rows = {"gray": {"leak": math.nan, "psnr": None}, "ours": {"leak": 0.25, "psnr": None}}
    assert format_table("1 film", rows, (LEAK, other)) == [
        "1 film   leak",
        "gray        -",
        "ours    25.0%",
    ]
    rows["ours"]["psnr"] = math.inf
    assert format_table("1 film", rows, (LEAK, other))[0].split() == ["1", "film", "leak", "PSNR"]


def test_axis_label_states_unit_and_direction() -> None:
    assert LEAK.axis_label == "leak in pixels\nlower is better"


def test_titles_that_the_console_lacks_are_written_in_ascii() -> None:
    metric = Metric("delta", "ΔE00", "{:.1f}", "definition")
    rows = {"a": {"delta": 12.5}}
    assert format_table("x", rows, [metric], "utf-8") == ["x  ΔE00", "a  12.5"]
    assert format_table("x", rows, [metric], "cp1252") == ["x  dE00", "a  12.5"]
