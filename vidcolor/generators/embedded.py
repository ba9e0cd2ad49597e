"""The embedded generator: its network, loaded and wrapped to the generator contract."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812

from vidcolor.color.bins import calibrated, color_of, enlivened
from vidcolor.errors import UsageError, WeightsError
from vidcolor.generators.base import Hints, Prediction, check_inputs
from vidcolor.generators.hint_grid import on_grid
from vidcolor.generators.model_io import MAX_SIZE
from vidcolor.generators.network import ALIGNMENT, STRIDE, EmbeddedNetwork, NetworkConfig

if TYPE_CHECKING:
    from torch import Tensor

    from vidcolor.generators.device import Precision
    from vidcolor.generators.store.weights import Weights

NATIVE_SIZE = 256
"""Short side in pixels that the network was trained at."""
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


class EmbeddedGenerator:
    """Colors pictures of any size by themselves, or led by hints.

    Predicts at stride 4: (H, W) luma gives (ceil(H / 4), ceil(W / 4)) color. Stateless once built,
    so it may be called from several threads. It promises nothing about batches: one picture's
    result may differ in the last bits with its company (see `Predictor`, which settles that).
    """

    accepts_hints = True
    has_confidence = True
    has_vividness = True

    def __init__(
        self,
        network: EmbeddedNetwork,
        digest: str,
        name: str = "embedded",
        device: torch.device | str = "cpu",
        precision: Precision = "fp32",
        native_size: int = NATIVE_SIZE,
    ) -> None:
        """Wrap a network, and change it for inference: fold it, move it, freeze it.

        Args:
            network: with trained weights.
            digest: SHA-256 of its weights file.
            name: what the user calls it.
            device: where to compute.
            precision: of the convolutions; the head and all after it are float32 regardless.
            native_size: short side at which pictures are looked at.
        """
        self.native_size = native_size
        self.name, self.digest = name, digest
        self.device, self.precision = str(device), precision
        network.eval().requires_grad_(False)
        network.fold()
        network.lower_precision(_DTYPES[precision])
        # torch's stubs leave out this keyword.
        network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network = network

    @torch.inference_mode()
    def __call__(
        self, luma: Tensor, hints: Hints | None = None, vividness: float | None = None
    ) -> Prediction:
        """See `Generator`.

        Raises:
            ValueError: luma is not (N, 1, H, W) with H and W of at least 1, hints are for another
                number of pictures, or vividness is not in [0, 1].
        """
        check_inputs(luma, hints)
        height, width = luma.shape[-2:]
        grid = ceil(height / STRIDE), ceil(width / STRIDE)
        # The edge repeated, not mirrored: that works from one pixel up.
        padding = 0, -width % ALIGNMENT, 0, -height % ALIGNMENT
        luma = F.pad(luma.to(self.device, torch.float32), padding, mode="replicate")
        if hints is None:
            logits = self.network(luma)
        else:
            logits = self.network(luma, *self._place_hints(hints, grid, luma.shape[-2:]))
        logits = logits[..., : grid[0], : grid[1]]
        ab, concentration = color_of(logits, self.network.bins, vividness)
        ab = enlivened(ab, concentration)
        return Prediction(ab, calibrated(concentration, self.network.calibration))

    def _place_hints(
        self, hints: Hints, grid: tuple[int, int], padded: tuple[int, ...]
    ) -> tuple[Tensor, Tensor]:
        """Resample hints to the network's grid, with no hints in the padding."""
        ab, density = on_grid(hints, grid, self.device)
        margin = 0, padded[1] // STRIDE - grid[1], 0, padded[0] // STRIDE - grid[0]
        return F.pad(ab, margin), F.pad(density, margin)


def load_embedded(
    weights: Weights, device: torch.device, precision: Precision, size: int | None = None
) -> EmbeddedGenerator:
    """Build the generator from its weights.

    Args:
        weights: of an `EmbeddedNetwork`, with its `NetworkConfig` as ``config`` in the metadata.
        device: where it will compute.
        precision: what it will compute in.
        size: short side at which pictures are looked at; None for `NATIVE_SIZE`.

    Raises:
        WeightsError: the weights are for something else.
        UsageError: not a size for this network.
    """
    try:
        config = NetworkConfig.from_json(weights.metadata["config"])
    except (KeyError, ValueError):
        raise WeightsError(
            f"{weights.path}: not weights of vidcolor's network (no configuration in its metadata);"
            " use weights that vidcolor trained or imported"
        ) from None
    # On the meta device nothing is allocated or initialized: the weights take the parameters'
    # place.
    with torch.device("meta"):
        network = EmbeddedNetwork(config)
    tensors = {key: tensor.float() for key, tensor in weights.tensors.items()}
    try:
        network.load_state_dict(tensors, strict=True, assign=True)
    except RuntimeError as error:
        problem = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise WeightsError(
            f"{weights.path}: does not fit its own configuration ({problem}); fetch it again"
        ) from None
    native_size = _checked(size)
    return EmbeddedGenerator(network, weights.digest, weights.name, device, precision, native_size)


def _checked(size: int | None) -> int:
    if size is None:
        return NATIVE_SIZE
    if not ALIGNMENT <= size <= MAX_SIZE or size % ALIGNMENT:
        raise UsageError(
            f"the model looks at pictures whose size is a multiple of {ALIGNMENT}, up to"
            f" {MAX_SIZE}: {size} is none"
        )
    return size
