"""`vidcolor train`: weights from an archive's own color pictures and films."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidcolor.cli.console import Console, clock
from vidcolor.errors import UsageError
from vidcolor.progress import Progress
from vidcolor.training.callbacks import Callback
from vidcolor.training.config import (
    DEFAULT_HOLDOUT,
    RunOptions,
    Stage,
    TrainingConfig,
    default_config,
)

if TYPE_CHECKING:
    from vidcolor.training.callbacks import StepEvent, TrainingResult
    from vidcolor.training.validation import ValidationMetrics

WHAT, LENGTH, RECIPE, MACHINE = "What", "How long", "Recipe", "Machine"
_SAY_EVERY_S = 30.0


def train(
    photos: Annotated[
        list[Path],
        typer.Argument(
            metavar="PHOTOS...",
            help="To learn from: folders, tar shards, films (sampled shot by shot), pictures. "
            "Gray, toned and damaged ones are left out.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            help="The weights: a .safetensors file. Its card (.md) and a run folder (.train) with "
            "checkpoint, log, curves and a sheet of pictures come beside it.",
            show_default=False,
        ),
    ],
    stage: Annotated[
        Stage,
        typer.Option(
            help="fine-tune: pull trained weights toward these pictures, the encoder as it is. "
            "pretrain: learn everything from many pictures. adversarial: sharpen trained weights "
            "against a discriminator.",
            rich_help_panel=WHAT,
        ),
    ] = "fine-tune",
    start: Annotated[
        str,
        typer.Option(
            metavar="MODEL",
            help="What to start from: embedded, a .safetensors file, or scratch (an encoder that "
            "knows ImageNet and no color; for pretrain).",
            rich_help_panel=WHAT,
        ),
    ] = "embedded",
    validation: Annotated[
        list[Path] | None,
        typer.Option(
            help="Pictures to measure on, instead of a share of PHOTOS.", rich_help_panel=WHAT
        ),
    ] = None,
    holdout: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=0.9,
            help=f"Share of the files kept for measuring. Default: {DEFAULT_HOLDOUT}.",
            rich_help_panel=WHAT,
        ),
    ] = None,
    rehearse: Annotated[
        list[Path] | None,
        typer.Option(
            help="Pictures of other kinds, mixed in so that they are not forgotten.",
            rich_help_panel=WHAT,
        ),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            help="Train for about so long; the number of steps is worked out once and kept.",
            rich_help_panel=LENGTH,
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Train for so many steps.", rich_help_panel=LENGTH)
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(help="Side of the training pictures. Default: 192.", rich_help_panel=RECIPE),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(help="Pictures in a forward pass. Default: 16.", rich_help_panel=RECIPE),
    ] = None,
    accumulate: Annotated[
        int | None,
        typer.Option(help="Forward passes in a step. Default: 1.", rich_help_panel=RECIPE),
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            help="Of the decoder at its highest. Default: the stage's own (2e-4, 1e-4, 5e-5).",
            rich_help_panel=RECIPE,
        ),
    ] = None,
    freeze: Annotated[
        int | None,
        typer.Option(
            help="Encoder stages that stay as they are, 0 to 7. Default: 2; all in fine-tune.",
            rich_help_panel=RECIPE,
        ),
    ] = None,
    rebalance: Annotated[
        float | None,
        typer.Option(
            help="How much more rare colors count, 0 to 1. Default: 0.65.",
            rich_help_panel=RECIPE,
        ),
    ] = None,
    colorfulness: Annotated[
        float | None,
        typer.Option(
            help="Of what is painted while training, relative to the truth. Default: 0.9.",
            rich_help_panel=RECIPE,
        ),
    ] = None,
    coherence: Annotated[
        float | None,
        typer.Option(
            help="How much blotches cost: color that changes where the true color does not. "
            "Default: 0.05; 0 lets them be.",
            rich_help_panel=RECIPE,
        ),
    ] = None,
    keep: Annotated[
        float | None,
        typer.Option(
            help="Share of the starting weights in the result, 0 to 1. Default: 0.",
            rich_help_panel=RECIPE,
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(help="The same seed draws the same batches.", rich_help_panel=RECIPE)
    ] = 0,
    device: Annotated[
        str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.", rich_help_panel=MACHINE)
    ] = "auto",
    precision: Annotated[
        str,
        typer.Option(help="auto, fp32 or bf16 (autocast).", rich_help_panel=MACHINE),
    ] = "auto",
    workers: Annotated[
        int,
        typer.Option(
            min=0, max=64, help="Processes that prepare batches.", rich_help_panel=MACHINE
        ),
    ] = 1,
    cache: Annotated[
        Path | None,
        typer.Option(
            help="Folder for decoded pictures, about 200 kB each. Default: in the run folder.",
            rich_help_panel=MACHINE,
        ),
    ] = None,
    checkpoint_minutes: Annotated[
        float,
        typer.Option(min=0, help="Time between checkpoints.", rich_help_panel=MACHINE),
    ] = 5.0,
    restart: Annotated[
        bool, typer.Option("--restart", help="Begin anew although there is a checkpoint.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace existing weights.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only warnings and errors.")] = False,
    json_lines: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Train weights on an archive's own color pictures and films.

    Stopped (Ctrl-C, a crash, a power cut), the same command goes on where the last checkpoint was,
    and ends with the same weights as if it had never stopped. Several GPUs or machines: the same
    command under torchrun.

    [bold]Examples[/bold]

      vidcolor train album/ -o ours.safetensors --minutes 10
      vidcolor colorize reel.mov --model ours.safetensors
      vidcolor train shards/*.tar newsreel.mov -o new.safetensors --stage pretrain --minutes 600
      torchrun --nproc-per-node 4 -m vidcolor train shards/ -o new.safetensors --stage pretrain
          --steps 20000
    """
    if validation and holdout:
        raise UsageError("--validation and --holdout contradict each other; say one of them")
    recipe = default_config(
        stage, start=start, steps=steps, minutes=minutes, size=size, batch=batch,
        accumulate=accumulate, seed=seed, learning_rate=learning_rate, freeze=freeze,
        rebalance=rebalance, colorfulness=colorfulness, coherence=coherence,
        keep=keep,
    )  # fmt: skip
    options = RunOptions(
        sources=tuple(photos), out=out, validation=tuple(validation or ()),
        rehearse=tuple(rehearse or ()), cache=cache, device=device,
        holdout=DEFAULT_HOLDOUT if holdout is None else holdout,
        precision=precision, workers=workers, checkpoint_minutes=checkpoint_minutes,
        restart=restart, force=force, command=shlex.join(["vidcolor", *sys.argv[1:]]),
    )  # fmt: skip
    console = Console(quiet=quiet, json_lines=json_lines)
    trained = _run(recipe, options, console)
    if trained is not None:
        _tell(trained, console)


