"""Loads a generator by the name or path of its weights.

Importing this module does not import torch; loading a generator does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from vidcolor.generators.base import Generator
    from vidcolor.generators.efficientnet import EfficientNetLite2


def load_generator(
    model: str = "embedded",
    device: str = "auto",
    precision: str = "auto",
    size: int | None = None,
    bins: Path | None = None,
) -> Generator:
    """Load a generator.

    Args:
        model: ``embedded``; the name of installed weights (see `store.registry`); the path of a
            .safetensors, .pth, .caffemodel or .onnx file; or several of these joined by ``+``, for
            an ensemble.
        device: ``auto`` (CUDA, else MPS, else CPU), ``cpu``, ``cuda``, e.g. ``cuda:1``, or
            ``mps``; for ONNX files ``auto`` or one of `onnx.PROVIDERS`.
        precision: ``auto`` (see `device.choose_precision`), ``fp32`` or ``bf16``; ignored for ONNX
            files.
        size: model input size, in pixels: the short side, or the side of a square for networks
            that take squares; None for the model's native size.
        bins: file with the color bins of a Caffe model; None for ``pts_in_hull.npy`` beside it. In
            an ensemble it applies to all Caffe models.

    Raises:
        UsageError: the device or precision is unknown, the device is not available, the model
            does not support the size, or `bins` is given without a Caffe model.
        WeightsError: the weights are missing, damaged, or of an unknown architecture.
        VidcolorError: an ONNX file is given, and ONNX Runtime is not installed.
    """
    from vidcolor.generators.ensemble import SEPARATOR, Ensemble, split_names
    from vidcolor.generators.store.caffe import CAFFE_SUFFIX
    from vidcolor.generators.store.weights import reject_bins, resolve_path

    if SEPARATOR in model and (names := split_names(model)):
        caffe = [name for name in names if resolve_path(name).suffix == CAFFE_SUFFIX] or names
        return Ensemble(
            [
                load_generator(name, device, precision, size, bins if name in caffe else None)
                for name in names
            ]
        )
    path = resolve_path(model)
    if path.suffix == ".onnx":
        reject_bins(model, bins)
        from vidcolor.generators.onnx import load_onnx

        return load_onnx(path, device, size)
    return _load_torch(model, device, precision, size, bins)


def resolve_devices(model: str, device: str) -> tuple[str, ...]:
    """Return the devices that the workers of a run use, e.g. ``("cuda:0", "cuda:1")``.

    The arguments and errors are those of `load_generator`. ``auto`` and ``cuda`` select all GPUs,
    except for ONNX files.
    """
    from vidcolor.generators.device import list_devices
    from vidcolor.generators.ensemble import SEPARATOR, split_names
    from vidcolor.generators.store.weights import resolve_path

    names = (split_names(model) if SEPARATOR in model else []) or [model]
    if any(resolve_path(name).suffix == ".onnx" for name in names):
        return (device,)
    return list_devices(device)


def load_encoder() -> EfficientNetLite2:
    """Load the ImageNet encoder, from which training starts and which feature distances use.

    Returns:
        The encoder: float32, on the CPU, in evaluation mode, without gradients. Its input is sRGB,
        (N, 3, H, W), normalized by `efficientnet.IMAGENET_MEAN` and `efficientnet.IMAGENET_STD`.

    Raises:
        WeightsError: the packaged weights are missing or damaged.
    """
    from vidcolor.generators.efficientnet import EfficientNetLite2
    from vidcolor.generators.store.weights import ENCODER_WEIGHTS, read_packaged_weights

    encoder = EfficientNetLite2()
    weights = read_packaged_weights(ENCODER_WEIGHTS)
    tensors = {key: tensor.float() for key, tensor in weights.tensors.items()}
    # Not strict: the file has no `num_batches_tracked`, which only training uses.
    encoder.load_state_dict(tensors, strict=False)
    return encoder.eval().requires_grad_(False)


def _load_torch(
    model: str, device: str, precision: str, size: int | None, bins: Path | None
) -> Generator:
    from vidcolor.generators.device import choose_device, choose_precision
    from vidcolor.generators.predictor import single_threaded_pool
    from vidcolor.generators.store.weights import read_weights

    torch_device = choose_device(device)
    chosen_precision = choose_precision(precision, torch_device)

    def load() -> Generator:
        weights = read_weights(model, bins)
        architecture = weights.metadata.get("architecture")
        if architecture is not None:
            from vidcolor.generators.adapter import load_adapted

            return load_adapted(weights, architecture, torch_device, chosen_precision, size)
        from vidcolor.generators.embedded import load_embedded

        return load_embedded(weights, torch_device, chosen_precision, size)

    # Loading is hundreds of small conversions. With several threads, each conversion would wait
    # for a core that another process holds: 1.5 s instead of 0.15 s on a busy machine.
    with single_threaded_pool(1) as pool:
        return pool.submit(load).result()
