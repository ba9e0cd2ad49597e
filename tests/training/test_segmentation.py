"""Training of segmentation: views and masks, simulated clicks, losses, runs, rejected options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from tests.helpers.albums import save
from tests.helpers.torch_threads import torch_threads
from tests.training.small_runs import (
    CrashingCallback,
    have_equal_tensors,
    read_log,
    small_options,
)
from vidcolor import cli
from vidcolor.errors import InputError, UsageError, WeightsError
from vidcolor.training.clicks import (
    DISTORTIONS,
    add_corrections,
    distort_mask,
    draw_additional_clicks,
    draw_first_clicks,
)
from vidcolor.training.config import TrainingConfig
from vidcolor.training.distributed import ProcessGroup
from vidcolor.training.objects import draw_pair
from vidcolor.training.run import train
from vidcolor.training.segmentation import SegmentationTask, mask_losses
from vidcolor.training.segmentation_batches import SegmentationBatchStream
from vidcolor.training.segmentation_validation import draw_measured_region
from vidcolor.training.trainer import Trainer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vidcolor.imaging.types import FloatArray, Rgb


def draw_discs(seed: int, size: tuple[int, int] = (120, 160)) -> Rgb:
    """Return an image of discs of one color each on a background of one color, with grain."""
    rng = np.random.default_rng(seed)
    height, width = size
    hues = rng.permutation(6) * 30
    values = np.array([[(hue, 160, 240) for hue in hues]], np.uint8)
    background, *colors = cv2.cvtColor(values, cv2.COLOR_HSV2RGB)[0].tolist()
    image = np.full((*size, 3), background, np.uint8) // 3
    for color in colors[:4]:
        center = int(rng.integers(width)), int(rng.integers(height))
        cv2.circle(image, center, int(rng.integers(15, 35)), color, -1)
    grain = rng.normal(0, 2, (*size, 1))
    return np.clip(image + grain, 0, 255).astype(np.uint8)


def make_config(**choices: Any) -> TrainingConfig:
    return TrainingConfig(**{"task": "segmentation", "size": 64, "batch": 2, "steps": 3, **choices})


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    with torch_threads(1):
        yield


@pytest.fixture(scope="module")
def photos() -> list[Rgb]:
    return [draw_discs(seed) for seed in range(6)]


@pytest.fixture(scope="module")
def disc_album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("discs")
    for seed in range(8):
        save(folder / f"{seed}.png", draw_discs(seed))
    return folder


@pytest.fixture(scope="module")
def disc() -> FloatArray:
    mask = np.zeros((48, 48), np.float32)
    cv2.circle(mask, (20, 30), 10, 1.0, -1)
    return mask


def test_batch_depends_on_seed_number_and_rank(photos: list[Rgb]) -> None:
    def draw(number: int, **choices: int) -> list[object]:
        stream = SegmentationBatchStream(store=photos, size=96, batch=2, **choices)  # type: ignore[arg-type]
        gray, masks, pair, seed = stream[number]
        assert gray.shape[0] == 4 and gray.shape[1] % 32 == 0
        assert masks.shape == (2, len(pair), gray.shape[1] // 2, gray.shape[2] // 2)
        assert 0 <= float(masks.min()) <= float(masks.max()) <= 1
        assert set(pair.tolist()) == {0, 1}
        return [gray.tolist(), masks.tolist(), pair.tolist(), seed]

    first = draw(3)
    assert draw(3) == first
    for other in (draw(4), draw(3, seed=1), draw(3, rank=1, world_size=2)):
        assert other[0] != first[0] and other[3] != first[3]


def test_masks_of_both_views_show_the_same_object(photos: list[Rgb]) -> None:
    compared, moved = [], []
    for seed, photo in enumerate(photos * 3):
        rng = np.random.default_rng(seed)
        pair = draw_pair(photo, photos[0], 128, 3, rng, degraded_share=0)
        for masks in zip(*pair.masks, strict=True) if pair else ():
            inside = [mask > 0.95 for mask in masks]
            if min(area.sum() for area in inside) < 100:  # the object is lost
                continue
            # An object has one tone, and the second view differs in exposure and contrast.
            tones = [gray[area] for gray, area in zip(pair.gray, inside, strict=True)]
            compared.append(max(float(np.percentile(t, 95) - np.percentile(t, 5)) for t in tones))
            moved.append(float((inside[0] ^ inside[1]).sum() / inside[0].sum()))
    assert len(compared) > 20
    assert np.median(moved) > 0.2
    assert np.median(compared) < 15


def test_clicks_lie_on_the_object_or_beside_it(disc: FloatArray) -> None:
    rng = np.random.default_rng(0)
    drawn = [draw(disc, rng) for draw in (draw_first_clicks, draw_additional_clicks) * 40]
    assert all(disc[point] > 0.5 for clicks in drawn for point in clicks.positive)
    assert all(disc[point] < 0.5 for clicks in drawn for point in clicks.negative)
    assert {len(clicks.positive) for clicks in drawn[::2]} == {1, 2, 3}
    assert {len(clicks.negative) for clicks in drawn} == {0, 1}
    cells = drawn[0].to_cells(torch.device("cpu")).positive
    assert torch.equal(cells[0] * 2 - 0.5, torch.tensor(drawn[0].positive[0]).float())
    # There is nothing to click on in an empty mask.
    assert not draw_first_clicks(np.zeros_like(disc), rng).positive


def test_corrections_lie_in_errors(disc: FloatArray) -> None:
    rng = np.random.default_rng(0)
    missing, excess = disc.copy(), disc.copy()
    missing[25:, :], excess[:15, :] = 0, 1
    for predicted in (missing, excess) * 10:
        clicks = draw_first_clicks(np.zeros_like(disc), rng)
        clicks.negative.clear()
        add_corrections(clicks, disc, predicted, rng)
        points = clicks.positive + clicks.negative
        assert points
        assert all(disc[point] != predicted[point] for point in points)
        assert bool(clicks.positive) == (predicted is missing)


def test_distorted_masks_resemble_the_object(disc: FloatArray) -> None:
    rng = np.random.default_rng(0)
    for distort, _ in DISTORTIONS:
        assert any(np.abs(distort(disc, rng) - disc).max() > 0.3 for _ in range(5))
    masks = [distort_mask(disc, rng) for _ in range(60)]
    assert all(0 <= mask.min() <= mask.max() <= 1.01 for mask in masks)
    mean = np.mean(masks, axis=0)
    assert mean[disc > 0.5].mean() > 3 * mean[disc < 0.5].mean()


def test_losses_of_masks() -> None:
    target = torch.zeros(2, 1, 32, 32)
    target[0, :, 8:24, 8:24] = 1  # the second mask is empty
    perfect = mask_losses(40 * target - 20, target)
    assert all(float(loss) < 1e-3 for loss in perfect)
    empty, full = (mask_losses(torch.full_like(target, v), target) for v in (-20.0, 20.0))
    assert float(empty[1]) == pytest.approx(0.5 * (1 - 20 / (256 + 20)), abs=1e-3)
    assert float(full[0]) > 10 and float(full[1]) > 0.7


@pytest.mark.slow
def test_steps_reduce_the_loss(photos: list[Rgb]) -> None:
    device, group = torch.device("cpu"), ProcessGroup()
    task = SegmentationTask(make_config(learning_rate=5e-3), device, "fp32")
    trainer = Trainer(task, task.create_objective(photos, None), group)  # type: ignore[arg-type]
    batch = task.create_stream(photos, None, group)[0]  # type: ignore[arg-type]
    losses = [float(trainer.step([batch], 1.0)[0]["loss"]) for _ in range(8)]
    assert losses[-1] < 0.85 * losses[0]
    # Every part of the network takes part.
    start = task.start.network.state_dict()
    unchanged = [n for n, p in trainer.network.state_dict().items() if torch.equal(p, start[n])]
    assert not unchanged


@pytest.fixture(scope="module")
def uninterrupted(disc_album: Path) -> Path:
    """Weights of an uninterrupted run."""
    out = disc_album.parent / "uninterrupted.safetensors"
    finished = train([disc_album], out, make_config(), small_options(holdout=0.3))
    assert finished.before is not None and finished.after is not None
    assert finished.after.num_objects > 0
    return out


@pytest.mark.slow
def test_run_writes_weights_card_and_run_folder(uninterrupted: Path) -> None:
    folder = uninterrupted.with_suffix(".train")
    for name in ("checkpoint.pt", "curves.png", "validation.png", "photographs.csv"):
        assert (folder / name).stat().st_size > 0
    card = uninterrupted.with_suffix(".md").read_text()
    assert "task segmentation" in card and "coverage, 3 clicks" in card and "freeze" not in card
    metrics = [row["metrics"] for row in read_log(uninterrupted) if "metrics" in row]
    assert len(metrics) == 2
    assert 0 <= metrics[0]["coverage"] <= 1
    (row,) = [row["losses"] for row in read_log(uninterrupted) if "losses" in row]
    assert {"click_dice", "corrected_dice", "memory_dice", "loss"} <= set(row)


@pytest.mark.slow
def test_written_weights_can_be_trained_further(uninterrupted: Path) -> None:
    config = make_config(start=str(uninterrupted))
    task = SegmentationTask(config, torch.device("cpu"), "fp32")
    written = load_file(uninterrupted)
    assert all(t.dtype == torch.float16 for t in written.values())
    loaded = task.start.network.state_dict()
    assert all(torch.equal(loaded[name], tensor.float()) for name, tensor in written.items())
    with safe_open(uninterrupted, "pt") as file:
        assert file.metadata()["architecture"] == "vidcolor-segmentation"
        assert file.metadata()["features"] == task.features


@pytest.mark.slow
@pytest.mark.usefixtures("without_plots")
def test_run_resumes_to_the_same_weights(
    disc_album: Path, uninterrupted: Path, tmp_path: Path
) -> None:
    resumed, config = tmp_path / "resumed.safetensors", make_config()
    options = small_options(holdout=0.3, checkpoint_minutes=0)
    # Two steps after the restart, so that the optimizer has moments to restore.
    with pytest.raises(InterruptedError):
        train([disc_album], resumed, config, options, CrashingCallback(after=1))
    assert not resumed.exists()
    train([disc_album], resumed, config, options)
    assert have_equal_tensors(resumed, uninterrupted)


def test_measured_region_is_large_and_has_its_clicks_inside(photos: list[Rgb]) -> None:
    squares = [np.ascontiguousarray(photo[:, :120]) for photo in photos]
    resized = [cv2.resize(square, (128, 128)) for square in squares]
    drawn = [draw_measured_region(rgb, np.random.default_rng(0)) for rgb in resized]  # type: ignore[arg-type]
    regions = [region for region in drawn if region is not None]
    assert len(regions) >= 3
    for region in regions:
        assert 0.02 < region.masks[0].mean() < 0.35
        assert all(region.inside[click] for click in region.clicks)
        assert not (region.inside & region.outside).any()
    assert (
        draw_measured_region(np.full((128, 128, 3), 90, np.uint8), np.random.default_rng(0)) is None
    )


def test_photographs_without_objects_are_rejected() -> None:
    blank = [np.full((120, 160, 3), 90, np.uint8)]
    with pytest.raises(InputError, match="no regions of one color"):
        SegmentationBatchStream(store=blank, size=32, batch=1)[0]  # type: ignore[arg-type]


def test_options_of_color_are_rejected(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "w.safetensors"
    arguments = ["train", str(tmp_path), "-o", str(out), "--task", "segmentation", "--steps", "1"]
    for option, value in (
        ("--stage", "pretrain"), ("--freeze", "2"), ("--rebalance", "0.65"), ("--keep", "0"),
        ("--colorfulness", "1"), ("--coherence", "0"), ("--replay", str(tmp_path)),
    ):  # fmt: skip
        assert cli.run([*arguments, option, value]) == 2
        assert f"{option}: not an option of --task segmentation" in capsys.readouterr().err
    with pytest.raises(UsageError, match="--freeze, --distill: not an option"):
        make_config(freeze=1, distill=0.5)


def test_settings_depend_on_the_task() -> None:
    config = TrainingConfig(task="segmentation", steps=1)
    assert (config.start, config.batch, config.learning_rate) == ("scratch", 5, 1.5e-3)
    assert TrainingConfig(task="segmentation", steps=1, batch=3).batch == 3
    assert "rebalance" not in config.model_dump()
    assert TrainingConfig.model_validate_json(config.model_dump_json()) == config


def test_other_weights_are_rejected(tmp_path: Path) -> None:
    device, path = torch.device("cpu"), tmp_path / "other.safetensors"
    tensors = {"x": torch.zeros(1)}
    for metadata, message in (
        ({"config": "{}"}, "not weights of the segmentation network"),
        ({"architecture": "vidcolor-segmentation", "features": "00"}, "features of other embedded"),
    ):
        save_file(tensors, path, metadata)
        with pytest.raises(WeightsError, match=message):
            SegmentationTask(make_config(start=str(path)), device, "fp32")
    path.write_bytes(b"text")
    with pytest.raises(WeightsError, match="not a weights file"):
        SegmentationTask(make_config(start=str(path)), device, "fp32")
