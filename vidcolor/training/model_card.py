"""The model card that a run writes beside its weights."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vidcolor import __version__
from vidcolor.fileio import atomic_output

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vidcolor.training.callbacks import TrainingResult
    from vidcolor.training.config import TrainingConfig
    from vidcolor.training.dataset import Collection
    from vidcolor.training.init import InitialWeights

_STAGES = {
    "pretrain": "Pretraining: rebalanced cross-entropy over a\\*b\\* bins (after Zhang et al., "
    "2016), the painted picture's PSNR against its true color, and its blotches.",
    "adversarial": "Adversarial stage: as pretraining, with a distance in the features of an "
    "ImageNet encoder and a patch discriminator, which learns alone and beside the network by "
    "turns (after NoGAN).",
    "fine-tune": "Fine-tuning: rebalanced cross-entropy over a\\*b\\* bins, the painted "
    "picture's PSNR against its true color, and its blotches; the encoder stays as it is.",
}
_EVERYDAY = (
    "stage", "start", "size", "batch", "accumulate", "learning_rate", "encoder_rate", "freeze",
    "rebalance", "picture_weight", "colorfulness", "coherence", "distil", "keep", "ema", "seed",
)  # fmt: skip
"""Fields of the recipe that are listed in every card."""
_ADVERSARIAL = ("perceptual_weight", "adversarial_weight", "discriminator_steps", "joint_steps")


@dataclass(frozen=True, slots=True)
class Content:
    """What a card tells."""

    trained: TrainingResult
    recipe: TrainingConfig
    start: InitialWeights
    photographs: Collection
    rehearsal: Collection | None
    command: str
    processes: int
    device: str
    precision: str
    validation_size: int


def write_card(path: Path, content: Content) -> None:
    """Write the card, in Markdown.

    Args:
        path: beside the weights, replaced if it exists; the weights are there already.
        content: of the card.

    Raises:
        OutputError: it cannot be written.
    """
    parts = (_head, _warning, _data, _training, _measured, _limits)
    text = "\n\n".join(part(content) for part in parts) + "\n"
    with atomic_output(path) as partial:
        partial.write_text(text, encoding="utf-8")


def _head(content: Content) -> str:
    out, start = content.trained.out, content.start
    data = out.read_bytes()
    parameters = sum(p.numel() for p in start.network.parameters())
    origin = f"`{start.name}`, SHA-256 `{start.digest[:16]}…`" if start.digest else "scratch"
    rows = [
        ("File", f"`{out.name}`, {len(data) / 1e6:.1f} MB, float16"),
        ("SHA-256", f"`{hashlib.sha256(data).hexdigest()}`"),
        ("Parameters", f"{parameters / 1e6:.1f} million"),
        ("Made from", origin),
        ("Made by", f"vidcolor {__version__}, stage {content.recipe.stage}"),
        ("Use", f"`vidcolor colorize --model {out.name} …`"),
        ("License", "*to be stated by whoever passes these weights on; see the sources below*"),
    ]
    return f"# Model card: `{out.stem}`\n\n" + _table(("", ""), rows)


def _warning(content: Content) -> str:
    return (
        "## Read this first\n"
        "The colors are **guesses**. The network paints what was common in its training pictures, "
        "not what was there. Its output is no evidence of what a person, a uniform, a flag or a "
        "place looked like, and should never be shown without saying that a machine colored it."
    )


def _data(content: Content) -> str:
    text = ["## Photographs", *_counts(content.photographs)]
    if content.rehearsal is not None:
        share = content.recipe.rehearse_share
        text += ["", f"Mixed in, as {share:.0%} of every batch, so that other kinds are kept:", ""]
        text += _counts(content.rehearsal)
    folder = content.trained.folder.name
    text += ["", f"All names, with the reason for each that was dropped: `{folder}/`."]
    return "\n".join(text)


def _counts(collection: Collection) -> list[str]:
    rows = []
    for count in collection.counts:
        reasons = ", ".join(f"{n:,} {reason}" for reason, n in sorted(count.dropped.items()))
        row = (f"`{count.source}`", f"{count.training:,}", f"{count.validation:,}", reasons or "–")
        rows.append(row)
    return [_table(("source", "learned from", "held out", "dropped"), rows)]


def _training(content: Content) -> str:
    recipe, trained = content.recipe, content.trained
    names = _EVERYDAY + (_ADVERSARIAL if recipe.stage == "adversarial" else ())
    values = recipe.to_dict()
    rows = [(name.replace("_", " "), f"{values[name]}") for name in names]
    place = f"{content.device}, {content.precision}"
    place += f", {content.processes} processes" if content.processes > 1 else ""
    rows[1:1] = [("steps", f"{trained.steps:,}"), ("time", f"{trained.seconds / 60:.1f} min")]
    rows[3:3] = [("computed on", place)]
    text = [
        "## Training",
        _STAGES[recipe.stage],
        "The input's luma was degraded as old film is (grain, blur, fading, scratches and so on) "
        "in part of the samples, and part of them had color hints; the target never was degraded. "
        "AdamW, cosine schedule; the weights are their exponential moving average"
        + (f", with {recipe.keep:.0%} of the starting weights." if recipe.keep else "."),
        "",
        _table(("", ""), rows),
    ]
    if content.command:
        text += ["", "```sh", content.command, "```"]
    return "\n".join(text)


def _measured(content: Content) -> str:
    trained = content.trained
    before, after = trained.before, trained.after
    if before is None or after is None:
        return "## Measured\nNothing was held out, so nothing was measured."
    size = content.validation_size
    rows = [
        ("PSNR (dB)", f"{before.psnr:.2f}", f"{after.psnr:.2f}"),
        ("PSNR over gray (dB)", *(f"{f.psnr - f.gray_psnr:+.2f}" for f in (before, after))),
        ("PSNR with 10 hints (dB)", *(f"{f.hinted_psnr:.2f}" for f in (before, after))),
        ("colorfulness, of the truth's", *(f"{f.colorfulness:.0%}" for f in (before, after))),
        ("cross-entropy (nats)", *(f"{f.cross_entropy:.3f}" for f in (before, after))),
    ]
    folder = trained.folder.name
    return (
        f"## Measured\n{after.num_pictures:,} held-out photographs, centerd squares at {size} "
        f"pixels, default vividness. Gray alone scores {after.gray_psnr:.2f} dB. PSNR rewards gray "
        "and must be read beside colorfulness.\n\n"
        + _table(("", "start", "these weights"), rows)
        + f"\n\n![Curves]({folder}/curves.png)\n\n![Held-out photographs]({folder}/validation.png)"
    )


def _limits(content: Content) -> str:
    gentle = (
        "- Fine-tuning on one kind of picture pulls other kinds toward it a little. The figures "
        "above are about the held-out photographs of this run only.\n"
    )
    return (
        "## Limits and bias\n"
        + (gentle if content.recipe.stage == "fine-tune" else "")
        + "- What was rare in the photographs above takes the colors of what was common. Skin "
        "tones, dyes and uniforms follow their mix, which nobody has balanced or audited.\n"
        + (
            "- Confidence was calibrated on the held-out photographs; for other kinds it may be "
            "off.\n"
            if content.trained.after is not None
            else "- Confidence was calibrated on the starting weights; it may be off for these.\n"
        )
        + "- It sees single pictures. Steadiness in time is vidcolor's work, not this network's.\n"
        "- Not for identification, forensics, medicine or conservation records."
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
