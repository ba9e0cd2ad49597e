"""Fixtures of the generator tests: the embedded generator, test frames, a published checkpoint."""

import numpy as np
import pytest
import torch

from tests.helpers.published import eccv16_state_dict
from tests.helpers.torch_threads import torch_threads
from vidcolor.generators import load_generator
from vidcolor.generators.store.registry import CACHE_VARIABLE


@pytest.fixture(scope="package", autouse=True)
def single_torch_thread():
    with torch_threads(1):
        yield


@pytest.fixture(scope="session")
def generator():
    """The embedded generator as shipped, in float32 on the CPU."""
    return load_generator("embedded", device="cpu", precision="fp32")


@pytest.fixture(scope="session")
def frames():
    """Five smooth gray frames, (5, 50, 70) float32 in [0, 1]."""
    y, x = np.mgrid[0:50, 0:70].astype(np.float32)
    return np.stack([0.5 + 0.4 * np.sin(x / (7 + i) + i) * np.cos(y / 9 - i) for i in range(5)])


@pytest.fixture(scope="session")
def eccv16_file(tmp_path_factory):
    """A checkpoint of ECCV16 in the published format."""
    path = tmp_path_factory.mktemp("published") / "eccv16.pth"
    torch.save(eccv16_state_dict(), path)
    return path


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The directory of installed weights; empty, and created on first use."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache" / "models"
