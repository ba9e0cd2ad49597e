"""Complete training runs: their files, interruption by signals, and repetition.

A run starts in a process of its own only where the test kills or signals it. All other runs are
calls in this process.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.training.small_runs import have_equal_tensors, make_arguments, read_log, spawn
from vidcolor import cli
from vidcolor.colorizer import Colorizer
from vidcolor.training.loop import StopRequest


@pytest.fixture(scope="module")
def uninterrupted(album: Path) -> Path:
    """Weights of an uninterrupted run."""
    out = album.parent / "uninterrupted.safetensors"
    arguments = make_arguments(album, out, "--steps", "5")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["vidcolor", *arguments])  # the card states the command
        assert cli.run(arguments) == 0
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
@pytest.mark.parametrize(
    ("signal_number", "workers"),
    [
        (signal.SIGINT, 1),
        pytest.param(signal.SIGKILL, 0, marks=pytest.mark.exhaustive),
    ],
)
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
