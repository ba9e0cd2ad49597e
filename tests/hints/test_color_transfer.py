"""A reference must give its colors where it shows the same scene, and its palette elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.helpers.flat import flat_colorizer
from tests.helpers.scenes import draw_scene, to_gray, to_lab
from vidcolor import ColorizeOptions, Colorizer, colorize_photo
from vidcolor.color.metrics import delta_e_2000
from vidcolor.errors import InputError, UsageError
from vidcolor.hints.color_transfer import (
    PALETTE_DENSITY,
    BasePrediction,
    read_reference,
    transfer_palette,
)


@pytest.fixture
def fine() -> Colorizer:
    """A colorizer that predicts one color on a grid as fine as that of the embedded generator."""
    return flat_colorizer(native_size=256)


def colorize_after(
    colorizer: Colorizer, truth: NDArray[np.uint8], reference: NDArray[np.uint8], folder: Path
) -> tuple[float, tuple[str, ...]]:
    """Colorize a gray image with a reference; return the mean ΔE2000 to the truth, and the
    warnings."""
    Image.fromarray(to_gray(truth)).save(folder / "p.png")
    Image.fromarray(reference).save(folder / "r.png")
    options = ColorizeOptions(references=folder / "r.png", force=True)
    result = colorize_photo(folder / "p.png", None, options, colorizer=colorizer)
    with Image.open(result.target) as image:
        out = np.asarray(image.convert("RGB"))
    return float(delta_e_2000(to_lab(out), to_lab(truth)).mean()), result.warnings


@pytest.mark.slow
def test_a_matching_reference_restores_the_colors(fine: Colorizer, tmp_path: Path) -> None:
    truth = draw_scene(1)
    Image.fromarray(to_gray(truth)).save(tmp_path / "p.png")
    automatic = colorize_photo(tmp_path / "p.png", tmp_path / "auto.png", colorizer=fine)
    with Image.open(automatic.target) as image:
        base_error = float(delta_e_2000(to_lab(np.asarray(image)), to_lab(truth)).mean())
    error, warnings = colorize_after(fine, truth, truth, tmp_path)
    assert warnings == ()
    assert error < 0.5 * base_error
    error, warnings = colorize_after(fine, truth, draw_scene(2), tmp_path)
    assert error > 0.8 * base_error
    assert warnings == (
        f"{tmp_path / 'r.png'}: does not show the same scene; only its palette is used",
    )


def test_palette_colors_go_to_similar_positions() -> None:
    image = np.full((32, 48), 0.2, np.float32)
    image[:, 24:] = 0.7
    reference = np.full((40, 40), 0.2, np.float32)
    reference[:20] = 0.72
    colors = np.zeros((2, 40, 40), np.float32)
    colors[0, :20], colors[1, 20:] = 30, -30  # the light half is pink, the dark half blue

    def predict_gray(luma: NDArray[np.float32]) -> BasePrediction:
        return BasePrediction(luma, np.zeros((2, *luma.shape), np.float32), np.ones_like(luma))

    palette = transfer_palette(predict_gray(image), predict_gray(reference), colors)
    assert palette.ab[0, :, 30:].mean() > 15
    assert palette.ab[1, :, :18].mean() < -15
    assert np.allclose(palette.weight, PALETTE_DENSITY)
    black, white = np.zeros((32, 48), np.float32), np.ones_like(reference)
    palette = transfer_palette(predict_gray(black), predict_gray(white), colors)
    assert np.abs(palette.ab).max() < 0.5, "without similar positions the prediction stays"


def test_references_that_cannot_be_used_are_refused(fine: Colorizer, tmp_path: Path) -> None:
    Image.fromarray(to_gray(draw_scene(1))).save(tmp_path / "p.png")
    with pytest.raises(InputError, match=r"p\.png: has no color"):
        read_reference(tmp_path / "p.png")
    with pytest.raises(InputError, match="no such file"):
        read_reference(tmp_path / "none.png")
    Image.fromarray(draw_scene(1)).save(tmp_path / "r.png")
    for references, message in (
        ([f"{tmp_path / 'r.png'}@3"], "@TIME applies to films only"),
        ([tmp_path / "r.png", tmp_path / "p.png"], r"p\.png: a photo takes one reference, but 2"),
    ):
        options = ColorizeOptions(references=references)
        with pytest.raises(UsageError, match=message):
            colorize_photo(tmp_path / "p.png", None, options, colorizer=fine)
    assert not (tmp_path / "p.color.png").exists()


@pytest.mark.parametrize("orientation", [3, 6])
def test_an_upright_reference_matches_a_photo_that_is_stored_rotated(
    orientation: int, fine: Colorizer, tmp_path: Path
) -> None:
    truth = draw_scene(6)
    stored = np.rot90(truth, {3: 2, 6: 1}[orientation])
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(to_gray(stored)).save(tmp_path / "p.png", exif=exif.tobytes())
    Image.fromarray(truth).save(tmp_path / "r.png")
    options = ColorizeOptions(references=tmp_path / "r.png")
    result = colorize_photo(tmp_path / "p.png", None, options, colorizer=fine)
    assert result.warnings == ()
    with Image.open(result.target) as image:
        out = np.asarray(image)
    assert delta_e_2000(to_lab(out), to_lab(np.ascontiguousarray(stored))).mean() < 12
