"""Training runs with other settings: fine-tuning, replay, two processes, rejected options."""

from __future__ import annotations

import csv
import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.helpers.albums import make_album
from tests.training.small_runs import (
    CrashingCallback,
    distance,
    have_equal_tensors,
    make_arguments,
    read_log,
    small_config,
    small_options,
    spawn,
)
from vidcolor.errors import InputError, UsageError
from vidcolor.training.config import TrainingConfig
from vidcolor.training.run import train
from vidcolor.training.trainer import learning_rate_factor

if TYPE_CHECKING:
    from vidcolor.training.report import TrainingResult


pytestmark = pytest.mark.usefixtures("without_plots")


@pytest.mark.exhaustive
def test_fine_tuning_resumes_to_the_same_weights(album: Path, tmp_path: Path) -> None:
    # Two steps after the restart, so that the optimizer has moments to restore.
    config = small_config(stage="fine-tune", steps=4, accumulate=2, freeze_norms=False, freeze=4)
    common = {"holdout": 0.1, "precision": "bf16"}
    uninterrupted, resumed = (
        tmp_path / "uninterrupted.safetensors",
        tmp_path / "resumed.safetensors",
    )
    finished = train([album], uninterrupted, config, small_options(**common))
    assert finished.steps == config.steps
    assert finished.after is not None
    (row,) = [row for row in read_log(uninterrupted) if "losses" in row]
    assert {"image", "variation"} <= set(row["losses"])
    options = small_options(checkpoint_minutes=0, **common)
    with pytest.raises(InterruptedError):
        train([album], resumed, config, options, CrashingCallback(after=config.steps - 2))
    assert not resumed.exists()
    train([album], resumed, config, options)
    assert have_equal_tensors(resumed, uninterrupted)


@pytest.mark.slow
def test_validation_photographs_are_not_replayed(album: Path, tmp_path: Path) -> None:
    out = tmp_path / "w.safetensors"
    larger_album = tmp_path / "larger_album"
    shutil.copytree(album, larger_album)
    make_album(larger_album, 4, first=50)
    options = small_options(replay=(larger_album,), holdout=0.3)
    train([album], out, small_config(steps=1), options)
    with (out.with_suffix(".train") / "photographs.csv").open() as file:
        uses = [(row["use"], Path(row["photograph"]).name) for row in csv.DictReader(file)]
    held_out = {name for use, name in uses if use == "validation"}
    replayed = {name for use, name in uses if use == "replay"}
    assert held_out and replayed and not held_out & replayed


def test_existing_model_card_is_not_overwritten(album: Path, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("text of the user")
    out = tmp_path / "README.safetensors"
    with pytest.raises(UsageError, match=r"README.md: already exists"):
        train([album], out, small_config(steps=1), small_options())
    assert (tmp_path / "README.md").read_text() == "text of the user"


@pytest.mark.slow
def test_checkpoint_of_an_older_version_is_not_ignored(album: Path, tmp_path: Path) -> None:
    out = tmp_path / "w.safetensors"
    old = out.with_suffix(".train") / "checkpoint.safetensors"
    old.parent.mkdir()
    old.write_bytes(b"old")
    with pytest.raises(InputError, match=r"checkpoint.safetensors: not a .* use --restart"):
        train([album], out, small_config(steps=1), small_options())
    train([album], out, small_config(steps=1), small_options(restart=True))
    assert not old.exists()


def test_missing_source_writes_no_files(tmp_path: Path) -> None:
    sources, out = [tmp_path / "none"], tmp_path / "w.safetensors"
    with pytest.raises(InputError, match="no such file or directory"):
        train(sources, out, small_config(steps=1), small_options())
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_two_processes_match_gradient_accumulation(album: Path) -> None:
    out = album.parent / "two_processes.safetensors"
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = str(server.getsockname()[1])
    arguments = make_arguments(album, out, "--steps", "2", "--learning-rate", "0.01")
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    processes = [
        spawn(
            arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, **shared, "RANK": rank, "LOCAL_RANK": rank, "OMP_NUM_THREADS": "1"},
        )
        for rank in ("0", "1")
    ]  # fmt: skip
    outputs = [process.communicate(timeout=240) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert "hardware | cpu, fp32, 2 processes" in out.with_suffix(".md").read_text()
    assert outputs[1][0] == ""  # only rank 0 prints
    # Two batches in two processes equal two accumulated batches.

    def train_alone(name: str, accumulate: int) -> TrainingResult:
        path = album.parent / f"{name}.safetensors"
        config = small_config(steps=2, learning_rate=0.01, accumulate=accumulate)
        return train([album], path, config, small_options(holdout=0.1, precision="fp32"))

    accumulated = train_alone("accumulated", 2).out
    single = train_alone("single", 1).out
    assert distance(out, accumulated) < 0.1 * distance(out, single)


@pytest.mark.slow
def test_minutes_are_converted_to_steps(
    album: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidcolor.training.loop.PROBE_STEPS", 2)
    monkeypatch.setattr("vidcolor.training.loop.UNTIMED_STEPS", 1)
    out, config = tmp_path / "w.safetensors", small_config(minutes=0.1)
    finished = train([album], out, config, small_options(precision="fp32"))
    assert finished.steps > 2
    assert 3 < finished.seconds < 30  # the limit is 6 s; the machine may be busy
    assert finished.after is None  # no validation photographs


def test_contradictory_settings_are_rejected() -> None:
    for choices, message in (
        ({}, "use --steps or --minutes"),
        ({"steps": 1, "minutes": 1.0}, "either --steps or --minutes"),
        ({"steps": 1, "seed": -1}, "--seed must be 0 or more, got -1"),
        ({"steps": 1, "size": 100}, "multiple of 32"),
        ({"steps": 1, "start": "scratch"}, "needs trained weights"),
        ({"steps": 1, "learning_rate": -1.0}, "--learning-rate must be in"),
    ):
        with pytest.raises(UsageError, match=message):
            TrainingConfig(**choices)


def test_learning_rate_warms_up_and_decays() -> None:
    config = TrainingConfig(stage="pretrain", steps=1000)
    rates = [learning_rate_factor(step, 1000, config) for step in range(1000)]
    peak = rates.index(max(rates))
    assert rates[0] < 0.02 and max(rates) > 0.99 and rates[-1] < 0.03
    assert 90 <= peak <= 110  # the warm-up is limited to a tenth of the run
    assert rates[:peak] == sorted(rates[:peak])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
