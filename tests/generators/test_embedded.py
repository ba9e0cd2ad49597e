from math import ceil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from vidcolor.color.bins import gamut_bins
from vidcolor.errors import UsageError, WeightsError
from vidcolor.generators import Hints, load_generator
from vidcolor.generators.embedded import EmbeddedGenerator
from vidcolor.generators.network import EmbeddedNetwork, NetworkConfig
from vidcolor.generators.store.weights import read_weights

# Outputs of the reference implementation that trained the shipped weights, in float32 and without
# folding. Logits are stored for every second cell.
GOLDEN = {k: torch.from_numpy(v) for k, v in np.load(Path(__file__).parent / "golden.npz").items()}


@pytest.mark.slow
def test_logits_match_the_reference(generator):
    network = generator.network
    with torch.inference_mode():
        plain = network(GOLDEN["luma"])[..., ::2, ::2]
        hinted = network(GOLDEN["luma"], GOLDEN["hint_ab"], GOLDEN["density"])[..., ::2, ::2]
    # Folding and the kernels of other CPUs reorder sums (3e-5 measured); a wrong padding, norm or
    # hint scale changes logits by whole units.
    torch.testing.assert_close(plain, GOLDEN["logits"], atol=1e-3, rtol=0)
    # Hints change logits by hundreds, which float32 represents with six digits.
    torch.testing.assert_close(hinted, GOLDEN["logits_hinted"], atol=1e-3, rtol=1e-5)


def test_color_matches_the_reference(generator):
    hints = Hints(GOLDEN["hint_ab"], GOLDEN["density"])
    plain, hinted = generator(GOLDEN["luma"]), generator(GOLDEN["luma"], hints)
    # Tolerance: 1e-3 of a logit, divided by the temperature, times a range of about 100 units.
    torch.testing.assert_close(plain.ab, GOLDEN["ab"], atol=0.05, rtol=0)
    torch.testing.assert_close(hinted.ab, GOLDEN["ab_hinted"], atol=0.05, rtol=0)


def test_shipped_generator_has_the_documented_attributes(generator):
    assert generator.name == "embedded" and len(generator.digest) == 64
    assert generator.accepts_hints and generator.has_confidence and generator.native_size == 256
    assert (generator.device, generator.precision) == ("cpu", "fp32")


def test_bins_of_the_weights_match_the_code(generator):
    assert torch.equal(generator.network.bins, gamut_bins())


@pytest.mark.parametrize("size", [(1, 1), (1, 100), (33, 31), (64, 96), (61, 47)])
def test_luma_of_any_size_is_accepted(generator, size):
    prediction = generator(torch.rand(1, 1, *size) * 100)
    assert prediction.ab.shape == (1, 2, ceil(size[0] / 4), ceil(size[1] / 4))
    assert prediction.ab.dtype == prediction.confidence.dtype == torch.float32
    assert prediction.ab.isfinite().all()
    assert (prediction.confidence > 0).all() and (prediction.confidence <= 1).all()


def test_padding_repeats_the_edge(generator):
    luma = torch.rand(1, 1, 40, 64, generator=torch.Generator().manual_seed(2)) * 100
    padded = torch.cat([luma, luma[:, :, -1:].expand(1, 1, 24, 64)], dim=2)
    assert torch.equal(generator(luma).ab, generator(padded).ab[:, :, :10])


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_hints_of_density_0_equal_no_hints(precision):
    network = EmbeddedNetwork(NetworkConfig(widths=(16, 16, 8, 8)))
    generator = EmbeddedGenerator(network, "0" * 64, precision=precision)
    luma = torch.rand(2, 1, 32, 64) * 100
    empty = Hints(torch.full((2, 2, 8, 16), torch.nan), torch.zeros(2, 1, 8, 16))
    plain, hinted = generator(luma), generator(luma, empty)
    assert torch.equal(plain.ab, hinted.ab)
    assert torch.equal(plain.confidence, hinted.confidence)


def test_hints_of_density_0_equal_no_hints_with_the_shipped_weights(generator):
    empty = Hints(torch.full((1, 2, 16, 24), 50.0), torch.zeros(1, 1, 16, 24))
    assert torch.equal(generator(GOLDEN["luma"]).ab, generator(GOLDEN["luma"], empty).ab)


@pytest.fixture(scope="module")
def plain(generator):
    """The prediction for the reference image without hints."""
    return generator(GOLDEN["luma"])


@pytest.mark.parametrize("scale", [1, 4], ids=["output size", "image size"])
@pytest.mark.parametrize("color", [(60.0, 40.0), (-40.0, 30.0), (10.0, -50.0)])
def test_hint_determines_the_color_of_its_cells(generator, plain, color, scale):
    expected = torch.tensor(color).view(1, 2, 1, 1)
    density = torch.zeros(1, 1, 16 * scale, 24 * scale)
    density[..., 6 * scale : 10 * scale, 8 * scale : 12 * scale] = 1
    hints = Hints(expected.expand(1, 2, 16 * scale, 24 * scale).clone(), density)
    hinted = generator(GOLDEN["luma"], hints)
    cells = (slice(None), slice(None), slice(6, 10), slice(8, 12))
    before = (plain.ab[cells] - expected).norm(dim=1).mean()
    after = (hinted.ab[cells] - expected).norm(dim=1).mean()
    assert after < 15 and after < before / 2
    assert hinted.confidence[cells].mean() > plain.confidence[cells].mean()


