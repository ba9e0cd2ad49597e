"""Objects of photographs that get another color by hints."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.albums import colorful, save
from vidcolor.errors import UsageError
from vidcolor.evaluation.evaluator import evaluate
from vidcolor.evaluation.object_hints import (
    AREA_LIMITS,
    CHROMA_LIMITS,
    MAX_HINTS,
    RecoloredObject,
    choose_object,
    compute_border_distance,
    make_color,
)
from vidcolor.evaluation.options import EvaluateOptions
from vidcolor.evaluation.plots import get_plot_names, write_plots


def make_photo() -> np.ndarray:
    """Return a photo with a blue square that covers a quarter of a green background."""
    rgb = np.zeros((128, 128, 3), np.uint8)
    rgb[:] = (70, 140, 70)
    rgb[32:96, 32:96] = (70, 90, 180)
    return rgb


@pytest.fixture(scope="module")
def chosen() -> RecoloredObject:
    found = choose_object(make_photo(), "square.png")
    assert found is not None
    return found


def test_object_is_a_region_of_one_color(chosen: RecoloredObject) -> None:
    truth = np.zeros((128, 128), bool)
    truth[32:96, 32:96] = True
    mask = chosen.mask > 0
    assert (mask & truth).sum() / (mask | truth).sum() > 0.95
    assert AREA_LIMITS[0] < mask.mean() < AREA_LIMITS[1]


def test_first_hint_is_in_the_middle_and_all_are_inside(chosen: RecoloredObject) -> None:
    first, *others = chosen.hints
    assert len(others) == MAX_HINTS - 1
    assert first.x == pytest.approx(0.5, abs=0.03)
    assert first.y == pytest.approx(0.5, abs=0.03)
    distance = compute_border_distance(chosen.mask)
    assert all(distance[int(h.y * 128), int(h.x * 128)] > 2 for h in others)
    assert len({(h.x, h.y) for h in others}) > 20


def test_name_of_the_image_determines_object_and_color(chosen: RecoloredObject) -> None:
    again = choose_object(make_photo(), "square.png")
    assert again is not None
    assert again.hints == chosen.hints
    other = choose_object(make_photo(), "another.png")
    assert other is not None
    assert other.hints[0].color != chosen.hints[0].color
    chroma = np.hypot(*chosen.target_ab)
    assert CHROMA_LIMITS[0] - 3 < chroma < CHROMA_LIMITS[1] + 3


@pytest.mark.parametrize("hue", [0, 60, 120, 210, 280])
def test_color_has_the_requested_hue_and_chroma(hue: float) -> None:
    a, b = 40 * np.cos(np.deg2rad(hue)), 40 * np.sin(np.deg2rad(hue))
    code, exact = make_color(a, b)
    assert len(code) == 7
    assert np.hypot(exact[0] - a, exact[1] - b) < 4


def test_image_without_a_region_has_no_object() -> None:
    assert choose_object(np.full((96, 96, 3), (200, 90, 40), np.uint8), "flat.png") is None


@pytest.mark.slow
def test_report_has_coverage_and_spill_by_number_of_hints(tmp_path: Path) -> None:
    save(tmp_path / "album" / "patches.png", colorful(4, (128, 128)))
    save(tmp_path / "album" / "square.png", make_photo())
    options = EvaluateOptions(size=128, object_hint_counts=(3, 1))
    evaluation = evaluate([tmp_path / "album"], options)
    gray, embedded, _ = evaluation.report.methods
    assert gray.object_hints == ()
    one, three = embedded.object_hints
    assert (one.num_hints, three.num_hints) == (1, 3)
    assert one.num_objects == three.num_objects
    assert one.metrics.coverage is not None
    assert one.metrics.coverage > 0.3
    evaluation.report.write(tmp_path / "scores.json")
    document = json.loads((tmp_path / "scores.json").read_text())
    assert {"coverage", "spill", "iou"} <= set(document["definitions"])
    by_name = {image["name"]: image["object_hints"] for image in document["images"]}
    assert [p["num_hints"] for p in by_name["square.png"]["embedded"]] == [1, 3]
    assert 0 < by_name["square.png"]["embedded"][0]["metrics"]["coverage"] <= 1
    (tmp_path / "plots").mkdir()
    written = write_plots(evaluation.report, tmp_path / "plots")
    assert [path.name for path in written] == get_plot_names(options)
    assert written[-1].name == "object-hints.png"


@pytest.mark.parametrize("count", [0, 101])
def test_invalid_counts_are_errors(count: int) -> None:
    with pytest.raises(UsageError, match="--object-hints: counts must be in"):
        EvaluateOptions(object_hint_counts=(count,))
