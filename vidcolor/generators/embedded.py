"""The embedded generator: an `EmbeddedNetwork` that implements the generator contract."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812

from vidcolor.color.bins import apply_calibration, decode_bins
from vidcolor.color.vividness import adjust_chroma
from vidcolor.errors import WeightsError
from vidcolor.generators.base import (
    ColorDistribution,
    Hints,
    Prediction,
    check_inputs,
    resample_hints,
)
from vidcolor.generators.device import torch_dtype
from vidcolor.generators.model_io import check_size
from vidcolor.generators.network import ALIGNMENT, STRIDE, EmbeddedNetwork, NetworkConfig

if TYPE_CHECKING:
    from torch import Tensor

    from vidcolor.generators.device import Precision
    from vidcolor.generators.store.weights import Weights

NATIVE_SIZE = 256
"""Short side of the training images, in pixels."""


class EncodedLuma(NamedTuple):
    """What the network computes once for images, for any hints and vividness."""

    luma: Tensor
    """Padded L*, (N, 1, H, W) float32."""
    size: tuple[int, int]
    """Height and width of the prediction."""
    features: tuple[Tensor, ...]
    """Result of `EmbeddedNetwork.encode`."""


class EmbeddedGenerator:
    """The generator that is part of vidcolor. It accepts images of any size, and hints.

    The output stride is 4: luma of (H, W) gives a prediction of (ceil(H / 4), ceil(W / 4)). The
    generator has no mutable state, so several threads may call it. The last bits of a result may
    depend on the other images of its batch; `Predictor` prevents that.
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
        """Wrap a network, which is modified for inference: batch norms are folded.

        `precision` applies to encoder and decoder; the head and all following operations are always
        float32. The other arguments are those of `Generator`.
        """
        self.native_size = native_size
        self.name, self.digest = name, digest
        self.device, self.precision = str(device), precision
        network.eval().requires_grad_(False)
        network.fold()
        network.lower_precision(torch_dtype(precision))
        # torch's stubs lack this keyword.
        network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network = network

    @torch.inference_mode()
    def __call__(
        self, luma: Tensor, hints: Hints | None = None, vividness: float | None = None
    ) -> Prediction:
        """Predict color; see `Generator`."""
        return self.decode(self.encode(luma), hints, vividness)

    @torch.inference_mode()
    def encode(self, luma: Tensor) -> EncodedLuma:
        """Compute what hints and vividness do not change; see `EncodingGenerator`."""
        check_inputs(luma, None)
        padded, size = self._pad_luma(luma)
        return EncodedLuma(padded, size, self.network.encode(padded))

    @torch.inference_mode()
    def decode(
        self, image: EncodedLuma, hints: Hints | None = None, vividness: float | None = None
    ) -> Prediction:
        """Predict color from encoded images; see `Generator`."""
        luma, size = image.luma, image.size
        check_inputs(luma, hints)
        planes = () if hints is None else self._pad_hints(hints, size, luma.shape[-2:])
        density = planes[1] if planes else None
        predicted = self.network.decode(image.features, *planes)
        color = decode_bins(predicted.logits, self.network.bins, predicted.hint_precision)
        ab = adjust_chroma(color, luma, vividness, density)[..., : size[0], : size[1]]
        concentration = color.concentration[..., : size[0], : size[1]]
        return Prediction(
            ab.contiguous(), apply_calibration(concentration, self.network.calibration)
        )

    @torch.inference_mode()
    def predict_distribution(self, luma: Tensor) -> ColorDistribution:
        """Predict the distribution of colors; see `DistributionGenerator`."""
        return self.decode_distribution(self.encode(luma))

    @torch.inference_mode()
    def decode_distribution(self, image: EncodedLuma) -> ColorDistribution:
        """Predict the distribution of colors of one encoded image; see `EncodingGenerator`."""
        height, width = image.size
        logits = self.network.decode(image.features).logits.float()
        shares = torch.softmax(logits, dim=1)[0, :, :height, :width]
        bins = self.network.bins.float()
        return ColorDistribution(shares.cpu().numpy(), bins.cpu().numpy())

    def _pad_luma(self, luma: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """Pad luma to a size that the network accepts; return it and the size of the output."""
        height, width = luma.shape[-2:]
        size = ceil(height / STRIDE), ceil(width / STRIDE)
        # The padding repeats the edge, because reflection needs more pixels than a tiny image has.
        padding = 0, -width % ALIGNMENT, 0, -height % ALIGNMENT
        return F.pad(luma.to(self.device, torch.float32), padding, mode="replicate"), size

    def _pad_hints(
        self, hints: Hints, size: tuple[int, int], padded_size: tuple[int, ...]
    ) -> tuple[Tensor, Tensor]:
        """Resample hints to the output resolution and pad them with density 0."""
        ab, density = resample_hints(hints, size, self.device)
        margin = 0, padded_size[1] // STRIDE - size[1], 0, padded_size[0] // STRIDE - size[0]
        return F.pad(ab, margin), F.pad(density, margin)


def load_embedded(
    weights: Weights, device: torch.device, precision: Precision, size: int | None = None
) -> EmbeddedGenerator:
    """Build the generator from its weights, whose metadata holds a `NetworkConfig` (``config``).

    Raises:
        WeightsError: the metadata has no configuration, or the tensors do not match it.
        UsageError: the size is not supported.
    """
    try:
        config = NetworkConfig.from_json(weights.metadata["config"])
    except (KeyError, ValueError):
        raise WeightsError(
            f"{weights.path}: not weights of vidcolor's network (no configuration in its metadata);"
            " use weights that vidcolor trained or imported"
        ) from None
    # On the meta device nothing is allocated or initialized; `assign` replaces the parameters.
    with torch.device("meta"):
        network = EmbeddedNetwork(config)
    tensors = {key: tensor.float() for key, tensor in weights.tensors.items()}
    try:
        network.load_state_dict(tensors, strict=True, assign=True)
    except RuntimeError as error:
        # torch lists the mismatches one per line, after a line with the class name.
        problem = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise WeightsError(
            f"{weights.path}: does not match its own configuration ({problem}); fetch it again"
        ) from None
    if size is not None:
        check_size(size, ALIGNMENT, "this model")
    native_size = size or NATIVE_SIZE
    return EmbeddedGenerator(network, weights.digest, weights.name, device, precision, native_size)
