"""The command `vidcolor train`."""

from __future__ import annotations

import os
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidcolor.cli import params
from vidcolor.cli.console import Console
from vidcolor.progress import Progress
from vidcolor.timecode import format_duration
from vidcolor.training.config import RunOptions, TrainingConfig
from vidcolor.training.report import Callback

if TYPE_CHECKING:
    from vidcolor.training.report import StepEvent, TrainingResult, ValidationMetrics

_PRINT_INTERVAL_S = 30.0
"""Minimum time between two lines with losses, in seconds."""
_TASK_DEPENDENT = dict.fromkeys(
    ("start", "batch", "learning_rate", "stage", "freeze", "rebalance", "colorfulness", "coherence",
     "keep")
)  # fmt: skip
"""Options whose default depends on the task or that only one task has. Without a default on the
command line, the configuration can tell whether they are given."""


@params.expand_options
def train(
    photos: Annotated[
        list[Path],
        typer.Argument(
            metavar="PHOTOS...",
            help="Training photographs: directories, tar shards, films (sampled shot by shot) and "
            "image files. Gray, toned and damaged images are dropped.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            help="Weights file to write (.safetensors). The model card (.md) and a run folder "
            "(.train) with checkpoint, log, plots and images are written beside it.",
            rich_help_panel=params.OUTPUT_PANEL,
            show_default=False,
        ),
    ],
    config: Annotated[TrainingConfig, params.Fields(defaults=_TASK_DEPENDENT)],
    options: RunOptions,
    console: Console,
) -> None:
    """Train weights on color photographs and films.

    The default task trains the generator, which predicts color. --task
    segmentation trains the network that finds the object which a hint lies on.

    After an interruption (Ctrl-C, crash, power failure) the same command
    resumes from the last checkpoint and produces the same weights. On several
    GPUs or machines, run the same command under torchrun.

    [bold]Examples[/bold]

      vidcolor train album/ -o ours.safetensors --minutes 10
      vidcolor colorize reel.mov --model ours.safetensors
      vidcolor train shards/*.tar newsreel.mov -o new.safetensors --stage pretrain --minutes 600
      torchrun --nproc-per-node 4 -m vidcolor train shards/ -o new.safetensors --stage pretrain
          --steps 20000
      vidcolor train shards/ -o objects.safetensors --task segmentation --minutes 80
    """
    from vidcolor.training.run import train as run

    options = options.replace(command=shlex.join(["vidcolor", *sys.argv[1:]]))
    try:
        result = run(photos, out, config, options, _ConsoleCallback(console, out))
    finally:
        console.end_progress()
    if os.environ.get("RANK", "0") == "0":  # of the processes of torchrun, only one prints
        _print_result(result, console)


class _ConsoleCallback(Callback):
    """Prints the events of a training run."""

    def __init__(self, console: Console, out: Path) -> None:
        self._console, self._out = console, out
        self._print_time = time.monotonic()

    def on_progress(self, progress: Progress) -> None:
        self._console.progress(progress)

    def on_message(self, text: str) -> None:
        self._console.info(text)
        self._console.event("message", text=text)

    def on_step(self, event: StepEvent) -> None:
        self._console.progress(Progress(self._out, "train", event.step, event.steps))
        if event.losses is None or time.monotonic() - self._print_time < _PRINT_INTERVAL_S:
            return
        self._print_time = time.monotonic()
        self._console.event("losses", step=event.step, **event.losses)
        remaining = ""
        if event.seconds_left is not None:
            remaining = f", {format_duration(event.seconds_left)} left"
        self._console.info(
            f"step {event.step:,}: loss {event.losses['loss']:.3f}, "
            f"{event.images_per_s:.1f} images/s{remaining}"
        )

    def on_validation(self, step: int, metrics: ValidationMetrics) -> None:
        self._console.event("validation", step=step, **metrics.model_dump())
        self._console.info(f"step {step:,}: {metrics.describe()}")


def _print_result(result: TrainingResult, console: Console) -> None:
    values = result.model_dump(mode="json", exclude={"out"})
    console.event("done", target=str(result.out), **values)
    if result.already_done:
        console.info(f"{result.out}: already done; use --force to train again")
        return
    if result.before is not None and result.after is not None:
        console.info(f"before: {result.before.describe()}")
        console.info(f"after:  {result.after.describe()}")
    console.info(
        f"{result.out}: {result.steps:,} steps in {format_duration(result.seconds)}; model card "
        f"{result.out.with_suffix('.md').name}, images and plots in {result.folder}"
    )
