import subprocess
import sys

import pytest
import torch

from tests.helpers.onnx_models import save_color_model
from vidcolor.errors import UsageError, WeightsError
from vidcolor.generators import load_encoder, load_generator, resolve_devices
from vidcolor.generators.store import weights


def test_packaged_weights_can_be_loaded_by_path(generator):
    path = weights.find_packaged_file("embedded.safetensors")
    by_path = load_generator(str(path), "cpu", "fp32")
    assert by_path.digest == weights.PACKAGED_WEIGHTS["embedded"].sha256 == generator.digest
    assert by_path.name == "embedded"


@pytest.mark.usefixtures("cache")
def test_unknown_model_is_rejected():
    with pytest.raises(WeightsError, match="choose from embedded"):
        load_generator("embeded", "cpu")


@pytest.mark.usefixtures("cache")
def test_model_that_is_not_installed_is_rejected():
    with pytest.raises(WeightsError, match="vidcolor models pull ddcolor"):
        load_generator("ddcolor")


def test_unknown_device_is_rejected():
    with pytest.raises(UsageError, match="unknown device"):
        load_generator("embedded", "tpu")


def test_unknown_precision_is_rejected():
    with pytest.raises(UsageError, match="fp16"):
        load_generator("embedded", "cpu", "fp16")


def test_devices_of_onnx_models_are_not_torch_devices(tmp_path):
    path = str(save_color_model(tmp_path / "p.onnx", (1, 1)))
    assert resolve_devices(path, "directml") == ("directml",)
    assert resolve_devices(f"embedded+{path}", "directml") == ("directml",)


@pytest.mark.slow
def test_encoder_extracts_features_at_five_strides():
    encoder = load_encoder()
    features = encoder(torch.rand(1, 3, 64, 96) - 0.5)
    assert [f.shape[-2:] for f in features] == [(32, 48), (16, 24), (8, 12), (4, 6), (2, 3)]
    assert not any(p.requires_grad for p in encoder.parameters())
    # With random weights, all channels would be similar.
    assert features[-1].std() > 0.1


def test_importing_the_package_does_not_import_torch():
    code = "import sys, vidcolor.generators, vidcolor.generators.store.weights as w;"
    code += (
        "w.PACKAGED_WEIGHTS; import vidcolor.generators.device; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
