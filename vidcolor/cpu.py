"""Instruction-set features of the processor."""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path


@cache
def get_cpu_flags() -> frozenset[str]:
    """Return the x86 feature flags that Linux reports; empty on other machines and systems."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return frozenset()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line for line in lines if line.startswith("flags")), "").split())
