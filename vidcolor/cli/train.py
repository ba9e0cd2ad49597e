"""The command `vidcolor train`."""

from __future__ import annotations

import os
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidcolor.cli.console import Console
from vidcolor.cli.params import (
    EXECUTION_PANEL,
    INPUT_PANEL,
    OUTPUT_PANEL,
    Force,
    JsonLines,
    Precision,
    Quiet,
)
from vidcolor.errors import UsageError
from vidcolor.progress import Progress
from vidcolor.timecode import format_duration
from vidcolor.training.config import (
    DEFAULT_HOLDOUT,
    RunOptions,
    Stage,
    TrainingConfig,
    default_config,
)
from vidcolor.training.metrics import Callback

if TYPE_CHECKING:
    from vidcolor.training.metrics import StepEvent, TrainingResult, ValidationMetrics

LENGTH_PANEL = "Length"
TRAINING_PANEL = "Training"
_PRINT_INTERVAL_S = 30.0
"""Minimum time between two lines with losses, in seconds."""


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
            rich_help_panel=OUTPUT_PANEL,
            show_default=False,
        ),
    ],
    stage: Annotated[
        Stage,
        typer.Option(
            help="fine-tune: adapt trained weights to these photographs with a frozen encoder. "
            "pretrain: train everything on many photographs.",
            rich_help_panel=INPUT_PANEL,
        ),
    ] = "fine-tune",
    start: Annotated[
        str,
        typer.Option(
            metavar="MODEL",
            help="Initial weights: embedded, a .safetensors file, or scratch (an ImageNet encoder "
            "and a random decoder, for pretrain).",
            rich_help_panel=INPUT_PANEL,
        ),
    ] = "embedded",
    validation: Annotated[
        list[Path] | None,
        typer.Option(
            help="Validation photographs, instead of a share of PHOTOS.",
            rich_help_panel=INPUT_PANEL,
        ),
    ] = None,
    holdout: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=0.9,
            help=f"Share of the files that is held out for validation. Default: {DEFAULT_HOLDOUT}.",
            rich_help_panel=INPUT_PANEL,
        ),
    ] = None,
    replay: Annotated[
        list[Path] | None,
        typer.Option(
            help="Photographs of other kinds, mixed in to prevent forgetting.",
            rich_help_panel=INPUT_PANEL,
        ),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            help="Length of the run in minutes; the number of steps is computed from it once.",
            rich_help_panel=LENGTH_PANEL,
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Length of the run in steps.", rich_help_panel=LENGTH_PANEL)
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(
            help="Side of the training images in pixels. Default: 192.",
            rich_help_panel=TRAINING_PANEL,
        ),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(help="Images per forward pass. Default: 16.", rich_help_panel=TRAINING_PANEL),
    ] = None,
    accumulate: Annotated[
        int | None,
        typer.Option(help="Forward passes per step. Default: 1.", rich_help_panel=TRAINING_PANEL),
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            help="Maximum learning rate of the decoder. Default: 2e-4 for pretrain, 1e-4 for "
            "fine-tune.",
            rich_help_panel=TRAINING_PANEL,
        ),
    ] = None,
    freeze: Annotated[
        int | None,
        typer.Option(
            help="Number of frozen encoder stages, 0 to 7. Default: 2; 7 for fine-tune.",
            rich_help_panel=TRAINING_PANEL,
        ),
    ] = None,
    rebalance: Annotated[
        float | None,
        typer.Option(
            help="Exponent of the class weights for rare colors, 0 to 1. Default: 0.65.",
            rich_help_panel=TRAINING_PANEL,
        ),
    ] = None,
    colorfulness: Annotated[
        float | None,
        typer.Option(
            help="Target colorfulness relative to the ground truth. Default: 0.9.",
            rich_help_panel=TRAINING_PANEL,
        ),
    ] = None,
    coherence: Annotated[
        float | None,
        typer.Option(
            help="Weight of the penalty on blotches (color that varies where the true color does "
            "not). Default: 0.05; 0 disables it.",
            rich_help_panel=TRAINING_PANEL,
        ),
    ] = None,
    keep: Annotated[
        float | None,
        typer.Option(
            help="Share of the initial weights in the result, 0 to 1. Default: 0.",
            rich_help_panel=TRAINING_PANEL,
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(help="Seed of the random numbers.", rich_help_panel=TRAINING_PANEL)
    ] = 0,
    device: Annotated[
        str,
        typer.Option(
            help="Compute device: auto, cpu, cuda, cuda:1 or mps.", rich_help_panel=EXECUTION_PANEL
        ),
    ] = "auto",
    precision: Precision = "auto",
    workers: Annotated[
        int,
        typer.Option(
            min=0, max=64, help="Processes that prepare batches.", rich_help_panel=EXECUTION_PANEL
        ),
    ] = 1,
    cache: Annotated[
        Path | None,
        typer.Option(
            help="Directory of the decoded images, about 200 kB each. Default: in the run folder.",
            rich_help_panel=EXECUTION_PANEL,
        ),
    ] = None,
    checkpoint_minutes: Annotated[
        float,
        typer.Option(min=0, help="Minutes between checkpoints.", rich_help_panel=EXECUTION_PANEL),
    ] = 5.0,
    restart: Annotated[
        bool,
        typer.Option(
            "--restart", help="Ignore an existing checkpoint.", rich_help_panel=EXECUTION_PANEL
        ),
    ] = False,
    force: Force = False,
    quiet: Quiet = False,
    json_lines: JsonLines = False,
) -> None:
    """Train weights on color photographs and films.

    After an interruption (Ctrl-C, crash, power failure) the same command
    resumes from the last checkpoint and produces the same weights. On several
    GPUs or machines, run the same command under torchrun.

    [bold]Examples[/bold]

      vidcolor train album/ -o ours.safetensors --minutes 10
      vidcolor colorize reel.mov --model ours.safetensors
      vidcolor train shards/*.tar newsreel.mov -o new.safetensors --stage pretrain --minutes 600
      torchrun --nproc-per-node 4 -m vidcolor train shards/ -o new.safetensors --stage pretrain
          --steps 20000
    """
    if validation and holdout:
        raise UsageError("use either --validation or --holdout, not both")
    config = default_config(
        stage, start=start, steps=steps, minutes=minutes, size=size, batch=batch,
        accumulate=accumulate, seed=seed, learning_rate=learning_rate, freeze=freeze,
        rebalance=rebalance, colorfulness=colorfulness, coherence=coherence,
        keep=keep,
    )  # fmt: skip
    options = RunOptions(
        sources=tuple(photos), out=out, validation=tuple(validation or ()),
        replay=tuple(replay or ()), cache=cache, device=device,
        holdout=DEFAULT_HOLDOUT if holdout is None else holdout,
        precision=precision, workers=workers, checkpoint_minutes=checkpoint_minutes,
        restart=restart, force=force, command=shlex.join(["vidcolor", *sys.argv[1:]]),
    )  # fmt: skip
    console = Console(quiet=quiet, json_lines=json_lines)
    result = _run(config, options, console)
    if result is not None:
        _print_result(result, console)


