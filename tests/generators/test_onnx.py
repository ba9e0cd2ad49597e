"""ONNX files: what they take and give is found out, and they answer as torch does."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from vidcolor.color.lab import rgb_to_lab
from vidcolor.errors import UsageError, WeightsError
from vidcolor.generators import devices_of, load_generator
from vidcolor.generators.adapter import AdaptedGenerator
from vidcolor.generators.base import Hints
from vidcolor.generators.model_io import ZHANG
from vidcolor.generators.onnx_export import export
from vidcolor.generators.store.importer import import_weights


def saved(path, nodes, takes, gives, constants=(), kind=TensorProto.FLOAT, metadata=None):
    """A small ONNX file from ``x`` to ``y``."""
    graph = helper.make_graph(
        nodes,
        "made",
        [helper.make_tensor_value_info("x", kind, takes)],
        [helper.make_tensor_value_info("y", kind, gives)],
        [
            helper.make_tensor(n, kind, np.shape(v), np.ravel(np.asarray(v, float)))
            for n, v in constants
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, str(path))
    return path


def tinting(path, gain, shape=("n", 3, "h", "w"), **more):
    """R'G'B' to R'G'B': each channel times its gain."""
    node = helper.make_node("Mul", ["x", "gain"], ["y"])
    return saved(path, [node], shape, shape, [("gain", np.reshape(gain, (1, 3, 1, 1)))], **more)


def painting(path, color, **more):
    """Gray R'G'B' in 0 to 1 to one a*, b*, times the gray."""
    nodes = [
        helper.make_node("ReduceMean", ["x", "axes"], ["gray"], keepdims=1),
        helper.make_node("Mul", ["gray", "color"], ["y"]),
    ]
    path = saved(
        path, nodes, ("n", 3, "h", "w"), ("n", 2, "h", "w"),
        [("color", np.reshape(color, (1, 2, 1, 1)))], **more,
    )  # fmt: skip
    model = onnx.load(str(path))
    model.graph.initializer.append(helper.make_tensor("axes", TensorProto.INT64, (1,), [1]))
    onnx.save(model, str(path))
    return path


def gray_luma(value, height=32, width=48):
    """L* of an even gray."""
    lightness, _ = rgb_to_lab(torch.full((1, 3, height, width), value))
    return lightness


def test_ddcolors_exports_are_recognized(tmp_path):
    generator = load_generator(str(painting(tmp_path / "dd.onnx", (40, -20))), "cpu")
    assert (generator.native_size, generator.accepts_hints) == (512, False)
    said = generator(gray_luma(0.5))
    assert said.ab.shape == (1, 2, 16, 24)
    assert said.ab[0, :, 8, 8].tolist() == pytest.approx([20, -10], abs=0.1)


def test_deoldifys_exports_are_recognized_and_luma_is_not_their_blue(tmp_path):
    """Of a picture only the chroma counts, beside the luma that was asked about."""
    path = tinting(tmp_path / "do.onnx", (1.2, 1.0, 0.7))
    generator = load_generator(str(path), "cpu")
    assert generator.convention.input_range == (0, 255)
    said = generator(gray_luma(0.5)).ab[0, :, 8, 8]
    tinted = torch.tensor([0.6, 0.5, 0.35])
    shift = 0.5 - float(tinted @ torch.tensor([0.299, 0.587, 0.114]))
    _, expected = rgb_to_lab((tinted + shift).view(1, 3, 1, 1))
    assert said.tolist() == pytest.approx(expected.flatten().tolist(), abs=0.1)


def test_a_picture_in_another_range_needs_a_sidecar(tmp_path):
    path = tinting(tmp_path / "unit.onnx", (0.001, 0.001, 0.001))
    with pytest.raises(WeightsError, match=r"describe it in unit\.onnx\.toml"):
        load_generator(str(path), "cpu")


