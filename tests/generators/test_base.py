import pytest
import torch

from vidcolor.generators.base import Hints, Prediction, check_inputs, resample_hints


def test_prediction_rejects_planes_of_different_sizes():
    with pytest.raises(ValueError, match="confidence must be"):
        Prediction(torch.zeros(1, 2, 4, 4), torch.zeros(1, 1, 4, 5))


def test_hints_reject_planes_of_different_sizes():
    with pytest.raises(ValueError, match="density must be"):
        Hints(torch.zeros(1, 2, 4, 4), torch.zeros(1, 1, 4, 5))


@pytest.mark.parametrize("shape", [(1, 64, 64), (1, 3, 64, 64), (1, 1, 0, 64)])
def test_luma_of_other_shapes_is_rejected(shape):
    with pytest.raises(ValueError, match="luma must be"):
        check_inputs(torch.zeros(shape), None)


def test_hints_of_another_batch_size_are_rejected():
    hints = Hints(torch.zeros(2, 2, 8, 8), torch.zeros(2, 1, 8, 8))
    with pytest.raises(ValueError, match="2 hints, 1 images"):
        check_inputs(torch.zeros(1, 1, 32, 32), hints)


def test_resampled_cell_has_mean_color_and_maximum_density():
    ab, density = torch.zeros(1, 2, 4, 4), torch.zeros(1, 1, 4, 4)
    ab[0, 0, 0, :2] = torch.tensor([10.0, 40.0])
    density[0, 0, 0, :2] = torch.tensor([1.0, 0.5])
    cells, cell_density = resample_hints(Hints(ab, density), (2, 2), "cpu")
    assert float(cells[0, 0, 0, 0]) == pytest.approx((10 + 40 * 0.5) / 1.5)
    assert cell_density.flatten().tolist() == [1.0, 0.0, 0.0, 0.0]


def test_nan_without_density_is_ignored():
    hints = Hints(torch.full((1, 2, 4, 4), torch.nan), torch.zeros(1, 1, 4, 4))
    ab, density = resample_hints(hints, (3, 3), "cpu")
    assert not ab.any() and not density.any()
