"""Export of an adapted generator; `tests/cli/test_models.py` exports the embedded generator."""

import pytest
import torch

from tests.helpers.onnx_models import save_color_model
from vidcolor.errors import UsageError
from vidcolor.generators import load_generator
from vidcolor.generators.adapter import AdaptedGenerator
from vidcolor.generators.base import Hints
from vidcolor.generators.model_io import ZHANG_IO
from vidcolor.generators.onnx_export import export_onnx


class BlurNetwork(torch.nn.Module):
    """A network that accepts hints: it blurs them and adds the luma."""

    def forward(self, luma, ab, mask):
        blurred = torch.nn.functional.avg_pool2d(luma, 3, 1, 1) / 10
        return torch.cat([blurred, -blurred], 1) + torch.nn.functional.avg_pool2d(
            ab * mask, 5, 1, 2
        )


@pytest.mark.slow
def test_exported_network_takes_hints_and_any_size(tmp_path):
    original = AdaptedGenerator(BlurNetwork(), ZHANG_IO, "blur", "0" * 64, accepts_hints=True)
    result = export_onnx(original, tmp_path / "blur.onnx")
    assert result.difference < 1e-5
    exported = load_generator(str(result.path), "cpu", size=128)
    assert exported.accepts_hints and exported.model_io.input == "lightness"
    original.model_io = exported.model_io
    luma = torch.rand(2, 1, 40, 60, generator=torch.Generator().manual_seed(2)) * 100
    density = torch.zeros(2, 1, 10, 15)
    density[..., 4:6, 5:8] = 1
    for hints in (None, Hints(torch.full((2, 2, 10, 15), 50.0), density)):
        difference = exported(luma, hints).ab - original(luma, hints).ab
        assert float(difference.abs().max()) < 1e-3


def test_onnx_file_cannot_be_exported(tmp_path):
    path = save_color_model(tmp_path / "p.onnx", (1, 1))
    with pytest.raises(UsageError, match="only single torch models"):
        export_onnx(load_generator(str(path), "cpu"), tmp_path / "q.onnx")
    assert not (tmp_path / "q.onnx").exists()
