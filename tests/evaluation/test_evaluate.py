"""Judging color where the truth is known: definitions, models, results of others, films."""

from __future__ import annotations

import json
import math
import shutil
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from vidcolor import cli
from vidcolor.color.metrics import PSNR_CEILING
from vidcolor.errors import InputError, UsageError
from vidcolor.evaluation.calibration import Reliability
from vidcolor.evaluation.dataset import find_originals
from vidcolor.evaluation.features import FeatureSpace, feature_distance, frechet_distance
from vidcolor.evaluation.hint_curve import true_hints
from vidcolor.evaluation.image_metrics import picture_delta_e, picture_psnr, picture_ssim
from vidcolor.evaluation.options import EvaluateOptions
from vidcolor.evaluation.run import evaluate
from vidcolor.evaluation.sample_selection import Panel, Showcase
from vidcolor.generators import load_encoder

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tests.helpers.clips import ClipMaker
    from vidcolor.evaluation.scores import Evaluation, Summary

    Rgb = NDArray[np.uint8]


def colorful(seed: int, size: tuple[int, int] = (96, 128)) -> Rgb:
    """Soft patches of color under texture; (H, W, 3) uint8."""
    rng = np.random.default_rng(seed)
    patches = rng.integers(0, 256, (5, 6, 3)).astype(np.float32)
    soft = cv2.resize(patches, size[::-1], interpolation=cv2.INTER_CUBIC)
    return np.clip(soft + rng.normal(0, 10, (*size, 1)), 0, 255).astype(np.uint8)


@pytest.fixture
def album(tmp_path: Path) -> Path:
    folder = tmp_path / "album"
    (folder / "more").mkdir(parents=True)
    for seed in range(3):
        Image.fromarray(colorful(seed)).save(folder / f"{seed}.png")
    Image.fromarray(colorful(3)).save(folder / "more" / "3.png")
    return folder


def table(done: Evaluation) -> dict[str, Summary]:
    return {row.name: done.summary(row) for row in done.rows}


def test_gray_and_originals_frame_the_table(album: Path) -> None:
    done = evaluate([album], EvaluateOptions(size=96, hint_counts=(1, 30), count=2))
    rows = table(done)
    assert list(rows) == ["gray", "embedded", "originals"]
    assert rows["originals"].psnr == PSNR_CEILING
    assert rows["originals"].delta_e == rows["originals"].feature_distance == 0
    assert rows["gray"].colorfulness_share == pytest.approx(0, abs=0.01)
    assert rows["gray"].gain == 0
    judged = rows["embedded"]
    assert judged.colorfulness > 1
    assert judged.luma_error <= 1.5  # luma is sacred, to the rounding of 8 bits
    assert judged.ece is not None and 0 <= judged.ece <= 1
    assert judged.ms is not None and judged.ms > 0
    assert judged.frechet_feature_distance is not None
    curve = dict(done.rows[1].hint_curve())
    assert list(curve) == [0, 1, 30]
    assert curve[30] > curve[0] + 1
    assert any("Fréchet" in text for text in done.warnings)


def test_results_of_others_are_found_by_name(album: Path, tmp_path: Path) -> None:
    perfect, half = tmp_path / "perfect", tmp_path / "half"
    perfect.mkdir()
    half.mkdir()
    for path in album.rglob("*.png"):
        picture = Image.open(path)
        picture.save(perfect / f"{path.stem}.color.png")  # flat, though one lies deeper
        mean = np.asarray(picture.convert("L").convert("RGB"), float) / 2 + np.asarray(picture) / 2
        Image.fromarray(mean.astype(np.uint8)).save(half / path.name)
    (half / "3.png").unlink()
    options = EvaluateOptions(results=(perfect, half), size=None)
    done = evaluate([album], options)
    rows = table(done)
    assert list(rows) == ["gray", "perfect", "half", "originals"]
    assert len(done.originals) == 3  # all rows are means of the same pictures
    assert "half: has no result called" in done.left_out[0]
    assert rows["perfect"].psnr == PSNR_CEILING
    assert rows["perfect"].colorfulness_share == pytest.approx(1)
    assert rows["gray"].psnr < rows["half"].psnr < PSNR_CEILING
    assert 0.4 < rows["half"].colorfulness_share < 0.6


def test_a_film_is_judged_by_its_frames(clip: ClipMaker) -> None:
    film = clip(
        "mkv", "ffv1", "yuv444p", "-map", "1:v",
        inputs=("-f", "lavfi", "-i", "testsrc2=size=96x64:rate=24:duration=1"),
    )  # fmt: skip
    done = evaluate([film], EvaluateOptions(size=64, frames=3))
    assert [o.is_frame for o in done.originals] == [True] * 3
    times = [float(o.time_s or 0) for o in done.originals]
    assert times == sorted(set(times))
    assert list(done.films().values()) == [[0, 1, 2]]


