"""Whole runs: killed and resumed, in two processes, in every stage, and refused."""

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
from vidcolor.training.run import train
from vidcolor.training.schedule import discriminator_alone, rate

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


def log_of(out: Path) -> list[dict[str, object]]:
    text = (out.with_suffix(".train") / "log.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def straight(album: Path) -> Path:
    """Weights of a run that nobody disturbed."""
    out = album.parent / "straight.safetensors"
    done = run(command(album, out, "--steps", "5"))
    assert done.returncode == 0, done.stderr
    return out


def test_a_run_leaves_everything(straight: Path) -> None:
    folder = straight.with_suffix(".train")
    for name in ("checkpoint.safetensors", "curves.png", "validation.png", "photographs.csv"):
        assert (folder / name).stat().st_size > 0
    card = straight.with_suffix(".md").read_text()
    assert "fine-tune" in card and "PSNR" in card and "--steps 5" in card
    figures = [row["figures"] for row in log_of(straight) if "figures" in row]
    assert len(figures) >= 2
    start, made = (load_file(p) for p in (Path("models/embedded.safetensors"), straight))
    assert set(start) == set(made)
    assert not torch.equal(start["head.weight"], made["head.weight"])
    encoder = [name for name in start if name.startswith("encoder.")]
    assert all(torch.equal(start[name].float(), made[name].float()) for name in encoder)


def test_what_was_trained_colors(straight: Path) -> None:
    picture = torch.rand(64, 64).mul(255).byte().numpy()
    assert Colorizer(str(straight)).colorize(picture).shape == (64, 64, 3)


@pytest.mark.parametrize(
    ("how", "workers"), [(signal.SIGKILL, 0), (signal.SIGTERM, 0), (signal.SIGINT, 1)]
)
def test_killed_and_resumed_is_the_same(
    album: Path, straight: Path, how: signal.Signals, workers: int
) -> None:
    out = album.parent / f"killed-{how.name}.safetensors"
    words = command(album, out, "--steps", "5", "--checkpoint-minutes", "0")
    words += ["--workers", str(workers)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(words, start_new_session=True, **quiet)
    checkpoint = out.with_suffix(".train") / "checkpoint.safetensors"
    deadline = time.monotonic() + 120
    while not checkpoint.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, how)  # a terminal's Ctrl-C goes to the workers, too
    code = process.wait(timeout=120)
    assert code == (-signal.SIGKILL if how is signal.SIGKILL else 130)
    assert not out.exists()
    again = run(words)
    assert again.returncode == 0, again.stderr
    assert "goes on after step" in again.stdout
    assert load_equal(out, straight)


def apart(a: Path, b: Path) -> float:
    """Root of the summed squared differences of two files of weights."""
    first, second = load_file(a), load_file(b)
    return float(sum((first[k].float() - second[k].float()).square().sum() for k in first)) ** 0.5


def load_equal(a: Path, b: Path) -> bool:
    first, second = load_file(a), load_file(b)
    return set(first) == set(second) and all(torch.equal(first[k], second[k]) for k in first)


def test_done_is_done(album: Path, straight: Path) -> None:
    before = straight.stat().st_mtime_ns
    done = run(command(album, straight, "--steps", "5"))
    assert done.returncode == 0
    assert "done before" in done.stdout
    assert straight.stat().st_mtime_ns == before


def test_another_run_in_the_folder_is_refused(album: Path, straight: Path) -> None:
    done = run(command(album, straight, "--steps", "5", "--learning-rate", "1e-3"))
    assert done.returncode == 2
    assert "a finished run of another kind (learning rate 0.001, not 0.0001)" in done.stderr
    assert "--force" in done.stderr


class Stop(Callback):
    """Breaks a run off after a step, as a crash would, but for the checkpoint before."""

    def __init__(self, after: int) -> None:
        self.after = after

    def stepped(self, event: StepEvent) -> None:
        if event.step > self.after:
            raise InterruptedError


@pytest.mark.parametrize("stage", ["pretrain", "adversarial"])
def test_every_stage_goes_on_as_if_nothing_had_been(
    album: Path, tmp_path: Path, stage: Stage
) -> None:
    choices = {"discriminator_steps": 1, "joint_steps": 1} if stage == "adversarial" else {}
    recipe = default_config(stage, steps=4, size=32, batch=2, accumulate=2, **choices)
    paths = [tmp_path / f"{name}.safetensors" for name in ("through", "broken")]
    through, broken = (
        RunOptions((album,), p, holdout=0, workers=0, precision="fp32", checkpoint_minutes=0)
        for p in paths
    )
    train(recipe, through)
    with pytest.raises(InterruptedError):
        train(recipe, broken, Stop(after=2))
    assert not broken.out.exists()
    train(recipe, broken)
    assert load_equal(*paths)


def test_what_is_measured_on_is_not_rehearsed(album: Path, tmp_path: Path) -> None:
    out = tmp_path / "w.safetensors"
    everything = tmp_path / "everything"
    shutil.copytree(album, everything)
    make_album(everything, 4, first=50)
    recipe = default_config("fine-tune", steps=1, size=32, batch=2)
    train(recipe, RunOptions((album,), out, rehearse=(everything,), holdout=0.3, workers=0))
    with (out.with_suffix(".train") / "photographs.csv").open() as file:
        uses = [(row["use"], Path(row["photograph"]).name) for row in csv.DictReader(file)]
    held = {name for use, name in uses if use == "held out"}
    rehearsed = {name for use, name in uses if use == "rehearsed"}
    assert held and rehearsed and not held & rehearsed


def test_an_unrelated_card_is_not_overwritten(album: Path, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    options = RunOptions((album,), tmp_path / "README.safetensors", workers=0)
    with pytest.raises(UsageError, match=r"README.md: exists already"):
        train(default_config("fine-tune", steps=1, size=32, batch=2), options)
    assert (tmp_path / "README.md").read_text() == "mine"


def test_a_mistyped_source_leaves_nothing(tmp_path: Path) -> None:
    options = RunOptions((tmp_path / "none",), tmp_path / "w.safetensors", workers=0)
    with pytest.raises(InputError, match="no such file or folder"):
        train(default_config("fine-tune", steps=1), options)
    assert not list(tmp_path.iterdir())


def test_two_processes_train_one_network(album: Path) -> None:
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
    said = [process.communicate(timeout=240) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert "computed on | cpu, fp32, 2 processes" in out.with_suffix(".md").read_text()
    assert said[1][0] == ""  # the first one alone speaks
    # Two batches in two processes are two batches one after the other.
    both, alone = (album.parent / f"{name}.safetensors" for name in ("both", "alone"))
    same = [*words[: words.index("-o")], "-o", str(both), *words[words.index("-o") + 2 :]]
    assert run([*same, "--accumulate", "2"]).returncode == 0
    assert run([str(alone) if word == str(both) else word for word in same]).returncode == 0
    assert apart(out, both) < 0.1 * apart(out, alone)


@pytest.mark.parametrize("stage", ["pretrain", "adversarial"])
def test_stages(album: Path, tmp_path: Path, stage: str) -> None:
    choices = {"discriminator_steps": 1, "joint_steps": 1} if stage == "adversarial" else {}
    recipe = default_config(
        stage,  # type: ignore[arg-type]
        start="scratch" if stage == "pretrain" else "embedded",
        steps=2, size=32, batch=2, accumulate=2, **choices,
    )  # fmt: skip
    out = tmp_path / "w.safetensors"
    options = RunOptions((album,), out, holdout=0.3, workers=0, precision="bf16")
    trained = train(recipe, options)
    assert trained.steps == 2
    assert trained.after is not None
    (row,) = [row for row in log_of(out) if "losses" in row]
    assert {"discriminator", "deception", "perceptual"} <= set(row["losses"]) or stage == "pretrain"  # type: ignore[call-overload]


def test_minutes_become_steps(album: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vidcolor.training.schedule.PROBE_STEPS", 2)
    monkeypatch.setattr("vidcolor.training.schedule.UNTIMED_STEPS", 1)
    out = tmp_path / "w.safetensors"
    options = RunOptions((album,), out, holdout=0, workers=0, precision="fp32")
    trained = train(default_config("fine-tune", minutes=0.1, size=32, batch=2), options)
    assert trained.steps > 2
    assert 3 < trained.seconds < 30  # 6 wanted, on a machine that may be busy
    assert trained.after is None  # nothing was held out


def test_recipes_that_make_no_sense() -> None:
    for choices, said in (
        ({}, "say how long to train: --steps or --minutes"),
        ({"steps": 1, "minutes": 1.0}, "only one of --steps and --minutes"),
        ({"steps": 1, "seed": -1}, "seed must be"),
        ({"steps": 1, "size": 100}, "multiple of 32"),
        ({"steps": 1, "start": "scratch"}, "scratch has none"),
        ({"steps": 1, "learning_rate": -1.0}, "learning rate must be"),
    ):
        with pytest.raises(UsageError, match=said):
            default_config("fine-tune", **choices)


def test_the_rate_rises_and_falls() -> None:
    recipe = default_config("pretrain", steps=1000)
    rates = [rate(step, 1000, recipe) for step in range(1000)]
    top = rates.index(max(rates))
    assert rates[0] < 0.02 and max(rates) > 0.99 and rates[-1] < 0.03
    assert 90 <= top <= 110  # a tenth of the run, though the warm-up could be longer
    assert rates[:top] == sorted(rates[:top]) and rates[top:] == sorted(rates[top:], reverse=True)
    adversarial = default_config("adversarial", steps=600)
    assert [discriminator_alone(s, adversarial) for s in (0, 99, 100, 299, 300)] == [
        True, True, False, False, True,
    ]  # fmt: skip
