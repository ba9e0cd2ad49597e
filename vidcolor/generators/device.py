"""Selection of the torch device and the precision of a generator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from vidcolor.errors import UsageError
from vidcolor.system import get_cpu_flags

if TYPE_CHECKING:
    import torch

Precision = Literal["fp32", "bf16"]
"""Precision of the convolutions of a network: float32 or bfloat16."""

DEVICES = ("auto", "cpu", "cuda", "mps")
"""Device names of torch models; ``cuda`` may have an index."""
PRECISIONS = ("auto", "fp32", "bf16")
"""Precision names."""

_BF16_FLAGS = {"avx512_bf16", "amx_bf16"}
"""x86 CPU flags of bfloat16 multiplication in hardware. Without it, bfloat16 is emulated and slower
than float32."""


def choose_device(name: str) -> torch.device:
    """Return the torch device of a name in `DEVICES`; ``auto`` is CUDA, else MPS, else the CPU.

    Raises:
        UsageError: the device is unknown or not available on this machine.
    """
    import torch

    num_cuda, has_mps = torch.cuda.device_count(), torch.backends.mps.is_available()
    if name == "auto":
        name = "cuda" if num_cuda else "mps" if has_mps else "cpu"
    device_type, _, index = name.partition(":")
    if device_type not in DEVICES or (index and not (device_type == "cuda" and index.isdecimal())):
        raise UsageError(f"unknown device {name!r}; choose from {', '.join(DEVICES)}")
    if device_type == "cuda" and int(index or 0) >= num_cuda:
        found = f"{num_cuda} CUDA devices" if num_cuda else "no CUDA device"
        raise UsageError(f"device {name!r} not found: torch reports {found}; use auto or cpu")
    if device_type == "mps" and not has_mps:
        raise UsageError("device 'mps' not found: it requires an Apple GPU; use auto or cpu")
    return torch.device(name)


def list_devices(name: str) -> tuple[str, ...]:
    """Return one name per GPU if `name` stands for CUDA without an index; else only `name`.

    Raises:
        UsageError: the device is unknown or not available on this machine.
    """
    import torch

    device = choose_device(name)
    if device.type == "cuda" and device.index is None:
        return tuple(f"cuda:{n}" for n in range(torch.cuda.device_count()))
    return (name,)


def choose_precision(name: str, device: torch.device) -> Precision:
    """Select the precision of the convolutions.

    ``auto`` is bfloat16 where the device multiplies it in hardware (CUDA since Ampere; x86 CPUs
    under Linux with the flags avx512_bf16 or amx_bf16), and float32 elsewhere. It depends on the
    device alone, never on the load or on a benchmark, so that results are reproducible.

    Raises:
        UsageError: the precision is unknown.
    """
    choices: dict[str, Precision] = {"fp32": "fp32", "bf16": "bf16"}
    if name == "auto":
        return "bf16" if has_native_bf16(device) else "fp32"
    if name not in choices:
        raise UsageError(f"unknown precision {name!r}; choose from {', '.join(PRECISIONS)}")
    return choices[name]


def has_native_bf16(device: torch.device, flags: frozenset[str] | None = None) -> bool:
    """Return whether a device multiplies bfloat16 in hardware. MPS counts as not.

    `flags` are the x86 feature flags of the CPU; None to detect them.
    """
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)  # Ampere
    if device.type != "cpu":
        return False
    return bool(_BF16_FLAGS & (get_cpu_flags() if flags is None else flags))


def torch_dtype(precision: Precision) -> torch.dtype:
    """Return the torch dtype of a precision."""
    import torch

    return torch.bfloat16 if precision == "bf16" else torch.float32
