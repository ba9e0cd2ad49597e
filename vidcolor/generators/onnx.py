"""ONNX files as generators, computed by ONNX Runtime.

What a file takes and gives is known from what vidcolor wrote into it, from a sidecar
(``NAME.onnx.toml``) that a person wrote beside it, or from its shapes and one look at what it
answers.
"""

from __future__ import annotations

import hashlib
import threading
import tomllib
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from vidcolor.errors import UsageError, VidcolorError, WeightsError
from vidcolor.generators.adapter import AdaptedGenerator, sized
from vidcolor.generators.model_io import DDCOLOR, DEOLDIFY_ONNX, MAX_SIZE, ModelIO
from vidcolor.generators.store.weights import check_kept, read_file, what_instead

if TYPE_CHECKING:
    from torch import Tensor

SIDECAR = ".toml"
"""What is added to a file's name."""
METADATA = "vidcolor"
"""Key of the convention in the files that vidcolor writes."""
HINTS = "vidcolor.hints"
"""Key that says that hints are taken; "1" if so."""
PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
}
"""Execution providers by what ``--device`` calls them."""
_AUTO = ("cuda", "directml", "coreml", "cpu")
"""In that order. TensorRT compiles for minutes, so it has to be asked for."""
_DTYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
_PROBE = 64


class _Ports(NamedTuple):
    """What a file takes and gives: names, kinds, and sizes where they are fixed."""

    inputs: list[str]
    dtype: Any
    shape: list[int | None]
    """Of the first input; None where any size will do."""
    outputs: list[str]
    channels: list[int | None]
    """Sizes of the first output."""

    @property
    def pictures(self) -> int | None:
        """How many at a time; None if any number."""
        return self.shape[0]


