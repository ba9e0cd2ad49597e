import numpy as np
import pytest
import torch

from vidcolor.color.gamut import ab_to_cbcr
from vidcolor.color.lab import lab_to_rgb
from vidcolor.color.ycbcr import MATRICES, ycbcr_to_rgb
from vidcolor.generators.model_io import (
    DDCOLOR_IO,
    DEOLDIFY_IO,
    DEOLDIFY_ONNX_IO,
    ZHANG_IO,
    ModelIO,
    luma_to_gray,
)


@pytest.fixture
def imagenet():
    """Mean and standard deviation of R'G'B' over ImageNet, each (1, 3, 1, 1)."""
    return tuple(
        torch.tensor(v).view(1, 3, 1, 1) for v in (DEOLDIFY_IO.input_mean, DEOLDIFY_IO.input_std)
    )


@pytest.mark.parametrize("model_io", [ZHANG_IO, DEOLDIFY_IO, DEOLDIFY_ONNX_IO, DDCOLOR_IO])
def test_json_survives_a_round_trip(model_io):
    assert ModelIO.from_json(model_io.to_json()) == model_io


@pytest.mark.parametrize(
    ("gray", "expected"),
    [(103, (-0.354054, -0.232493, -0.009237)), (174, (0.861803, 1.010504, 1.228235))],
)
def test_deoldify_input_matches_upstream(gray, expected):
    """Expected values: preprocessing of the original implementation, for single pixels."""
    image = DEOLDIFY_IO.preprocess(torch.full((1, 1, 1, 1), gray / 255)).flatten()
    assert image.tolist() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("lightness", "gray"), [(52.6184, 0.492307), (40.1855, 0.371296), (54.8096, 0.514239)]
)
def test_ddcolor_and_zhang_input_matches_upstream(lightness, gray):
    """Expected values: preprocessing of the original implementations, for single pixels."""
    luma = torch.full((1, 1, 1, 1), lightness)
    image = DDCOLOR_IO.preprocess(luma_to_gray(luma, (1, 1))).flatten()
    assert image.tolist() == pytest.approx([gray] * 3, abs=2e-6)
    image = ZHANG_IO.preprocess(luma_to_gray(luma, (1, 1)))
    assert float(image) == pytest.approx(lightness, abs=1e-4)


def test_wide_image_is_resized_to_a_square():
    luma = torch.rand(1, 1, 90, 160) * 100
    assert luma_to_gray(luma, DDCOLOR_IO.input_size(90, 160)).shape == (1, 1, 512, 512)


@pytest.mark.parametrize(
    ("luma", "output", "expected"),
    [
        (138, (51, 116, 127), (91, 156, 166)),
        (69, (132, 115, 71), (86, 69, 24)),
        (52, (87, 65, 192), (53, 31, 158)),
        (160, (76, 222, 146), (67, 212, 136)),
    ],
)
def test_deoldify_color_matches_upstream(imagenet, luma, output, expected):
    """Expected values: 8-bit Y combined with U, V of the output, by OpenCV as in DeOldify."""
    mean, std = imagenet
    gray = torch.full((1, 1, 1, 1), luma / 255)
    normalized = (torch.tensor(output).view(1, 3, 1, 1) / 255 - mean) / std
    y, matrix = gray[0, 0].numpy(), MATRICES["bt470bg"]
    cb, cr = ab_to_cbcr(DEOLDIFY_IO.postprocess(normalized, gray)[0].numpy(), y, matrix)
    rgb = ycbcr_to_rgb(y, cb, cr, matrix)[0, 0] * 255
    assert np.abs(rgb - expected).max() < 1.6


@pytest.mark.parametrize(
    ("lightness", "ab", "expected"),
    [
        (60.8521, (21.3847, 2.5615), (185, 133, 143)),
        (31.4209, (23.9564, 9.4104), (112, 58, 60)),
        (60.8822, (13.2757, -27.4015), (0.56906 * 255, 0.55409 * 255, 0.76543 * 255)),
        (79.4676, (-29.0538, 33.9736), (0.64232 * 255, 0.82444 * 255, 0.51758 * 255)),
    ],
    ids=["ddcolor", "ddcolor", "zhang", "zhang"],
)
def test_ddcolor_and_zhang_color_matches_upstream(lightness, ab, expected):
    """Expected values: OpenCV and scikit-image, which the original implementations use.

    The originals keep L*, which changes Y' by up to 29 of 255. vidcolor keeps Y' instead
    (`ab_to_cbcr`), so colors are compared before that step.
    """
    rgb = lab_to_rgb(torch.tensor(lightness).view(1, 1, 1, 1), torch.tensor(ab).view(1, 2, 1, 1))
    assert np.abs(rgb.flatten().numpy() * 255 - expected).max() < 0.6


def test_chroma_of_an_image_output_is_preserved(imagenet):
    """The BT.601 chroma of DeOldify's output is preserved if it is inside the gamut at the gray.

    Outside, the original clips R'G'B', which changes the luma; vidcolor reduces the chroma.
    """
    rng = np.random.default_rng(4)
    image = torch.from_numpy(rng.uniform(0.3, 0.7, (1, 3, 24, 24)).astype(np.float32))
    gray = torch.from_numpy(rng.uniform(0.4, 0.6, (1, 1, 24, 24)).astype(np.float32))
    mean, std = imagenet
    ab = DEOLDIFY_IO.postprocess((image - mean) / std, gray)
    cb, cr = ab_to_cbcr(ab[0].numpy(), gray[0, 0].numpy(), MATRICES["bt470bg"])
    red, green, blue = image[0].numpy()
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    assert np.abs(cb - (blue - luma) / 1.772).max() < 2e-3
    assert np.abs(cr - (red - luma) / 1.402).max() < 2e-3


def test_unbounded_output_is_clipped_to_finite_values():
    output = torch.tensor([float("nan"), float("inf"), -1e9, 40.0]).view(1, 1, 2, 2)
    ab = DDCOLOR_IO.postprocess(output.expand(1, 2, 2, 2), torch.zeros(1, 1, 2, 2))
    assert ab[0, 0].flatten().tolist() == [0.0, 128.0, -128.0, 40.0]