def test_single_hinted_pixel_changes_its_cell(generator, plain):
    density = torch.zeros(1, 1, 64, 96)
    density[..., 33, 50] = 1
    hints = Hints(torch.tensor([60.0, 40.0]).view(1, 2, 1, 1).expand(1, 2, 64, 96), density)
    hinted = generator(GOLDEN["luma"], hints).ab
    assert (hinted - plain.ab).norm(dim=1)[0, 8, 12] > 5


def test_hint_spreads_over_its_object(generator):
    """The image has two uniform halves of different lightness."""
    luma = torch.full((1, 1, 128, 192), 35.0)
    luma[..., 96:] = 75.0
    density = torch.zeros(1, 1, 32, 48)
    density[0, 0, 15:17, 10:12] = 1
    ab = torch.tensor([45.0, 35.0]).view(1, 2, 1, 1).expand(1, 2, 32, 48)
    change = (generator(luma, Hints(ab, density)).ab - generator(luma).ab).norm(dim=1)[0]
    assert change[4:28, 4:20].mean() > 2 * change[4:28, 28:36].mean()
    assert change[4:28, 4:20].median() > 15


def test_vividness_raises_chroma_and_keeps_confidence(generator, plain):
    steps = [generator(GOLDEN["luma"], None, v) for v in (0.0, 0.25, 0.5, 0.62, 0.75, 1.0)]
    assert torch.equal(steps[3].ab, plain.ab)
    assert all(torch.equal(step.confidence, plain.confidence) for step in steps)
    chroma = torch.stack([step.ab.norm(dim=1) for step in steps])
    assert (chroma.diff(dim=0) >= 0).all() and (chroma[-1].mean() > 1.6 * chroma[0].mean())


@pytest.mark.parametrize("vividness", [-0.01, 1.5, float("nan")])
def test_vividness_outside_its_range_is_rejected(generator, vividness):
    with pytest.raises(ValueError, match="vividness"):
        generator(GOLDEN["luma"], None, vividness)


def test_hinted_cells_have_the_same_color_at_any_vividness(generator):
    hints = Hints(GOLDEN["hint_ab"], (GOLDEN["density"] > 0).float())
    muted, vivid = (generator(GOLDEN["luma"], hints, v).ab for v in (0.0, 1.0))
    assert hints.density.any()
    hinted = hints.density.expand_as(muted) == 1
    assert torch.equal(muted[hinted], vivid[hinted])


def test_bfloat16_is_close_to_float32(generator):
    network = generator.network
    bf16_network = EmbeddedNetwork(network.config).eval()
    bf16_network.fold()
    bf16_network.load_state_dict(network.state_dict())
    ab = EmbeddedGenerator(bf16_network, "0" * 64, precision="bf16")(GOLDEN["luma"]).ab
    # An 8-bit mantissa through 80 layers gives an error of about one a*b* unit.
    assert (ab - GOLDEN["ab"]).abs().mean() < 1.5


@pytest.fixture
def small_weights(tmp_path):
    """The weights file of a network with few channels."""
    network = EmbeddedNetwork(NetworkConfig(widths=(16, 16, 8, 8)))
    tensors = {k: v.contiguous() for k, v in network.state_dict().items()}
    save_file(tensors, tmp_path / "small.safetensors", {"config": network.config.to_json()})
    return tmp_path / "small.safetensors"


def test_number_of_channels_is_read_from_the_metadata(small_weights):
    generator = load_generator(str(small_weights), "cpu", "fp32")
    assert generator.name == "small"
    assert generator(torch.rand(1, 1, 32, 32) * 100).ab.shape == (1, 2, 8, 8)


@pytest.mark.parametrize("change", ["missing", "unexpected", "shape"])
def test_tensors_that_do_not_match_the_configuration_are_rejected(small_weights, tmp_path, change):
    weights = read_weights(str(small_weights))
    tensors = dict(weights.tensors)
    if change == "missing":
        del tensors["head.bias"]
    else:
        tensors["head.bias" if change == "shape" else "tail"] = torch.zeros(3)
    save_file(tensors, tmp_path / "odd.safetensors", weights.metadata)
    with pytest.raises(WeightsError, match="does not match its own configuration") as caught:
        load_generator(str(tmp_path / "odd.safetensors"), "cpu")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [16, 100, 8192])
def test_unsupported_size_is_rejected(small_weights, size):
    with pytest.raises(UsageError, match="must be a multiple of 32"):
        load_generator(str(small_weights), "cpu", size=size)
