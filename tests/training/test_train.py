"""Whole training runs: interruption and resumption, two processes, all stages, rejected options."""

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
from vidcolor.colorizer import Colorizer
from vidcolor.errors import InputError, UsageError
from vidcolor.training.callbacks import Callback, StepEvent
from vidcolor.training.config import RunOptions, Stage, default_config
from vidcolor.training.loop import StopRequest
from vidcolor.training.run import train
from vidcolor.training.schedule import is_discriminator_step, learning_rate_factor

if TYPE_CHECKING:
    from collections.abc import Sequence

TINY = ("--size", "32", "--batch", "2", "--holdout", "0.3", "--precision", "fp32")


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_album(tmp_path_factory.mktemp("train") / "album", 10)


def command(album: Path, out: Path, *more: str) -> list[str]:
    words = [sys.executable, "-m", "vidcolor", "train", str(album), "-o", str(out)]
    return [*words, *TINY, "--workers", "0", *more]


def run(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)


def read_log(out: Path) -> list[dict[str, object]]:
    text = (out.with_suffix(".train") / "log.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def uninterrupted(album: Path) -> Path:
    """Weights of an uninterrupted run."""
    out = album.parent / "uninterrupted.safetensors"
    done = run(command(album, out, "--steps", "5"))
    assert done.returncode == 0, done.stderr
    return out


def test_run_writes_weights_card_and_run_folder(uninterrupted: Path) -> None:
    folder = uninterrupted.with_suffix(".train")
    for name in ("checkpoint.safetensors", "curves.png", "validation.png", "photographs.csv"):
        assert (folder / name).stat().st_size > 0
    card = uninterrupted.with_suffix(".md").read_text()
    assert "fine-tune" in card and "PSNR" in card and "--steps 5" in card
    metrics = [row["metrics"] for row in read_log(uninterrupted) if "metrics" in row]
    assert len(metrics) >= 2
    start, made = (load_file(p) for p in (Path("models/embedded.safetensors"), uninterrupted))
    assert set(start) == set(made)
    assert not torch.equal(start["head.weight"], made["head.weight"])
    encoder = [name for name in start if name.startswith("encoder.")]
    assert all(torch.equal(start[name].float(), made[name].float()) for name in encoder)


def test_trained_weights_colorize(uninterrupted: Path) -> None:
    image = torch.rand(64, 64).mul(255).byte().numpy()
    assert Colorizer.load(str(uninterrupted)).colorize(image).shape == (64, 64, 3)


@pytest.mark.parametrize(("signal_number", "workers"), [(signal.SIGKILL, 0), (signal.SIGINT, 1)])
def test_interrupted_run_resumes_to_the_same_weights(
    album: Path, uninterrupted: Path, signal_number: signal.Signals, workers: int
) -> None:
    out = album.parent / f"killed-{signal_number.name}.safetensors"
    words = command(album, out, "--steps", "5", "--checkpoint-minutes", "0")
    words += ["--workers", str(workers)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(words, start_new_session=True, **quiet)
    checkpoint = out.with_suffix(".train") / "checkpoint.safetensors"
    deadline = time.monotonic() + 120
    while not checkpoint.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, signal_number)  # Ctrl-C in a terminal also reaches the workers
    code = process.wait(timeout=120)
    assert code == (-signal.SIGKILL if signal_number is signal.SIGKILL else 130)
    assert not out.exists()
    again = run(words)
    assert again.returncode == 0, again.stderr
    assert "resuming after step" in again.stdout
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


def test_finished_run_is_not_repeated(album: Path, uninterrupted: Path) -> None:
    before = uninterrupted.stat().st_mtime_ns
    done = run(command(album, uninterrupted, "--steps", "5"))
    assert done.returncode == 0
    assert "already done" in done.stdout
    assert uninterrupted.stat().st_mtime_ns == before


def test_run_folder_of_a_different_run_is_rejected(album: Path, uninterrupted: Path) -> None:
    done = run(command(album, uninterrupted, "--steps", "5", "--learning-rate", "1e-3"))
    assert done.returncode == 2
    assert "a different finished run (learning rate 0.001, not 0.0001)" in done.stderr
    assert "--force" in done.stderr


class Stop(Callback):
    """Raises after a step, as a crash would."""

    def __init__(self, after: int) -> None:
        self.after = after

    def on_step(self, event: StepEvent) -> None:
        if event.step > self.after:
            raise InterruptedError


@pytest.mark.parametrize("stage", ["pretrain", "adversarial"])
def test_every_stage_resumes_to_the_same_weights(album: Path, tmp_path: Path, stage: Stage) -> None:
    choices = {"discriminator_steps": 1, "joint_steps": 1} if stage == "adversarial" else {}
    config = default_config(stage, steps=4, size=32, batch=2, accumulate=2, **choices)
    paths = [tmp_path / f"{name}.safetensors" for name in ("uninterrupted", "interrupted")]
    whole, interrupted = (
        RunOptions((album,), p, holdout=0, workers=0, precision="fp32", checkpoint_minutes=0)
        for p in paths
    )
    train(config, whole)
    with pytest.raises(InterruptedError):
        train(config, interrupted, Stop(after=2))
    assert not interrupted.out.exists()
    train(config, interrupted)
    assert have_equal_tensors(*paths)


def test_validation_photographs_are_not_replayed(album: Path, tmp_path: Path) -> None:
    out = tmp_path / "w.safetensors"
    everything = tmp_path / "everything"
    shutil.copytree(album, everything)
    make_album(everything, 4, first=50)
    config = default_config("fine-tune", steps=1, size=32, batch=2)
    train(config, RunOptions((album,), out, replay=(everything,), holdout=0.3, workers=0))
    with (out.with_suffix(".train") / "photographs.csv").open() as file:
        uses = [(row["use"], Path(row["photograph"]).name) for row in csv.DictReader(file)]
    held = {name for use, name in uses if use == "validation"}
    replayed = {name for use, name in uses if use == "replay"}
    assert held and replayed and not held & replayed


def test_existing_model_card_is_not_overwritten(album: Path, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    options = RunOptions((album,), tmp_path / "README.safetensors", workers=0)
    with pytest.raises(UsageError, match=r"README.md: already exists"):
        train(default_config("fine-tune", steps=1, size=32, batch=2), options)
    assert (tmp_path / "README.md").read_text() == "mine"


def test_missing_source_writes_no_files(tmp_path: Path) -> None:
    options = RunOptions((tmp_path / "none",), tmp_path / "w.safetensors", workers=0)
    with pytest.raises(InputError, match="no such file or directory"):
        train(default_config("fine-tune", steps=1), options)
    assert not list(tmp_path.iterdir())


def test_two_processes_match_gradient_accumulation(album: Path) -> None:
    out = album.parent / "two.safetensors"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    words = command(album, out, "--steps", "3", "--learning-rate", "0.01")
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    processes = [
        subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, **shared, "RANK": rank, "LOCAL_RANK": rank, "OMP_NUM_THREADS": "1"},
        )
        for rank in ("0", "1")
    ]  # fmt: skip
    outputs = [process.communicate(timeout=240) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert "hardware | cpu, fp32, 2 processes" in out.with_suffix(".md").read_text()
    assert outputs[1][0] == ""  # only rank 0 prints
    # Two batches in two processes equal two accumulated batches.
    both, alone = (album.parent / f"{name}.safetensors" for name in ("both", "alone"))
    same = [*words[: words.index("-o")], "-o", str(both), *words[words.index("-o") + 2 :]]
    assert run([*same, "--accumulate", "2"]).returncode == 0
    assert run([str(alone) if word == str(both) else word for word in same]).returncode == 0
    assert distance(out, both) < 0.1 * distance(out, alone)


@pytest.mark.parametrize("stage", ["pretrain", "adversarial"])
def test_stage_runs(album: Path, tmp_path: Path, stage: str) -> None:
    choices = {"discriminator_steps": 1, "joint_steps": 1} if stage == "adversarial" else {}
    config = default_config(
        stage,  # type: ignore[arg-type]
        start="scratch" if stage == "pretrain" else "embedded",
        steps=2, size=32, batch=2, accumulate=2, **choices,
    )  # fmt: skip
    out = tmp_path / "w.safetensors"
    options = RunOptions((album,), out, holdout=0.3, workers=0, precision="bf16")
    trained = train(config, options)
    assert trained.steps == 2
    assert trained.after is not None
    (row,) = [row for row in read_log(out) if "losses" in row]
    assert {"discriminator", "generator", "perceptual"} <= set(row["losses"]) or stage == "pretrain"  # type: ignore[call-overload]


def test_minutes_are_converted_to_steps(
    album: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidcolor.training.schedule.PROBE_STEPS", 2)
    monkeypatch.setattr("vidcolor.training.schedule.UNTIMED_STEPS", 1)
    out = tmp_path / "w.safetensors"
    options = RunOptions((album,), out, holdout=0, workers=0, precision="fp32")
    trained = train(default_config("fine-tune", minutes=0.1, size=32, batch=2), options)
    assert trained.steps > 2
    assert 3 < trained.seconds < 30  # the limit is 6 s; the machine may be busy
    assert trained.after is None  # no validation photographs


def test_contradictory_settings_are_rejected() -> None:
    for choices, message in (
        ({}, "use --steps or --minutes"),
        ({"steps": 1, "minutes": 1.0}, "either --steps or --minutes"),
        ({"steps": 1, "seed": -1}, "seed must be in"),
        ({"steps": 1, "size": 100}, "multiple of 32"),
        ({"steps": 1, "start": "scratch"}, "needs trained weights"),
        ({"steps": 1, "learning_rate": -1.0}, "learning rate must be in"),
    ):
        with pytest.raises(UsageError, match=message):
            default_config("fine-tune", **choices)


def test_learning_rate_warms_up_and_decays() -> None:
    config = default_config("pretrain", steps=1000)
    rates = [learning_rate_factor(step, 1000, config) for step in range(1000)]
    top = rates.index(max(rates))
    assert rates[0] < 0.02 and max(rates) > 0.99 and rates[-1] < 0.03
    assert 90 <= top <= 110  # the warm-up is limited to a tenth of the run
    assert rates[:top] == sorted(rates[:top]) and rates[top:] == sorted(rates[top:], reverse=True)
    adversarial = default_config("adversarial", steps=600)
    assert [is_discriminator_step(s, adversarial) for s in (0, 99, 100, 299, 300)] == [
        True, True, False, False, True,
    ]  # fmt: skip
