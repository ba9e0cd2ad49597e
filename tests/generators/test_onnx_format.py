"""Recognition of ONNX files: ranges, layouts and number formats, or messages about the rest."""

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto

from tests.helpers.onnx_models import IMAGE, save_color_model, save_model, save_tinting_model
from vidcolor.color.lab import rgb_to_lab
from vidcolor.errors import WeightsError
from vidcolor.generators import load_generator
from vidcolor.generators.efficientnet import IMAGENET_MEAN, IMAGENET_STD
from vidcolor.generators.store.onnx_graph import GraphEnds, Normalization, read_graph_ends

NORMALIZE = [("Sub", IMAGENET_MEAN), ("Div", IMAGENET_STD)]
DENORMALIZE = [("Mul", IMAGENET_STD), ("Add", IMAGENET_MEAN)]
BYTES = {"before": [("Div", 255), *NORMALIZE], "after": [*DENORMALIZE, ("Mul", 255)]}
UINT8 = TensorProto.UINT8, TensorProto.UINT8
TINT = [1.2485, 7.4406]
"""a*, b* of middle gray after a tint in ImageNet's normalized values."""
LIGHTNESS = {"channels": (1, 2), "before": [("Sub", 50), ("Div", 100)], "after": [("Mul", 110)]}


def colorize_gray(path):
    """Return generator and a*, b* for middle gray."""
    generator = load_generator(str(path), "cpu")
    lightness, _ = rgb_to_lab(torch.full((3, 3, 32, 48), 0.5))
    prediction = generator(lightness)
    assert torch.equal(prediction.ab[0], prediction.ab[2])
    return generator, prediction.ab[0, :, 8, 8].tolist()


@pytest.mark.parametrize(
    ("options", "ranges", "tolerance"),
    [
        (BYTES, (255, 255), 0.1),
        ({**BYTES, "size": (64, 64), "batch": 1}, (255, 255), 0.1),
        ({**BYTES, "batch": 2}, (255, 255), 0.1),
        ({**BYTES, "batch": 4, "nhwc": True}, (255, 255), 0.1),
        ({**BYTES, "dtypes": UINT8}, (255, 255), 0.8),
        ({**BYTES, "dtypes": UINT8, "nhwc": True, "size": (48, 48)}, (255, 255), 0.8),
        ({"before": NORMALIZE, "after": DENORMALIZE}, (1, 1), 0.1),
        ({"before": BYTES["before"], "after": DENORMALIZE}, (255, 1), 0.1),
        ({}, (1, 1), 0.1),
    ],
    ids=[
        "bytes",
        "fixed size",
        "batches of 2",
        "nhwc",
        "uint8",
        "uint8 nhwc",
        "unit",
        "bytes to unit",
        "ImageNet",
    ],
)
def test_range_of_images_is_recognized(tmp_path, options, ranges, tolerance):
    path = save_tinting_model(tmp_path / "do.onnx", **options)
    generator, ab = colorize_gray(path)
    model_io = generator.model_io
    assert (model_io.input_range[1], model_io.output_range[1]) == ranges
    assert model_io.layout == ("nhwc" if options.get("nhwc") else "nchw")
    assert ab == pytest.approx(TINT, abs=tolerance)


def test_limits_of_the_output_decide_the_range(tmp_path):
    path = save_tinting_model(tmp_path / "gan.onnx", limit=1.0)
    assert load_generator(str(path), "cpu").model_io.input_range == (-1, 1)
    path = save_tinting_model(tmp_path / "unit.onnx", after=[("Max", 0)], limit=1.0)
    assert load_generator(str(path), "cpu").model_io.input_range == (0, 1)


