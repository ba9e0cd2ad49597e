"""Plots and model card of a training run."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from vidcolor._version import __version__
from vidcolor.fileio import atomic_output

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.figure import Figure

    from vidcolor.imaging.types import Rgb
    from vidcolor.training.config import RunOptions, TrainingConfig
    from vidcolor.training.dataset import PhotoDataset
    from vidcolor.training.metrics import LogRow, TrainingResult
    from vidcolor.training.weights import InitialWeights

_LOSS_PANELS = (
    (
        "Training loss (nats)",
        {
            "rebalanced": "rebalanced cross-entropy",
            "cross_entropy": "cross-entropy",
            "distillation": "distillation",
        },
    ),
    ("Image loss (ln of the mean square error)", {"image": "image"}),
    ("Matched colorfulness (share)", {"matched_colorfulness": "matched colorfulness"}),
    ("Excess variation (a*b* units)", {"variation": "excess variation"}),
)
"""Title of each panel, and the losses in it with their labels."""
_METRIC_PANELS = (
    (
        "Validation PSNR (dB)",
        {"hinted_psnr": "with 10 hints", "psnr": "colorized", "gray_psnr": "gray"},
    ),
    ("Validation colorfulness (share of the ground truth)", {"colorfulness": "colorized"}),
)
"""The same for validation metrics."""
_CARD_METRICS = (
    ("PSNR (dB)", "{0.psnr:.2f}"),
    ("PSNR over gray (dB)", "{0.gain:+.2f}"),
    ("PSNR with 10 hints (dB)", "{0.hinted_psnr:.2f}"),
    ("colorfulness, of the ground truth", "{0.colorfulness:.0%}"),
    ("cross-entropy (nats)", "{0.cross_entropy:.3f}"),
)
"""Labels and formats of `ValidationMetrics` in the model card."""
_CARD_SETTINGS = (
    "start", "size", "batch", "accumulate", "learning_rate", "encoder_rate", "freeze", "rebalance",
    "image_weight", "colorfulness", "coherence", "distill", "keep", "ema", "seed",
)  # fmt: skip


def draw_curves(path: Path, rows: Sequence[LogRow]) -> None:
    """Plot the losses and metrics of a log, one panel below the other.

    Args:
        path: a .png file; replaced if it exists.
        rows: the log; not empty.

    Raises:
        OutputError: the file cannot be written.
    """
    from matplotlib.figure import Figure

    losses = [(row.step, row.losses) for row in rows if row.losses is not None]
    metrics = [(row.step, row.metrics.model_dump()) for row in rows if row.metrics is not None]
    panels = [
        (title, [(label, [(s, v[n]) for s, v in values if n in v]) for n, label in names.items()])
        for table, values in ((_LOSS_PANELS, losses), (_METRIC_PANELS, metrics))
        for title, names in table
    ]
    panels = [(title, curves) for title, curves in panels if any(points for _, points in curves)]
    figure = Figure(figsize=(8, 2.2 * len(panels)), layout="constrained")
    axes = figure.subplots(len(panels), sharex=True, squeeze=False)[:, 0]
    for ax, (title, curves) in zip(axes, panels, strict=True):
        for label, points in curves:
            if points:
                marker = "." if len(points) < 50 else ""
                ax.plot(*zip(*points, strict=True), label=label, marker=marker)
        ax.set_title(title, loc="left", fontsize="medium")
        ax.grid(alpha=0.3)
        if len(ax.lines) > 1:
            ax.legend(fontsize="small")
    axes[-1].set_xlabel("optimizer step")
    _save(figure, path)


def draw_image_rows(path: Path, rows: dict[str, Rgb]) -> None:
    """Draw labeled rows of images with one column for each photograph.

    Args:
        path: a .png file; replaced if it exists.
        rows: images of each label, (n, S, S, 3) uint8, with the same n > 0 in all rows.

    Raises:
        OutputError: the file cannot be written.
    """
    from matplotlib.figure import Figure

    count = len(next(iter(rows.values())))
    figure = Figure(figsize=(1.6 * count + 0.4, 1.6 * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), count, squeeze=False)
    for row, (label, images) in zip(axes, rows.items(), strict=True):
        for ax, image in zip(row, images, strict=True):
            ax.imshow(image)
            ax.set(xticks=[], yticks=[])
        row[0].set_ylabel(label)
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    with atomic_output(path) as partial:
        figure.savefig(partial, format="png", dpi=120)


def write_card(
    result: TrainingResult,
    config: TrainingConfig,
    options: RunOptions,
    start: InitialWeights,
    dataset: PhotoDataset,
    replay: PhotoDataset | None,
    hardware: str,
) -> None:
    """Write the model card in Markdown beside the weights, which must exist.

    Raises:
        OutputError: the file cannot be written.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("vidcolor.training"), trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True, undefined=StrictUndefined, autoescape=False,
    )  # fmt: skip
    data = result.out.read_bytes()
    text = environment.get_template("model_card.md").render(
        result=result,
        config=config.model_dump(mode="json"),
        settings=_CARD_SETTINGS,
        metrics=_CARD_METRICS,
        start=start,
        dataset=dataset,
        replay=replay,
        hardware=hardware,
        command=options.command,
        validation_size=options.validation_size,
        version=__version__,
        num_bytes=len(data),
        num_parameters=sum(p.numel() for p in start.network.parameters()),
        sha256=hashlib.sha256(data).hexdigest(),
    )
    with atomic_output(result.out.with_suffix(".md")) as partial:
        partial.write_text(text, encoding="utf-8")
