"""Generators written as ONNX files, which other programs and ONNX Runtime can compute."""

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

from vidcolor.color.bins import calibrated, color_of, enlivened
from vidcolor.errors import UsageError, VidcolorError
from vidcolor.fileio import atomic_output
from vidcolor.generators.adapter import AdaptedGenerator
from vidcolor.generators.embedded import NATIVE_SIZE, EmbeddedGenerator
from vidcolor.generators.model_io import DEOLDIFY, DEOLDIFY_ONNX, MAX_SIZE, ModelIO
from vidcolor.generators.network import ALIGNMENT
from vidcolor.generators.onnx import HINTS, METADATA
from vidcolor.generators.zoo.deoldify import DeOldify

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torch import Tensor

    from vidcolor.generators.base import Generator
    from vidcolor.generators.network import EmbeddedNetwork

TOLERANCE = 1e-3
"""Largest difference from torch that a file may show, relative to the range of what is answered."""
OPSET = 18
_PROBE = 64, 96
"""Height and width of what both are asked about; another than what was traced."""

EMBEDDED = ModelIO(
    size=NATIVE_SIZE,
    multiple=ALIGNMENT,
    square=False,
    input="lightness",
    input_range=(0.0, 100.0),
    output="abc",
)
"""vidcolor's own network, with all that makes color and confidence of its answer."""


class Exported(NamedTuple):
    """What came of an export."""

    path: Path
    difference: float
    """Largest from torch, relative to the range of what is answered."""


class _Colored(nn.Module):
    """vidcolor's network, from L* to a*, b*, confidence."""

    def __init__(self, network: EmbeddedNetwork, vividness: float | None) -> None:
        super().__init__()
        self.network, self.vividness = network, vividness

    def forward(self, luma: Tensor) -> Tensor:
        ab, concentration = color_of(self.network(luma), self.network.bins, self.vividness)
        confidence = calibrated(concentration, self.network.calibration)
        return torch.cat([enlivened(ab, concentration), confidence], dim=1)


class _InBytes(nn.Module):
    """DeOldify, from R'G'B' in 0 to 255 to the same, as its exports have it."""

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(DEOLDIFY.input_mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(DEOLDIFY.input_std).view(1, 3, 1, 1))

    def forward(self, picture: Tensor) -> Tensor:
        answer: Tensor = self.network((picture / 255 - self.mean) / self.std)
        picture = (answer * self.std + self.mean).clamp(0, 1) * 255
        return picture


def export(
    generator: Generator, path: Path, vividness: float | None = None, fixed: bool = False
) -> Exported:
    """Write a generator as an ONNX file, and hold it against torch.

    Height, width and number of pictures stay free unless they are fixed. The file says in its
    metadata what it takes and gives, so that ``--model FILE.onnx`` needs no sidecar. DeOldify's
    and DDColor's have the conventions of the exports that are in circulation.

    Args:
        generator: loaded in float32 on the CPU.
        path: the file; one of that name is replaced.
        vividness: written into the file, of a generator that has a choice; it has none any more.
        fixed: take single pictures of the generator's size squared and no others, for runtimes
            that want to know.

    Raises:
        UsageError: an ensemble, or a generator that is an ONNX file already.
        VidcolorError: the packages that it takes are not installed, or the file does not answer as
            torch does.
        OutputError: it cannot be written.
    """
    module, convention, hints = _module_of(generator, vividness)
    if fixed:
        convention = replace(convention, square=True, fixed=True)
    side = convention.size
    inputs = _inputs_of(convention, hints, *((side, side) if fixed else _PROBE))
    with torch.inference_mode():
        expected = module(*inputs).numpy()
    with atomic_output(path) as partial:
        _write(module, convention, hints, partial)
        found = _answer_of(partial, inputs)
        difference = float(np.abs(found - expected).max() / np.ptp(expected))
        if not difference <= TOLERANCE:
            raise VidcolorError(
                f"{path}: not written: ONNX Runtime answers otherwise than torch (by"
                f" {difference:.1e} of the range)"
            )
    return Exported(path, difference)


def _module_of(generator: Generator, vividness: float | None) -> tuple[nn.Module, ModelIO, bool]:
    """What is traced, what it takes and gives, and whether it takes hints."""
    if isinstance(generator, EmbeddedGenerator):
        return _Colored(generator.network, vividness).eval(), EMBEDDED, False
    if isinstance(generator, AdaptedGenerator) and isinstance(generator.network, nn.Module):
        network, convention = generator.network, generator.convention
        if isinstance(network, DeOldify):
            size = -(-convention.size // DEOLDIFY_ONNX.multiple) * DEOLDIFY_ONNX.multiple
            return _InBytes(network).eval(), replace(DEOLDIFY_ONNX, size=size), False
        return network, convention, generator.accepts_hints
    raise UsageError(f"{generator.name}: only single networks that torch computes can be exported")


def _inputs_of(convention: ModelIO, hints: bool, height: int, width: int) -> list[Tensor]:
    """A picture to try it with, and hints if it takes them."""
    rng = np.random.default_rng(0)
    gray = torch.from_numpy(rng.random((1, 1, height, width), dtype=np.float32))
    inputs = [convention.enter(gray)]
    if hints:
        mask = (gray > 0.9).float()
        inputs += [(gray - 0.5).expand(-1, 2, -1, -1) * 100 * mask, mask]
    return [x.contiguous() for x in inputs]


def _write(module: nn.Module, convention: ModelIO, hints: bool, partial: Path) -> None:
    try:
        import onnx
        import onnxscript  # noqa: F401  torch's exporter needs it
    except ImportError:
        raise VidcolorError(
            "exporting takes onnx and onnxscript: pip install 'vidcolor[onnx]'"
        ) from None
    names = ["picture", "hint_ab", "mask"][: 3 if hints else 1]
    step = convention.multiple
    if convention.fixed:
        traced = _inputs_of(convention, hints, convention.size, convention.size)
        free: dict[int, Any] = {}
    else:
        side = 2 * step * max(1, 64 // step)
        traced = [torch.cat([x, x]) for x in _inputs_of(convention, hints, side, side + step)]
        free = {
            0: torch.export.Dim("pictures", min=1, max=MAX_SIZE),
            2: step * torch.export.Dim("rows", min=1, max=MAX_SIZE // step),
            3: step * torch.export.Dim("columns", min=1, max=MAX_SIZE // step),
        }
    with _silence():
        program = torch.onnx.export(
            module,
            tuple(traced),
            dynamo=True,
            opset_version=OPSET,
            input_names=names,
            output_names=["color"],
            dynamic_shapes=tuple(free for _ in traced),
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    said = {METADATA: convention.to_json()} | ({HINTS: "1"} if hints else {})
    for key, value in said.items():
        model.metadata_props.add(key=key, value=value)
    onnx.save(model, str(partial))


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Without what torch's exporter tells its own programmers, in three ways."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _answer_of(path: Path, inputs: list[Tensor]) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_inputs()]
    given = {name: x.numpy() for name, x in zip(names, inputs, strict=True)}
    answer: np.ndarray = session.run(None, given)[0]
    return answer
