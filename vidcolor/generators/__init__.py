"""What predicts chroma: the contract, the embedded network, and where weights come from.

Importing this package does not import torch; loading a generator does.
"""

from vidcolor.generators.base import Generator, Hints, Prediction

__all__ = ["Generator", "Hints", "Prediction", "load_generator"]


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