def test_bytes_as_input_of_ddcolor_are_recognized(tmp_path):
    before = [("Div", 255), *NORMALIZE]
    path = save_tinting_model(tmp_path / "dd.onnx", before, [("Mul", 40)], channels=(3, 2))
    generator, found = colorize_gray(path)
    assert generator.model_io.input_range == (0, 255)
    path = save_tinting_model(tmp_path / "unit.onnx", NORMALIZE, [("Mul", 40)], channels=(3, 2))
    generator, expected = colorize_gray(path)
    assert generator.model_io.input_range == (0, 1)
    assert found == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize("before", [LIGHTNESS["before"], [("Div", 50), ("Sub", 1)]])
def test_lightness_as_input_is_recognized_by_its_normalization(tmp_path, before):
    path = save_tinting_model(tmp_path / "zhang.onnx", **{**LIGHTNESS, "before": before})
    generator, (a, b) = colorize_gray(path)
    assert generator.model_io.input == "lightness" and generator.model_io.input_range == (0, 100)
    lightness = float(rgb_to_lab(torch.full((1, 3, 1, 1), 0.5))[0])
    scale = 110 * (lightness - 50) / (100 if len(before[0]) and before[0][0] == "Sub" else 50)
    assert (a, b) == pytest.approx((scale, scale + 11), abs=0.1)


def test_fixed_size_and_nhwc_with_lightness(tmp_path):
    path = save_tinting_model(tmp_path / "z.onnx", **LIGHTNESS, size=(64, 64), batch=1, nhwc=True)
    generator, (a, b) = colorize_gray(path)
    assert generator.native_size == 64 and b == pytest.approx(a + 11, abs=0.1)


@pytest.mark.parametrize(
    ("options", "reason", "keys"),
    [
        ({"channels": (1, 2)}, "range of its one input channel is unknown", "input_range"),
        (
            {**LIGHTNESS, "after": [], "end": "Tanh"},
            "a*, b* are at most 1, and their unit is unknown",
            "output_unit, for example 110 or 128",
        ),
        ({"channels": (3, 2), "end": "Tanh"}, "their unit is unknown", "output_unit"),
        ({"after": [("Mul", 0.001)]}, "range of its image is unknown", "output_range"),
        ({"channels": (1, 313)}, "range of its one input channel is unknown", "input"),
        ({"channels": ("c", 3), "size": (64, 64)}, "input channels is not fixed", "size"),
    ],
)
def test_what_the_file_does_not_show_is_named(tmp_path, options, reason, keys):
    if options.get("channels", (3,))[0] == "c":
        path = save_color_model(tmp_path / "p.onnx", (1, 1))
        model = onnx.load(path)
        model.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "c"
        onnx.save(model, path)
    else:
        path = save_tinting_model(tmp_path / "p.onnx", **options)
    with pytest.raises(WeightsError) as caught:
        load_generator(str(path), "cpu")
    message = str(caught.value)
    assert "\n" not in message and str(path) in message
    assert reason in message and keys in message and "p.onnx.toml" in message


@pytest.mark.parametrize("before", [[("Div", 100)], LIGHTNESS["before"], [("Div", 50), ("Sub", 1)]])
@pytest.mark.parametrize("channels", [(3, 2), (3, 3)])
def test_lightness_in_three_channels_is_refused(tmp_path, before, channels):
    path = save_tinting_model(tmp_path / "p.onnx", before, [("Mul", 50)], channels=channels)
    with pytest.raises(WeightsError, match=r"takes L\* or L\*, a\*, b\* in 3 channels; only gray"):
        load_generator(str(path), "cpu")


@pytest.mark.parametrize(
    ("channels", "message"),
    [((4, 2), "takes 4 channels"), ((3, 313), "returns 313 channels")],
)
def test_other_numbers_of_channels_are_refused(tmp_path, channels, message):
    path = save_tinting_model(tmp_path / "p.onnx", channels=channels)
    with pytest.raises(WeightsError, match=message):
        load_generator(str(path), "cpu")


