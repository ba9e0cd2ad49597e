import functools
import io
import os
import zipfile
from pathlib import Path

import pytest
import torch

from vidcolor.errors import WeightsError
from vidcolor.generators.store.checkpoints import fold_reparametrizations, load_checkpoint

STATE_DICT = {"conv.weight": torch.arange(1000.0), "conv.bias": torch.ones(3)}
FILE = Path("file.pth")


def serialize(content, **options):
    """Return the bytes of a checkpoint."""
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "wrap",
    [
        lambda sd: sd,
        lambda sd: {"params": sd},
        lambda sd: {"model": sd, "opt": {"lr": slice(None, 3)}},
        lambda sd: {"state_dict": {f"module.{k}": v for k, v in sd.items()}, "epoch": 3},
    ],
    ids=["none", "params", "model", "state_dict"],
)
def test_wrappers_and_prefixes_are_removed(wrap):
    tensors = load_checkpoint(FILE, serialize(wrap(STATE_DICT)))
    assert tensors.keys() == STATE_DICT.keys()
    assert all(torch.equal(tensors[key], STATE_DICT[key]) for key in tensors)


def test_checkpoint_without_a_state_dict_is_rejected():
    with pytest.raises(WeightsError, match="without a state dict"):
        load_checkpoint(FILE, serialize({"epoch": 3}))


class Malicious:
    """An object that creates a file when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "legacy"])
def test_checkpoint_that_runs_code_is_rejected(tmp_path, is_zip):
    marker = tmp_path / "marker"
    data = serialize({"model": Malicious(marker)}, _use_new_zipfile_serialization=is_zip)
    with pytest.raises(WeightsError, match="would run code"):
        load_checkpoint(FILE, data)
    assert not marker.exists()


def test_partial_objects_of_an_optimizer_are_inert():
    betas = slice(0.9, 0.99)
    forbidden = {"betas": betas, "lr": functools.partial(dict, lr=1)}
    with pytest.raises(WeightsError, match="dict"):  # the wrapped function is not allowed
        load_checkpoint(FILE, serialize({"model": STATE_DICT, "opt": forbidden}))
    allowed = {"betas": betas, "lr": functools.partial(slice, 1)}
    tensors = load_checkpoint(FILE, serialize({"model": STATE_DICT, "opt": allowed}))
    assert tensors.keys() == STATE_DICT.keys()


@pytest.mark.parametrize("fraction", [0.3, 0.8, 0.99])
def test_truncated_file_is_rejected(fraction):
    data = serialize(STATE_DICT)
    with pytest.raises(WeightsError, match=r"file\.pth: damaged"):
        load_checkpoint(FILE, data[: int(len(data) * fraction)])


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ("net/constants.pkl", "a TorchScript module; use a file with its state dict"),
        ("weights.caffemodel", "a ZIP archive without weights of PyTorch; unpack it"),
    ],
)
def test_other_archives_are_named(record, message):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(record, b"x")
    with pytest.raises(WeightsError, match=rf"file\.pth: {message}$"):
        load_checkpoint(FILE, buffer.getvalue())


def test_flipped_bit_is_detected():
    data = bytearray(serialize(STATE_DICT))
    data[data.index(STATE_DICT["conv.weight"].numpy().tobytes()) + 100] ^= 1
    with pytest.raises(WeightsError, match="checksum mismatch"):
        load_checkpoint(FILE, bytes(data))


@pytest.mark.filterwarnings("ignore::FutureWarning")  # published files have the deprecated keys
def test_reparametrizations_are_folded_into_plain_weights():
    weight = torch.randn(4, 3, 2, 2)
    u, v = torch.randn(4), torch.randn(12)
    plain = fold_reparametrizations({"a.weight_orig": weight, "a.weight_u": u, "a.weight_v": v})
    assert torch.allclose(plain["a.weight"], weight / (u @ weight.reshape(4, 12) @ v))
    layer = torch.nn.utils.weight_norm(torch.nn.Conv2d(3, 4, 2))
    plain = fold_reparametrizations({f"a.{k}": t for k, t in layer.state_dict().items()})
    layer(torch.zeros(1, 3, 2, 2))
    assert torch.allclose(plain["a.weight"], layer.weight, atol=1e-6)
    assert set(plain) == {"a.weight", "a.bias"}


def test_half_precision_becomes_float32_and_counters_are_dropped():
    tensors = {"a.weight": torch.ones(2).half(), "a.num_batches_tracked": torch.tensor(3)}
    plain = fold_reparametrizations(tensors)
    assert {key: tensor.dtype for key, tensor in plain.items()} == {"a.weight": torch.float32}
