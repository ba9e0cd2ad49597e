"""Complete training runs: results, interruption and resumption, two processes, rejected options.

A run starts in a process of its own only where the test needs one: to kill it, to signal it or to
train with two processes. All other runs are calls in this process.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file

from tests.helpers.albums import make_album
from vidcolor import cli
from vidcolor.colorizer import Colorizer
from vidcolor.errors import InputError, UsageError
from vidcolor.training.config import RunOptions, TrainingConfig
from vidcolor.training.loop import StopRequest
from vidcolor.training.report import Callback, StepEvent
from vidcolor.training.run import train
from vidcolor.training.trainer import learning_rate_factor

if TYPE_CHECKING:
    from typing import Any

    from vidcolor.training.report import TrainingResult

SMALL_RUN = ("--size", "32", "--batch", "2", "--holdout", "0.1", "--precision", "fp32")


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_album(tmp_path_factory.mktemp("train") / "album", 10)


def make_arguments(album: Path, out: Path, *more: str, workers: int = 0) -> list[str]:
    """Return the arguments of a small run after ``vidcolor``."""
    return ["train", str(album), "-o", str(out), *SMALL_RUN, "--workers", str(workers), *more]


def spawn(arguments: list[str], **options: Any) -> subprocess.Popen[str]:
    """Start the command in a process of its own."""
    command = [sys.executable, "-m", "vidcolor", *arguments]
    return subprocess.Popen(command, text=True, **options)


def small_config(**choices: Any) -> TrainingConfig:
    """Return the configuration of a run with tiny images and batches."""
    return TrainingConfig(**{"size": 32, "batch": 2, **choices})


def small_options(**choices: Any) -> RunOptions:
    """Return the options of a run that validates at its start and end only."""
    defaults = {"holdout": 0, "workers": 0, "validations": 0, "validation_size": 64}
    return RunOptions(**{**defaults, **choices})


def read_log(out: Path) -> list[dict[str, Any]]:
    """Return the rows of the log of a run."""
    text = (out.with_suffix(".train") / "log.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def uninterrupted(album: Path) -> Path:
    """Weights of an uninterrupted run."""
    out = album.parent / "uninterrupted.safetensors"
    process = spawn(make_arguments(album, out, "--steps", "5"), stderr=subprocess.PIPE)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return out


@pytest.mark.slow
def test_run_writes_weights_card_and_run_folder(uninterrupted: Path) -> None:
    folder = uninterrupted.with_suffix(".train")
    for name in ("checkpoint.pt", "curves.png", "validation.png", "photographs.csv"):
        assert (folder / name).stat().st_size > 0
    card = uninterrupted.with_suffix(".md").read_text()
    assert "fine-tune" in card and "PSNR" in card and "--steps 5" in card
    metrics = [row["metrics"] for row in read_log(uninterrupted) if "metrics" in row]
    assert len(metrics) >= 2
    start, trained = (load_file(p) for p in (Path("models/embedded.safetensors"), uninterrupted))
    assert set(start) == set(trained)
    assert not torch.equal(start["head.weight"], trained["head.weight"])
    encoder = [name for name in start if name.startswith("encoder.")]
    assert all(torch.equal(start[name].float(), trained[name].float()) for name in encoder)


@pytest.mark.slow
def test_trained_weights_colorize(uninterrupted: Path) -> None:
    image = torch.rand(64, 64).mul(255).byte().numpy()
    assert Colorizer.load(str(uninterrupted)).colorize(image).shape == (64, 64, 3)


@pytest.mark.slow
@pytest.mark.parametrize(("signal_number", "workers"), [(signal.SIGKILL, 0), (signal.SIGINT, 1)])
def test_interrupted_run_resumes_to_the_same_weights(
    album: Path,
    uninterrupted: Path,
    capsys: pytest.CaptureFixture[str],
    signal_number: signal.Signals,
    workers: int,
) -> None:
    out = album.parent / f"{signal_number.name}.safetensors"
    more = ("--steps", "5", "--checkpoint-minutes", "0")
    arguments = make_arguments(album, out, *more, workers=workers)
    # A session of its own, so that the signal reaches the workers but not this process.
    process = spawn(
        arguments,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    checkpoint = out.with_suffix(".train") / "checkpoint.pt"
    deadline = time.monotonic() + 120
    while not checkpoint.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    # All processes of the run get the signal, as after Ctrl-C in a terminal.
    os.killpg(process.pid, signal_number)
    code = process.wait(timeout=120)
    assert code == (-signal.SIGKILL if signal_number is signal.SIGKILL else 130)
    assert not out.exists()
    assert cli.run(arguments) == 0
    assert "resuming after step" in capsys.readouterr().out
    assert have_equal_tensors(out, uninterrupted)


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_first_stop_signal_sets_a_flag_and_restores_the_handler(
    signal_number: signal.Signals,
) -> None:
    before = signal.getsignal(signal_number)
    with StopRequest() as request:
        assert not request.is_set
        os.kill(os.getpid(), signal_number)
        assert request.is_set
        assert signal.getsignal(signal_number) == before


def distance(a: Path, b: Path) -> float:
    """Return the Euclidean distance between two weights files."""
    first, second = load_file(a), load_file(b)
    return float(sum((first[k].float() - second[k].float()).square().sum() for k in first)) ** 0.5


def have_equal_tensors(a: Path, b: Path) -> bool:
    first, second = load_file(a), load_file(b)
    return set(first) == set(second) and all(torch.equal(first[k], second[k]) for k in first)


@pytest.mark.slow
def test_finished_run_is_not_repeated(
    album: Path, uninterrupted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = uninterrupted.stat().st_mtime_ns
    assert cli.run(make_arguments(album, uninterrupted, "--steps", "5")) == 0
    assert "already done" in capsys.readouterr().out
    assert uninterrupted.stat().st_mtime_ns == before


@pytest.mark.slow
def test_run_folder_of_a_different_run_is_rejected(
    album: Path, uninterrupted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = make_arguments(album, uninterrupted, "--steps", "5", "--learning-rate", "1e-3")
    assert cli.run(changed) == 2
    message = capsys.readouterr().err
    assert "a different finished run (learning rate 0.001, not 0.0001)" in message
    assert "--force" in message


class CrashingCallback(Callback):
    """Raises an exception after a step, before its checkpoint is written."""

    def __init__(self, after: int) -> None:
        self.after = after

    def on_step(self, event: StepEvent) -> None:
        if event.step > self.after:
            raise InterruptedError


@pytest.mark.slow
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
    arguments = make_arguments(album, out, "--steps", "3", "--learning-rate", "0.01")
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
        config = small_config(steps=3, learning_rate=0.01, accumulate=accumulate)
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
