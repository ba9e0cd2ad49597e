"""Published network architectures: detection by state dict, validation, and construction."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from vidcolor.errors import WeightsError
from vidcolor.generators.model_io import DDCOLOR_IO, DEOLDIFY_IO, ZHANG_IO, ModelIO
from vidcolor.generators.zoo.ddcolor import DDColor
from vidcolor.generators.zoo.deoldify import DeOldify
from vidcolor.generators.zoo.zhang import Eccv16, Siggraph17

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

    from vidcolor.generators.zoo.base import ZooNetwork


@dataclass(frozen=True, slots=True)
class Architecture:
    """An architecture of a published network."""

    name: str
    """Name in the metadata of weights files, e.g. ``deoldify-wide``."""
    title: str
    """Name for messages, e.g. ``ECCV16 (Zhang et al. 2016)``."""
    build: Callable[[], ZooNetwork] = field(repr=False)
    """Function that builds the network with random weights."""
    model_io: ModelIO
    """Input and output format of the network."""
    signature: tuple[str, tuple[int, ...]]
    """State-dict key and shape of a tensor that no other architecture has."""
    ignored_prefixes: tuple[str, ...] = ()
    """Prefixes of the state-dict keys of tensors that only training uses."""
    accepts_hints: bool = False
    """Whether the network takes hints."""

    def matches(self, tensors: dict[str, Tensor]) -> bool:
        """Return whether a state dict with folded reparametrizations has the signature."""
        key, shape = self.signature
        return key in tensors and tuple(tensors[key].shape) == shape


ARCHITECTURES = {
    architecture.name: architecture
    for architecture in (
        Architecture(
            "eccv16",
            "ECCV16 (Zhang et al. 2016)",
            Eccv16,
            ZHANG_IO,
            ("model8.6.weight", (313, 256, 1, 1)),
        ),
        Architecture(
            "siggraph17",
            "SIGGRAPH17 (Zhang et al. 2017)",
            Siggraph17,
            ZHANG_IO,
            ("model1.0.weight", (64, 4, 3, 3)),
            ignored_prefixes=("model_class.",),
            accepts_hints=True,
        ),
        Architecture(
            "deoldify-wide",
            "DeOldify, wide (video, stable)",
            lambda: DeOldify("wide"),
            DEOLDIFY_IO,
            ("layers.3.0.0.weight", (4096, 2048, 3, 3)),
        ),
        Architecture(
            "deoldify-deep",
            "DeOldify, deep (artistic)",
            lambda: DeOldify("deep"),
            DEOLDIFY_IO,
            ("layers.3.0.0.weight", (1024, 512, 3, 3)),
        ),
        Architecture(
            "ddcolor-tiny",
            "DDColor, tiny (ConvNeXt-T)",
            lambda: DDColor("tiny"),
            DDCOLOR_IO,
            ("encoder.arch.downsample_layers.0.0.weight", (96, 3, 4, 4)),
            ignored_prefixes=("encoder.arch.norm.", "encoder.arch.head_cls."),
        ),
        Architecture(
            "ddcolor-large",
            "DDColor, large (ConvNeXt-L)",
            lambda: DDColor("large"),
            DDCOLOR_IO,
            ("encoder.arch.downsample_layers.0.0.weight", (192, 3, 4, 4)),
            ignored_prefixes=("encoder.arch.norm.", "encoder.arch.head_cls."),
        ),
    )
}
"""Architectures by name."""


def detect_architecture(tensors: dict[str, Tensor]) -> Architecture | None:
    """Return the architecture of a state dict with folded reparametrizations; None if unknown."""
    return next((a for a in ARCHITECTURES.values() if a.matches(tensors)), None)


def select_tensors(
    architecture: Architecture, tensors: dict[str, Tensor], path: Path
) -> dict[str, Tensor]:
    """Validate a state dict, and return it without the tensors that only training uses.

    Args:
        architecture: architecture of the state dict.
        tensors: state dict with folded reparametrizations.
        path: file of the state dict, for error messages.

    Raises:
        WeightsError: a key is missing or unexpected, or a tensor has a wrong shape or is not
            finite.
    """
    expected = {
        key: tuple(tensor.shape)
        for key, tensor in build_meta_network(architecture).state_dict().items()
        if not key.endswith(".num_batches_tracked")  # used by training only
    }
    selected = {k: t for k, t in tensors.items() if not k.startswith(architecture.ignored_prefixes)}
    if problem := _find_mismatch(expected, selected):
        raise WeightsError(
            f"{path}: weights of {architecture.title}, but {problem}; fetch it again,"
            " or use the files that its authors publish"
        )
    return selected


def _find_mismatch(expected: dict[str, tuple[int, ...]], selected: dict[str, Tensor]) -> str | None:
    """Describe the first mismatch with the expected shapes; None if there is no mismatch."""
    shapes = {key: tuple(tensor.shape) for key, tensor in selected.items()}
    faults = {
        "is missing": expected.keys() - shapes.keys(),
        "is unexpected": shapes.keys() - expected.keys(),
        "has shape {}, expected {}": {k for k in expected if shapes.get(k) != expected[k]},
        "has values that are not finite": {
            key for key, tensor in selected.items() if not bool(torch.isfinite(tensor).all())
        },
    }
    for fault, keys in faults.items():
        if keys:
            first = next(key for key in (*expected, *shapes) if key in keys)
            others = f" (and {len(keys) - 1} more)" if len(keys) > 1 else ""
            text = fault.format(shapes.get(first), expected.get(first))
            return f"{first} {text}{others}"
    return None


def build_network(architecture: Architecture, tensors: dict[str, Tensor]) -> ZooNetwork:
    """Build a network for inference: float32, on the CPU.

    It uses the result of `select_tensors` without a copy.
    """
    network = build_meta_network(architecture)
    network.load_state_dict(tensors, strict=True, assign=True)
    return network.eval().requires_grad_(False)


def build_meta_network(architecture: Architecture) -> ZooNetwork:
    """Build a network without weights, on the meta device, where nothing is allocated."""
    with torch.device("meta"):
        return architecture.build()
