"""Exports generators as ONNX files for ONNX Runtime and other programs."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import nn

from vidcolor.color.bins import apply_calibration, decode_bins
from vidcolor.color.vividness import adjust_chroma
from vidcolor.errors import UsageError, VidcolorError
from vidcolor.fileio import atomic_output
from vidcolor.generators.adapter import AdaptedGenerator
from vidcolor.generators.embedded import NATIVE_SIZE, EmbeddedGenerator
from vidcolor.generators.model_io import DEOLDIFY_IO, DEOLDIFY_ONNX_IO, MAX_SIZE, ModelIO
from vidcolor.generators.network import ALIGNMENT
from vidcolor.generators.onnx import HINTS_KEY, MODEL_IO_KEY
from vidcolor.generators.zoo.deoldify import DeOldify

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torch import Tensor

    from vidcolor.generators.base import Generator
    from vidcolor.generators.network import EmbeddedNetwork

TOLERANCE = 1e-3
"""Maximum difference between ONNX Runtime and torch, relative to the range of the output."""
OPSET_VERSION = 18
"""Version of the ONNX operator set. torch's exporter writes this version without a conversion."""
INPUT_NAMES = ("image", "hint_ab", "mask")
"""Names of the inputs in the file; networks without hints have only the first."""
OUTPUT_NAME = "color"
"""Name of the output in the file."""
_TEST_SIZE = 64, 96
"""Height and width of the test image, in pixels. They differ from the traced size, so that the
comparison with torch covers dynamic sizes."""

EMBEDDED_IO = ModelIO(
    size=NATIVE_SIZE,
    multiple=ALIGNMENT,
    square=False,
    input="lightness",
    input_range=(0.0, 100.0),
    output="abc",
)
"""Format of the embedded network with the conversion of its logits to color and confidence."""


class ExportResult(NamedTuple):
    """The result of an export."""

    path: Path
    """Path of the ONNX file."""
    difference: float
    """Maximum difference from torch, relative to the range of the output."""


class _EmbeddedWithColor(nn.Module):
    """The embedded network with the conversion of its logits to color and confidence."""

    def __init__(self, network: EmbeddedNetwork, vividness: float | None) -> None:
        super().__init__()
        self.network, self.vividness = network, vividness

    def forward(self, luma: Tensor) -> Tensor:
        """Map L* (N, 1, H, W) to a*, b* and confidence (N, 3, H / 4, W / 4)."""
        color = decode_bins(self.network(luma), self.network.bins)
        confidence = apply_calibration(color.concentration, self.network.calibration)
        return torch.cat([adjust_chroma(color, luma, self.vividness), confidence], dim=1)


