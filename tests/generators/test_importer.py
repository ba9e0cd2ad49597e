import hashlib
import os
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from tests.helpers.onnx_models import save_color_model, save_gain_model
from vidcolor.errors import UsageError, WeightsError
from vidcolor.generators import load_generator
from vidcolor.generators.importer import import_weights
from vidcolor.generators.model_io import ZHANG_IO
from vidcolor.generators.store import registry
from vidcolor.generators.store.weights import find_packaged_file


@pytest.fixture
def onnx_file(tmp_path):
    """A small ONNX file."""
    return save_color_model(tmp_path / "small.onnx", (1, 1))


@pytest.mark.slow
def test_published_checkpoint_is_converted_to_safetensors(eccv16_file, cache):
    path = import_weights(eccv16_file, license="BSD-2-Clause")
    assert path == cache / "eccv16.safetensors"
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == eccv16_file.stat().st_mode & 0o777
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    assert metadata == {
        "architecture": "eccv16",
        "model_io": ZHANG_IO.to_json(),
        "original": eccv16_file.name,
        "original_sha256": hashlib.sha256(eccv16_file.read_bytes()).hexdigest(),
    }
    luma = torch.rand(1, 1, 64, 64) * 100
    imported, original = (
        load_generator(model, "cpu", "fp32", 64) for model in ("eccv16", str(eccv16_file))
    )
    assert torch.equal(imported(luma).ab, original(luma).ab)
    assert registry.find_model("eccv16").license == "BSD-2-Clause"


@pytest.mark.usefixtures("cache")
def test_installed_model_is_replaced_only_with_force(onnx_file):
    import_weights(onnx_file)
    with pytest.raises(UsageError, match="already installed"):
        import_weights(onnx_file)
    import_weights(onnx_file, force=True)


@pytest.mark.usefixtures("cache")
def test_imported_model_has_the_given_name(onnx_file):
    import_weights(onnx_file, name="mine", commercial=False)
    model = registry.find_model("mine")
    assert (model.entry, model.license, model.commercial) == (None, "unknown", False)
    assert load_generator("mine", "cpu").name == "mine"


@pytest.mark.parametrize("name", ["embedded", "../up", "x.pth"])
def test_invalid_name_is_rejected(onnx_file, cache, name):
    with pytest.raises(UsageError, match="name"):
        import_weights(onnx_file, name=name)
    assert not cache.exists()


def test_file_of_another_type_is_not_imported(tmp_path, cache):
    path = tmp_path / "page.pth"
    path.write_text("<html>")
    with pytest.raises(WeightsError, match="web page"):
        import_weights(path)
    assert not cache.exists()


@pytest.mark.usefixtures("cache")
def test_weights_of_the_embedded_network_are_copied():
    packaged = find_packaged_file("embedded.safetensors")
    path = import_weights(packaged, name="copy")
    assert path.read_bytes() == packaged.read_bytes()
    assert registry.read_record(path).architecture == "vidcolor"
    assert load_generator("copy", "cpu", "fp32").accepts_hints


@pytest.mark.usefixtures("cache")
def test_sidecar_of_an_onnx_file_is_copied(tmp_path):
    path = save_gain_model(tmp_path / "odd.onnx", (1, 1, 0.5))
    (tmp_path / "odd.onnx.toml").write_text('size = 64\noutput = "rgb"\n')
    imported = import_weights(path, name="tint")
    assert Path(f"{imported}.toml").is_file()
    assert load_generator("tint", "cpu").native_size == 64


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("suffix", [".safetensors", ".onnx"])
def test_imported_file_that_changed_is_rejected(onnx_file, suffix):
    source = onnx_file if suffix == ".onnx" else find_packaged_file("embedded.safetensors")
    path = import_weights(source, name="changed")
    assert path.suffix == suffix
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsError, match="damaged or replaced"):
        load_generator("changed", "cpu", "fp32" if suffix == ".safetensors" else "auto")
