import pickle

import pytest
import torch
from safetensors.torch import save_file

from vidcolor.errors import WeightsError
from vidcolor.generators import load_generator
from vidcolor.generators.store import weights
from vidcolor.generators.store.weights import (
    ENCODER_WEIGHTS,
    PACKAGED_WEIGHTS,
    SEGMENTATION_WEIGHTS,
    ContentType,
    detect_content_type,
    find_packaged_file,
    read_packaged_weights,
    read_weights,
)

EMBEDDED = PACKAGED_WEIGHTS["embedded"]


def read_error(path):
    """Return the error message for a file that must be rejected, which is a single line."""
    with pytest.raises(WeightsError) as caught:
        read_weights(str(path))
    message = str(caught.value)
    assert "\n" not in message and str(path) in message
    return message


@pytest.mark.parametrize(
    "packaged",
    [*PACKAGED_WEIGHTS.values(), SEGMENTATION_WEIGHTS, ENCODER_WEIGHTS],
    ids=lambda packaged: packaged.name,
)
def test_packaged_file_has_its_digest_and_model_card(packaged):
    assert read_packaged_weights(packaged).digest == packaged.sha256
    assert packaged.license in find_packaged_file(packaged.card).read_text(encoding="utf-8")


def test_changed_packaged_weights_are_rejected(tmp_path):
    data = bytearray(find_packaged_file(EMBEDDED.file).read_bytes())
    data[-1] ^= 1
    path = tmp_path / EMBEDDED.file
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=r"SHA-256.*reinstall") as caught:
        read_packaged_weights(EMBEDDED, [tmp_path])
    assert str(path) in str(caught.value)


def test_missing_packaged_weights_are_rejected(tmp_path):
    with pytest.raises(WeightsError, match="missing; reinstall"):
        read_packaged_weights(EMBEDDED, [tmp_path])


def test_packaged_file_is_found_in_any_of_the_directories(tmp_path):
    (tmp_path / "card.md").write_text("x")
    assert find_packaged_file("card.md", [tmp_path / "none", tmp_path]) == tmp_path / "card.md"


def test_missing_file_is_rejected(tmp_path):
    assert "no such weights file" in read_error(tmp_path / "x.safetensors")


def test_directory_is_rejected(tmp_path):
    assert "cannot be read" in read_error(tmp_path)


@pytest.mark.parametrize("size", [9, 1000, -1000])
def test_truncated_file_is_rejected(tmp_path, size):
    path = tmp_path / "cut.safetensors"
    path.write_bytes(find_packaged_file(EMBEDDED.file).read_bytes()[:size])
    assert "damaged or truncated" in read_error(path)


def test_pickle_without_weights_is_rejected(tmp_path):
    torch.save({"a": torch.zeros(1)}, tmp_path / "new.pth")
    assert "unknown architecture" in read_error(tmp_path / "new.pth")
    (tmp_path / "old.pth").write_bytes(pickle.dumps({"a": 1}))
    assert "not a checkpoint" in read_error(tmp_path / "old.pth")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<!DOCTYPE html><html><body>404</body></html>", "a web page, not weights"),
        (b"\n  <html>", "a web page, not weights"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        (b"", "empty file"),
        (b"colorful", "not a weights file"),
        (b"\x08\x0a\x12\x07pytorch\x1a", "an ONNX file; rename it to .onnx"),
        (b"\xff" * 8 + b"{}", "damaged"),
        (b"\x02" + b"\0" * 7 + b"{]", "damaged"),
    ],
)
def test_file_of_another_type_is_rejected(tmp_path, content, message):
    for name in ("file.safetensors", "file.pth"):
        (tmp_path / name).write_bytes(content)
        assert message in read_error(tmp_path / name)


@pytest.mark.slow
def test_type_is_detected_by_content_instead_of_suffix(eccv16_file, tmp_path):
    (tmp_path / "a.safetensors").symlink_to(eccv16_file)
    assert read_weights(str(tmp_path / "a.safetensors")).metadata == {"architecture": "eccv16"}
    (tmp_path / "a.onnx").symlink_to(eccv16_file)
    with pytest.raises(WeightsError, match=r"a PyTorch checkpoint.*\.pth"):
        load_generator(str(tmp_path / "a.onnx"), "cpu", "fp32")


def test_unknown_state_dict_is_rejected(tmp_path):
    path = tmp_path / "esrgan.pth"
    torch.save({"params_ema": {"conv_first.weight": torch.zeros(64, 3, 3, 3)}}, path)
    assert "unknown architecture (first key: conv_first.weight)" in read_error(path)


def test_unknown_architecture_in_the_metadata_is_rejected(tmp_path):
    path = tmp_path / "x.safetensors"
    save_file({"w": torch.zeros(1)}, path, {"architecture": "eccv36"})
    assert "unknown architecture eccv36" in read_error(path)


def test_config_of_another_network_is_rejected(tmp_path):
    path = tmp_path / "x.safetensors"
    save_file({"w": torch.zeros(1)}, path, {"config": "{}"})
    with pytest.raises(WeightsError, match="not weights of vidcolor's network"):
        load_generator(str(path), "cpu")


@pytest.mark.parametrize("model", ["embedded", "nested/embedded", "embedded.safetensors"])
def test_packaged_weights_have_precedence_by_name_but_not_by_path(model):
    is_name = model == "embedded"
    assert (weights.resolve_path(model) == find_packaged_file(EMBEDDED.file)) is is_name


def test_a_header_size_that_looks_like_a_pickle_is_safetensors():
    assert detect_content_type((0x180).to_bytes(8, "little") + b"{") == ContentType.SAFETENSORS
