"""State dicts as others publish them: read without running their code, norms folded away."""

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

_WRAPPERS = ("params", "params_ema", "model", "state_dict", "generator")
"""Keys under which frameworks put a state dict into a checkpoint, the wanted one first."""
_PREFIXES = ("module.", "_orig_mod.")
"""What data-parallel training and torch.compile put before every key."""

_FOREIGN = re.compile(r"(?:GLOBAL|class|function|instantiate) ([\w.<>]+)", re.IGNORECASE)
"""Where torch says what it does not let in."""


class _Inert:
    """Stands in for what an optimizer left in a checkpoint; does nothing, whatever it is given."""

    def __init__(self, *_: object) -> None: ...

    def __setstate__(self, _: object) -> None: ...


def unpickle(path: Path, data: bytes) -> dict[str, Tensor]:
    """Read a PyTorch checkpoint with torch's restricted unpickler.

    Only tensors and plain containers are made. Two more names occur in DeOldify's files, among
    what the optimizer left there: ``slice`` is harmless, and for ``functools.partial`` a class
    without behavior stands in.

    Args:
        path: where it came from, for messages.
        data: the content of a .pth, .pt or .bin file.

    Returns:
        The state dict, out of whatever wraps it; tensors on the CPU.

    Raises:
        WeightsError: damaged, asks for other code to be run, or holds no state dict.
    """
    import torch

    if zipfile.is_zipfile(io.BytesIO(data)) and _has_rotten_records(data):
        raise WeightsError(f"{path}: damaged (its check sums do not fit); fetch it again")
    allowed: list[Any] = [slice, (_Inert, "functools.partial")]
    try:
        with torch.serialization.safe_globals(allowed), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickle's versions
            content = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(f"{path}: {_why_not(str(error))}") from None
    except (RuntimeError, EOFError, ValueError, KeyError, zipfile.BadZipFile, MemoryError):
        raise WeightsError(
            f"{path}: damaged or cut short ({len(data)} bytes); fetch it again"
        ) from None
    except Exception as error:  # a damaged pickle can fail anywhere, and torch lets it
        raise WeightsError(
            f"{path}: damaged, or not a checkpoint ({type(error).__name__}); fetch it again"
        ) from None
    return _state_dict(path, content)


def _has_rotten_records(data: bytes) -> bool:
    """Whether some of a zip's check sums do not fit; torch does not look at them.

    If none fits, they were never computed, which torch can be told to do.
    """
    rotten = 0
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        records = archive.infolist()
        for record in records:
            try:
                with archive.open(record) as file:
                    while file.read(1 << 20):
                        pass
            except (zipfile.BadZipFile, NotImplementedError, RuntimeError):
                rotten += 1
    return 0 < rotten < len(records)


def _why_not(said: str) -> str:
    """What torch says at length, in few words."""
    if named := _FOREIGN.search(said):
        return (
            f"wants to run code as it is read ({named[1].strip('.<>')}), which weights have no need"
            " of; refused: get them from a source that you trust"
        )
    return "damaged, or not a checkpoint; fetch it again"


def _state_dict(path: Path, content: Any) -> dict[str, Tensor]:
    """Tensors by key, out of what wraps them."""
    import torch

    for _ in range(3):
        if not isinstance(content, dict):
            break
        inner = next((content[k] for k in _WRAPPERS if isinstance(content.get(k), dict)), None)
        if inner is None:
            break
        content = inner
    if isinstance(content, dict):
        tensors = {k: v for k, v in content.items() if isinstance(v, torch.Tensor)}
        if tensors and all(isinstance(key, str) for key in tensors):
            return without_prefix(tensors)
    raise WeightsError(f"{path}: a checkpoint without a state dict; give the generator's weights")


def without_prefix(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Keys without what data-parallel training and torch.compile put before them all."""
    for prefix in _PREFIXES:
        if all(key.startswith(prefix) for key in tensors):
            tensors = {key.removeprefix(prefix): tensor for key, tensor in tensors.items()}
    return tensors


def folded(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights as inference wants them: reparametrizations computed, counters left out.

    Spectral norm (Miyato et al., arXiv:1802.05957) divides a weight by its largest singular value,
    which training estimated as uᵀWv. Weight norm (Salimans & Kingma, arXiv:1602.07868) stores
    direction v and length g. Both occur as old PyTorch wrote them (``weight_orig``, ``weight_u``,
    ``weight_v``; ``weight_g``, ``weight_v``).

    Returns:
        float32, except for integers; none of the given tensors is changed.
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
