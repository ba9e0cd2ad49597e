from pathlib import Path

import pytest
import torch

from tests.helpers.published import eccv16_state_dict
from vidcolor.errors import WeightsError
from vidcolor.generators.store.architectures import (
    ARCHITECTURES,
    build_meta_network,
    detect_architecture,
    select_tensors,
)
from vidcolor.generators.store.checkpoints import fold_reparametrizations


@pytest.fixture(scope="module")
def tensors():
    return fold_reparametrizations(eccv16_state_dict())


def test_architecture_is_detected_by_its_signature(tensors):
    assert detect_architecture(tensors) is ARCHITECTURES["eccv16"]
    assert detect_architecture({"conv_first.weight": torch.zeros(64, 3, 3, 3)}) is None


def test_signatures_of_architectures_are_unique():
    signatures = {architecture.signature for architecture in ARCHITECTURES.values()}
    assert len(signatures) == len(ARCHITECTURES)


def test_tensors_that_only_training_uses_are_dropped():
    siggraph17 = ARCHITECTURES["siggraph17"]
    expected = {
        key: torch.zeros(tensor.shape)
        for key, tensor in build_meta_network(siggraph17).state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    published = {**expected, "model_class.0.bias": torch.zeros(529)}
    assert select_tensors(siggraph17, published, Path("x.pth")).keys() == expected.keys()


@pytest.mark.parametrize(
    ("replacement", "message"),
    [
        ({"model5.2.bias": None}, "model5.2.bias is missing"),
        ({"model9.0.weight": torch.zeros(3)}, "model9.0.weight is unexpected"),
        ({"model5.2.bias": torch.zeros(511)}, "model5.2.bias has shape (511,), expected (512,)"),
        ({"model5.2.bias": torch.full((512,), torch.nan)}, "values that are not finite"),
    ],
    ids=["missing", "unexpected", "shape", "nan"],
)
def test_state_dict_that_does_not_match_is_rejected(tensors, replacement, message):
    changed = {k: t for k, t in {**tensors, **replacement}.items() if t is not None}
    with pytest.raises(WeightsError, match=r"odd\.pth: .*ECCV16") as caught:
        select_tensors(ARCHITECTURES["eccv16"], changed, Path("odd.pth"))
    assert message in str(caught.value) and "\n" not in str(caught.value)
