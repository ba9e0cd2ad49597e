"""`vidcolor doctor`: test what works on this machine."""

from __future__ import annotations

import errno
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from vidcolor.cli import configuration, params, settings, versions
from vidcolor.cli.console import Console
from vidcolor.errors import UsageError, VidcolorError

if TYPE_CHECKING:
    from vidcolor.media.probe import VideoInfo
    from vidcolor.options import Purpose

Status = Literal["ok", "warning", "failure"]

_LIBRARIES = {
    "torch": "torch",
    "numpy": "numpy",
    "cv2": "opencv-python; without a display, opencv-python-headless",
    "av": "av",
    "ffmpeg": "ffmpeg-python",
    "imageio_ffmpeg": "imageio-ffmpeg",
    "PIL": "Pillow",
    "tifffile": "tifffile",
    "OpenEXR": "OpenEXR",
    "safetensors": "safetensors",
    "matplotlib": "matplotlib",
    "jinja2": "Jinja2",
}
"""Modules that vidcolor imports, and the package that installs each."""
_OUTPUTS: tuple[tuple[str, str, Purpose, Status], ...] = (
    ("delivery", "mp4", "delivery", "failure"),
    ("editing", "mov", "editing", "failure"),
    ("archive", "matroska", "archive", "failure"),
    ("WebM", "webm", "delivery", "warning"),
    ("MXF", "mxf", "delivery", "warning"),
)
"""Outputs to test: name, muxer, purpose, and the status if no encoder works."""
_MIN_FREE_BYTES = 5e9
"""Free space below which a warning is printed. An hour of film can take more."""
_MARKS = {"ok": "ok     ", "warning": "warning", "failure": "failure"}


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one test."""

    name: str
    status: Status
    detail: str
    remedy: str = ""


@params.expand_options
def doctor(context: typer.Context, console: Console, work_dir: params.WorkDirectory = None) -> None:
    """Test what works on this machine, and print what to do about the rest.

    Libraries, encoders, devices and weights are really used, with one small
    image. The exit code is 1 if vidcolor cannot colorize here.

    [bold]Examples[/bold]

      vidcolor doctor
      vidcolor doctor --json
    """
    counts: dict[Status, int] = {"ok": 0, "failure": 0, "warning": 0}
    for check in run_checks(context.find_root().command, work_dir):
        counts[check.status] += 1
        console.event("check", **asdict(check))
        console.info(f"{_MARKS[check.status]}  {check.name}: {check.detail}")
        if check.remedy:
            console.info(f"         {check.remedy}")
        if console.quiet and check.status != "ok":
            console.warn(f"{check.name}: {check.detail}; {check.remedy}")
    console.event("summary", **counts)
    faults = (f"{n} {name}{'' if n == 1 else 's'}" for name, n in counts.items() if name != "ok")
    console.info(", ".join(faults))
    if counts["failure"]:
        raise typer.Exit(1)


def run_checks(program: Any, work_dir: Path | None = None) -> Iterator[Check]:
    """Run all tests, and yield their results one by one.

    Args:
        program: the root command, whose options a configuration file sets.
        work_dir: directory for unfinished films, if not beside the results.
    """
    yield Check("python", "ok", f"{platform.python_version()} on {platform.platform()}")
    yield from _check_libraries()
    for name, test in (
        ("weights", _check_weights),
        ("device", _check_device),
        ("encoders", _check_encoders),
        ("ffmpeg command", _check_ffmpeg_command),
        ("fonts", _check_fonts),
    ):
        try:
            yield from test()
        except VidcolorError as error:
            yield _make_fault(name, "failure", error)
        except Exception as error:  # a broken library can raise anything
            yield Check(name, "failure", f"{type(error).__name__}: {error}", "Reinstall vidcolor.")
    yield from _check_configuration(program)
    yield from check_directories(work_dir)
    yield from _check_optional_packages()
    yield _check_console()


def _make_fault(name: str, status: Status, error: VidcolorError) -> Check:
    """Describe an error about packaged files. Its own advice is meant for other commands."""
    return Check(name, status, str(error).rpartition("; ")[0], "Reinstall vidcolor.")


def _check_libraries() -> Iterator[Check]:
    import importlib

    for module, package in _LIBRARIES.items():
        try:
            library = importlib.import_module(module)
        except Exception as error:  # a missing system library, a wrong processor or a broken file
            yield Check(module, "failure", f"{error}", f"Install {package}.")
        else:
            yield Check(module, "ok", str(getattr(library, "__version__", "installed")))


def _check_weights() -> Iterator[Check]:
    from vidcolor.generators.store.weights import (
        ENCODER_WEIGHTS,
        PACKAGED_WEIGHTS,
        SEGMENTATION_WEIGHTS,
        read_packaged_weights,
    )

    for packaged in (*PACKAGED_WEIGHTS.values(), SEGMENTATION_WEIGHTS, ENCODER_WEIGHTS):
        name = f"weights {packaged.name}"
        try:
            weights = read_packaged_weights(packaged)
        except VidcolorError as error:
            is_optional = packaged is ENCODER_WEIGHTS  # only `evaluate` and `train` use it
            yield _make_fault(name, "warning" if is_optional else "failure", error)
        else:
            yield Check(name, "ok", f"SHA-256 {weights.digest[:12]} as expected, {weights.path}")


def _check_device() -> Iterator[Check]:
    """Colorize one gray image on the device that `--device auto` selects."""
    import numpy as np
    import torch

    from vidcolor.colorizer import Colorizer
    from vidcolor.generators.device import choose_device

    device, colorizer = choose_device("auto"), Colorizer.load(device="auto")
    start = time.perf_counter()
    try:
        colorizer.colorize(np.full((96, 128), 128, np.uint8))
    except Exception as error:
        remedy = "Use --device cpu." if device.type != "cpu" else "Reinstall torch."
        yield Check("device", "failure", f"{device}: {error}", remedy)
        return
    elapsed_ms = 1e3 * (time.perf_counter() - start)
    detail = ", ".join(versions.describe_devices())
    detail = f"{detail}; auto is {device}, first image in {elapsed_ms:.0f} ms"
    if device.type == "cpu" and torch.version.cuda is None and shutil.which("nvidia-smi"):
        remedy = "Install the CUDA build of torch: https://pytorch.org/get-started/locally"
        yield Check("device", "warning", f"{detail}; torch was built without CUDA", remedy)
    else:
        yield Check("device", "ok", detail)


def _check_encoders() -> Iterator[Check]:
    """Encode and decode one gray frame for each kind of output."""
    from vidcolor.media.encoders import ENCODERS

    video = _make_gray_video()
    for name, muxer, purpose, failure in _OUTPUTS:
        encoder, error = _try_encoder(video, muxer, purpose)
        if encoder:
            yield Check(f"encoder for {name}", "ok", encoder)
        else:
            remedy = "Install PyAV from its binary wheel: pip install --force-reinstall av"
            yield Check(f"encoder for {name}", failure, error, remedy)
    hardware = [encoder.name for encoder in ENCODERS.values() if encoder.hardware]
    working = (_try_encoder(video, "mp4", "delivery", name)[0] for name in hardware)
    names = ", ".join(filter(None, working)) or "none works here; they are optional"
    yield Check("hardware encoders", "ok", names)


def _make_gray_video() -> VideoInfo:
    from PIL import Image

    from vidcolor.media.sequence import find_sequence
    from vidcolor.media.sequence_reader import probe_sequence

    with tempfile.TemporaryDirectory() as directory:
        Image.new("L", (320, 240), 128).save(Path(directory, "frame_1.png"))
        return probe_sequence(find_sequence(Path(directory)), Fraction(25)).video


def _try_encoder(
    video: VideoInfo, muxer: str, purpose: Purpose, encoder: str | None = None
) -> tuple[str, str]:
    """Return the name of the encoder that works, or else an empty name and the error."""
    from vidcolor.media.containers import CONTAINERS
    from vidcolor.media.encoder_plan import EncoderRequest, plan_encoder

    try:
        request = EncoderRequest(purpose, encoder)
        return plan_encoder(video, CONTAINERS[muxer], request).encoder, ""
    except UsageError as error:
        return "", str(error)


def _check_ffmpeg_command() -> Iterator[Check]:
    detail = versions.describe_ffmpeg()
    if detail.startswith("cannot"):
        remedy = "Install ffmpeg. Without it, some Matroska files and subtitles cannot be written."
        yield Check("ffmpeg command", "warning", detail, remedy)
    else:
        yield Check("ffmpeg command", "ok", detail)


def _check_fonts() -> Iterator[Check]:
    from PIL import ImageFont

    from vidcolor.imaging.text import SYSTEM_FONTS

    if not isinstance(ImageFont.load_default(14), ImageFont.FreeTypeFont):
        remedy = "Install Pillow from its binary wheel: pip install --force-reinstall Pillow"
        yield Check("fonts", "failure", "Pillow has no FreeType", remedy)
        return
    for name in SYSTEM_FONTS:
        try:
            ImageFont.truetype(name, 14)
        except OSError:
            continue
        yield Check("fonts", "ok", f"Pillow's font, and {name} for letters that it lacks")
        return
    detail = f"none of {', '.join(SYSTEM_FONTS)}; sheets show other letters than a-z as '?'"
    yield Check("fonts", "warning", detail, "Install the DejaVu fonts.")


def _check_configuration(program: Any) -> Iterator[Check]:
    files = configuration.list_files()
    for path in files:
        try:
            file = configuration.ConfigFile.read(path)
            file.check_keys(program)
            commands = settings.list_commands(program)
            count = sum(
                len(file.find_values(name, settings.get_settings(command)))
                for name, command in commands
            )
        except VidcolorError as error:
            remedy = f"Correct the file, or set {settings.CONFIG_VARIABLE}= to ignore it."
            yield Check("configuration", "failure", str(error), remedy)
        else:
            yield Check("configuration", "ok", f"{path}: sets {count} options of commands")
    if not files:
        yield Check("configuration", "ok", f"no {configuration.FILE_NAME}; it is optional")
    for text in settings.list_unknown_variables(program):
        yield Check("environment", "warning", text, "Correct or unset it.")


def check_directories(work_dir: Path | None) -> Iterator[Check]:
    """Test whether files can be written where vidcolor writes them."""
    from vidcolor.generators.store.registry import cache_dir

    directories = {
        "current directory": Path.cwd(),
        "model directory": cache_dir(),
        "configuration directory": configuration.user_directory(),
        "temporary directory": Path(tempfile.gettempdir()),
        "work directory": work_dir,
    }
    for name, directory in directories.items():
        if directory is not None:
            yield _check_directory(name, directory)


def _check_directory(name: str, directory: Path) -> Check:
    """Write a file in a directory, or in its first parent that exists."""
    existing = next(path for path in (directory, *directory.absolute().parents) if path.is_dir())
    try:
        with tempfile.TemporaryFile(dir=existing) as file:
            file.write(bytes(4096))
        free = shutil.disk_usage(existing).free
    except OSError as error:
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        remedy = (
            "Free some space." if is_full else "Use another directory, or change its permissions."
        )
        return Check(name, "warning", f"{directory}: {error.strerror or error}", remedy)
    detail = f"{directory}: writable, {free / 1e9:.1f} GB free"
    if free < _MIN_FREE_BYTES:
        return Check(name, "warning", detail, "Free some space. A film needs twice its size.")
    return Check(name, "ok", detail)


def _check_optional_packages() -> Iterator[Check]:
    for package, extra in versions.OPTIONAL_PACKAGES.items():
        version = versions.get_package_version(package)
        missing = f"not installed; it is optional (pip install 'vidcolor[{extra}]')"
        yield Check(package, "ok", version or missing)


def _check_console() -> Check:
    encoding = (sys.stdout.encoding or "unknown").lower()
    if encoding.replace("-", "") == "utf8":
        return Check("console", "ok", encoding)
    remedy = "Set PYTHONUTF8=1, so that all file names are printed as they are."
    return Check("console", "warning", f"{encoding}; other letters are escaped", remedy)
