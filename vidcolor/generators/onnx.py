"""Loads ONNX files as generators that run on ONNX Runtime.

The input and output format of a file comes from the first available source: a sidecar file of the
user (``NAME.onnx.toml``), the metadata that vidcolor writes on export, or the tensor shapes and one
test run.
"""

from __future__ import annotations

import hashlib
import json
import threading
import tomllib
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from vidcolor.errors import UsageError, VidcolorError, WeightsError
from vidcolor.generators.adapter import AdaptedGenerator, replace_input_size
from vidcolor.generators.model_io import DDCOLOR_IO, DEOLDIFY_ONNX_IO, MAX_SIZE, ModelIO
from vidcolor.generators.store.weights import (
    ContentType,
    describe_content,
    detect_content_type,
    read_weights_file,
    verify_cached_digest,
)

if TYPE_CHECKING:
    from torch import Tensor

SIDECAR_SUFFIX = ".toml"
"""Suffix that is added to the name of an ONNX file for the name of its sidecar file."""
MODEL_IO_KEY = "vidcolor"
"""Metadata key of the `ModelIO` in JSON."""
HINTS_KEY = "vidcolor.hints"
"""Metadata key with the value "1" if the network takes hints."""
PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
}
"""Execution providers by ``--device`` name."""
_AUTO_ORDER = ("cuda", "directml", "coreml", "cpu")
"""Preference of ``--device auto``. It lacks TensorRT, which compiles for minutes."""
_DTYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
"""NumPy dtypes of inputs by their type in ONNX Runtime."""
_DEFAULT_RAMP_SIZE = 64
"""Height and width of the test image where the file does not fix them, in pixels."""
_NOT_ONNX = (
    ContentType.CHECKPOINT,
    ContentType.WEB_PAGE,
    ContentType.LFS_POINTER,
    ContentType.EMPTY,
)
"""Content types that have a specific error message; ONNX Runtime checks all others."""
_MAX_REASON_LENGTH = 200
"""Maximum length of an ONNX Runtime message in an error, in characters."""


class _Signature(NamedTuple):
    """Names, dtypes and shapes of the inputs and outputs of a file."""

    inputs: list[str]
    dtype: Any
    input_shape: list[int | None]
    """Shape of the first input; None where any size is possible."""
    outputs: list[str]
    output_shape: list[int | None]
    """Shape of the first output; None where any size is possible."""


