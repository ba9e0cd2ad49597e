"""Reads published PyTorch checkpoints without running code, and folds their reparametrizations."""

from __future__ import annotations

import io
import pickle
import re
import warnings
import zipfile
from typing import TYPE_CHECKING, Any

from vidcolor.errors import WeightsError

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

_WRAPPER_KEYS = ("params", "params_ema", "model", "state_dict", "generator")
"""Keys under which training frameworks store a state dict, in order of preference."""
_MAX_WRAPPERS = 3
"""Maximum depth of nested wrappers."""
_PREFIXES = ("module.", "_orig_mod.")
"""Prefixes that data-parallel training and torch.compile add to every key."""

_CHECKPOINT_RECORD, _TORCHSCRIPT_RECORD = "data.pkl", "constants.pkl"
"""Names of records in the zip files of all checkpoints, and of TorchScript modules."""
_CHECKSUM_FAULT = "damaged (checksum mismatch); fetch it again"

_BLOCKED_GLOBAL = re.compile(r"(?:GLOBAL|class|function|instantiate) ([\w.<>]+)", re.IGNORECASE)
"""Pattern of the name of a blocked global in torch's error message."""


class _InertPartial:
    """A replacement of `functools.partial` in an optimizer state, which ignores its arguments."""

    def __init__(self, *_: object) -> None: ...

    def __setstate__(self, _: object) -> None: ...


def load_checkpoint(path: Path, data: bytes) -> dict[str, Tensor]:
    """Read a PyTorch checkpoint with torch's restricted unpickler.

    The unpickler creates only tensors and plain containers. The optimizer state in DeOldify's files
    contains two other globals: ``slice``, which is harmless, and ``functools.partial``, which is
    replaced by a class without behavior.

    Returns:
        The state dict, without wrappers and prefixes; tensors on the CPU.

    Raises:
        WeightsError: the file is damaged, would run code, or holds no state dict.
    """
    import torch

    if zipfile.is_zipfile(io.BytesIO(data)) and (fault := _find_archive_fault(data)):
        raise WeightsError(f"{path}: {fault}")
    allowed: list[Any] = [slice, (_InertPartial, "functools.partial")]
    try:
        with torch.serialization.safe_globals(allowed), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns about old pickle protocols
            content = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(f"{path}: {_describe_unpickling_error(str(error))}") from None
    except (RuntimeError, EOFError, ValueError, KeyError, zipfile.BadZipFile, MemoryError):
        raise WeightsError(
            f"{path}: damaged or truncated ({len(data)} bytes); fetch it again"
        ) from None
    except Exception as error:  # unpickling a damaged file can raise any exception
        raise WeightsError(
            f"{path}: damaged, or not a checkpoint ({type(error).__name__}); fetch it again"
        ) from None
    return _extract_state_dict(path, content)


def _find_archive_fault(data: bytes) -> str | None:
    """Return why a zip file is not a valid checkpoint; None if torch can decide."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = {name.rpartition("/")[2] for name in archive.namelist()}
            if _TORCHSCRIPT_RECORD in names:
                return "a TorchScript module; use a file with its state dict"
            if _CHECKPOINT_RECORD not in names:
                return "a ZIP archive without weights of PyTorch; unpack it"
            return _CHECKSUM_FAULT if _has_corrupt_records(archive) else None
    except zipfile.BadZipFile:
        return None


def _has_corrupt_records(archive: zipfile.ZipFile) -> bool:
    """Return whether records of a zip file have a wrong CRC-32, which torch does not check.

    If all checksums are wrong, the file is accepted: torch has an option to save without computing
    checksums.
    """
    num_corrupt = 0
    records = archive.infolist()
    for record in records:
        try:
            with archive.open(record) as file:
                while file.read(1 << 20):
                    pass
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError):
            num_corrupt += 1
    return 0 < num_corrupt < len(records)


def _describe_unpickling_error(message: str) -> str:
    """Return the problem and the advice for an error message, from torch's message."""
    if blocked := _BLOCKED_GLOBAL.search(message):
        return (
            f"refused, because reading it would run code ({blocked[1].strip('.<>')}); get weights"
            " from a trusted source"
        )
    return "damaged, or not a checkpoint; fetch it again"


def _extract_state_dict(path: Path, content: Any) -> dict[str, Tensor]:
    """Return the state dict in a checkpoint, without the dicts that wrap it."""
    import torch

    for _ in range(_MAX_WRAPPERS):
        if not isinstance(content, dict):
            break
        inner = next((content[k] for k in _WRAPPER_KEYS if isinstance(content.get(k), dict)), None)
        if inner is None:
            break
        content = inner
    if isinstance(content, dict):
        tensors = {k: v for k, v in content.items() if isinstance(v, torch.Tensor)}
        if tensors and all(isinstance(key, str) for key in tensors):
            return strip_prefixes(tensors)
    raise WeightsError(f"{path}: a checkpoint without a state dict; use the generator's weights")


def strip_prefixes(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Remove the prefixes that data-parallel training and torch.compile add to all keys."""
    for prefix in _PREFIXES:
        if all(key.startswith(prefix) for key in tensors):
            tensors = {key.removeprefix(prefix): tensor for key, tensor in tensors.items()}
    return tensors


def fold_reparametrizations(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Compute plain weights from spectral and weight norm, and drop training counters.

    Spectral norm (Miyato et al., arXiv:1802.05957) divides a weight by its largest singular value,
    which training estimates as uᵀWv. Weight norm (Salimans & Kingma, arXiv:1602.07868) stores the
    direction v and the length g. Both are expected in the key format of ``torch.nn.utils``
    (``weight_orig``, ``weight_u``, ``weight_v``; ``weight_g``, ``weight_v``). Floating-point
    tensors of the new state dict are float32.
    """
    plain: dict[str, Tensor] = {}
    for key, tensor in tensors.items():
        stem, _, last = key.rpartition(".")
        base = f"{stem}." if stem else ""
        if last == "num_batches_tracked" or last in ("weight_u", "weight_v", "weight_g"):
            continue
        if last == "weight_orig" and {f"{base}weight_u", f"{base}weight_v"} <= tensors.keys():
            u, v = (tensors[f"{base}weight_{which}"].float() for which in "uv")
            weight = tensor.float()
            sigma = u @ weight.reshape(len(weight), -1) @ v
            plain[f"{base}weight"] = weight / sigma
            continue
        plain[key] = tensor.float() if tensor.is_floating_point() else tensor
    for key in tensors:
        base = key.removesuffix("weight_g")
        if base != key and f"{base}weight_v" in tensors:
            g, v = tensors[key].float(), tensors[f"{base}weight_v"].float()
            length = v.flatten(1).norm(dim=1).reshape(-1, *[1] * (v.ndim - 1))
            plain[f"{base}weight"] = v * (g / length)
    return plain
