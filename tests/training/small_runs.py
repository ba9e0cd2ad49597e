"""Small training runs, and comparison of the weights that they write."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file

from vidcolor.training.config import RunOptions, TrainingConfig
from vidcolor.training.report import Callback, StepEvent

if TYPE_CHECKING:
    from pathlib import Path

SMALL_RUN = ("--size", "32", "--batch", "2", "--holdout", "0.1", "--precision", "fp32")
"""Options of the command line."""


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


class CrashingCallback(Callback):
    """Raises an exception after a step, before its checkpoint is written."""

    def __init__(self, after: int) -> None:
        self.after = after

    def on_step(self, event: StepEvent) -> None:
        if event.step > self.after:
            raise InterruptedError


def read_log(out: Path) -> list[dict[str, Any]]:
    """Return the rows of the log of a run."""
    text = (out.with_suffix(".train") / "log.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def distance(a: Path, b: Path) -> float:
    """Return the Euclidean distance between two weights files."""
    first, second = load_file(a), load_file(b)
    return float(sum((first[k].float() - second[k].float()).square().sum() for k in first)) ** 0.5


def have_equal_tensors(a: Path, b: Path) -> bool:
    """Return whether two weights files have the same tensors."""
    first, second = load_file(a), load_file(b)
    return set(first) == set(second) and all(torch.equal(first[k], second[k]) for k in first)