class _DeOldifyInBytes(nn.Module):
    """DeOldify with inputs and outputs in [0, 255], as in its usual ONNX exports."""

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(DEOLDIFY_IO.input_mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(DEOLDIFY_IO.input_std).view(1, 3, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        """Map R'G'B' (N, 3, H, W) in [0, 255] to the same."""
        output: Tensor = self.network((image / 255 - self.mean) / self.std)
        image = (output * self.std + self.mean).clamp(0, 1) * 255
        return image


def export_onnx(
    generator: Generator, path: Path, vividness: float | None = None, fixed: bool = False
) -> ExportResult:
    """Write a generator as an ONNX file and compare it with torch.

    Height, width and batch size are dynamic unless `fixed` is set. The metadata of the file holds
    its `ModelIO`, so that ``--model FILE.onnx`` needs no sidecar file. DeOldify and DDColor have
    the input and output format of their usual ONNX exports.

    Args:
        generator: embedded or adapted generator, in float32 on the CPU.
        path: the file; an existing one is replaced.
        vividness: vividness that is fixed in the file; None for the generator's default.
        fixed: whether the file accepts only single square images of the generator's input size,
            which some runtimes require.

    Raises:
        UsageError: the generator is an ensemble or an ONNX file.
        VidcolorError: onnx or onnxscript is not installed, or the results differ from torch.
        OutputError: the file cannot be written.
    """
    module, model_io, accepts_hints = _traceable_module(generator, vividness)
    if fixed:
        model_io = replace(model_io, square=True, fixed=True)
    side = model_io.size
    inputs = _example_inputs(model_io, accepts_hints, *((side, side) if fixed else _TEST_SIZE))
    with torch.inference_mode():
        expected = module(*inputs).numpy()
    with atomic_output(path) as partial:
        _write(module, model_io, accepts_hints, partial)
        actual = _run_onnx(partial, inputs)
        difference = float(np.abs(actual - expected).max() / np.ptp(expected))
        if not difference <= TOLERANCE:  # also if it is NaN
            raise VidcolorError(
                f"{path}: not written: the results of ONNX Runtime differ from torch (by"
                f" {difference:.1e} of the range)"
            )
    return ExportResult(path, difference)


def _traceable_module(
    generator: Generator, vividness: float | None
) -> tuple[nn.Module, ModelIO, bool]:
    """Return the module to trace, its format, and whether it takes hints."""
    if isinstance(generator, EmbeddedGenerator):
        module = _EmbeddedWithColor(generator.network, vividness)
        return module.eval(), replace(EMBEDDED_IO, size=generator.native_size), False
    if isinstance(generator, AdaptedGenerator) and isinstance(generator.network, nn.Module):
        network, model_io = generator.network, generator.model_io
        if isinstance(network, DeOldify):
            size = -(-model_io.size // DEOLDIFY_ONNX_IO.multiple) * DEOLDIFY_ONNX_IO.multiple
            return _DeOldifyInBytes(network).eval(), replace(DEOLDIFY_ONNX_IO, size=size), False
        return network, model_io, generator.accepts_hints
    raise UsageError(f"{generator.name}: cannot be exported; only single torch models can")


def _example_inputs(
    model_io: ModelIO, accepts_hints: bool, height: int, width: int
) -> list[Tensor]:
    """Return a random image of one height and width, and hints if the network takes them."""
    rng = np.random.default_rng(0)
    gray = torch.from_numpy(rng.random((1, 1, height, width), dtype=np.float32))
    inputs = [model_io.preprocess(gray)]
    if accepts_hints:
        mask = (gray > 0.9).float()
        inputs += [(gray - 0.5).expand(-1, 2, -1, -1) * 100 * mask, mask]
    return [x.contiguous() for x in inputs]


def _tracing_inputs(model_io: ModelIO, accepts_hints: bool) -> tuple[list[Tensor], dict[int, Any]]:
    """Return the inputs for tracing, and their dynamic dimensions by axis."""
    if model_io.fixed:
        return _example_inputs(model_io, accepts_hints, model_io.size, model_io.size), {}
    multiple = model_io.multiple
    side = 2 * multiple * max(1, 64 // multiple)
    # The batch has two images, because torch.export treats a dimension of 1 as a constant. Height
    # and width differ, so that it cannot infer that they are equal.
    single = _example_inputs(model_io, accepts_hints, side, side + multiple)
    dynamic = {
        0: torch.export.Dim("batch", min=1, max=MAX_SIZE),
        2: multiple * torch.export.Dim("rows", min=1, max=MAX_SIZE // multiple),
        3: multiple * torch.export.Dim("columns", min=1, max=MAX_SIZE // multiple),
    }
    return [torch.cat([x, x]) for x in single], dynamic


def _write(module: nn.Module, model_io: ModelIO, accepts_hints: bool, partial: Path) -> None:
    """Trace a module and write it with its format as an ONNX file."""
    try:
        import onnx
        import onnxscript  # noqa: F401  required by torch's exporter
    except ImportError:
        raise VidcolorError(
            "the export requires onnx and onnxscript; pip install 'vidcolor[onnx]'"
        ) from None
    inputs, dynamic = _tracing_inputs(model_io, accepts_hints)
    with _suppress_exporter_output():
        program = torch.onnx.export(
            module,
            tuple(inputs),
            dynamo=True,
            opset_version=OPSET_VERSION,
            input_names=INPUT_NAMES[: len(inputs)],
            output_names=[OUTPUT_NAME],
            dynamic_shapes=tuple(dynamic for _ in inputs),
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    metadata = {MODEL_IO_KEY: model_io.to_json()} | ({HINTS_KEY: "1"} if accepts_hints else {})
    for key, value in metadata.items():
        model.metadata_props.add(key=key, value=value)
    onnx.save(model, str(partial))


@contextlib.contextmanager
def _suppress_exporter_output() -> Iterator[None]:
    """Suppress the log lines, warnings and prints of torch's exporter."""
    previous_level = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(previous_level)


def _run_onnx(path: Path, inputs: list[Tensor]) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [node.name for node in session.get_inputs()]
    arrays = {name: x.numpy() for name, x in zip(names, inputs, strict=True)}
    output: np.ndarray = session.run(None, arrays)[0]
    return output
