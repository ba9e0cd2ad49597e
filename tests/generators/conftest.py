import numpy as np
import pytest
import torch

from vidcolor.generators import load_generator


@pytest.fixture(scope="session")
def generator():
    """The embedded generator as shipped, in float32 on the CPU."""
    return load_generator("embedded", device="cpu", precision="fp32")


@pytest.fixture
def one_thread():
    """Torch as the predictor runs it on a CPU."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def frames():
    """Five smooth gray frames, (5, 50, 70) float32 in [0, 1]."""
    y, x = np.mgrid[0:50, 0:70].astype(np.float32)
    return np.stack([0.5 + 0.4 * np.sin(x / (7 + i) + i) * np.cos(y / 9 - i) for i in range(5)])
