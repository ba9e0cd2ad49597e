"""The model card of a training run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vidcolor._version import __version__
from vidcolor.fileio import atomic_output

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vidcolor.training.callbacks import TrainingResult
    from vidcolor.training.config import TrainingConfig
    from vidcolor.training.dataset import PhotoDataset
    from vidcolor.training.initial_weights import InitialWeights

_STAGES = {
    "pretrain": "Pretraining: class-weighted cross-entropy over a\\*b\\* bins (after Zhang et al., "
    "2016), the PSNR of the predicted image, and a penalty on blotches.",
    "adversarial": "Adversarial stage: the losses of pretraining, a perceptual distance in the "
    "features of an ImageNet encoder, and a patch discriminator, which trains alone and together "
    "with the network in turns (after NoGAN).",
    "fine-tune": "Fine-tuning: class-weighted cross-entropy over a\\*b\\* bins, the PSNR of the "
    "predicted image, and a penalty on blotches. The encoder is frozen.",
}
"""Description of each stage."""
_COMMON_FIELDS = (
    "stage", "start", "size", "batch", "accumulate", "learning_rate", "encoder_rate", "freeze",
    "rebalance", "image_weight", "colorfulness", "coherence", "distill", "keep", "ema", "seed",
)  # fmt: skip
"""Fields of the configuration that every card lists."""
_ADVERSARIAL_FIELDS = (
    "perceptual_weight", "adversarial_weight", "discriminator_steps", "joint_steps",
)  # fmt: skip
"""Additional fields for the adversarial stage."""


@dataclass(frozen=True, slots=True)
class CardContent:
    """Everything that a model card contains."""

    result: TrainingResult
    config: TrainingConfig
    start: InitialWeights
    dataset: PhotoDataset
    replay: PhotoDataset | None
    """Replay photographs; None if there are none."""
    command: str
    """The command line; empty if the run was not started from one."""
    processes: int
    """Number of training processes."""
    device: str
    precision: str
    validation_size: int
    """Side of the validation images, in pixels."""


def write_card(path: Path, content: CardContent) -> None:
    """Write the model card in Markdown. The weights file must exist.

    Args:
        path: the card, beside the weights; replaced if it exists.
        content: content of the card.

    Raises:
        OutputError: the file cannot be written.
    """
    parts = (_summary, _warning, _data, _training, _metrics, _limits)
    text = "\n\n".join(part(content) for part in parts) + "\n"
    with atomic_output(path) as partial:
        partial.write_text(text, encoding="utf-8")


def _summary(content: CardContent) -> str:
    out, start = content.result.out, content.start
    data = out.read_bytes()
    parameters = sum(p.numel() for p in start.network.parameters())
    origin = f"`{start.name}`, SHA-256 `{start.digest[:16]}…`" if start.digest else "scratch"
    rows = [
        ("File", f"`{out.name}`, {len(data) / 1e6:.1f} MB, float16"),
        ("SHA-256", f"`{hashlib.sha256(data).hexdigest()}`"),
        ("Parameters", f"{parameters / 1e6:.1f} million"),
        ("Initial weights", origin),
        ("Trained with", f"vidcolor {__version__}, stage {content.config.stage}"),
        ("Use", f"`vidcolor colorize --model {out.name} …`"),
        ("License", "*to be stated by the distributor of these weights; see the sources below*"),
    ]
    return f"# Model card: `{out.stem}`\n\n" + _table(("", ""), rows)


def _warning(content: CardContent) -> str:
    return (
        "## Important\n"
        "The colors are **guesses**. The network predicts colors that were common in its training "
        "images, not the colors of the scene. Its output is not evidence of what a person, a "
        "uniform, a flag or a place looked like. Do not show it without stating that the color is "
        "machine-made."
    )


def _data(content: CardContent) -> str:
    text = ["## Photographs", _source_table(content.dataset)]
    if content.replay is not None:
        share = content.config.replay_share
        text += ["", f"Replay photographs of other kinds, {share:.0%} of every batch:", ""]
        text.append(_source_table(content.replay))
    folder = content.result.folder.name
    text += ["", f"All names and rejection reasons: `{folder}/`."]
    return "\n".join(text)


def _source_table(dataset: PhotoDataset) -> str:
    rows = []
    for source in dataset.statistics:
        reasons = ", ".join(f"{n:,} {reason}" for reason, n in sorted(source.dropped.items()))
        row = (
            f"`{source.source}`",
            f"{source.training:,}",
            f"{source.validation:,}",
            reasons or "–",
        )
        rows.append(row)
    return _table(("source", "training", "validation", "dropped"), rows)


def _training(content: CardContent) -> str:
    config, result = content.config, content.result
    names = _COMMON_FIELDS + (_ADVERSARIAL_FIELDS if config.stage == "adversarial" else ())
    values = config.to_dict()
    rows = [(name.replace("_", " "), f"{values[name]}") for name in names]
    hardware = f"{content.device}, {content.precision}"
    hardware += f", {content.processes} processes" if content.processes > 1 else ""
    rows[1:1] = [("steps", f"{result.steps:,}"), ("time", f"{result.seconds / 60:.1f} min")]
    rows[3:3] = [("hardware", hardware)]
    text = [
        "## Training",
        _STAGES[config.stage],
        "In part of the samples, the luma input has simulated film degradations (grain, blur, "
        "fading, scratches and others), and in part of the samples the input has color hints. The "
        "targets are not degraded. AdamW with a cosine schedule; the weights are the exponential "
        "moving average"
        + (f", mixed with {config.keep:.0%} of the initial weights." if config.keep else "."),
        "",
        _table(("", ""), rows),
    ]
    if content.command:
        text += ["", "```sh", content.command, "```"]
    return "\n".join(text)


def _metrics(content: CardContent) -> str:
    result = content.result
    before, after = result.before, result.after
    if before is None or after is None:
        return "## Metrics\nThe run had no validation photographs."
    size = content.validation_size
    rows = [
        ("PSNR (dB)", f"{before.psnr:.2f}", f"{after.psnr:.2f}"),
        ("PSNR over gray (dB)", *(f"{m.psnr - m.gray_psnr:+.2f}" for m in (before, after))),
        ("PSNR with 10 hints (dB)", *(f"{m.hinted_psnr:.2f}" for m in (before, after))),
        ("colorfulness, of the ground truth", *(f"{m.colorfulness:.0%}" for m in (before, after))),
        ("cross-entropy (nats)", *(f"{m.cross_entropy:.3f}" for m in (before, after))),
    ]
    folder = result.folder.name
    return (
        f"## Metrics\n{after.num_images:,} validation photographs, centered squares of {size} "
        f"pixels, default vividness. Gray images score {after.gray_psnr:.2f} dB. PSNR rewards gray "
        "results; read it together with colorfulness.\n\n"
        + _table(("", "initial weights", "these weights"), rows)
        + f"\n\n![Curves]({folder}/curves.png)\n\n![Validation images]({folder}/validation.png)"
    )


def _limits(content: CardContent) -> str:
    fine_tuned = (
        "- Fine-tuning on one kind of images slightly changes the result for other kinds. The "
        "metrics above cover the validation photographs of this run only.\n"
    )
    return (
        "## Limits and bias\n"
        + (fine_tuned if content.config.stage == "fine-tune" else "")
        + "- Rare objects in the photographs above take the colors of common ones. Skin tones, "
        "dyes and uniforms follow the mix of the photographs, which is neither balanced nor "
        "audited.\n"
        + (
            "- The confidence is calibrated on the validation photographs. It may be wrong for "
            "other kinds of images.\n"
            if content.result.after is not None
            else "- The confidence is calibrated for the initial weights. It may be wrong for "
            "these.\n"
        )
        + "- The network processes single images. vidcolor adds temporal consistency.\n"
        "- Not for identification, forensics, medicine or conservation records."
    )


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