def _run(config: TrainingConfig, options: RunOptions, console: Console) -> TrainingResult | None:
    """Run the training; return its result, or None in processes other than rank 0."""
    from vidcolor.training.run import train as run

    try:
        result = run(config, options, _ConsoleCallback(console, options.out))
    finally:
        console.end_progress()
    return result if os.environ.get("RANK", "0") == "0" else None


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
        self._console.info(f"step {step:,}: {_format_metrics(metrics)}")


def _print_result(result: TrainingResult, console: Console) -> None:
    """Print the metrics before and after the training, and the names of the written files."""
    console.event(
        "done",
        target=str(result.out),
        folder=str(result.folder),
        steps=result.steps,
        seconds=round(result.seconds, 1),
        before=result.before.model_dump() if result.before else None,
        after=result.after.model_dump() if result.after else None,
        already_done=result.already_done,
    )
    if result.already_done:
        console.info(f"{result.out}: already done; use --force to train again")
        return
    if result.before is not None and result.after is not None:
        console.info(f"before: {_format_metrics(result.before)}")
        console.info(f"after:  {_format_metrics(result.after)}")
    console.info(
        f"{result.out}: {result.steps:,} steps in {format_duration(result.seconds)}; model card "
        f"{result.out.with_suffix('.md').name}, images and plots in {result.folder}"
    )


def _format_metrics(metrics: ValidationMetrics) -> str:
    """Format validation metrics as one line."""
    return (
        f"validation PSNR {metrics.psnr:.2f} dB ({metrics.gain:+.2f} over gray), "
        f"{metrics.hinted_psnr:.2f} dB with 10 hints, "
        f"colorfulness {metrics.colorfulness:.0%} of the ground truth"
    )
