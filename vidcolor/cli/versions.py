"""`vidcolor --version --verbose`: versions of all software and hardware that vidcolor uses."""

from __future__ import annotations

import platform
import sys
from importlib import metadata
from typing import TYPE_CHECKING

from vidcolor._version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

OPTIONAL_PACKAGES = {
    "fastapi": "studio",
    "imagecodecs": "images",
    "onnxruntime": "onnx",
    "pillow-heif": "images",
    "ray": "ray",
    "uvicorn": "studio",
}
"""Packages that are not required, and the extra of vidcolor that installs each."""


def print_versions() -> None:
    """Print one line for each program, library, device and packaged model."""
    for name, text in collect_versions():
        print(f"{name:<14}{text}")


def collect_versions() -> Iterator[tuple[str, str]]:
    """Yield a name and a description for each program, library, device and packaged model."""
    yield "vidcolor", __version__
    yield "python", f"{platform.python_version()} ({sys.executable})"
    for describe in (_describe_libraries, _describe_packages, _describe_hardware, describe_weights):
        try:
            yield from describe()
        except Exception as error:  # a broken library can raise anything
            yield "error", f"{type(error).__name__}: {error}"


def _describe_libraries() -> Iterator[tuple[str, str]]:
    from vidcolor.environment import get_library_versions

    versions = get_library_versions()
    yield from ((n, text) for n, text in versions.items() if n not in ("vidcolor", "python"))


def _describe_packages() -> Iterator[tuple[str, str]]:
    yield "ffmpeg", describe_ffmpeg()
    for package, extra in OPTIONAL_PACKAGES.items():
        missing = f"not installed; pip install 'vidcolor[{extra}]'"
        yield package, get_package_version(package) or missing


def _describe_hardware() -> Iterator[tuple[str, str]]:
    yield "devices", ", ".join(describe_devices())


def get_package_version(name: str) -> str | None:
    """Return the version of an installed package, or None."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def describe_ffmpeg() -> str:
    """Return version, license and path of the ffmpeg command."""
    from subprocess import SubprocessError

    from vidcolor.media.ffmpeg_cli import find_ffmpeg, read_ffmpeg_version

    try:
        version, license = read_ffmpeg_version()
    except (OSError, RuntimeError, SubprocessError) as error:  # imageio-ffmpeg: RuntimeError
        return f"cannot be run: {error}"
    return f"{version}, {license} ({find_ffmpeg()})"


def describe_devices() -> list[str]:
    """Return a description of each torch device of this machine."""
    import torch

    from vidcolor.generators.device import has_native_bf16

    precision = "bfloat16" if has_native_bf16(torch.device("cpu")) else "float32"
    devices = [f"cpu ({torch.get_num_threads()} threads, {precision})"]
    if torch.backends.mps.is_available():
        devices.append("mps")
    for index in range(torch.cuda.device_count()):
        gpu = torch.cuda.get_device_properties(index)
        devices.append(f"cuda:{index} ({gpu.name}, {gpu.total_memory / 1e9:.0f} GB)")
    return devices


def describe_weights() -> Iterator[tuple[str, str]]:
    """Yield the name and the path of all packaged and installed weights."""
    from vidcolor.errors import WeightsError
    from vidcolor.fileio import sha256_file
    from vidcolor.generators.store.registry import list_installed
    from vidcolor.generators.store.weights import PACKAGED_WEIGHTS, find_packaged_file

    for name, weights in PACKAGED_WEIGHTS.items():
        try:
            path = find_packaged_file(weights.file)
        except WeightsError as error:
            yield "weights", f"{name}: {error}"
            continue
        digest = sha256_file(path)
        state = "" if digest == weights.sha256 else f", damaged: expected {weights.sha256[:12]}"
        yield "weights", f"{name}, SHA-256 {digest[:12]}{state} ({path})"
    for name, path in list_installed().items():
        yield "weights", f"{name} ({path})"