def test_the_command_writes_and_says_everything(
    album: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (album / "cut.png").write_bytes((album / "0.png").read_bytes()[:2000])
    Image.fromarray(np.full((96, 96, 3), 128, np.uint8)).save(album / "gray.png")
    out, sheet = tmp_path / "scores.json", tmp_path / "sheet.png"
    words = ["evaluate", album, "-o", out, "--sheet", sheet, "--plots", tmp_path / "plots"]
    words += ["--size", "64", "--hint-curve", "2", "--vividness", "0.2", "--vividness", "0.9"]
    assert cli.run([str(word) for word in words]) == 1  # one could not be read
    said = capsys.readouterr()
    assert "4 pictures, 64×64" in said.out
    assert "cut.png" in said.err and "gray.png" in said.err
    document = json.loads(out.read_text())
    names = [row["name"] for row in document["rows"]]
    assert names == ["gray", "embedded, vividness 0.2", "embedded, vividness 0.9", "originals"]
    assert set(document["rows"][1]["overall"]) <= set(document["definitions"])
    assert document["encoder_sha256"] and document["rows"][1]["sha256"]
    assert len(document["pictures"]) == document["num_pictures"] == 4
    calm, vivid = (document["rows"][n]["overall"]["colorfulness"] for n in (1, 2))
    assert abs(calm - vivid) > 1  # of pictures of nothing, either may be the more colorful
    with Image.open(sheet) as picture:
        assert picture.size[0] > 200
    assert {p.name for p in (tmp_path / "plots").iterdir()} == {"reliability.png", "hint-curve.png"}
    assert cli.run([str(word) for word in words]) == 2  # nothing is overwritten
    assert "--force" in capsys.readouterr().err


def test_the_sheet_is_full_though_originals_are_left_out() -> None:
    panel = [Panel(colorful(0), 1.0)]
    for total, fit, kept in ((2, [0], [0]), (20, range(0, 20, 2), [0, 2, 6, 8, 10, 12, 16, 18])):
        showcase = Showcase(8, total, "even")
        for index in fit:
            showcase.offer(index, str(index), 0.0, panel)
        assert [column.index for column in showcase.columns] == kept


def test_rows_have_names_of_their_own(album: Path, tmp_path: Path) -> None:
    for place in ("a", "b"):
        shutil.copytree(album, tmp_path / place / "originals")
    folders = tuple(tmp_path / place / "originals" for place in ("a", "b"))
    done = evaluate([album], EvaluateOptions(size=64, results=folders))
    assert list(table(done)) == ["gray", "originals (2)", "originals (3)", "originals"]


def test_runs_of_training_are_no_originals(album: Path) -> None:
    run = album / "ours.train"
    run.mkdir()
    Image.fromarray(colorful(9)).save(run / "validation.png")
    (run / "log.jsonl").touch()
    assert len(find_originals([album], frames=1)) == 4


def test_options_without_effect_are_refused(album: Path, tmp_path: Path) -> None:
    results = ["--results", str(album)]
    for words in (
        ["--count", "3"],
        ["--size", "0"],
        ["--hint-curve", ""],
        [*results, "--vividness", "0.5"],
        [*results, "--hint-curve", "5"],
        [*results, "--plots", str(tmp_path / "plots")],
        ["--sheet", str(album / "0.png"), "--force"],
    ):
        assert cli.run(["evaluate", str(album), *words]) == 2


def test_what_cannot_be_judged_is_refused(tmp_path: Path, album: Path) -> None:
    gray = tmp_path / "gray.png"
    Image.fromarray(np.full((96, 96, 3), 128, np.uint8)).save(gray)
    with pytest.raises(InputError, match="nothing to judge by"):
        evaluate([gray])
    with pytest.raises(InputError, match="no such folder"):
        evaluate([album], EvaluateOptions(results=(tmp_path / "none",)))
    with pytest.raises(UsageError, match="size must lie"):
        EvaluateOptions(size=7)
    assert cli.run(["evaluate", str(album), "--native", "--size", "128"]) == 2


def test_definitions() -> None:
    a, b = colorful(1), colorful(2)
    assert picture_ssim(a, a) == pytest.approx(1)
    assert picture_ssim(a, b) < 0.5
    off = np.clip(a.astype(int), 10, 245)
    assert picture_psnr((off + 10).astype(np.uint8), off.astype(np.uint8)) == pytest.approx(
        20 * math.log10(25.5), abs=0.01
    )
    assert picture_delta_e(a, a) == 0
    space = FeatureSpace(load_encoder())
    same, other = space(a), space(b)
    assert feature_distance(same, same) == 0
    assert feature_distance(same, other) > 0.05


def test_frechet_distance_of_known_gaussians() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(0, 1, (4000, 3))
    b = rng.normal(0, 2, (4000, 3)) + np.array([3.0, 0, 0])
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-6)
    # |3|^2 + 3 (1 + 4 - 2 * 2)
    assert frechet_distance(a, b) == pytest.approx(12, rel=0.08)


def test_calibration_error() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.random(20000).astype(np.float32)
    honest, boastful = Reliability(), Reliability()
    honest.count(confidence, rng.random(20000) < confidence)
    boastful.count(confidence, rng.random(20000) < confidence / 2)
    assert honest.ece < 0.03
    assert boastful.ece == pytest.approx(0.25, abs=0.02)


def test_hints_grow_and_tell_the_truth() -> None:
    truth = colorful(5, (64, 64))
    few, more = (true_hints([truth], ["a"], n, (64, 64)) for n in (3, 8))
    assert (more.density[0][few.density[0] > 0] == 1).all()
    assert more.density.sum() > few.density.sum()
    other = true_hints([truth], ["b"], 3, (64, 64))
    assert not np.array_equal(few.density, other.density)
    flat = np.full((64, 64, 3), (200, 40, 40), np.uint8)
    hints = true_hints([flat], ["a"], 1, (64, 64))
    known = torch.from_numpy(hints.ab[0][:, hints.density[0] > 0])
    assert float(known.std(dim=1).max()) < 0.01
    assert float(known[0].mean()) > 40
