import numpy as np
import pytest
import torch
from onnx import TensorProto, helper

from tests.helpers.onnx_models import IMAGE, save_color_model, save_gain_model, save_model
from vidcolor.color.lab import rgb_to_lab
from vidcolor.errors import UsageError, WeightsError
from vidcolor.generators import load_generator


def uniform_luma(gray, height=32, width=48):
    """Return L* of a uniform image; gray is in [0, 1]."""
    lightness, _ = rgb_to_lab(torch.full((1, 3, height, width), gray))
    return lightness


def test_ddcolor_exports_are_recognized(tmp_path):
    generator = load_generator(str(save_color_model(tmp_path / "dd.onnx", (40, -20))), "cpu")
    assert (generator.native_size, generator.accepts_hints) == (512, False)
    prediction = generator(uniform_luma(0.5))
    assert prediction.ab.shape == (1, 2, 16, 24)
    assert prediction.ab[0, :, 8, 8].tolist() == pytest.approx([20, -10], abs=0.1)


def test_only_the_chroma_of_deoldify_exports_is_used(tmp_path):
    path = save_gain_model(tmp_path / "do.onnx", (1.2, 1.0, 0.7))
    generator = load_generator(str(path), "cpu")
    assert generator.model_io.input_range == (0, 255)
    ab = generator(uniform_luma(0.5)).ab[0, :, 8, 8]
    output = torch.tensor([0.6, 0.5, 0.35])
    shift = 0.5 - float(output @ torch.tensor([0.299, 0.587, 0.114]))
    _, expected = rgb_to_lab((output + shift).view(1, 3, 1, 1))
    assert ab.tolist() == pytest.approx(expected.flatten().tolist(), abs=0.1)


def test_image_output_in_another_range_needs_a_sidecar(tmp_path):
    path = save_gain_model(tmp_path / "unit.onnx", (0.001, 0.001, 0.001))
    with pytest.raises(WeightsError, match=r"describe it in unit\.onnx\.toml"):
        load_generator(str(path), "cpu")


def test_sidecar_determines_the_format(tmp_path):
    """The sidecar file describes BGR output in [-1, 1], and inputs that keep the aspect ratio."""
    path = save_gain_model(tmp_path / "odd.onnx", (1.0, 1.0, 0.5))
    text = 'size = 64\nmultiple = 8\nsquare = false\ninput = "rgb"\ninput_range = [-1, 1]\n'
    text += 'output = "bgr"\noutput_range = [-1, 1]\n'
    (tmp_path / "odd.onnx.toml").write_text(text)
    generator = load_generator(str(path), "cpu")
    assert generator.native_size == 64
    a, _ = generator(uniform_luma(0.25, 64, 91)).ab[0, :, 8, 8].tolist()
    assert a > 5  # the red channel is halved toward 0, which is middle gray here
    assert generator(uniform_luma(0.25, 64, 91)).ab.shape[-2:] == (32, 46)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("size = 0", "size must be between"),
        ('size = 64\ninput = "yuv"', "input must be one of lightness, gray, rgb"),
        ("size = 64\ncolor = 1", "unknown key 'color'; use one of size"),
        ('size = "big"', "size must be an integer"),
        ("multiple = 8", "size is missing"),
        ("size = 64\ninput_mean = [0.5]", "must have 3 numbers"),
        ("size = ", "onnx.toml"),
    ],
)
def test_invalid_sidecar_is_rejected(tmp_path, text, message):
    path = save_color_model(tmp_path / "p.onnx", (1, 1))
    (tmp_path / "p.onnx.toml").write_text(text)
    with pytest.raises(WeightsError) as caught:
        load_generator(str(path), "cpu")
    assert message in str(caught.value) and "p.onnx.toml" in str(caught.value)


def test_float16_inputs_are_supported(tmp_path):
    path = save_color_model(tmp_path / "half.onnx", (40, -20), dtype=TensorProto.FLOAT16)
    ab = load_generator(str(path), "cpu")(uniform_luma(0.5)).ab
    assert ab[0, :, 4, 4].tolist() == pytest.approx([20, -10], abs=0.1)


def test_fixed_input_size_is_used(tmp_path):
    path = save_gain_model(tmp_path / "fixed.onnx", (1.2, 1.0, 0.7), shape=(1, 3, 128, 128))
    generator = load_generator(str(path), "cpu")
    assert generator.native_size == 128
    assert generator(uniform_luma(0.5, 40, 100)).ab.shape == (1, 2, 20, 50)
    with pytest.raises(UsageError, match="--size must be 128 for fixed, got 256"):
        load_generator(str(path), "cpu", size=256)


def test_fixed_input_size_that_is_not_square_is_rejected(tmp_path):
    path = save_gain_model(tmp_path / "wide.onnx", (1.2, 1.0, 0.7), shape=(1, 3, 64, 128))
    with pytest.raises(WeightsError, match=r"wide\.onnx: fixed input size 128x64"):
        load_generator(str(path), "cpu")


def test_sidecar_is_part_of_the_digest(tmp_path):
    path = save_color_model(tmp_path / "p.onnx", (1, 1))
    digests = []
    for unit in (1.0, 2.0):
        (tmp_path / "p.onnx.toml").write_text(f"size = 64\noutput_unit = {unit}\n")
        digests.append(load_generator(str(path), "cpu").digest)
    assert digests[0] != digests[1]


def test_sidecar_that_contradicts_the_file_is_rejected(tmp_path):
    path = save_color_model(tmp_path / "p.onnx", (1, 1))
    (tmp_path / "p.onnx.toml").write_text('size = 64\ninput = "gray"\n')
    with pytest.raises(WeightsError, match="the input has 3 channels, expected 1"):
        load_generator(str(path), "cpu")


def test_runtime_error_names_the_size(tmp_path):
    """The file declares dynamic sizes, but runs with one size only."""
    node = helper.make_node("Add", ["x", "constant"], ["y"])
    constants = {"constant": np.zeros((1, 3, 48, 48))}
    path = save_model(tmp_path / "p.onnx", [node], IMAGE, IMAGE, constants)
    (tmp_path / "p.onnx.toml").write_text('size = 64\noutput = "rgb"\n')
    with pytest.raises(WeightsError, match=r"p\.onnx: fails on 64x64 pixels"):
        load_generator(str(path), "cpu")(uniform_luma(0.5))


@pytest.mark.parametrize("content", [b"", b"<html>", b"no model", b"\x08\x0a\x12"])
def test_file_of_another_type_is_rejected(tmp_path, content):
    path = tmp_path / "bad.onnx"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"bad\.onnx"):
        load_generator(str(path), "cpu")


def test_truncated_file_is_rejected(tmp_path):
    path = save_color_model(tmp_path / "cut.onnx", (1, 2))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(WeightsError, match=r"cut\.onnx: ONNX Runtime cannot load it"):
        load_generator(str(path), "cpu")


def test_network_without_an_image_input_is_rejected(tmp_path):
    node = helper.make_node("Relu", ["x"], ["y"])
    path = save_model(tmp_path / "text.onnx", [node], ("n", 12), ("n", 12))
    with pytest.raises(WeightsError, match="not a colorizer"):
        load_generator(str(path), "cpu")


@pytest.mark.parametrize("device", ["cuda", "directml", "tensorrt:1", "mps", "quantum"])
def test_unavailable_device_is_rejected(tmp_path, device):
    path = save_color_model(tmp_path / "p.onnx", (1, 1))
    with pytest.raises(UsageError, match=f"device '{device}'"):
        load_generator(str(path), device)
