from math import ceil
from pathlib import Path

import numpy as np
import pytest
import torch

from vidcolor.color.bins import NUM_BINS, gamut_bins
from vidcolor.generators import Hints
from vidcolor.generators.embedded import EmbeddedGenerator
from vidcolor.generators.network import EmbeddedNetwork, NetworkConfig

# Made with the reference implementation that the shipped weights were trained with, unfolded and
# in float32; logits at every second cell.
GOLDEN = {k: torch.from_numpy(v) for k, v in np.load(Path(__file__).parent / "golden.npz").items()}


def test_logits_are_the_reference(generator):
    network = generator.network
    with torch.inference_mode():
        plain = network(GOLDEN["luma"])[..., ::2, ::2]
        hinted = network(GOLDEN["luma"], GOLDEN["hint_ab"], GOLDEN["density"])[..., ::2, ::2]
    # Folding and other CPUs' kernels reorder sums (3e-5 measured); a wrong padding, norm or hint
    # scale moves logits by whole units.
    torch.testing.assert_close(plain, GOLDEN["logits"], atol=1e-3, rtol=0)
    # Hints move logits by hundreds, which float32 knows to six digits.
    torch.testing.assert_close(hinted, GOLDEN["logits_hinted"], atol=1e-3, rtol=1e-5)


def test_color_is_the_reference(generator):
    hints = Hints(GOLDEN["hint_ab"], GOLDEN["density"])
    plain, hinted = generator(GOLDEN["luma"]), generator(GOLDEN["luma"], hints)
    # 1e-3 of a logit, over the temperature, on a span of some 100 units.
    torch.testing.assert_close(plain.ab, GOLDEN["ab"], atol=0.05, rtol=0)
    torch.testing.assert_close(hinted.ab, GOLDEN["ab_hinted"], atol=0.05, rtol=0)


def test_facts(generator):
    assert generator.name == "embedded" and len(generator.digest) == 64
    assert generator.accepts_hints and generator.has_confidence and generator.native_size == 256
    assert (generator.device, generator.precision) == ("cpu", "fp32")


def test_the_weights_bins_are_the_codes(generator):
    assert torch.equal(generator.network.bins, gamut_bins())


@pytest.mark.parametrize("size", [(1, 1), (1, 100), (33, 31), (64, 96), (61, 47)])
def test_any_size(generator, size):
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
def test_no_hints_equal_hints_of_no_density(precision):
    network = EmbeddedNetwork(NetworkConfig(widths=(16, 16, 8, 8)))
    generator = EmbeddedGenerator(network, "0" * 64, precision=precision)
    luma = torch.rand(2, 1, 32, 64) * 100
    nothing = Hints(torch.full((2, 2, 8, 16), torch.nan), torch.zeros(2, 1, 8, 16))
    plain, hinted = generator(luma), generator(luma, nothing)
    assert torch.equal(plain.ab, hinted.ab)
    assert torch.equal(plain.confidence, hinted.confidence)


def test_no_hints_equal_hints_of_no_density_as_shipped(generator):
    nothing = Hints(torch.full((1, 2, 16, 24), 50.0), torch.zeros(1, 1, 16, 24))
    assert torch.equal(generator(GOLDEN["luma"]).ab, generator(GOLDEN["luma"], nothing).ab)


@pytest.mark.parametrize("scale", [1, 4])
@pytest.mark.parametrize("color", [(60.0, 40.0), (-40.0, 30.0), (10.0, -50.0)])
def test_a_hint_colors_its_place(generator, color, scale):
    """On the generator's own grid, and on the full picture's."""
    wanted = torch.tensor(color).view(1, 2, 1, 1)
    density = torch.zeros(1, 1, 16 * scale, 24 * scale)
    density[..., 6 * scale : 10 * scale, 8 * scale : 12 * scale] = 1
    hints = Hints(wanted.expand(1, 2, 16 * scale, 24 * scale).clone(), density)
    plain, hinted = generator(GOLDEN["luma"]), generator(GOLDEN["luma"], hints)
    there = (slice(None), slice(None), slice(6, 10), slice(8, 12))
    before = (plain.ab[there] - wanted).norm(dim=1).mean()
    after = (hinted.ab[there] - wanted).norm(dim=1).mean()
    assert after < 15 and after < before / 2
    assert hinted.confidence[there].mean() > plain.confidence[there].mean()


def test_one_hinted_pixel_counts(generator):
    density = torch.zeros(1, 1, 64, 96)
    density[..., 33, 50] = 1
    hints = Hints(torch.tensor([60.0, 40.0]).view(1, 2, 1, 1).expand(1, 2, 64, 96), density)
    plain, hinted = generator(GOLDEN["luma"]).ab, generator(GOLDEN["luma"], hints).ab
    assert (hinted - plain).norm(dim=1)[0, 8, 12] > 5


def test_vividness(generator):
    calm, default, same = (generator(GOLDEN["luma"], None, v).ab for v in (0.0, None, 0.62))
    assert torch.equal(default, same)
    assert (calm - default).norm(dim=1).mean() > 1
    with pytest.raises(ValueError, match="vividness"):
        generator(GOLDEN["luma"], None, 1.5)


def test_bfloat16_is_close(generator):
    network = generator.network
    coarse = EmbeddedNetwork(network.config).eval()
    coarse.fold()
    coarse.load_state_dict(network.state_dict())
    ab = EmbeddedGenerator(coarse, "0" * 64, precision="bf16")(GOLDEN["luma"]).ab
    # Eight bits of mantissa through eighty layers: about one a*b* unit, not a different picture.
    assert (ab - GOLDEN["ab"]).abs().mean() < 1.5


@pytest.mark.parametrize("shape", [(1, 64, 64), (1, 3, 64, 64), (1, 1, 0, 64)])
def test_other_shapes_are_refused(generator, shape):
    with pytest.raises(ValueError, match="luma must be"):
        generator(torch.zeros(shape))


def test_hints_for_another_batch_are_refused(generator):
    with pytest.raises(ValueError, match="hints for 2 pictures"):
        generator(
            torch.zeros(1, 1, 32, 32), Hints(torch.zeros(2, 2, 8, 8), torch.zeros(2, 1, 8, 8))
        )


def test_folding_changes_nothing():
    network = EmbeddedNetwork(NetworkConfig(widths=(16, 16, 8, 8))).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for statistic in (module.running_mean, module.running_var, module.weight, module.bias):
                torch.nn.init.uniform_(statistic, 0.5, 1.5)
    luma = torch.rand(1, 1, 64, 64) * 100
    ab, density = torch.randn(1, 2, 16, 16) * 30, torch.rand(1, 1, 16, 16)
    with torch.inference_mode():
        before = network(luma, ab, density)
        network.fold()
        after = network(luma, ab, density)
    torch.testing.assert_close(before, after, atol=1e-3, rtol=1e-3)


def test_configuration_round_trip():
    config = NetworkConfig(widths=(64, 32, 16, 8), num_heads=2)
    assert NetworkConfig.from_json(config.to_json()) == config
    for bad in ("", "{}", '{"widths": [1]}', '{"widths": [4, 4, 4, 4], "color": 1}', "[]"):
        with pytest.raises(ValueError):
            NetworkConfig.from_json(bad)


def test_network_trains():
    network = EmbeddedNetwork(NetworkConfig(widths=(16, 16, 8, 8)))
    logits = network(
        torch.rand(2, 1, 64, 64) * 100, torch.zeros(2, 2, 16, 16), torch.ones(2, 1, 16, 16)
    )
    assert logits.shape == (2, NUM_BINS, 16, 16)
    logits.logsumexp(1).mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
