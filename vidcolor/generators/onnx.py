"""Loads ONNX files as generators that run on ONNX Runtime.

The input and output format of a file comes from the first available source: a sidecar file of the
user (``NAME.onnx.toml``), the metadata that vidcolor writes on export, or its recognition; see
`onnx_format`.
"""

from __future__ import annotations

import hashlib
import json
import threading
import tomllib
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from vidcolor.errors import UsageError, VidcolorError, WeightsError
from vidcolor.generators.adapter import AdaptedGenerator, replace_input_size
from vidcolor.generators.model_io import MAX_SIZE, ModelIO
from vidcolor.generators.onnx_format import SIDECAR_SUFFIX, Signature, recognize_format
from vidcolor.generators.store.weights import (
    ContentType,
    describe_content,
    detect_content_type,
    read_weights_file,
    verify_cached_digest,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

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
_DTYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
}
"""NumPy dtypes of inputs by their type in ONNX Runtime."""
_NOT_ONNX = (
    ContentType.CHECKPOINT,
    ContentType.WEB_PAGE,
    ContentType.LFS_POINTER,
    ContentType.EMPTY,
)
"""Content types that have a specific error message; ONNX Runtime checks all others."""
_MAX_REASON_LENGTH = 200
"""Maximum length of an ONNX Runtime message in an error, in characters."""


class OnnxNetwork:
    """An inference session that can be called like a torch module. Thread-safe."""

    def __init__(self, path: Path, session: Any, signature: Signature) -> None:
        self.path, self.session, self.signature = path, session, signature
        # Only the CPU provider supports concurrent runs.
        on_cpu = session.get_providers()[0] == PROVIDERS["cpu"]
        self._lock: AbstractContextManager[Any] = nullcontext() if on_cpu else threading.Lock()

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Return the first output for CPU tensors (N, ...) in the order of the file, as float32.

        Raises:
            WeightsError: ONNX Runtime reports an error.
        """
        count, batch_size = len(inputs[0]), self.signature.input_shape[0]
        if batch_size is not None and batch_size != count:  # a fixed batch size
            # The last batch is filled with copies of the last image.
            index = torch.arange(-(-count // batch_size) * batch_size).clamp(max=count - 1)
            batches = zip(*(torch.split(x[index], batch_size) for x in inputs), strict=True)
            return torch.cat([self(*batch) for batch in batches])[:count]
        arrays = {
            name: _to_array(x, self.signature.dtype)
            for name, x in zip(self.signature.inputs, inputs, strict=True)
        }
        try:
            with self._lock:
                (output,) = self.session.run([self.signature.output], arrays)
        except Exception as error:  # ONNX Runtime's exceptions have no other common base class
            is_nhwc = inputs[0].shape[-1] in (1, 3)
            height, width = inputs[0].shape[1:3] if is_nhwc else inputs[0].shape[2:]
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
    accepts_hints = metadata.get(HINTS_KEY) == "1"
    _check_num_inputs(path, signature, accepts_hints)
    model_io = described or recognize_format(path, data, signature, network)
    if described is not None and MODEL_IO_KEY not in metadata:
        # The sidecar file affects the result, so it is part of the digest.
        digest = hashlib.sha256(f"{digest} {described.to_json()}".encode()).hexdigest()
    model_io = replace_input_size(_apply_fixed_size(path, model_io, signature), size, path.stem)
    _check_channels(path, signature, model_io)
    # Inputs and outputs are on the CPU; ONNX Runtime copies them to its device.
    return AdaptedGenerator(network, model_io, path.stem, digest, "cpu", accepts_hints)


def _to_array(tensor: Tensor, dtype: Any) -> NDArray[Any]:
    """Return a float tensor as an array; integers are rounded and limited to their range."""
    values = tensor.numpy()
    if np.issubdtype(dtype, np.integer):
        limits = np.iinfo(dtype)
        values = np.clip(np.rint(values), limits.min, limits.max)
    return np.ascontiguousarray(values, dtype=dtype)


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
        if "external data" in str(error).lower():
            raise WeightsError(
                f"{path}: its weights are in another file; write one file with"
                f" onnx.save(onnx.load({path.name!r}), 'merged.onnx')"
            ) from None
        raise WeightsError(
            f"{path}: ONNX Runtime cannot load it ({_last_line(error)}); fetch it again, or install"
            " a newer ONNX Runtime"
        ) from None


def _read_signature(path: Path, session: Any) -> Signature:
    """Return the inputs and the output of a session, if they can be those of a colorizer."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    images = [node for node in outputs if len(node.shape or ()) == 4]
    first = inputs[0] if inputs else None
    if first is None or len(first.shape) != 4 or not images:
        raise WeightsError(f"{path}: not a colorizer: input and output must be 4-D images")
    if any(node.type not in _DTYPES for node in inputs):
        types = ", ".join(node.type for node in inputs)
        raise WeightsError(f"{path}: input types {types}: only float and uint8 are supported")
    # Some networks also return the probabilities of color bins.
    colors = [node for node in images if {2, 3} & {node.shape[1], node.shape[3]}]
    output = (colors or images)[0]
    # Dynamic dimensions have a name instead of a number.
    shapes = [[n if isinstance(n, int) else None for n in node.shape] for node in (first, output)]
    names = [node.name for node in inputs]
    return Signature(names, _DTYPES[first.type], shapes[0], output.name, shapes[1])


def _check_num_inputs(path: Path, signature: Signature, accepts_hints: bool) -> None:
    if len(signature.inputs) != (3 if accepts_hints else 1):
        names = ", ".join(signature.inputs)
        raise WeightsError(
            f"{path}: has {len(signature.inputs)} inputs ({names}); only files that vidcolor"
            " exported may have more than one"
        )


def _check_channels(path: Path, signature: Signature, model_io: ModelIO) -> None:
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


def _apply_fixed_size(path: Path, model_io: ModelIO, signature: Signature) -> ModelIO:
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
