"""What predicts chroma: the contract, the embedded network, and where weights come from.

Importing this package does not import torch; loading a generator does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidcolor.generators.base import Generator, Hints, Prediction

if TYPE_CHECKING:
    from vidcolor.generators.efficientnet import EfficientNetLite2

__all__ = ["Generator", "Hints", "Prediction", "load_encoder", "load_generator"]


def load_generator(
    model: str = "embedded", device: str = "auto", precision: str = "auto"
) -> Generator:
    """Load a generator.

    Args:
        model: name of packaged weights, or the path of a .safetensors file.
        device: ``auto`` (CUDA, else MPS, else CPU), ``cpu``, ``cuda`` or e.g. ``cuda:1``,
            ``mps``.
        precision: ``auto`` (see `device.choose_precision`), ``fp32`` or ``bf16``.

    Raises:
        UsageError: device or precision unknown, or not on this machine.
        WeightsError: weights missing, damaged, or of an unknown kind.
    """
    from vidcolor.generators.device import choose_device, choose_precision
    from vidcolor.generators.weights import read_weights

    place = choose_device(device)
    fineness = choose_precision(precision, place)
    weights = read_weights(model)

    from vidcolor.generators.embedded import load_embedded
    from vidcolor.generators.threads import single_threaded_pool

    # Loading is hundreds of small conversions. Spread over threads, each would wait for whatever
    # core another process holds: on a busy machine 1.5 s instead of 0.15 s.
    with single_threaded_pool(1) as pool:
        return pool.submit(load_embedded, weights, place, fineness).result()


def load_encoder() -> EfficientNetLite2:
    """Load the encoder as ImageNet left it: training starts from it, features are compared in it.

    Returns:
        float32, on the CPU, in evaluation mode, without gradients. It takes (N, 3, H, W) sRGB,
        normalised by `network.IMAGENET_MEAN` and `network.IMAGENET_STD`.

    Raises:
        WeightsError: the packaged weights are missing or damaged.
    """
    from vidcolor.generators.efficientnet import EfficientNetLite2
    from vidcolor.generators.weights import ENCODER, read_packaged

    encoder = EfficientNetLite2()
    tensors = {key: tensor.float() for key, tensor in read_packaged(ENCODER).tensors.items()}
    # The file leaves out how many batches the norms have seen, which means nothing now.
    encoder.load_state_dict(tensors, strict=False)
    return encoder.eval().requires_grad_(False)
