"""Evaluations of models and results: methods, metrics, skipped images and errors."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers.albums import colorful, save
from vidcolor.color.metrics import PSNR_CEILING
from vidcolor.errors import InputError, UsageError
from vidcolor.evaluation.evaluator import Evaluation, evaluate
from vidcolor.evaluation.options import EvaluateOptions
from vidcolor.evaluation.plots import get_plot_names, write_plots
from vidcolor.evaluation.sheets import write_score_sheet

OPTIONS = EvaluateOptions(size=96, vividness=(0.2, 0.9), hint_counts=(1, 30), count=2)
MUTED, VIVID = "embedded, vividness 0.2", "embedded, vividness 0.9"


@pytest.fixture(scope="module")
def evaluation(album: Path) -> Evaluation:
    """The embedded generator at two values of vividness, with a hint curve."""
    return evaluate([album], OPTIONS)


def means_by_name(evaluation: Evaluation) -> dict[str, dict[str, float | None]]:
    return {method.name: method.metrics for method in evaluation.report.methods}


@pytest.mark.slow
def test_first_and_last_methods_are_gray_and_ground_truth(evaluation: Evaluation) -> None:
    means = means_by_name(evaluation)
    assert list(means) == ["gray", MUTED, VIVID, "ground_truth"]
    assert means["ground_truth"]["psnr"] == PSNR_CEILING
    assert means["ground_truth"]["delta_e_2000"] == means["ground_truth"]["feature_distance"] == 0
    assert means["gray"]["colorfulness_ratio"] == pytest.approx(0, abs=0.01)
    assert means["gray"]["psnr_gain"] == 0


@pytest.mark.slow
def test_model_gets_all_metrics_and_preserves_luma(evaluation: Evaluation) -> None:
    means = means_by_name(evaluation)[MUTED]
    assert means["colorfulness"] > 1
    assert means["max_luma_error"] <= 1.5  # rounding to 8 bits
    assert means["ece"] is not None
    assert 0 <= means["ece"] <= 1
    assert means["ms_per_image"] is not None
    assert means["ms_per_image"] > 0
    assert means["frechet_feature_distance"] is not None
    assert any("Fréchet" in text for text in evaluation.report.warnings)


def test_vividness_changes_colorfulness(evaluation: Evaluation) -> None:
    means = means_by_name(evaluation)
    assert abs(means[MUTED]["colorfulness"] - means[VIVID]["colorfulness"]) > 1


def test_hints_increase_psnr(evaluation: Evaluation) -> None:
    curve = dict((p.num_hints, p.psnr) for p in evaluation.report.methods[1].hint_curve)
    assert list(curve) == [0, 1, 30]
    assert curve[30] > curve[0] + 1


def test_json_has_the_metrics_of_methods_and_images(evaluation: Evaluation, tmp_path: Path) -> None:
    evaluation.report.write(tmp_path / "scores.json")
    document = json.loads((tmp_path / "scores.json").read_text())
    assert [method["name"] for method in document["methods"]] == [
        "gray", MUTED, VIVID, "ground_truth",
    ]  # fmt: skip
    model = document["methods"][1]
    assert set(model["metrics"]) == set(document["definitions"])
    assert model["sha256"]
    assert model["calibration"]["num_cells"] > 0
    assert [point["num_hints"] for point in model["hint_curve"]] == [0, 1, 30]
    assert document["encoder_sha256"]
    assert len(document["images"]) == document["num_images"] == 3
    assert set(document["images"][0]["metrics"]) == {"gray", MUTED, VIVID, "ground_truth"}
    with pytest.raises(UsageError, match=r"\.json"):
        evaluation.report.write(tmp_path / "scores.txt")


def test_sheet_has_a_row_per_method_and_a_column_per_image(
    evaluation: Evaluation, tmp_path: Path
) -> None:
    write_score_sheet(evaluation.report, evaluation.columns, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size[0] > 2 * 96
        assert sheet.size[1] > 4 * 96


@pytest.mark.slow
def test_plots_have_the_announced_names(evaluation: Evaluation, tmp_path: Path) -> None:
    written = write_plots(evaluation.report, tmp_path)
    assert [path.name for path in written] == get_plot_names(OPTIONS)
    assert [path.name for path in written] == ["reliability.png", "hint-curve.png"]
    for path in written:
        with Image.open(path) as plot:
            assert plot.size[0] > 300


def test_means_are_over_the_images_that_have_all_results(album: Path, tmp_path: Path) -> None:
    perfect, pale = tmp_path / "perfect", tmp_path / "pale"
    for path in album.rglob("*.png"):
        with Image.open(path) as image:
            rgb = np.asarray(image)
        save(perfect / f"{path.stem}.color.png", rgb)
        gray = np.asarray(Image.fromarray(rgb).convert("L").convert("RGB"))
        save(pale / path.name, (gray / 2 + rgb / 2).astype(np.uint8))
    (pale / "2.png").unlink()
    evaluation = evaluate([album], EvaluateOptions(results=(perfect, pale), size=None))
    means = means_by_name(evaluation)
    assert list(means) == ["gray", "perfect", "pale", "ground_truth"]
    assert [image.name for image in evaluation.report.images] == ["0.png", "1.png"]
    assert "pale: no result for more/2.png" in evaluation.report.skipped[0]
    assert evaluation.has_unreadable
    assert means["perfect"]["psnr"] == PSNR_CEILING
    assert means["perfect"]["colorfulness_ratio"] == pytest.approx(1)
    assert means["gray"]["psnr"] < means["pale"]["psnr"] < PSNR_CEILING
    assert 0.4 < means["pale"]["colorfulness_ratio"] < 0.6


def test_films_are_evaluated_frame_by_frame(films: tuple[Path, Path], tmp_path: Path) -> None:
    shutil.copy(films[1], tmp_path)
    options = EvaluateOptions(size=64, frames=3, results=(tmp_path,))
    evaluation = evaluate([films[1]], options)
    (film,) = evaluation.report.films
    assert film.num_frames == 3
    assert film.metrics[tmp_path.name]["psnr"] == PSNR_CEILING


def test_method_names_are_unique(album: Path, tmp_path: Path) -> None:
    folders = tuple(tmp_path / parent / "ground_truth" for parent in ("a", "b"))
    for folder in folders:
        save(folder / "0.png", colorful(0, (96, 128)))
    evaluation = evaluate([album / "0.png"], EvaluateOptions(size=64, results=folders))
    names = [method.name for method in evaluation.report.methods]
    assert names == ["gray", "ground_truth (2)", "ground_truth (3)", "ground_truth"]


def test_album_without_usable_images_is_an_error(tmp_path: Path) -> None:
    gray = save(tmp_path / "gray.png", np.full((96, 96, 3), 128, np.uint8))
    save(tmp_path / "results" / "gray.png", colorful(0, (96, 96)))
    options = EvaluateOptions(results=(tmp_path / "results",))
    with pytest.raises(InputError, match=r"no image can be evaluated: gray\.png: has no color"):
        evaluate([gray], options)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"size": 7}, "--size must be in"),
        ({"hint_counts": (0,)}, "--hint-curve: counts must be in"),
        ({"frames": 0}, "--frames must be 1 or more"),
        ({"results": (Path("a"), Path("a"))}, "given twice"),
    ],
)
def test_invalid_options_are_errors(values: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        EvaluateOptions(**values)
