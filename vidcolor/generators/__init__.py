"""What predicts chroma: the contract, the embedded network, and where weights come from.

Importing this package does not import torch; loading a generator does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidcolor.generators.base import Generator, Hints, Prediction

if TYPE_CHECKING:
    from vidcolor.generators.efficientnet import EfficientNetLite2

__all__ = ["Generator", "Hints", "Prediction", "devices_of", "load_encoder", "load_generator"]


def load_generator(
    model: str = "embedded",
    device: str = "auto",
    precision: str = "auto",
    size: int | None = None,
) -> Generator:
    """Load a generator.

    Args:
        model: ``embedded``; a name of weights that are here (see `registry`); the path of a
            .safetensors, .pth or .onnx file; or several of these with ``+`` between, whose mean
            color is taken.
        device: ``auto`` (CUDA, else MPS, else CPU), ``cpu``, ``cuda`` or e.g. ``cuda:1``,
            ``mps``; of ONNX files also one of `onnx_file.PROVIDERS`.
        precision: ``auto`` (see `device.choose_precision`), ``fp32`` or ``bf16``; ONNX files have
            their own.
        size: short side in pixels at which pictures are looked at; None for the generator's own.

    Raises:
        UsageError: device, precision or size unknown, or not on this machine.
        WeightsError: weights missing, damaged, or of an unknown kind.
    """
    from vidcolor.generators.ensemble import PLUS, Ensemble, parts_of

    if PLUS in model and (names := parts_of(model)):
        return Ensemble([load_generator(name, device, precision, size) for name in names])
    from vidcolor.generators.store.weights import path_of

    path = path_of(model)
    if path.suffix == ".onnx":
        from vidcolor.generators.onnx import load_onnx

        return load_onnx(path, device, size)
    return _load_torch(model, device, precision, size)


def devices_of(model: str, device: str) -> tuple[str, ...]:
    """Every device that a name means to a model, for as many workers.

    Args:
        model: as `load_generator` has it.
        device: likewise; ``auto`` and ``cuda`` mean all GPUs, unless ONNX Runtime computes it.

    Raises:
        UsageError: no such device, or not on this machine.
        WeightsError: no such model.
    """
    from vidcolor.generators.device import all_devices
    from vidcolor.generators.ensemble import PLUS, parts_of
    from vidcolor.generators.store.weights import path_of

    names = (parts_of(model) if PLUS in model else []) or [model]
    if any(path_of(name).suffix == ".onnx" for name in names):
        return (device,)
    return all_devices(device)


def _load_torch(model: str, device: str, precision: str, size: int | None) -> Generator:
    from vidcolor.generators.device import choose_device, choose_precision
    from vidcolor.generators.store.weights import read_weights
    from vidcolor.generators.threads import single_threaded_pool

    place = choose_device(device)
    fineness = choose_precision(precision, place)

    def load() -> Generator:
        weights = read_weights(model)
        architecture = weights.metadata.get("architecture")
        if architecture is not None:
            from vidcolor.generators.adapter import load_adapted

            return load_adapted(weights, architecture, place, fineness, size)
        from vidcolor.generators.embedded import load_embedded

        return load_embedded(weights, place, fineness, size)

    # Loading is hundreds of small conversions. Spread over threads, each would wait for whatever
    # core another process holds: on a busy machine 1.5 s instead of 0.15 s.
    with single_threaded_pool(1) as pool:
        return pool.submit(load).result()


def load_encoder() -> EfficientNetLite2:
    """Load the encoder as ImageNet left it: training starts from it, features are compared in it.

    Returns:
        float32, on the CPU, in evaluation mode, without gradients. It takes (N, 3, H, W) sRGB,
        normalized by `network.IMAGENET_MEAN` and `network.IMAGENET_STD`.

    Raises:
        WeightsError: the packaged weights are missing or damaged.
    """
    from vidcolor.generators.efficientnet import EfficientNetLite2
    from vidcolor.generators.store.weights import ENCODER, read_packaged

    encoder = EfficientNetLite2()
    tensors = {key: tensor.float() for key, tensor in read_packaged(ENCODER).tensors.items()}
    # The file leaves out how many batches the norms have seen, which means nothing now.
    encoder.load_state_dict(tensors, strict=False)
    return encoder.eval().requires_grad_(False)
