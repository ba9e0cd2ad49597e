"""Few hints act on their objects only; many hints and references also inform the generator."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.helpers.segmentation import ClickSegmentation, disc_mask
from vidcolor.colorizer import ProxyPrediction
from vidcolor.generators.predictor import HintArrays
from vidcolor.hints.color_transfer import TransferredColor
from vidcolor.hints.discs import place_hints
from vidcolor.hints.hint_set import CONTEXT_COLORS, HintSet
from vidcolor.hints.predict import HintedPrediction, HintPredictor
from vidcolor.options import Hint

SIZE = (24, 32)
"""Height and width of the photo and of the proxy."""
GRID = (12, 16)
PROXY = np.full(SIZE, 0.5, np.float32)
MANY_COLORS = ("teal", "crimson", "gold", "indigo", "olive", "navy", "salmon", "orchid")
OBJECT = disc_mask(SIZE, 16.5, 12.5, ClickSegmentation.RADIUS * SIZE[0])
"""The object of a hint in the center."""


class RecordingGenerator:
    """Predicts 7 without hints and 9 with them, and records the hints of each call."""

    def __init__(self, *, accepts_hints: bool = True) -> None:
        self.calls: list[HintArrays | None] = []
        self.accepts_hints = accepts_hints

    def predict(self, hints: HintArrays | None) -> ProxyPrediction:
        self.calls.append(hints)
        ab = np.full((2, *GRID), 7 if hints is None else 9, np.float32)
        confidence = np.full(GRID, 0.25, np.float32)
        return ProxyPrediction(ab, confidence, PROXY)

    def predict_with(self, hints: HintSet) -> HintedPrediction:
        """Predict with hints on discs around the clicks."""
        colorizer: Any = SimpleNamespace(
            accepts_hints=self.accepts_hints, segmentation=ClickSegmentation()
        )
        return HintPredictor(PROXY, self.predict, colorizer).predict(hints)


def refuse(hints: HintArrays | None) -> ProxyPrediction:
    """Masks need no prediction."""
    raise AssertionError(hints)


def make_hints(*colors: str) -> HintSet:
    """Return hints of these colors, the first one in the center."""
    hints = [
        Hint(x=16 if n == 0 else 1 + 3 * n, y=12 if n == 0 else 2, color=color)
        for n, color in enumerate(colors)
    ]
    return HintSet(SIZE, place_hints(hints, SIZE))


@pytest.mark.parametrize("accepts_hints", [True, False])
def test_a_hint_colors_its_object_and_nothing_else(accepts_hints: bool) -> None:
    generator, hints = RecordingGenerator(accepts_hints=accepts_hints), make_hints("teal")
    base, hinted, _ = generator.predict_with(hints)
    assert generator.calls == [None], "the generator does not get it"
    assert np.array_equal(hinted.ab, base.ab)
    assert hinted.overlay is not None
    assert np.array_equal(hinted.overlay.alpha, OBJECT)
    assert (
        pytest.approx(np.tile(hints.discs[0].ab, (OBJECT.sum(), 1)), abs=1e-3)
        == hinted.overlay.ab[:, OBJECT].T
    )
    assert hinted.confidence[6, 8] == 1
    assert hinted.confidence[0, 0] == 0.25


def test_a_kept_object_is_cut_out() -> None:
    teal, keep = (Hint(x=x, y=12, color=c) for x, c in ((16, "teal"), (20, "keep")))
    overlays = []
    for hints in ([teal], [teal, keep]):
        _, hinted, _ = RecordingGenerator().predict_with(HintSet(SIZE, place_hints(hints, SIZE)))
        assert hinted.overlay is not None
        overlays.append(hinted.overlay)
    whole, cut = overlays
    assert whole.alpha[12, 20] == 1
    assert cut.alpha[12, 20] == 0
    assert cut.alpha[12, 13] == 1


def test_many_colors_inform_the_rest_of_the_image() -> None:
    few, many = CONTEXT_COLORS
    generator = RecordingGenerator()
    _, hinted, _ = generator.predict_with(make_hints(*MANY_COLORS[:few]))
    assert (hinted.ab == 7).all()
    values = []
    for count in range(few + 1, many + 1):
        _, hinted, _ = generator.predict_with(make_hints(*MANY_COLORS[:count]))
        values.append(float(hinted.ab.mean()))
    assert values == pytest.approx(7 + 2 * np.arange(1, many - few + 1) / (many - few))
    arrays = generator.calls[-1]
    assert arrays is not None
    assert arrays.density[0][6, 8] == 1
    ignoring = RecordingGenerator(accepts_hints=False)
    _, hinted, _ = ignoring.predict_with(make_hints(*MANY_COLORS))
    assert ignoring.calls == [None]
    assert (hinted.ab == 7).all()


def test_a_reference_without_hints_has_no_overlay() -> None:
    transferred = TransferredColor(np.full((2, *GRID), 30, np.float32), np.ones(GRID, np.float32))
    generator = RecordingGenerator()
    _, hinted, alpha = generator.predict_with(HintSet(SIZE, (), transferred))
    assert hinted.overlay is None
    assert len(generator.calls) == 2
    assert (alpha == 1).all()
    assert np.allclose(hinted.ab, 30)


@pytest.mark.parametrize("turns", range(4))
def test_masks_have_the_orientation_of_the_stored_pixels(turns: int) -> None:
    discs = place_hints([Hint(x=5, y=4, color="teal")], SIZE)
    colorizer: Any = SimpleNamespace(segmentation=ClickSegmentation())
    predictor = HintPredictor(np.rot90(PROXY, turns), refuse, colorizer, turns)
    (item,), masks = predictor.find_objects(HintSet(SIZE, discs))
    assert item.discs == discs
    assert masks.shape == (1, *SIZE)
    expected = disc_mask(SIZE, 5.5, 4.5, ClickSegmentation.RADIUS * SIZE[0])
    assert np.array_equal(masks[0] > 0, expected)


def test_a_disc_is_always_a_part_of_its_object() -> None:
    segmentation: Any = SimpleNamespace(
        embed=lambda image: image,
        segment_clicks=lambda image, objects: np.zeros((len(objects), *image.shape), np.float32),
    )
    discs = place_hints([Hint(x=5, y=4, radius=3, color="teal")], SIZE)
    colorizer: Any = SimpleNamespace(segmentation=segmentation)
    _, masks = HintPredictor(PROXY, refuse, colorizer).find_objects(HintSet(SIZE, discs))
    assert np.array_equal(masks[0], disc_mask(SIZE, 5.5, 4.5, 3))


def test_the_base_and_the_embedding_are_computed_once() -> None:
    embedded = []

    class Segmentation(ClickSegmentation):
        def embed(self, image: Any) -> Any:
            embedded.append(image)
            return super().embed(image)

    generator = RecordingGenerator()
    colorizer: Any = SimpleNamespace(accepts_hints=True, segmentation=Segmentation())
    predictor = HintPredictor(PROXY, generator.predict, colorizer)
    results = [predictor.predict(make_hints(color)).hinted for color in ("teal", "gold", "teal")]
    assert generator.calls == [None]
    assert len(embedded) == 1
    overlays = [result.overlay for result in results]
    assert overlays[0] is not None and overlays[1] is not None and overlays[2] is not None
    assert np.array_equal(overlays[0].ab, overlays[2].ab)
    assert not np.array_equal(overlays[0].ab, overlays[1].ab)