class OnnxNetwork:
    """An inference session that can be called like a torch module. Thread-safe."""

    def __init__(self, path: Path, session: Any, signature: _Signature) -> None:
        self.path, self.session, self.signature = path, session, signature
        # Only the CPU provider supports concurrent runs.
        on_cpu = session.get_providers()[0] == PROVIDERS["cpu"]
        self._lock: AbstractContextManager[Any] = nullcontext() if on_cpu else threading.Lock()

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Return the first output for CPU tensors (N, ...) in the order of the file, as float32.

        Raises:
            WeightsError: ONNX Runtime reports an error.
        """
        if self.signature.input_shape[0] == 1 and len(inputs[0]) > 1:  # a fixed batch size
            images = zip(*(torch.split(x, 1) for x in inputs), strict=True)
            return torch.cat([self(*image) for image in images])
        arrays = {
            name: np.ascontiguousarray(x.numpy(), dtype=self.signature.dtype)
            for name, x in zip(self.signature.inputs, inputs, strict=True)
        }
        try:
            with self._lock:
                (output,) = self.session.run(self.signature.outputs[:1], arrays)
        except Exception as error:  # ONNX Runtime's exceptions have no other common base class
            height, width = inputs[0].shape[2:]
            raise WeightsError(
                f"{self.path}: fails on {width}x{height} pixels ({_last_line(error)}); describe the"
                f" supported sizes in {self.path.name}{SIDECAR_SUFFIX}"
            ) from None
        return torch.from_numpy(np.asarray(output, dtype=np.float32))


def load_onnx(path: Path, device: str = "auto", size: int | None = None) -> AdaptedGenerator:
    """Load an ONNX file. A sidecar file takes precedence over its metadata.

    Args:
        device: ``auto``, or one of `PROVIDERS`; GPUs may have an index, e.g. ``cuda:1``.
        size: model input size, in pixels; None for the native size of the network.

    Raises:
        WeightsError: the file is missing or damaged, or needs a sidecar file.
        UsageError: the device is unknown or not available, or the size is not supported.
        VidcolorError: ONNX Runtime is not installed.
    """
    data = read_weights_file(path)
    digest = hashlib.sha256(data).hexdigest()
    verify_cached_digest(path, digest)
    session = _create_session(path, data, device)
    signature = _read_signature(path, session)
    network = OnnxNetwork(path, session, signature)
    metadata = session.get_modelmeta().custom_metadata_map
    described = _read_description(path, metadata)
    model_io = described or _recognize_format(path, network)
    if described is not None and MODEL_IO_KEY not in metadata:
        # The sidecar file affects the result, so it is part of the digest.
        digest = hashlib.sha256(f"{digest} {described.to_json()}".encode()).hexdigest()
    model_io = replace_input_size(_apply_fixed_size(path, model_io, signature), size, path.stem)
    accepts_hints = metadata.get(HINTS_KEY) == "1"
    _check_num_inputs(path, signature, accepts_hints)
    _check_channels(path, signature, model_io)
    # Inputs and outputs are on the CPU; ONNX Runtime copies them to its device.
    return AdaptedGenerator(network, model_io, path.stem, digest, "cpu", accepts_hints)


def choose_provider(device: str) -> tuple[str, int]:
    """Return the key of `PROVIDERS` and the index of a device name, e.g. ``auto`` or ``cuda:1``.

    Raises:
        UsageError: the device is unknown, or the installed ONNX Runtime does not support it.
    """
    import onnxruntime

    available = set(onnxruntime.get_available_providers())
    provider, _, index = device.partition(":")
    if provider == "auto":
        provider = next(provider for provider in _AUTO_ORDER if PROVIDERS[provider] in available)
    if provider not in PROVIDERS or (index and not index.isdecimal()):
        choices = ", ".join(("auto", *PROVIDERS))
        raise UsageError(f"unknown device {device!r} for ONNX files; choose from {choices}")
    if PROVIDERS[provider] not in available:
        supported = ", ".join(name for name, p in PROVIDERS.items() if p in available)
        raise UsageError(
            f"device {device!r} is not supported by the installed ONNX Runtime (only {supported});"
            " install e.g. onnxruntime-gpu or onnxruntime-directml"
        )
    return provider, int(index or 0)


def _create_session(path: Path, data: bytes, device: str) -> Any:
    """Create an inference session from the content of a file; see `load_onnx`."""
    if detect_content_type(data) in _NOT_ONNX:
        raise WeightsError(f"{path}: {describe_content(data)}")
    try:
        import onnxruntime
    except ImportError:
        raise VidcolorError(
            f"{path}: ONNX files require ONNX Runtime; pip install 'vidcolor[onnx]'"
        ) from None
    provider, index = choose_provider(device)
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3  # errors only
    # Frames run in parallel, each on one thread; see `Predictor`.
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    settings.use_deterministic_compute = True
    settings.enable_mem_pattern = provider != "directml"
    options = {"device_id": str(index)} if provider in ("cuda", "tensorrt", "directml") else {}
    providers: list[Any] = [(PROVIDERS[provider], options)]
    # The further providers run the operators that the first one does not support.
    if provider == "tensorrt":
        providers.append((PROVIDERS["cuda"], options))
    if provider != "cpu":
        providers.append(PROVIDERS["cpu"])
    try:
        return onnxruntime.InferenceSession(data, settings, providers=providers)
    except Exception as error:  # ONNX Runtime's exceptions have no other common base class
        raise WeightsError(
            f"{path}: ONNX Runtime cannot load it ({_last_line(error)}); fetch it again, or install"
            " a newer ONNX Runtime"
        ) from None


def _read_signature(path: Path, session: Any) -> _Signature:
    """Return the inputs and outputs of a session, if they can be those of a colorizer."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    first = inputs[0] if inputs else None
    if first is None or not outputs or len(first.shape) != 4 or len(outputs[0].shape or ()) != 4:
        raise WeightsError(f"{path}: not a colorizer: input and output must be 4-D images")
    if any(node.type not in _DTYPES for node in inputs):
        types = ", ".join(node.type for node in inputs)
        raise WeightsError(f"{path}: input types {types}: only float32 and float16 are supported")
    # Dynamic dimensions have a name instead of a number.
    shapes = [
        [n if isinstance(n, int) else None for n in node.shape] for node in (first, outputs[0])
    ]
    return _Signature(
        [node.name for node in inputs],
        _DTYPES[first.type],
        shapes[0],
        [node.name for node in outputs],
        shapes[1],
    )


