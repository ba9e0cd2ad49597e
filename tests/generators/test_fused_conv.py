"""Tests of convolutions with a fused activation."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from vidcolor.generators.efficientnet import ConvNorm
from vidcolor.generators.fused_conv import can_fuse
from vidcolor.generators.network import DecoderConv


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [(24, 40), (17, 23)])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("groups", [1, 32])
def test_results_are_those_of_separate_operations(
    dtype: torch.dtype, size: tuple[int, int], stride: int, groups: int
) -> None:
    layer = ConvNorm(32, 32, 3, stride, groups).eval().requires_grad_(False)
    layer.fold()
    layer.to(dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
    x = (10 * torch.randn(1, 32, *size)).to(dtype, memory_format=torch.channels_last)
    separate = F.relu6(layer.conv(x))
    with torch.inference_mode():
        fused = layer(x)
        again = layer(x)
    # oneDNN may choose another algorithm for converted weights, depending on the CPU.
    torch.testing.assert_close(fused, separate)
    assert torch.equal(again, fused)


def test_other_weights_and_sizes_are_packed_again() -> None:
    layer = DecoderConv(16, 16, 3, hinted=False).eval().requires_grad_(False)
    layer.fold()
    layer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for size in (16, 24):
        x = torch.randn(1, 16, size, size).to(memory_format=torch.channels_last)
        separate = F.relu(layer.conv(x))
        with torch.inference_mode():
            assert torch.equal(layer(x), separate)
        layer.conv.weight = torch.nn.Parameter(-layer.conv.weight, requires_grad=False)


def test_training_and_exports_are_not_fused() -> None:
    x = torch.zeros(1, 1, 8, 8)
    assert not can_fuse(x)
    with torch.inference_mode():
        assert can_fuse(x)
        traced = torch.jit.trace(  # type: ignore[no-untyped-call]
            lambda x: x - 1 if can_fuse(x) else x + 1, x
        )
        assert float(traced(x).max()) == 1