def _run(recipe: TrainingConfig, options: RunOptions, console: Console) -> TrainingResult | None:
    """Train; None in all processes but the first."""
    from vidcolor.training.distributed import is_first
    from vidcolor.training.run import train as run

    try:
        trained = run(recipe, options, _Watcher(console, options.out))
    finally:
        console.end_progress()
    return trained if is_first() else None


class _Watcher(Callback):
    """Shows a run on the console."""

    def __init__(self, console: Console, out: Path) -> None:
        self._console, self._out = console, out
        self._said = time.monotonic()

    def read(self, progress: Progress) -> None:
        self._console.progress(progress)

    def said(self, text: str) -> None:
        self._console.say(text)
        self._console.event("said", text=text)

    def stepped(self, event: StepEvent) -> None:
        self._console.progress(Progress(self._out, "train", event.step, event.steps))
        if event.losses is None or time.monotonic() - self._said < _SAY_EVERY_S:
            return
        self._said = time.monotonic()
        self._console.event("losses", step=event.step, **event.losses)
        left = "" if event.seconds_left is None else f", {clock(event.seconds_left)} left"
        self._console.say(
            f"step {event.step:,}: loss {event.losses['loss']:.3f}, "
            f"{event.pictures_per_s:.1f} pictures/s{left}"
        )

    def measured(self, step: int, figures: ValidationMetrics) -> None:
        self._console.event("measured", step=step, **figures.to_dict())
        self._console.say(f"step {step:,}: {_figures(figures)}")


def _tell(trained: TrainingResult, console: Console) -> None:
    """What came of it."""
    console.event(
        "done",
        target=str(trained.out),
        folder=str(trained.folder),
        steps=trained.steps,
        seconds=round(trained.seconds, 1),
        before=trained.before.to_dict() if trained.before else None,
        after=trained.after.to_dict() if trained.after else None,
        done_before=trained.done_before,
    )
    if trained.done_before:
        console.say(f"{trained.out}: done before; --force trains again")
        return
    if trained.before is not None and trained.after is not None:
        console.say(f"before: {_figures(trained.before)}")
        console.say(f"after:  {_figures(trained.after)}")
    console.say(
        f"{trained.out}: {trained.steps:,} steps in {clock(trained.seconds)}; its card is "
        f"{trained.out.with_suffix('.md').name}, pictures and curves are in {trained.folder}"
    )


def _figures(figures: ValidationMetrics) -> str:
    """Held-out figures on one line."""
    gain = figures.psnr - figures.gray_psnr
    return (
        f"held-out PSNR {figures.psnr:.2f} dB ({gain:+.2f} over gray), "
        f"{figures.hinted_psnr:.2f} dB with 10 hints, "
        f"colorfulness {figures.colorfulness:.0%} of the truth's"
    )
