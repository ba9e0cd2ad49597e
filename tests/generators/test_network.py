import pytest
import torch

from vidcolor.color.bins import NUM_BINS
from vidcolor.generators.network import EmbeddedNetwork, NetworkConfig


def test_folding_does_not_change_the_output():
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


def test_config_survives_a_round_trip():
    config = NetworkConfig(widths=(64, 32, 16, 8), num_heads=2)
    assert NetworkConfig.from_json(config.to_json()) == config


@pytest.mark.parametrize(
    "text", ["", "{}", '{"widths": [1]}', '{"widths": [4, 4, 4, 4], "color": 1}', "[]"]
)
def test_invalid_config_is_rejected(text):
    with pytest.raises(ValueError):
        NetworkConfig.from_json(text)


def test_all_parameters_have_gradients():
    network = EmbeddedNetwork(NetworkConfig(widths=(16, 16, 8, 8)))
    logits = network(
        torch.rand(2, 1, 64, 64) * 100, torch.zeros(2, 2, 16, 16), torch.ones(2, 1, 16, 16)
    )
    assert logits.shape == (2, NUM_BINS, 16, 16)
    logits.logsumexp(1).mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
