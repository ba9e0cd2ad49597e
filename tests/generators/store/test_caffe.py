"""Caffe models: the values of OpenCV, every way to store a blob, and files that are refused."""

import numpy as np
import pytest
import torch

from tests.helpers.caffe_models import (
    empty_layers,
    make_bins,
    make_layers,
    make_lightness,
    write_caffe_model,
)
from vidcolor.errors import UsageError, WeightsError
from vidcolor.generators import load_generator
from vidcolor.generators.store.caffe import find_bins, read_bins, read_layers
from vidcolor.generators.zoo.zhang import AB_UNIT

NAME = "colorization_release_v2.caffemodel"
# Outputs of OpenCV 4.10 at stride 4 by input size: the values at six positions, and maximum minus
# minimum.
REFERENCE_OUTPUTS = {
    (64, 64): ([-6.39047, 17.02714, -3.86398, 21.67325, 20.31881, -16.042], 91.902),
    (96, 128): ([-6.49192, 26.28318, -2.14469, 29.34107, 33.63906, -18.48648], 124.194),
}
TOLERANCE = 0.005
"""Maximum difference of a*, b*."""


@pytest.fixture(scope="module")
def generator(tmp_path_factory):
    """The generator of a Caffe model with generated weights and named color bins."""
    directory = tmp_path_factory.mktemp("caffe")
    np.save(directory / "bins.npy", make_bins())
    path = write_caffe_model(directory / NAME, make_layers())
    return load_generator(str(path), "cpu", "fp32", bins=directory / "bins.npy")


@pytest.fixture
def bins(tmp_path):
    """The color bins under another name."""
    np.save(tmp_path / "bins.npy", make_bins().astype(np.float32).T)
    return tmp_path / "bins.npy"


def read_error(path, **options):
    """Return the message about a file that must be refused, which is one line with its name."""
    with pytest.raises(WeightsError) as caught:
        load_generator(str(path), "cpu", **options)
    message = str(caught.value)
    assert "\n" not in message and str(path.parent) in message
    return message


@pytest.mark.slow
def test_outputs_match_opencv(generator):
    assert (generator.name, generator.accepts_hints) == ("colorization_release_v2", False)
    outputs = []
    generator.network.model_out.register_forward_hook(lambda *args: outputs.append(args[2]))
    for (height, width), (values, value_range) in REFERENCE_OUTPUTS.items():
        with torch.inference_mode():
            generator.network(torch.from_numpy(make_lightness(height, width)))
        ab = outputs.pop()[0].numpy() * AB_UNIT
        _, rows, columns = ab.shape
        positions = [
            (0, 0, 0),
            (1, rows // 2, columns // 3),
            (0, rows - 1, columns - 1),
            (1, 5, columns - 7),
            (1, rows // 3, columns // 2),
            (0, rows - 9, 3),
        ]
        assert np.abs([ab[p] for p in positions] - np.array(values)).max() < TOLERANCE
        assert np.ptp(ab) == pytest.approx(value_range, abs=0.02)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_blobs_are_read_from_every_format(tmp_path, version, packed, dtype):
    """Version 1 is the format before 2015, whose blobs have four dimensions."""
    blobs = [np.arange(24.0).reshape(2, 3, 2, 2), np.arange(2.0)]
    layers = {"conv1_1": blobs, "conv8_313": [np.ones((1, 1, 1, 1))]}
    path = write_caffe_model(tmp_path / NAME, layers, version, packed, dtype)
    found = read_layers(memoryview(path.read_bytes()))
    assert list(found) == list(layers)
    for array, expected in zip(found["conv1_1"], blobs, strict=True):
        assert np.array_equal(array.reshape(expected.shape), expected)


@pytest.mark.parametrize("directory", ["models", "resources"])
def test_bins_are_found_beside_the_model_and_in_the_layout_of_the_authors(tmp_path, directory):
    (tmp_path / directory).mkdir()
    bins = tmp_path / directory / "pts_in_hull.npy"
    np.save(bins, make_bins())
    assert find_bins(tmp_path / "models" / NAME) == bins


def test_missing_bins_are_named(tmp_path):
    path = write_caffe_model(tmp_path / NAME, empty_layers())
    assert "copy pts_in_hull.npy beside it, or name the file with --bins" in read_error(path)
    assert "none.npy: no such file" in read_error(path, bins=tmp_path / "none.npy")
    assert "cannot be read: Is a directory" in read_error(path, bins=tmp_path)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((529, 2)),
        np.full((313, 2), np.nan),
        np.full((313, 2), 200.0),
        np.zeros((313, 2), bool),
        np.array([{}], object),
        None,
    ],
    ids=["shape", "nan", "range", "dtype", "pickle", "text"],
)
def test_other_files_are_no_bins(tmp_path, array):
    path = tmp_path / "pts_in_hull.npy"
    path.write_text("bins") if array is None else np.save(path, array, allow_pickle=True)
    with pytest.raises(WeightsError, match=r"pts_in_hull\.npy: not the color bins of ECCV16"):
        read_bins(path)