def _check_num_inputs(path: Path, signature: _Signature, accepts_hints: bool) -> None:
    if len(signature.inputs) != (3 if accepts_hints else 1):
        names = ", ".join(signature.inputs)
        raise WeightsError(
            f"{path}: has {len(signature.inputs)} inputs ({names}); only files that vidcolor"
            " exported may have more than one"
        )


def _check_channels(path: Path, signature: _Signature, model_io: ModelIO) -> None:
    axis = 3 if model_io.layout == "nhwc" else 1
    expected = 3 if model_io.input == "rgb" else 1, 2 if model_io.output == "ab" else 3
    actual = signature.input_shape[axis], signature.output_shape[axis]
    for side, count, wanted in zip(("input", "output"), actual, expected, strict=True):
        if count is not None and count != wanted:
            raise WeightsError(
                f"{path}: the {side} has {count} channels, expected {wanted}; correct"
                f" {path.name}{SIDECAR_SUFFIX}"
            )


def _last_line(error: Exception) -> str:
    """Return the last line of an ONNX Runtime message, which contains the cause."""
    lines = str(error).strip().splitlines()
    return lines[-1][:_MAX_REASON_LENGTH] if lines else type(error).__name__


def _read_description(path: Path, metadata: dict[str, str]) -> ModelIO | None:
    """Read the `ModelIO` from the sidecar file or the metadata; None if there is neither."""
    sidecar = path.with_name(path.name + SIDECAR_SUFFIX)
    try:
        if sidecar.is_file():
            values = tomllib.loads(sidecar.read_text("utf-8"))
            return ModelIO.from_json(json.dumps(values, default=str))
        if MODEL_IO_KEY in metadata:
            return ModelIO.from_json(metadata[MODEL_IO_KEY])
    except (OSError, ValueError) as error:
        source = sidecar if sidecar.is_file() else path
        raise WeightsError(f"{source}: {error}; see docs/models.md for the format") from None
    return None


def _recognize_format(path: Path, network: OnnxNetwork) -> ModelIO:
    """Return the `ModelIO` of the usual exports of DDColor and DeOldify."""
    # DDColor's exports take gray R'G'B' in [0, 1] and return a*, b*. DeOldify's exports take and
    # return R'G'B' in [0, 255].
    signature = network.signature
    in_channels, out_channels = signature.input_shape[1], signature.output_shape[1]
    if len(signature.inputs) == 1 and in_channels == 3:
        if out_channels == 2:
            return DDCOLOR_IO
        if out_channels == 3 and _has_byte_range(network):
            return DEOLDIFY_ONNX_IO
    raise WeightsError(
        f"{path}: unknown format: input {signature.input_shape}, output {signature.output_shape};"
        f" describe it in {path.name}{SIDECAR_SUFFIX} (see docs/models.md)"
    )


def _has_byte_range(network: OnnxNetwork) -> bool:
    """Return whether the output for a gray ramp from 0 to 255 has a range of about [0, 255]."""
    # The limits are loose: they only distinguish bytes from outputs in [0, 1], [-1, 1] or with
    # ImageNet normalization, and networks may exceed the range on a ramp.
    height, width = (n or _DEFAULT_RAMP_SIZE for n in network.signature.input_shape[2:])
    ramp = torch.linspace(0, 255, width).expand(1, 3, height, width)
    try:
        output = network(ramp)
    except WeightsError:
        return False
    return bool(output.min() > -64) and 8 < float(output.max()) < 320


def _apply_fixed_size(path: Path, model_io: ModelIO, signature: _Signature) -> ModelIO:
    """Return the format with the input size of the file, if the file has a fixed size."""
    shape = signature.input_shape
    height, width = shape[1:3] if model_io.layout == "nhwc" else shape[2:4]
    if height is None and width is None:
        return model_io
    if height != width or height is None or not 1 <= height <= MAX_SIZE:
        raise WeightsError(
            f"{path}: fixed input size {width}x{height}: only squares up to {MAX_SIZE} pixels are"
            " supported"
        )
    return replace(model_io, size=height, multiple=1, square=True, fixed=True)