class OnnxNetwork:
    """A session, called like a network: tensors in, the first output out. Thread-safe."""

    def __init__(self, path: Path, session: Any, ports: _Ports) -> None:
        self.path, self.session, self.ports = path, session, ports
        # Only the CPU's provider lets several threads in.
        on_cpu = session.get_providers()[0] == PROVIDERS["cpu"]
        self._turn: AbstractContextManager[Any] = nullcontext() if on_cpu else threading.Lock()

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Run it; inputs in the file's order.

        Raises:
            WeightsError: it cannot be computed.
        """
        if self.ports.pictures == 1 and len(inputs[0]) > 1:
            return torch.cat(
                [self(*one) for one in zip(*(torch.split(x, 1) for x in inputs), strict=True)]
            )
        given = {
            name: np.ascontiguousarray(x.numpy(), dtype=self.ports.dtype)
            for name, x in zip(self.ports.inputs, inputs, strict=True)
        }
        try:
            with self._turn:
                (answer,) = self.session.run(self.ports.outputs[:1], given)
        except Exception as error:  # ONNX Runtime's own kinds have no common base but this
            high, wide = inputs[0].shape[2:]
            raise WeightsError(
                f"{self.path}: fails on {wide}x{high} pixels ({_reason(error)}); say in"
                f" {self.path.name}{SIDECAR} what sizes it takes"
            ) from None
        return torch.from_numpy(np.asarray(answer, dtype=np.float32))


def load_onnx(path: Path, device: str = "auto", size: int | None = None) -> AdaptedGenerator:
    """Load an ONNX file.

    Args:
        path: the file; a sidecar beside it counts before what is found in it.
        device: ``auto``, or one of `PROVIDERS`; a CUDA device may have its number, ``cuda:1``.
        size: what pictures are squeezed to; None for what it works best at.

    Raises:
        WeightsError: missing, damaged, or of a kind that needs a sidecar.
        UsageError: no such device, or not a size for this network.
        VidcolorError: ONNX Runtime is not installed.
    """
    data = read_file(path)
    digest = hashlib.sha256(data).hexdigest()
    check_kept(path, digest)
    session = _session(path, data, device)
    del data
    ports = _ports_of(path, session)
    network = OnnxNetwork(path, session, ports)
    found = session.get_modelmeta().custom_metadata_map
    stated = _stated(path, found)
    convention = stated or _recognized(path, network)
    if stated is not None and METADATA not in found:  # what a sidecar says shapes the result
        digest = hashlib.sha256(f"{digest} {stated.to_json()}".encode()).hexdigest()
    convention = sized(_as_shaped(convention, ports), size, path.stem)
    hints = found.get(HINTS) == "1"
    _check_ports(path, ports, hints)
    _check_channels(path, ports, convention)
    return AdaptedGenerator(network, convention, path.stem, digest, "cpu", hints)


def choose_provider(device: str) -> tuple[str, int]:
    """Find the execution provider that a device means, and its number.

    Raises:
        UsageError: there is none, or not in the ONNX Runtime that is installed.
    """
    import onnxruntime

    there = set(onnxruntime.get_available_providers())
    kind, _, number = device.partition(":")
    if kind == "auto":
        kind = next(kind for kind in _AUTO if PROVIDERS[kind] in there)
    if kind not in PROVIDERS or (number and not number.isdecimal()):
        known = ", ".join(("auto", *PROVIDERS))
        raise UsageError(f"device {device!r} is unknown to ONNX Runtime: choose one of {known}")
    if PROVIDERS[kind] not in there:
        has = ", ".join(name for name, provider in PROVIDERS.items() if provider in there)
        raise UsageError(
            f"device {device!r} is not in the ONNX Runtime that is installed (it has {has});"
            " packages such as onnxruntime-gpu and onnxruntime-directml have others"
        )
    return kind, int(number or 0)


def _session(path: Path, data: bytes, device: str) -> Any:
    instead = what_instead(data)
    if not instead.startswith(("an ONNX file", "no weights")):
        raise WeightsError(f"{path}: {instead}")
    try:
        import onnxruntime
    except ImportError:
        raise VidcolorError(
            f"{path}: ONNX files need ONNX Runtime: pip install 'vidcolor[onnx]'"
        ) from None
    kind, number = choose_provider(device)
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3  # what it tells programmers is not for users
    # Frames run side by side, each in a thread of its own; see `Predictor`.
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    settings.use_deterministic_compute = True
    settings.enable_mem_pattern = kind != "directml"
    options = {"device_id": str(number)} if kind in ("cuda", "tensorrt", "directml") else {}
    providers: list[Any] = [(PROVIDERS[kind], options)]
    if kind == "tensorrt":
        providers.append((PROVIDERS["cuda"], options))
    if kind != "cpu":
        providers.append(PROVIDERS["cpu"])
    try:
        return onnxruntime.InferenceSession(data, settings, providers=providers)
    except Exception as error:  # ONNX Runtime's own kinds have no common base but this
        raise WeightsError(
            f"{path}: ONNX Runtime cannot load it ({_reason(error)}); fetch it again, or use a"
            " newer ONNX Runtime"
        ) from None


def _ports_of(path: Path, session: Any) -> _Ports:
    inputs, outputs = session.get_inputs(), session.get_outputs()
    first = inputs[0] if inputs else None
    if first is None or not outputs or len(first.shape) != 4 or len(outputs[0].shape or ()) != 4:
        raise WeightsError(f"{path}: does not turn pictures into pictures; it is no colorizer")
    if any(one.type not in _DTYPES for one in inputs):
        kinds = ", ".join(one.type for one in inputs)
        raise WeightsError(f"{path}: takes {kinds}; only float32 and float16 can be given")
    sizes = [[n if isinstance(n, int) else None for n in o.shape] for o in (first, outputs[0])]
    return _Ports(
        [one.name for one in inputs],
        _DTYPES[first.type],
        sizes[0],
        [one.name for one in outputs],
        sizes[1],
    )


def _check_ports(path: Path, ports: _Ports, hints: bool) -> None:
    if len(ports.inputs) != (3 if hints else 1):
        raise WeightsError(
            f"{path}: takes {len(ports.inputs)} inputs ({', '.join(ports.inputs)}); only files that"
            " vidcolor exported may take more than a picture"
        )


def _check_channels(path: Path, ports: _Ports, convention: ModelIO) -> None:
    axis = 3 if convention.layout == "nhwc" else 1
    wanted = 3 if convention.input == "rgb" else 1, 2 if convention.output == "ab" else 3
    for number, found, what in zip(
        wanted, (ports.shape[axis], ports.channels[axis]), ("takes", "gives"), strict=True
    ):
        if found is not None and found != number:
            raise WeightsError(
                f"{path}: {what} {found} channels, not {number}; mend {path.name}{SIDECAR}"
            )


def _reason(error: Exception) -> str:
    """The last line of what ONNX Runtime says."""
    lines = str(error).strip().splitlines()
    return lines[-1][:200] if lines else type(error).__name__


def _stated(path: Path, found: dict[str, str]) -> ModelIO | None:
    """What a sidecar says, or what vidcolor wrote into the file; None if neither is there."""
    sidecar = path.with_name(path.name + SIDECAR)
    try:
        if sidecar.is_file():
            return ModelIO.from_values(tomllib.loads(sidecar.read_text("utf-8")))
        if METADATA in found:
            return ModelIO.from_json(found[METADATA])
    except (OSError, ValueError) as error:
        where = sidecar if sidecar.is_file() else path
        raise WeightsError(f"{where}: {error}; see docs/models.md for what it may say") from None
    return None


def _recognized(path: Path, network: OnnxNetwork) -> ModelIO:
    """One of the conventions that exports are known to have.

    DDColor's take gray R'G'B' in 0 to 1 and answer a*, b*; DeOldify's take and answer R'G'B' in 0
    to 255. Shapes tell them apart; of the second kind, one look at what is answered to a gray ramp
    tells whether the range is what it seems.

    Raises:
        WeightsError: it may be anything.
    """
    ports = network.ports
    takes, gives = ports.shape[1], ports.channels[1]
    if len(ports.inputs) == 1 and takes == 3 and gives == 2:
        return DDCOLOR
    if len(ports.inputs) == 1 and takes == 3 and gives == 3 and _answers_in_bytes(network):
        return DEOLDIFY_ONNX
    raise WeightsError(
        f"{path}: takes {ports.shape} and gives {ports.channels}, which no project that vidcolor"
        f" knows does; describe it in {path.name}{SIDECAR} (docs/models.md shows how)"
    )


def _answers_in_bytes(network: OnnxNetwork) -> bool:
    """Whether what is answered to a ramp from 0 to 255 spreads over 0 to 255."""
    height, width = (n or _PROBE for n in network.ports.shape[2:])
    ramp = torch.linspace(0, 255, width).expand(1, 3, height, width)
    try:
        answer = network(ramp)
    except WeightsError:
        return False
    return bool(answer.min() > -64) and 8 < float(answer.max()) < 320


def _as_shaped(convention: ModelIO, ports: _Ports) -> ModelIO:
    """With the size that a file takes, if it takes one only."""
    height, width = ports.shape[1:3] if convention.layout == "nhwc" else ports.shape[2:4]
    if height is None and width is None:
        return convention
    if height != width or height is None or not 1 <= height <= MAX_SIZE:
        raise WeightsError(f"takes pictures of {height} x {width}; only squares can be given")
    return replace(convention, size=height, multiple=1, square=True, fixed=True)
