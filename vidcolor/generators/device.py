"""Which device computes, and how finely: what ``auto`` means, on every machine the same way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from vidcolor.cpu import cpu_flags
from vidcolor.errors import UsageError

if TYPE_CHECKING:
    import torch

Precision = Literal["fp32", "bf16"]

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "fp32", "bf16")

_BF16_FLAGS = {"avx512_bf16", "amx_bf16"}
"""x86 instructions that multiply bfloat16 directly; without them it is emulated, and slower."""


def choose_device(name: str) -> torch.device:
    """Find the device to compute on.

    Args:
        name: ``auto`` (CUDA, else Apple's MPS, else the CPU), ``cpu``, ``cuda``, ``mps``, or one
            of several CUDA devices as ``cuda:1``.

    Raises:
        UsageError: no such device, or not on this machine.
    """
    import torch

    num_cuda, has_mps = torch.cuda.device_count(), torch.backends.mps.is_available()
    if name == "auto":
        name = "cuda" if num_cuda else "mps" if has_mps else "cpu"
    kind, _, index = name.partition(":")
    if kind not in DEVICES or (index and not (kind == "cuda" and index.isdecimal())):
        raise UsageError(f"device {name!r} is unknown: choose one of {', '.join(DEVICES)}")
    if kind == "cuda" and int(index or 0) >= num_cuda:
        seen = f"{num_cuda} CUDA devices" if num_cuda else "no CUDA device"
        raise UsageError(f"device {name!r} is not there: torch sees {seen}; use auto or cpu")
    if kind == "mps" and not has_mps:
        raise UsageError("device 'mps' is not there: it takes an Apple GPU; use auto or cpu")
    return torch.device(name)


def all_devices(name: str) -> tuple[str, ...]:
    """Every device that a name means, for as many workers: ``auto`` and ``cuda`` mean all GPUs.

    Args:
        name: as `choose_device` has it.

    Raises:
        UsageError: no such device, or not on this machine.
    """
    import torch

    chosen = choose_device(name)
    if chosen.type == "cuda" and chosen.index is None:
        return tuple(f"cuda:{n}" for n in range(torch.cuda.device_count()))
    return (name,)


def choose_precision(name: str, device: torch.device) -> Precision:
    """Find the precision to compute in.

    ``auto`` is bfloat16 where the device multiplies it natively (CUDA from Ampere on; x86 CPUs
    under Linux whose flags list avx512_bf16 or amx_bf16) and float32 elsewhere. So it depends on
    the device alone, never on load or a timing run.

    Args:
        name: ``auto``, ``fp32`` or ``bf16``.
        device: where the network will compute.

    Raises:
        UsageError: no such precision.
    """
    match name:
        case "fp32" | "bf16":
            return name
        case "auto":
            return "bf16" if _has_native_bf16(device) else "fp32"
        case _:
            raise UsageError(
                f"precision {name!r} is unknown: choose one of {', '.join(PRECISIONS)}"
            )


def _has_native_bf16(device: torch.device) -> bool:
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return device.type == "cpu" and bool(_BF16_FLAGS & cpu_flags())