def test_sidecar_describes_what_is_not_recognized(tmp_path):
    path = save_tinting_model(tmp_path / "p.onnx", channels=(1, 2), end="Tanh")
    text = 'size = 64\ninput = "lightness"\ninput_range = [-1, 1]\noutput_unit = 110\n'
    (tmp_path / "p.onnx.toml").write_text(text)
    a = colorize_gray(path)[1][0]
    lightness = float(rgb_to_lab(torch.full((1, 3, 1, 1), 0.5))[0])
    assert a == pytest.approx(110 * np.tanh(lightness / 50 - 1), abs=0.1)


def test_weights_in_another_file_are_refused(tmp_path):
    path = save_tinting_model(tmp_path / "p.onnx")
    model = onnx.load(path)
    onnx.save(model, path, save_as_external_data=True, size_threshold=0, location="p.onnx.data")
    with pytest.raises(WeightsError, match="weights are in another file; write one file with"):
        load_generator(str(path), "cpu")


def test_color_is_found_among_several_outputs(tmp_path):
    path = save_tinting_model(tmp_path / "p.onnx", **BYTES)
    model = onnx.load(path)
    model.graph.node.append(onnx.helper.make_node("ReduceMax", ["t1"], ["max"]))
    value = onnx.helper.make_tensor_value_info("max", TensorProto.FLOAT, (1, 1, 1, 1))
    model.graph.output.insert(0, value)
    onnx.save(model, path)
    assert colorize_gray(path)[1] == pytest.approx(TINT, abs=0.1)


def test_ends_of_a_graph_are_read(tmp_path):
    path = save_tinting_model(tmp_path / "p.onnx", [("Div", 255), *NORMALIZE], end="Sigmoid")
    ends = read_graph_ends(path.read_bytes(), "x", "y")
    expected = np.mean(1 / 255 / np.array(IMAGENET_STD))
    assert ends.normalization.factor == pytest.approx(expected) and ends.has_unit_output
    assert read_graph_ends(b"no graph", "x", "y") == GraphEnds(Normalization(1.0, 0.0), False)


def nodes(*steps):
    """Return nodes from their operator, inputs, output and attributes."""
    return [onnx.helper.make_node(name, a.split(), [b], **more) for name, a, b, more in steps]


@pytest.mark.parametrize(
    "steps",
    [
        [("Gather", "x order", "s", {"axis": 1}), ("Div", "s k", "d", {})],
        [("Clip", "x", "c", {}), ("Pad", "c", "p", {}), ("Div", "p k", "d", {})],
        [("Shape", "x", "s", {}), ("Div", "x k", "d", {})],
        [("Concat", "x c", "s", {"axis": 1}), ("Conv", "s w", "t", {}), ("Div", "x k", "d", {})],
        [("Add", "x c", "s", {}), ("Conv", "s w", "t", {}), ("Div", "x k", "d", {})],
        [("Unsqueeze", "k order", "u", {}), ("Div", "x u", "d", {})],
        [("BatchNormalization", "x one zero zero k2", "d", {})],
    ],
    ids=["channels", "clip", "shape", "concatenation", "residual", "constants", "batch norm"],
)
def test_normalization_is_found_behind_other_operators(tmp_path, steps):
    graph = nodes(*steps, ("Conv", "d w", "f", {}), ("Relu", "f", "y", {}))
    constants = {"k": 255.0, "k2": 255.0**2, "one": 1.0, "zero": 0.0, "order": [2, 1, 0]}
    path = save_model(tmp_path / "p.onnx", graph, IMAGE, ("n", 2, "h", "w"), constants)
    found = read_graph_ends(path.read_bytes(), "x", "y").normalization
    assert found == pytest.approx((1 / 255, 0))


def test_constants_of_float16_are_read(tmp_path):
    """The onnx library stores their bits as integers."""
    graph = nodes(("Sub", "x k", "d", {}), ("Conv", "d w", "y", {}))
    dtype = TensorProto.FLOAT16
    path = save_model(tmp_path / "p.onnx", graph, IMAGE, IMAGE, {"k": -0.5}, dtype)
    assert read_graph_ends(path.read_bytes(), "x", "y").normalization == (1, 0.5)
