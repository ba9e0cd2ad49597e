"""The uncertain regions of shots and photos in results and reports."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from PIL import Image

from vidcolor import Colorizer, cli
from vidcolor.film.api import colorize_film
from vidcolor.options import ColorizeOptions
from vidcolor.photo import colorize_photo

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.clips import ClipMaker


@pytest.fixture(scope="module")
def colorizer() -> Colorizer:
    return Colorizer.load(device="cpu")


@pytest.mark.slow
def test_film_result_has_the_uncertainty_of_every_shot(
    clip: ClipMaker, tmp_path: Path, colorizer: Colorizer
) -> None:
    first = "testsrc2=size=128x96:rate=24:duration=0.5,format=gray"
    second = "mandelbrot=size=128x96:rate=24,trim=duration=0.75,negate,format=gray"
    film = clip(
        "mkv", "ffv1", "gray", "-map", "1:v",
        inputs=("-f", "lavfi", "-i", f"{first}[a];{second}[b];[a][b]concat"),
    )  # fmt: skip
    done = colorize_film(film, tmp_path / "out.mkv", ColorizeOptions(), colorizer=colorizer)
    assert done.shot_uncertainty is not None
    assert [(d.first_frame, d.last_frame) for d in done.shot_uncertainty] == [(0, 11), (12, 29)]
    for shot in done.shot_uncertainty:
        assert shot.first_frame <= shot.frame <= shot.last_frame
        assert float(shot.start_s) == pytest.approx(shot.first_frame / 24, abs=0.002)
        assert 0 <= shot.confidence <= 1
    assert float(done.shot_uncertainty[1].end_s) == pytest.approx(30 / 24, abs=0.003)


@pytest.mark.parametrize("orientation", [1, 6, 2])
def test_regions_refer_to_the_displayed_photo(
    tmp_path: Path, colorizer: Colorizer, orientation: int
) -> None:
    rng = np.random.default_rng(5)
    patches = rng.integers(40, 220, (6, 9)).astype(np.float32)
    gray = cv2.resize(patches, (192, 128), interpolation=cv2.INTER_CUBIC).clip(0, 255)
    exif = Image.Exif()
    exif[274] = orientation
    stored = gray.astype(np.uint8)
    Image.fromarray(stored).save(tmp_path / "turned.png", exif=exif)
    turned = {1: stored, 6: np.rot90(stored, -1), 2: stored[:, ::-1]}[orientation]
    Image.fromarray(np.ascontiguousarray(turned)).save(tmp_path / "upright.png")
    ours, plain = (
        colorize_photo(tmp_path / name, tmp_path / f"{name}.out.png", colorizer=colorizer)
        for name in ("turned.png", "upright.png")
    )
    assert ours.size == plain.size
    assert plain.uncertain_regions, "an image without objects must be uncertain"
    # The generator gets a mirrored photo as stored, so its regions differ slightly.
    if orientation != 2:
        # Rounding decides whether small regions touch, so only the first two are compared.
        boxes = [np.array([r.box for r in done.uncertain_regions[:2]]) for done in (ours, plain)]
        np.testing.assert_allclose(*boxes, atol=0.05)
    else:
        assert ours.uncertain_regions[0].area == pytest.approx(
            plain.uncertain_regions[0].area, rel=0.8
        )


def test_report_contains_hint_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(3)
    patches = rng.integers(40, 220, (6, 9)).astype(np.float32)
    gray = cv2.resize(patches, (192, 128), interpolation=cv2.INTER_CUBIC).clip(0, 255)
    Image.fromarray(gray.astype(np.uint8)).save("a.png")
    arguments = ["colorize", "a.png", "--report", "r.json", "--report", "r.html", "--quiet"]
    assert cli.run(arguments) == 0
    (record,) = json.loads((tmp_path / "r.json").read_text())["results"]
    (shot,) = record["uncertainty"]
    region = shot["regions"][0]
    assert set(region) == {"box", "box_px", "point", "outline", "area", "confidence",
                           "review_priority", "hint"}  # fmt: skip
    hint = region["hint"]
    assert 0 <= hint["x"] < 192 and 0 <= hint["y"] < 128
    page = (tmp_path / "r.html").read_text()
    assert "Where hints would help most" in page
    assert f"&#34;x&#34;: {hint['x']}" in page