def test_a_sidecar(tmp_path):
    """BGR in -1 to 1, of one fixed size, without squeezing."""
    path = tinting(tmp_path / "odd.onnx", (1.0, 1.0, 0.5))
    said = 'size = 64\nmultiple = 8\nsquare = false\ninput = "rgb"\ninput_range = [-1, 1]\n'
    said += 'output = "bgr"\noutput_range = [-1, 1]\n'
    (tmp_path / "odd.onnx.toml").write_text(said)
    generator = load_generator(str(path), "cpu")
    assert generator.native_size == 64
    a, _ = generator(gray_luma(0.25, 64, 91)).ab[0, :, 8, 8].tolist()
    assert a > 5  # what is called red here is halved toward mid-gray, and so raised
    assert generator(gray_luma(0.25, 64, 91)).ab.shape[-2:] == (32, 46)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("size = 0", "size must lie between"),
        ('size = 64\ninput = "yuv"', "input is one of lightness, gray, rgb"),
        ("size = 64\ncolor = 1", "color is unknown: choose from size"),
        ('size = "big"', "size must be a whole number"),
        ("multiple = 8", "size is missing"),
        ("size = 64\ninput_mean = [0.5]", "must have 3 numbers"),
        ("size = ", "onnx.toml"),
    ],
)
def test_sidecars_that_make_no_sense(tmp_path, text, said):
    path = painting(tmp_path / "p.onnx", (1, 1))
    (tmp_path / "p.onnx.toml").write_text(text)
    with pytest.raises(WeightsError) as caught:
        load_generator(str(path), "cpu")
    assert said in str(caught.value) and "p.onnx.toml" in str(caught.value)


def test_half_precision(tmp_path):
    path = painting(tmp_path / "half.onnx", (40, -20), kind=TensorProto.FLOAT16)
    said = load_generator(str(path), "cpu")(gray_luma(0.5)).ab
    assert said[0, :, 4, 4].tolist() == pytest.approx([20, -10], abs=0.1)


def test_one_size_only(tmp_path):
    path = tinting(tmp_path / "fixed.onnx", (1.2, 1.0, 0.7), shape=(1, 3, 128, 128))
    generator = load_generator(str(path), "cpu")
    assert generator.native_size == 128
    assert generator(gray_luma(0.5, 40, 100)).ab.shape == (1, 2, 20, 50)
    with pytest.raises(UsageError, match="128 pixels and no others"):
        load_generator(str(path), "cpu", size=256)


def test_a_sidecar_belongs_to_the_digest(tmp_path):
    path = painting(tmp_path / "p.onnx", (1, 1))
    digests = []
    for unit in (1.0, 2.0):
        (tmp_path / "p.onnx.toml").write_text(f"size = 64\noutput_unit = {unit}\n")
        digests.append(load_generator(str(path), "cpu").digest)
    assert digests[0] != digests[1]


def test_a_sidecar_that_does_not_fit(tmp_path):
    path = painting(tmp_path / "p.onnx", (1, 1))
    (tmp_path / "p.onnx.toml").write_text('size = 64\ninput = "gray"\n')
    with pytest.raises(WeightsError, match="takes 3 channels, not 1"):
        load_generator(str(path), "cpu")


def test_what_fails_on_a_picture_says_so(tmp_path):
    """It says that it takes any size, and takes one."""
    node = helper.make_node("Add", ["x", "only"], ["y"])
    shape = ("n", 3, "h", "w")
    path = saved(tmp_path / "p.onnx", [node], shape, shape, [("only", np.zeros((1, 3, 48, 48)))])
    (tmp_path / "p.onnx.toml").write_text('size = 64\noutput = "rgb"\n')
    with pytest.raises(WeightsError, match=r"p\.onnx: fails on 64x64 pixels"):
        load_generator(str(path), "cpu")(gray_luma(0.5))


@pytest.mark.parametrize("content", [b"", b"<html>", b"no model", b"\x08\x0a\x12"])
def test_files_that_are_no_onnx(tmp_path, content):
    path = tmp_path / "bad.onnx"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"bad\.onnx"):
        load_generator(str(path), "cpu")