@pytest.mark.parametrize("shape", [(313, 2), (2, 313), (1, 313, 2), (2, 313, 1, 1)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int32])
def test_bins_may_have_any_order_and_number_format(tmp_path, shape, dtype):
    bins = make_bins().astype(dtype)
    transposed = bins.T if shape[0] == 2 else bins
    np.save(tmp_path / "b.npy", transposed.reshape(shape))
    assert np.array_equal(read_bins(tmp_path / "b.npy"), bins.astype(np.float32))


def test_truncated_model_is_refused(tmp_path):
    path = write_caffe_model(tmp_path / NAME, {"bw_conv1_1": [np.zeros((64, 1, 3, 3))]})
    data = path.read_bytes()
    for size in (1, 3, 8, 20, 40, len(data) - 1):
        path.write_bytes(data[:size])
        assert "truncated" in read_error(path)


def test_model_of_another_network_is_refused(tmp_path):
    path = write_caffe_model(tmp_path / "vgg16.caffemodel", {"conv1_2": [np.zeros((64, 64, 3, 3))]})
    message = read_error(path)
    assert "another network (bw_conv1_1 and 28 more layers missing)" in message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "model1.0.weight has shape (0,), expected (64, 1, 3, 3)"),
        ({"conv4_3norm": [np.zeros(512)]}, "layer conv4_3norm has 1 blobs, expected 3"),
    ],
)
def test_layers_of_other_sizes_are_refused(tmp_path, bins, changes, message):
    path = write_caffe_model(tmp_path / NAME, empty_layers(**changes))
    assert message in read_error(path, bins=bins)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("colorization_deploy_v2.prototxt", b'# a\nname: "LtoAB"\n', "use the .caffemodel file"),
        (NAME, b'layer {\n  name: "data_l"\n', "use the .caffemodel file"),
        (NAME, b'input: "data_l"\ninput_dim: 1\n', "use the .caffemodel file"),
        (NAME, b"<!DOCTYPE html>", "a web page"),
        (NAME, b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        (NAME, b"\x89HDF\r\n\x1a\n", "HDF5"),
        (NAME, b"", "empty file"),
        (NAME, b"\xff" * 40, "truncated"),
        (NAME, b"colorful", "truncated"),
        (NAME, b"\xa2\x06\x04\x08\x01\x3a\x7f", "truncated"),
        ("model.pth", b"\x0a\x05LtoAB\xa2\x06\x00", "a Caffe model; rename it to .caffemodel"),
    ],
)
def test_file_of_another_type_is_refused(tmp_path, bins, name, content, message):
    (tmp_path / name).write_bytes(content)
    options = {"bins": bins} if name == NAME else {}
    assert message in read_error(tmp_path / name, **options)


@pytest.mark.parametrize("name", ["embedded", "other.onnx", "other.safetensors"])
def test_bins_of_other_models_are_refused(tmp_path, bins, name):
    (tmp_path / name).write_bytes(b"12345678{}")
    model = name if name == "embedded" else str(tmp_path / name)
    with pytest.raises(UsageError, match=r"--bins applies to Caffe models .* is not one"):
        load_generator(model, "cpu", bins=bins)
