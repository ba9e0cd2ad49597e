"""Comparison of networks with the original implementations; see `tests.helpers.published`."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.helpers.published import NUM_KEYS, make_input, make_state_dict, published_shapes
from vidcolor.generators.store.architectures import (
    build_network,
    detect_architecture,
    select_tensors,
)
from vidcolor.generators.store.checkpoints import fold_reparametrizations

LARGEST = ("deoldify-wide", "ddcolor-large")
"""Architectures whose test takes long. The others test the same building blocks."""

# Outputs of the original implementations by architecture and input size: the values at six
# positions, and maximum minus minimum. 80 is not a multiple of 32, which is a special case in
# DeOldify's U-Net.
REFERENCE_OUTPUTS = {
    "eccv16": {
        (64, 64): ([0.575047, 1.310653, 1.259128, 0.204033, 3.790987, 1.088884], 12.589),
        (96, 128): ([1.035641, 2.480573, 1.088742, 0.00624, 3.914587, 1.964057], 30.879),
    },
    "siggraph17": {
        (64, 64): ([-29.65325, 37.490425, -27.480152, 36.330639, 20.780174, -50.189579], 165.34),
        (96, 128): ([-35.616405, 64.20697, -43.658653, 36.441742, -18.259197, -41.364521], 170.6),
    },
    "deoldify-wide": {
        (64, 64): ([0.206495, -0.40708, 0.425202, -0.22994, 0.174982, 0.390336], 1.2096),
        (80, 80): ([0.315264, -0.149853, 0.24875, -0.344042, 0.051025, 0.34294], 1.1913),
    },
    "deoldify-deep": {
        (64, 64): ([-0.075764, -0.106085, 0.835484, -0.040704, 0.282487, 0.630341], 1.5208),
        (80, 80): ([0.529067, -0.212316, -0.420407, -0.17013, 0.320677, 0.147378], 1.547),
    },
    "ddcolor-tiny": {
        (64, 64): ([-0.777655, 0.091429, -1.073596, 0.498847, 0.295157, -1.291764], 3.4096),
        (96, 128): ([0.011637, 0.206429, -1.399034, -0.000473, 0.222066, -1.272684], 3.4234),
    },
    "ddcolor-large": {
        (64, 64): ([0.153637, 0.321453, -1.25613, 0.25167, -0.010561, -1.353757], 3.5121),
        (96, 128): ([0.421256, 0.460228, -1.777758, 0.133826, 0.060065, -1.617646], 3.62),
    },
}
REFERENCE_WITH_HINTS = [-29.646772, 35.852066, -27.546099, 35.865677, 21.485191, -50.139805]
"""SIGGRAPH17 at 64x64 with five hints: values at six positions."""
RANGE_WITH_HINTS = 187.0
"""Maximum minus minimum of SIGGRAPH17's output at 64x64 with five hints."""
HINTS = {
    (8, 25): (-68.47181701660156, -37.04976272583008),
    (23, 39): (76.47832489013672, 6.159339427947998),
    (39, 38): (28.676799774169922, 48.59824752807617),
    (44, 0): (-69.45018768310547, -33.896705627441406),
    (47, 4): (44.78700637817383, -9.854522705078125),
}
"""a*, b* of hints of 3x3 pixels, by the position of the upper left pixel."""
TOLERANCE = 1e-4
"""Maximum difference, relative to the range."""


def sample_six(output):
    """Return the values at the six positions of `REFERENCE_OUTPUTS`."""
    _, channels, height, width = output.shape
    positions = [
        (0, 0, 0),
        (1, height // 2, width // 3),
        (0, height - 1, width - 1),
        (1, 5, width - 7),
        (channels - 1, height // 3, width // 2),
        (0, height - 9, 3),
    ]
    return np.array([float(output[0][position]) for position in positions])


def empty_hints(x):
    """Return a*, b* and mask without hints, for an input (N, 1, H, W)."""
    return x.new_zeros(len(x), 2, *x.shape[2:]), torch.zeros_like(x)


@pytest.mark.slow
@torch.inference_mode()
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.exhaustive if name in LARGEST else ())
        for name in REFERENCE_OUTPUTS
    ],
)
def test_outputs_match_upstream(name):
    published = make_state_dict(name)
    assert len(published) == NUM_KEYS[name]
    tensors = fold_reparametrizations(published)
    del published  # up to 0.9 GB
    architecture = detect_architecture(tensors)
    assert architecture is not None and architecture.name == name
    network = build_network(architecture, select_tensors(architecture, tensors, Path("x.pth")))
    for (height, width), (values, value_range) in REFERENCE_OUTPUTS[name].items():
        x = make_input(name, height, width)
        output = network(x, *empty_hints(x)) if architecture.accepts_hints else network(x)
        assert float(output.max() - output.min()) == pytest.approx(value_range, rel=2e-3)
        assert np.abs(sample_six(output) - values).max() <= TOLERANCE * value_range
    if architecture.accepts_hints:
        check_hints(network)


def check_hints(network):
    """Compare the output of SIGGRAPH17 for five hints with the reference."""
    x = make_input("siggraph17", 64, 64)
    ab, mask = empty_hints(x)
    for (top, left), color in HINTS.items():
        ab[0, :, top : top + 3, left : left + 3] = torch.tensor(color).view(2, 1, 1)
        mask[..., top : top + 3, left : left + 3] = 1
    difference = np.abs(sample_six(network(x, ab, mask)) - REFERENCE_WITH_HINTS).max()
    assert difference <= TOLERANCE * RANGE_WITH_HINTS


@pytest.mark.parametrize("name", NUM_KEYS)
def test_state_dict_has_the_published_number_of_keys(name):
    assert len(published_shapes(name)) == NUM_KEYS[name]
