"""Checkpoints as others publish them, with weights made by a rule from names and shapes alone.

The real files are large and not ours to ship. What upstream's own classes answer with these weights
is known, so a few of their numbers prove that a network of ours is theirs.
"""

import re
import zlib

import numpy as np
import torch

from vidcolor.generators.store.architectures import ARCHITECTURES, empty

GAIN = {"eccv16": 1.6, "deoldify-wide": 0.5, "deoldify-deep": 0.5}
"""Of 1-D weights; 1 elsewhere."""
UPSTREAM = {
    "eccv16": "eccv16",
    "siggraph17": "siggraph17",
    "deoldify-wide": "deoldify_wide",
    "deoldify-deep": "deoldify_deep",
    "ddcolor-tiny": "ddcolor_tiny",
    "ddcolor-large": "ddcolor_large",
}
"""What the rule calls them when it draws inputs."""
NUM_KEYS = {
    "eccv16": 82,
    "siggraph17": 107,
    "deoldify-wide": 754,
    "deoldify-deep": 378,
    "ddcolor-tiny": 440,
    "ddcolor-large": 602,
}
"""Of the published files."""
SPECTRAL = {
    "deoldify": r"layers\.([34567]|10|11)(\..*)?\.(0|query|key|value)\.weight",
    "ddcolor": (
        r"(decoder\.(layers\.\d\.(shuf\.)?conv\.0|last_shuf\.conv\.0)|refine_net\.0\.0)\.weight"
    ),
}
WEIGHT_NORM = {"deoldify": r"layers\.8\.conv\.0\.weight"}
UNUSED = {
    "siggraph17": {"model_class.0.weight": (529, 256, 1, 1), "model_class.0.bias": (529,)},
    "ddcolor-tiny": {"encoder.arch.norm.weight": (768,), "encoder.arch.norm.bias": (768,)},
    "ddcolor-large": {"encoder.arch.norm.weight": (1536,), "encoder.arch.norm.bias": (1536,)},
}


def layout(name):
    """Keys and shapes of the published file; None for the shape of a counter."""
    family = name.partition("-")[0]
    shapes = {}
    for key, tensor in empty(ARCHITECTURES[name]).state_dict().items():
        base = key.removesuffix("weight")
        if key.endswith("num_batches_tracked"):
            shapes[key] = None
        elif re.fullmatch(SPECTRAL.get(family, "-"), key):
            out = tensor.shape[0]
            rest = tensor.numel() // out
            shapes |= {f"{base}weight_orig": tuple(tensor.shape)}
            shapes |= {f"{base}weight_u": (out,), f"{base}weight_v": (rest,)}
        elif re.fullmatch(WEIGHT_NORM.get(family, "-"), key):
            shapes |= {f"{base}weight_g": (tensor.shape[0], 1, 1, 1)}
            shapes |= {f"{base}weight_v": tuple(tensor.shape)}
        else:
            shapes[key] = tuple(tensor.shape)
    return shapes | UNUSED.get(name, {})


def state_dict(name):
    """The published layout, filled by the rule ("golden-rule v1")."""
    made = {}
    for key, shape in layout(name).items():
        if shape is None:
            made[key] = torch.zeros((), dtype=torch.int64)
        elif key in ("mean", "std"):
            values = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}[key]
            made[key] = torch.tensor(values).view(1, 3, 1, 1)
        else:
            made[key] = _drawn(key, shape, GAIN.get(name, 1.0))
    for key in [k for k in made if k.endswith("weight_orig")]:
        base = key.removesuffix("weight_orig")
        matrix, v = made[key].reshape(len(made[key]), -1), made[f"{base}weight_v"]
        for _ in range(20):
            u = matrix @ v
            u /= np.linalg.norm(u)
            v = matrix.T @ u
            v /= np.linalg.norm(v)
        made[f"{base}weight_u"], made[f"{base}weight_v"] = u, v
    for key, value in made.items():
        if not isinstance(value, torch.Tensor):
            made[key] = torch.from_numpy(np.asarray(value, np.float32))
    return made


def _drawn(key, shape, gain):
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
        return n * np.sqrt(2 / np.prod(n.shape[1:]))
    return gain * (1 + 0.1 * n) if last == "weight" else 0.1 * n


def picture(name, height, width):
    """What the upstream network was asked, as it wants it."""
    rng = np.random.RandomState(zlib.crc32(f"{UPSTREAM[name]}/{height}x{width}".encode()))
    if name in ("eccv16", "siggraph17"):
        return torch.from_numpy(rng.uniform(0, 100, (1, 1, height, width)).astype(np.float32))
    gray = rng.uniform(0, 1, (1, 1, height, width)).astype(np.float32)
    x = torch.from_numpy(gray).expand(-1, 3, -1, -1)
    if name.startswith("deoldify"):
        mean, std = torch.tensor((0.485, 0.456, 0.406)), torch.tensor((0.229, 0.224, 0.225))
        x = (x - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1)
    return x.contiguous()
