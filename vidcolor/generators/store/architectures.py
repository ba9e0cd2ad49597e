"""The networks of others that vidcolor can run: told apart, and built, by what is in a file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from vidcolor.errors import WeightsError
from vidcolor.generators.model_io import DDCOLOR, DEOLDIFY, ZHANG, ModelIO
from vidcolor.generators.zoo.ddcolor import DDColor
from vidcolor.generators.zoo.deoldify import DeOldify
from vidcolor.generators.zoo.zhang import Eccv16, Siggraph17

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

    from vidcolor.generators.zoo.base import Network


@dataclass(frozen=True, slots=True)
class Architecture:
    """One kind of network."""

    name: str
    """As files name it in their metadata, e.g. ``deoldify-wide``."""
    title: str
    """What people call it."""
    build: Callable[[], Network] = field(repr=False)
    """Makes it."""
    convention: ModelIO
    telling: tuple[str, tuple[int, ...]]
    """A key that no other kind has, or none with this shape."""
    unused: tuple[str, ...] = ()
    """Beginnings of keys that files may hold, and that only training had a use for."""
    accepts_hints: bool = False

    def matches(self, tensors: dict[str, Tensor]) -> bool:
        """Whether a state dict, norms folded, looks like this kind."""
        key, shape = self.telling
        return key in tensors and tuple(tensors[key].shape) == shape


ARCHITECTURES = {
    kind.name: kind
    for kind in (
        Architecture(
            "eccv16",
            "ECCV16 (Zhang et al. 2016)",
            Eccv16,
            ZHANG,
            ("model8.6.weight", (313, 256, 1, 1)),
        ),
        Architecture(
            "siggraph17",
            "SIGGRAPH17 (Zhang et al. 2017)",
            Siggraph17,
            ZHANG,
            ("model1.0.weight", (64, 4, 3, 3)),
            unused=("model_class.",),
            accepts_hints=True,
        ),
        Architecture(
            "deoldify-wide",
            "DeOldify, wide (video, stable)",
            lambda: DeOldify("wide"),
            DEOLDIFY,
            ("layers.3.0.0.weight", (4096, 2048, 3, 3)),
        ),
        Architecture(
            "deoldify-deep",
            "DeOldify, deep (artistic)",
            lambda: DeOldify("deep"),
            DEOLDIFY,
            ("layers.3.0.0.weight", (1024, 512, 3, 3)),
        ),
        Architecture(
            "ddcolor-tiny",
            "DDColor, tiny (ConvNeXt-T)",
            lambda: DDColor("tiny"),
            DDCOLOR,
            ("encoder.arch.downsample_layers.0.0.weight", (96, 3, 4, 4)),
            unused=("encoder.arch.norm.", "encoder.arch.head_cls."),
        ),
        Architecture(
            "ddcolor-large",
            "DDColor, large (ConvNeXt-L)",
            lambda: DDColor("large"),
            DDCOLOR,
            ("encoder.arch.downsample_layers.0.0.weight", (192, 3, 4, 4)),
            unused=("encoder.arch.norm.", "encoder.arch.head_cls."),
        ),
    )
}
"""By name."""


def detect(tensors: dict[str, Tensor]) -> Architecture | None:
    """Which kind of network a state dict, norms folded, is of; None if of none."""
    return next((kind for kind in ARCHITECTURES.values() if kind.matches(tensors)), None)


def fitting(kind: Architecture, tensors: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Hold a state dict against what belongs there.

    Args:
        kind: what it is of.
        tensors: norms folded.
        path: where it came from, for messages.

    Returns:
        What the network wants, all of it and no more.

    Raises:
        WeightsError: something is missing, left over, of another shape, or not finite.
    """
    wanted = {
        key: tuple(tensor.shape)
        for key, tensor in empty(kind).state_dict().items()
        if not key.endswith(".num_batches_tracked")  # for training, which is over
    }
    given = {k: t for k, t in tensors.items() if not k.startswith(kind.unused)}
    problem = ""
    if missing := [key for key in wanted if key not in given]:
        problem = f"{missing[0]} is missing{_and_others(missing)}"
    elif extra := [key for key in given if key not in wanted]:
        problem = f"{extra[0]} does not belong there{_and_others(extra)}"
    elif wrong := [key for key, shape in wanted.items() if tuple(given[key].shape) != shape]:
        shape, found = wanted[wrong[0]], tuple(given[wrong[0]].shape)
        problem = f"{wrong[0]} is {found}, not {shape}{_and_others(wrong)}"
    elif wild := [key for key, t in given.items() if not bool(torch.isfinite(t).all())]:
        problem = f"{wild[0]} holds values that are no numbers{_and_others(wild)}"
    if problem:
        raise WeightsError(
            f"{path}: looks like weights of {kind.title}, but {problem}; fetch it again,"
            " or use the files that its authors publish"
        )
    return given


def built(kind: Architecture, tensors: dict[str, Tensor]) -> Network:
    """The network with weights from `fitting`, for inference: float32, on the CPU."""
    network = empty(kind)
    network.load_state_dict(tensors, strict=True, assign=True)
    return network.eval().requires_grad_(False)


def empty(kind: Architecture) -> Network:
    """A network of a kind without weights, on the meta device: nothing is allocated."""
    with torch.device("meta"):
        return kind.build()


def _and_others(keys: list[str]) -> str:
    return f" (and {len(keys) - 1} more)" if len(keys) > 1 else ""
