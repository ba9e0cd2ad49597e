import pytest
import torch

from tests.helpers.published import make_state_dict
from vidcolor.errors import UsageError
from vidcolor.generators import load_generator
from vidcolor.generators.adapter import dither
from vidcolor.generators.base import Hints


@pytest.fixture(scope="module")
def eccv16(eccv16_file):
    return load_generator(str(eccv16_file), "cpu", "fp32", 64)


@pytest.fixture(scope="module")
def siggraph17(tmp_path_factory):
    path = tmp_path_factory.mktemp("published") / "siggraph17.pth"
    torch.save(make_state_dict("siggraph17"), path)
    return load_generator(str(path), "cpu", "fp32", 128)


@pytest.mark.slow
def test_published_checkpoint_is_loaded_as_a_generator(eccv16_file):
    generator = load_generator(str(eccv16_file), "cpu", "fp32")
    assert (generator.name, generator.native_size) == ("eccv16", 256)
    assert not (generator.accepts_hints or generator.has_confidence or generator.has_vividness)


@pytest.mark.slow
def test_output_has_stride_2_and_full_confidence(eccv16):
    prediction = eccv16(torch.rand(2, 1, 50, 71) * 100)
    assert prediction.ab.shape == (2, 2, 25, 36)
    assert bool((prediction.confidence == 1).all())


def test_single_pixel_is_accepted(eccv16):
    assert eccv16(torch.full((1, 1, 1, 1), 50.0)).ab.shape == (1, 2, 1, 1)


@pytest.mark.slow
def test_bfloat16_is_close_to_float32(eccv16, eccv16_file):
    luma = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(1)) * 100
    fp32 = eccv16(luma).ab
    bf16 = load_generator(str(eccv16_file), "cpu", "bf16", 64)(luma).ab
    assert float((fp32 - bf16).abs().max()) < 0.05 * float(fp32.max() - fp32.min())


@pytest.mark.slow
def test_hints_reach_a_network_that_accepts_them(siggraph17):
    assert siggraph17.accepts_hints
    luma = torch.full((1, 1, 128, 128), 50.0)
    density = torch.zeros(1, 1, 32, 32)
    density[..., 15:17, 15:17] = 1
    hints = Hints(torch.full((1, 2, 32, 32), 60.0), density)
    change = (siggraph17(luma, hints).ab - siggraph17(luma).ab).abs().sum(1)[0]
    assert float(change[30:34, 30:34].mean()) > 10 * float(change[:8, :8].mean())


def test_unsupported_size_is_rejected(eccv16_file):
    with pytest.raises(UsageError, match="--size must be a multiple of 8"):
        load_generator(str(eccv16_file), "cpu", "fp32", 100)


@pytest.mark.parametrize("density", [0.0, 0.25, 0.5, 1.0])
def test_dithered_mask_has_the_mean_of_the_density(density):
    mask = dither(torch.full((1, 1, 8, 12), density))
    assert mask.unique().tolist() in ([0.0], [1.0], [0.0, 1.0])
    assert float(mask.mean()) == density
