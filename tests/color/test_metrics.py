"""Metrics match published values and their definitions."""

import pytest
import torch

from vidcolor.color.metrics import PSNR_CEILING, colorfulness, delta_e_2000, psnr

# From the test data of Sharma, Wu & Dalal, "The CIEDE2000 Color-Difference Formula", 2005: the
# pairs that expose implementation errors (hue wrap, gray, blue rotation).
SHARMA = (
    ((50.0000, 2.6772, -79.7751), (50.0000, 0.0000, -82.7485), 2.0425),
    ((50.0000, -1.3802, -84.2814), (50.0000, 0.0000, -82.7485), 1.0000),
    ((50.0000, 0.0000, 0.0000), (50.0000, -1.0000, 2.0000), 2.3669),
    ((50.0000, 2.4900, -0.0010), (50.0000, -2.4900, 0.0009), 7.1792),
    ((50.0000, 2.4900, -0.0010), (50.0000, -2.4900, 0.0011), 7.2195),
    ((50.0000, 2.5000, 0.0000), (50.0000, 0.0000, -2.5000), 4.3065),
    ((50.0000, 2.5000, 0.0000), (73.0000, 25.0000, -18.0000), 27.1492),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
    ((90.8027, -2.0831, 1.4410), (91.1528, -1.6435, 0.0447), 1.4441),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
)


@pytest.mark.parametrize(("lab_a", "lab_b", "expected"), SHARMA)
def test_delta_e_matches_the_published_pairs(lab_a, lab_b, expected):
    a, b = (torch.tensor(lab).view(1, 3, 1, 1) for lab in (lab_a, lab_b))
    assert delta_e_2000(a, b).item() == pytest.approx(expected, abs=2e-3)
    assert delta_e_2000(b, a).item() == pytest.approx(expected, abs=2e-3)


def test_psnr_is_computed_per_image_and_bounded():
    truth = torch.zeros(2, 3, 4, 4)
    image = truth.clone()
    image[1] += 0.1
    assert psnr(image, truth).tolist() == pytest.approx([PSNR_CEILING, 20.0], abs=1e-3)
    with pytest.raises(ValueError, match="N, C, H, W"):
        psnr(image, truth[:1])


def test_colorfulness_uses_signed_components_on_the_255_scale():
    gray = torch.full((1, 3, 8, 8), 0.4)
    assert colorfulness(gray).item() == pytest.approx(0, abs=1e-4)
    # One row is red and one green: rg is ±255, and yb is 127.5. An unsigned rg has no variance.
    image = torch.zeros(1, 3, 2, 8)
    image[0, 0, 0] = 1
    image[0, 1, 1] = 1
    assert colorfulness(image).item() == pytest.approx(255 + 0.3 * 127.5, rel=1e-4)
