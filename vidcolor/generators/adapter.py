"""Networks of any convention, wrapped to the generator contract."""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING

import torch

from vidcolor.errors import UsageError
from vidcolor.generators.base import Hints, Prediction, check_inputs
from vidcolor.generators.hint_grid import dithered, on_grid
from vidcolor.generators.model_io import MAX_SIZE, gray_of, resized
from vidcolor.generators.store.architectures import ARCHITECTURES, built, fitting

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from vidcolor.generators.device import Precision
    from vidcolor.generators.model_io import ModelIO
    from vidcolor.generators.store.weights import Weights

STRIDE = 2
"""Of the predicted color: what is finer is not seen behind subsampled chroma and a guided filter,
and would cost in every step that follows."""
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


class AdaptedGenerator:
    """Colors pictures of any size with a network that wants them its own way.

    (H, W) luma gives (ceil(H / 2), ceil(W / 2)) color, or less where the network itself does.
    """

    has_vividness = False

    def __init__(
        self,
        network: Callable[..., Tensor],
        convention: ModelIO,
        name: str,
        digest: str,
        device: torch.device | str = "cpu",
        accepts_hints: bool = False,
    ) -> None:
        """Wrap a network.

        Args:
            network: takes what `ModelIO.enter` makes; and, if it accepts hints, their a*, b*,
                (N, 2, H, W), and a mask of 0 and 1, (N, 1, H, W). Thread-safe.
            convention: the network's.
            name: what the user calls it.
            digest: SHA-256 of its weights file.
            device: where its inputs must lie.
            accepts_hints: whether it takes hints.
        """
        self.name, self.digest, self.device = name, digest, str(device)
        self.accepts_hints, self.convention = accepts_hints, convention
        self.network = network
        self.native_size = convention.size
        self.has_confidence = convention.has_confidence

    @torch.inference_mode()
    def __call__(
        self, luma: Tensor, hints: Hints | None = None, vividness: float | None = None
    ) -> Prediction:
        """See `Generator`. Hints for a network without a use for them are left aside.

        Raises:
            ValueError: luma is not (N, 1, H, W) with H and W of at least 1, or hints are for
                another number of pictures.
        """
        check_inputs(luma, hints)
        height, width = luma.shape[-2:]
        size = self.convention.working_size(height, width)
        gray = self.convention.padded(gray_of(luma.to(self.device, torch.float32), size))
        picture = self.convention.enter(gray)
        if self.accepts_hints:
            answer = self.network(picture, *self._hint_planes(hints, gray, size))
        else:
            answer = self.network(picture)
        planes = torch.cat(
            [self.convention.leave(answer, gray), self.convention.confidence(answer)], dim=1
        )
        # Without the padding; rounded up, as a grid's last cell may reach into it.
        rows, columns = (
            ceil(size[axis] * planes.shape[axis - 2] / gray.shape[axis - 2]) for axis in (0, 1)
        )
        planes = planes[..., :rows, :columns]
        stride = max(STRIDE, round(size[0] / rows))
        if self.convention.square or stride == STRIDE:
            planes = resized(planes, (ceil(height / stride), ceil(width / stride)))
        sure = planes[:, 2:].clamp(0, 1) if self.has_confidence else torch.ones_like(planes[:, 2:])
        return Prediction(planes[:, :2], sure)

    def _hint_planes(
        self, hints: Hints | None, gray: Tensor, size: tuple[int, int]
    ) -> tuple[Tensor, Tensor]:
        """a*, b* and mask, of the gray's size; nothing is known in the padding."""
        planes = gray.new_zeros(len(gray), 3, *gray.shape[-2:])
        if hints is not None:
            ab, density = on_grid(hints, size, self.device)
            mask = dithered(density)
            planes[..., : size[0], : size[1]] = torch.cat([ab * mask, mask], dim=1)
        return planes[:, :2], planes[:, 2:]


def load_adapted(
    weights: Weights,
    architecture: str,
    device: torch.device,
    precision: Precision,
    size: int | None = None,
) -> AdaptedGenerator:
    """Build a generator from the weights of one of `ARCHITECTURES`.

    Args:
        weights: norms folded.
        architecture: its name.
        device: where it will compute.
        precision: what it will compute in, but for its last steps.
        size: what to squeeze pictures to; None for what it works best at.

    Raises:
        WeightsError: the weights do not fit.
        UsageError: not a size for this network.
    """
    kind = ARCHITECTURES[architecture]
    convention = sized(kind.convention, size, weights.name)
    network = built(kind, fitting(kind, weights.tensors, weights.path))
    weights.tensors.clear()  # or they would stay beside what is made of them
    if precision != "fp32":
        network.lower_precision(_DTYPES[precision])
    # torch's stubs leave out this keyword.
    network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return AdaptedGenerator(
        network, convention, weights.name, weights.digest, device, kind.accepts_hints
    )


def sized(convention: ModelIO, size: int | None, name: str) -> ModelIO:
    """A convention with another working size; None for its own.

    Raises:
        UsageError: it does not allow of that size.
    """
    if size is None or size == convention.size:
        return convention
    if convention.fixed:
        raise UsageError(f"{name} looks at pictures of {convention.size} pixels and no others")
    step = convention.multiple
    if not step <= size <= MAX_SIZE or size % step:
        raise UsageError(
            f"{name} looks at pictures whose size is a multiple of {step}, up to {MAX_SIZE}:"
            f" {size} is none"
        )
    return replace(convention, size=size)
