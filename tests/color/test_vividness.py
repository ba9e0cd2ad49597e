"""Vividness: a gain of chroma that spares hints and skin, and the gain for pale images."""

import pytest
import torch

from vidcolor.color.bins import DecodedColor
from vidcolor.color.vividness import DEFAULT_VIVIDNESS, GAIN_RANGE, adjust_chroma, compute_gain

STEPS = (0.0, 0.25, 0.5, DEFAULT_VIVIDNESS, 0.75, 1.0)


def make_color(ab, concentration=0.5, expected_chroma=20.0):
    """Return one row of decoded cells, and mid-gray luma of the same size."""
    planes = torch.tensor(ab, dtype=torch.float32).T.reshape(1, 2, 1, -1)
    ones = torch.ones(1, 1, 1, len(ab))
    color = DecodedColor(planes, concentration * ones, expected_chroma * ones)
    return color, 50 * ones


def test_gain_is_1_at_the_default_and_rises_with_vividness():
    gains = [compute_gain(v) for v in STEPS]
    assert gains == sorted(gains) and len(set(gains)) == len(gains)
    assert compute_gain() == compute_gain(DEFAULT_VIVIDNESS) == 1
    assert gains[-1] / gains[0] == pytest.approx(GAIN_RANGE)


@pytest.mark.parametrize("vividness", [-0.1, 1.1, float("nan"), float("inf")])
def test_vividness_outside_its_range_is_rejected(vividness):
    with pytest.raises(ValueError, match="vividness must be in"):
        adjust_chroma(*make_color([(20, 10)]), vividness)


def test_chroma_of_every_cell_rises_and_keeps_its_hue():
    angle = torch.arange(0, 6.28, 0.1)
    ab = torch.stack([angle.cos(), angle.sin()], 1)
    cells = torch.cat([chroma * ab for chroma in (1, 15, 40, 100)]).tolist()
    color, luma = make_color(cells)
    chromas = []
    for vividness in STEPS:
        adjusted = adjust_chroma(color, luma, vividness)
        chromas.append(adjusted.norm(dim=1))
        assert torch.cosine_similarity(adjusted, color.ab).min() > 0.9999
    assert (torch.stack(chromas).diff(dim=0) > 0).all()


def test_default_does_not_change_a_color():
    color, luma = make_color([(20, 10), (-30, 5)])
    assert torch.equal(adjust_chroma(color, luma), color.ab)
    assert torch.equal(adjust_chroma(color, luma, DEFAULT_VIVIDNESS), color.ab)


def test_color_of_hints_does_not_change():
    color, luma = make_color([(20, 10), (-30, 5)], concentration=0.9)
    assert torch.equal(adjust_chroma(color, luma, 0.0), adjust_chroma(color, luma, 1.0))
    color, luma = make_color([(20, 10), (-30, 5)])
    density = torch.tensor([1.0, 0.0]).view(1, 1, 1, 2)
    muted, vivid = (adjust_chroma(color, luma, v, density)[0, :, 0] for v in (0.0, 1.0))
    assert torch.equal(muted[:, 0], vivid[:, 0])
    assert vivid[:, 1].norm() > 2 * muted[:, 1].norm()


def test_vivid_skin_stays_believable():
    skin, cloth = (20.0, 25.0), (20.0, -25.0)
    color, luma = make_color([skin, cloth])
    default, vivid = (adjust_chroma(color, luma, v).norm(dim=1)[0, 0] for v in (None, 1.0))
    assert vivid[0] / default[0] < 1.2 < 1.3 < vivid[1] / default[1]


@pytest.mark.parametrize(
    ("chroma", "concentration", "is_raised"), [(2, 0.6, True), (12, 0.6, False), (2, 0.4, False)],
    ids=["pale and sure", "colorful", "pale and uncertain, as a document"],
)  # fmt: skip
def test_only_pale_images_with_sure_color_become_stronger(chroma, concentration, is_raised):
    color, luma = make_color([(0, chroma), (chroma, 0)], concentration, expected_chroma=15.0)
    ratio = adjust_chroma(color, luma).norm(dim=1) / color.ab.norm(dim=1)
    assert ((ratio > 2) == is_raised).all()
    assert adjust_chroma(color, luma).norm(dim=1).max() < max(1.1 * chroma, 15)


def test_pale_hints_stay_pale():
    color, luma = make_color([(0, 3)] * 2, 0.6, expected_chroma=15.0)
    hinted = color._replace(hint_share=torch.tensor([1.0, 0.0]).view(1, 1, 1, 2))
    kept, raised = adjust_chroma(hinted, luma).norm(dim=1)[0, 0]
    assert kept == 3 and raised > 6


def test_gain_of_a_pale_image_ignores_black_borders_and_other_images():
    color, luma = make_color([(0, 3)] * 6, 0.6, 15.0)
    alone = adjust_chroma(color, luma)
    luma[..., 4:] = 0
    color.ab[..., 4:] = 0
    torch.testing.assert_close(adjust_chroma(color, luma)[..., :4], alone[..., :4])
    other, other_luma = make_color([(40, 30)] * 6)
    batch = DecodedColor(*(torch.cat(pair) for pair in zip(color[:3], other[:3], strict=True)))
    both = adjust_chroma(batch, torch.cat([luma, other_luma]))
    assert torch.equal(both[:1], adjust_chroma(color, luma))


def test_black_images_are_accepted():
    color, luma = make_color([(0.0, 0.0)] * 3)
    assert torch.equal(adjust_chroma(color, 0 * luma, 1.0), torch.zeros(1, 2, 1, 3))