def test_cut_short(tmp_path):
    path = painting(tmp_path / "cut.onnx", (1, 2))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(WeightsError, match=r"cut\.onnx: ONNX Runtime cannot load it"):
        load_generator(str(path), "cpu")


def test_no_colorizer(tmp_path):
    node = helper.make_node("Relu", ["x"], ["y"])
    path = saved(tmp_path / "text.onnx", [node], ("n", 12), ("n", 12))
    with pytest.raises(WeightsError, match="no colorizer"):
        load_generator(str(path), "cpu")


def test_its_device_is_not_torchs(tmp_path):
    path = str(painting(tmp_path / "p.onnx", (1, 1)))
    assert (
        devices_of(path, "directml") == devices_of(f"embedded+{path}", "directml") == ("directml",)
    )


@pytest.mark.parametrize("device", ["cuda", "directml", "tensorrt:1", "mps", "quantum"])
def test_devices_that_are_not_there(tmp_path, device):
    path = painting(tmp_path / "p.onnx", (1, 1))
    with pytest.raises(UsageError, match=f"device '{device}'"):
        load_generator(str(path), device)


class Spreading(torch.nn.Module):
    """Takes hints, and blurs them over the gray."""

    def forward(self, luma, ab, mask):
        gray = torch.nn.functional.avg_pool2d(luma, 3, 1, 1) / 10
        return torch.cat([gray, -gray], 1) + torch.nn.functional.avg_pool2d(ab * mask, 5, 1, 2)


def test_exported_with_its_hints_for_any_size(tmp_path):
    ours = AdaptedGenerator(Spreading(), ZHANG, "spreading", "0" * 64, accepts_hints=True)
    done = export(ours, tmp_path / "s.onnx")
    assert done.difference < 1e-5
    again = load_generator(str(done.path), "cpu", size=128)
    assert again.accepts_hints and again.convention.input == "lightness"
    luma = torch.rand(2, 1, 40, 60, generator=torch.Generator().manual_seed(2)) * 100
    density = torch.zeros(2, 1, 10, 15)
    density[..., 4:6, 5:8] = 1
    ours.convention = again.convention
    for told in (None, Hints(torch.full((2, 2, 10, 15), 50.0), density)):
        assert float((again(luma, told).ab - ours(luma, told).ab).abs().max()) < 1e-3


def test_the_embedded_one_exported(generator, tmp_path):
    done = export(generator, tmp_path / "e.onnx", vividness=0.2, fixed=True)
    assert done.difference < 1e-4
    again = load_generator(str(done.path), "cpu")
    assert again.has_confidence and not again.has_vividness
    luma = torch.rand(1, 1, 256, 256, generator=torch.Generator().manual_seed(3)) * 100
    ours, theirs = generator(luma, vividness=0.2), again(luma)
    assert float((ours.ab - theirs.ab).abs().max()) < 0.05
    assert float((ours.confidence - theirs.confidence).abs().max()) < 1e-3


def test_what_cannot_be_exported(generator, tmp_path):
    path = painting(tmp_path / "p.onnx", (1, 1))
    with pytest.raises(UsageError, match="only single networks"):
        export(load_generator(str(path), "cpu"), tmp_path / "q.onnx")
    assert not (tmp_path / "q.onnx").exists()


def test_import_with_a_sidecar(tmp_path, monkeypatch):
    monkeypatch.setenv("VIDCOLOR_HOME", str(tmp_path / "home"))
    path = tinting(tmp_path / "odd.onnx", (1, 1, 0.5))
    (tmp_path / "odd.onnx.toml").write_text('size = 64\noutput = "rgb"\n')
    kept = import_weights(path, name="tint")
    assert Path(f"{kept}.toml").is_file()
    assert load_generator("tint", "cpu").native_size == 64
