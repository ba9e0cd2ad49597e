import pytest
import torch

from vidcolor.errors import UsageError
from vidcolor.generators.device import (
    choose_device,
    choose_precision,
    has_native_bf16,
    list_devices,
)


@pytest.mark.parametrize("name", ["tpu", "cpu:1", "cuda:x", ""])
def test_unknown_device_is_rejected(name):
    with pytest.raises(UsageError, match="unknown device"):
        choose_device(name)


def test_device_that_does_not_exist_is_rejected():
    with pytest.raises(UsageError, match="not found"):
        choose_device("cuda:999")


@pytest.mark.skipif(torch.cuda.is_available(), reason="has CUDA")
def test_cuda_without_a_gpu_is_rejected():
    with pytest.raises(UsageError, match="no CUDA device; use auto or cpu"):
        choose_device("cuda")


@pytest.mark.skipif(torch.cuda.is_available(), reason="has CUDA")
def test_cpu_is_a_single_device():
    assert list_devices("cpu") == ("cpu",)


def test_unknown_precision_is_rejected():
    with pytest.raises(UsageError, match="fp16"):
        choose_precision("fp16", torch.device("cpu"))


def test_explicit_precision_is_kept():
    assert [choose_precision(p, torch.device("cpu")) for p in ("fp32", "bf16")] == ["fp32", "bf16"]


@pytest.mark.parametrize(
    ("flags", "expected"),
    [({"avx2", "avx512f"}, False), ({"avx512_bf16"}, True), ({"amx_bf16"}, True), (set(), False)],
)
def test_bfloat16_support_follows_the_cpu_flags(flags, expected):
    assert has_native_bf16(torch.device("cpu"), frozenset(flags)) is expected


def test_automatic_precision_follows_bfloat16_support():
    device = torch.device("cpu")
    expected = "bf16" if has_native_bf16(device) else "fp32"
    assert choose_precision("auto", device) == expected
