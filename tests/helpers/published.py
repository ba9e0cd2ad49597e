"""State dicts with the keys of published files, and values generated from keys and shapes.

The published files are too large for the repository. The original implementations were run once
with the generated values. A network is equivalent if it reproduces some of their output values.
"""

import functools
import re
import zlib

import numpy as np
import torch

from vidcolor.generators.store.architectures import ARCHITECTURES, build_meta_network

VECTOR_GAIN = {"eccv16": 1.6, "deoldify-wide": 0.5, "deoldify-deep": 0.5}
"""Mean of 1-D weights by architecture; 1 if not listed."""
NUM_KEYS = {
    "eccv16": 82,
    "siggraph17": 107,
    "deoldify-wide": 754,
    "deoldify-deep": 378,
    "ddcolor-tiny": 440,
    "ddcolor-large": 602,
}
"""Number of keys in the published files, by architecture."""
SPECTRAL_NORM = {
    "deoldify": r"layers\.([34567]|10|11)(\..*)?\.(0|query|key|value)\.weight",
    "ddcolor": (
        r"(decoder\.(layers\.\d\.(shuf\.)?conv\.0|last_shuf\.conv\.0)|refine_net\.0\.0)\.weight"
    ),
}
"""Pattern of the keys of weights with spectral norm, by family of architectures."""
WEIGHT_NORM = {"deoldify": r"layers\.8\.conv\.0\.weight"}
"""Pattern of the keys of weights with weight norm, by family of architectures."""
TRAINING_ONLY = {
    "siggraph17": {"model_class.0.weight": (529, 256, 1, 1), "model_class.0.bias": (529,)},
    "ddcolor-tiny": {"encoder.arch.norm.weight": (768,), "encoder.arch.norm.bias": (768,)},
    "ddcolor-large": {"encoder.arch.norm.weight": (1536,), "encoder.arch.norm.bias": (1536,)},
}
"""Shapes of the tensors that only training uses, by architecture."""
POWER_ITERATIONS = 20
"""Number of power iterations for the singular vectors of spectral norm."""


def published_shapes(name):
    """Return shapes by key of the published file; the shape of a training counter is None."""
    family = name.partition("-")[0]
    shapes = {}
    for key, tensor in build_meta_network(ARCHITECTURES[name]).state_dict().items():
        base = key.removesuffix("weight")
        if key.endswith("num_batches_tracked"):
            shapes[key] = None
        elif re.fullmatch(SPECTRAL_NORM.get(family, "-"), key):
            num_outputs = tensor.shape[0]
            num_inputs = tensor.numel() // num_outputs
            shapes |= {f"{base}weight_orig": tuple(tensor.shape)}
            shapes |= {f"{base}weight_u": (num_outputs,), f"{base}weight_v": (num_inputs,)}
        elif re.fullmatch(WEIGHT_NORM.get(family, "-"), key):
            shapes |= {f"{base}weight_g": (tensor.shape[0], 1, 1, 1)}
            shapes |= {f"{base}weight_v": tuple(tensor.shape)}
        else:
            shapes[key] = tuple(tensor.shape)
    return shapes | TRAINING_ONLY.get(name, {})


def make_state_dict(name):
    """Return a state dict with the published keys and shapes, and generated weights."""
    arrays = {}
    for key, shape in published_shapes(name).items():
        if shape is None:
            arrays[key] = np.zeros((), np.int64)
        elif key in ("mean", "std"):
            values = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}[key]
            arrays[key] = np.array(values, np.float32).reshape(1, 3, 1, 1)
        else:
            arrays[key] = _generate(key, shape, VECTOR_GAIN.get(name, 1.0)).astype(np.float32)
    for key in [key for key in arrays if key.endswith("weight_orig")]:
        base = key.removesuffix("weight_orig")
        matrix = arrays[key].reshape(len(arrays[key]), -1)
        u, v = _singular_vectors(matrix, arrays[f"{base}weight_v"])
        arrays[f"{base}weight_u"], arrays[f"{base}weight_v"] = u, v
    return {key: torch.from_numpy(array) for key, array in arrays.items()}


@functools.cache
def eccv16_state_dict():
    """Return the state dict of ECCV16, the smallest network, generated once per process."""
    return make_state_dict("eccv16")


def _generate(key, shape, gain):
    """Return float64 values that depend only on the key, the shape and the gain."""
    n = np.random.RandomState(zlib.crc32(key.encode())).standard_normal(shape)
    last = key.rpartition(".")[2]
    match last:
        case "running_mean":
            return 0.1 * n
        case "running_var":
            return 1 + 0.1 * np.abs(n)
        case "gamma":
            return 0.5 + 0.1 * n
        case "weight_g":
            return 1 + 0.1 * n
    if last in ("weight_u", "weight_v") and n.ndim == 1:
        return n / np.linalg.norm(n)
    if n.ndim >= 2:
        n *= np.sqrt(2 / np.prod(n.shape[1:]))  # in place: some tensors have 600 MB
        return n
    return gain * (1 + 0.1 * n) if last == "weight" else 0.1 * n


def _singular_vectors(matrix, v):
    """Return the first left and right singular vectors, by power iteration from `v`."""
    for _ in range(POWER_ITERATIONS):
        u = matrix @ v
        u /= np.linalg.norm(u)
        v = matrix.T @ u
        v /= np.linalg.norm(v)
    return u, v


def make_input(name, height, width):
    """Return the input image of the reference outputs, preprocessed for the network."""
    seed = f"{name.replace('-', '_')}/{height}x{width}"
    rng = np.random.RandomState(zlib.crc32(seed.encode()))
    if name in ("eccv16", "siggraph17"):
        return torch.from_numpy(rng.uniform(0, 100, (1, 1, height, width)).astype(np.float32))
    gray = rng.uniform(0, 1, (1, 1, height, width)).astype(np.float32)
    x = torch.from_numpy(gray).expand(-1, 3, -1, -1)
    if name.startswith("deoldify"):
        mean, std = torch.tensor((0.485, 0.456, 0.406)), torch.tensor((0.229, 0.224, 0.225))
        x = (x - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1)
    return x.contiguous()
