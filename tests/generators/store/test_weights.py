import pickle
import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file

from vidcolor.errors import UsageError, WeightsError
from vidcolor.generators import device, load_encoder, load_generator
from vidcolor.generators.network import EmbeddedNetwork, NetworkConfig
from vidcolor.generators.store import weights


@pytest.fixture
def shipped():
    return weights.packaged_file("embedded.safetensors")


@pytest.fixture
def small(tmp_path):
    """A file with a network of tiny widths."""
    network = EmbeddedNetwork(NetworkConfig(widths=(16, 16, 8, 8)))
    tensors = {k: v.contiguous() for k, v in network.state_dict().items()}
    save_file(tensors, tmp_path / "small.safetensors", {"config": network.config.to_json()})
    return tmp_path / "small.safetensors"


def message(model):
    with pytest.raises(WeightsError) as caught:
        load_generator(str(model), "cpu")
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_every_packaged_file_has_its_digest_and_card():
    for packaged in weights.PACKAGED.values():
        assert weights.read_weights(packaged.name).digest == packaged.sha256
        assert packaged.license in weights.packaged_file(packaged.card).read_text(encoding="utf-8")


def test_the_encoder_has_its_digest_and_card():
    assert weights.read_packaged(weights.ENCODER).digest == weights.ENCODER.sha256
    card = weights.packaged_file(weights.ENCODER.card).read_text(encoding="utf-8")
    assert weights.ENCODER.license in card


def test_the_encoder_looks_at_pictures():
    encoder = load_encoder()
    taps = encoder(torch.rand(1, 3, 64, 96) - 0.5)
    assert [tap.shape[-2:] for tap in taps] == [(32, 48), (16, 24), (8, 12), (4, 6), (2, 3)]
    assert not any(p.requires_grad for p in encoder.parameters())
    # Weights that were not read would leave features of one channel like another's.
    assert taps[-1].std() > 0.1


def test_by_path_is_the_same_as_by_name(shipped):
    generator = load_generator(str(shipped), "cpu", "fp32")
    assert generator.digest == weights.PACKAGED["embedded"].sha256
    assert generator.name == "embedded"


def test_other_widths_come_from_the_metadata(small):
    generator = load_generator(str(small), "cpu", "fp32")
    assert generator.name == "small"
    assert generator(torch.rand(1, 1, 32, 32) * 100).ab.shape == (1, 2, 8, 8)


def test_packaged_weights_that_were_changed(shipped, tmp_path, monkeypatch):
    data = bytearray(shipped.read_bytes())
    data[-1] ^= 1
    (tmp_path / shipped.name).write_bytes(data)
    monkeypatch.setattr(weights, "_FOLDERS", (tmp_path,))
    text = message("embedded")
    assert str(tmp_path / shipped.name) in text and "SHA-256" in text and "reinstall" in text


def test_packaged_weights_that_are_gone(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "_FOLDERS", (tmp_path,))
    assert "missing; reinstall" in message("embedded")


def test_an_installed_wheel_finds_its_own_folder(tmp_path, monkeypatch):
    (tmp_path / "card.md").write_text("x")
    monkeypatch.setattr(weights, "_FOLDERS", (tmp_path / "none", tmp_path))
    assert weights.packaged_file("card.md") == tmp_path / "card.md"


def test_unknown_name():
    assert "choose one of embedded" in message("embeded")


def test_missing_file(tmp_path):
    assert "no such weights file" in message(tmp_path / "x.safetensors")


def test_folder(tmp_path):
    assert "cannot be read" in message(tmp_path)


@pytest.mark.parametrize("kept", [9, 1000, -1000])
def test_truncated_file(shipped, tmp_path, kept):
    (tmp_path / "cut.safetensors").write_bytes(shipped.read_bytes()[:kept])
    assert "damaged or cut short" in message(tmp_path / "cut.safetensors")


def test_pickles_are_not_opened(tmp_path):
    torch.save({"a": torch.zeros(1)}, tmp_path / "new.pth")
    (tmp_path / "old.pth").write_bytes(pickle.dumps({"a": 1}))
    for name in ("new.pth", "old.pth"):
        assert "pickle" in message(tmp_path / name) and name in message(tmp_path / name)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"<!DOCTYPE html><html><body>404</body></html>", "web page"),
        (b"\n  <html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        (b"", "empty"),
        (b"colorful", "no weights file"),
        (b"\xff" * 8 + b"{}", "damaged"),
        (b"\x02" + b"\0" * 7 + b"{]", "damaged"),
    ],
)
def test_other_content(tmp_path, content, expected):
    path = tmp_path / "page.safetensors"
    path.write_bytes(content)
    assert expected in message(path) and str(path) in message(path)


def test_safetensors_of_something_else(tmp_path):
    save_file({"x": torch.zeros(1)}, tmp_path / "x.safetensors")
    assert "no network that vidcolor knows" in message(tmp_path / "x.safetensors")


@pytest.mark.parametrize("change", ["missing", "surplus", "shape"])
def test_tensors_that_do_not_fit(small, tmp_path, change):
    read = weights.read_weights(str(small))
    tensors = dict(read.tensors)
    if change == "missing":
        del tensors["head.bias"]
    else:
        tensors["head.bias" if change == "shape" else "tail"] = torch.zeros(3)
    save_file(tensors, tmp_path / "odd.safetensors", read.metadata)
    assert "does not fit its own configuration" in message(tmp_path / "odd.safetensors")


@pytest.mark.parametrize("name", ["tpu", "cpu:1", "cuda:x", "", "cuda:999"])
def test_devices_that_are_not_there(name):
    with pytest.raises(UsageError, match=r"device .* is (unknown|not there)"):
        load_generator("embedded", name)


@pytest.mark.skipif(torch.cuda.is_available(), reason="has CUDA")
def test_cuda_without_cuda():
    with pytest.raises(UsageError, match="no CUDA device; use auto or cpu"):
        load_generator("embedded", "cuda")


def test_unknown_precision():
    with pytest.raises(UsageError, match="fp16"):
        load_generator("embedded", "cpu", "fp16")


@pytest.mark.parametrize(
    ("flags", "expected"),
    [({"avx2", "avx512f"}, "fp32"), ({"avx512_bf16"}, "bf16"), (set(), "fp32")],
)
def test_automatic_precision_follows_the_cpu(monkeypatch, flags, expected):
    monkeypatch.setattr(device, "cpu_flags", lambda: flags)
    assert device.choose_precision("auto", torch.device("cpu")) == expected


def test_importing_the_package_does_not_import_torch():
    code = "import sys, vidcolor.generators, vidcolor.generators.store.weights as w; w.PACKAGED;"
    code += "import vidcolor.generators.device; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
