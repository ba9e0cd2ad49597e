"""`vidcolor probe`: films, photos and sequences explained, nothing written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from vidcolor.media.stills.dpx_exr import dpx_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.helpers.cli_runs import Run
    from tests.helpers.clips import ClipMaker

    Vidcolor = Callable[..., Run]


def facts(run: Run) -> dict[str, Any]:
    assert run.code == 0, run
    assert run.err == []
    (line,) = run.out
    found: dict[str, Any] = json.loads(line)
    return found


def test_film(vidcolor: Vidcolor, clip: ClipMaker) -> None:
    inputs = ("-f", "lavfi", "-t", "0.5", "-i", "sine")
    reel = clip("mkv", "ffv1", "yuv422p10le", "-c:a", "aac", inputs=inputs)
    found = facts(vidcolor("probe", reel, "-o", "out.mp4", "--json"))
    assert found["kind"] == "film"
    assert found["video"]["bits"] == 10
    assert found["video"]["tint"] == "gray"
    assert [s["kept"] for s in found["streams"]] == [True]
    said = vidcolor("probe", reel)
    assert said.out[0].startswith(str(reel))
    assert any("10-bit luma" in line for line in said.out)
    assert any(line.startswith("  audio      aac") and "kept" in line for line in said.out)


def test_photo(vidcolor: Vidcolor) -> None:
    exif = Image.Exif()
    exif[274], exif[270] = 6, "the mill"
    Image.new("L", (60, 40), 99).save("p.jpg", exif=exif.tobytes(), dpi=(300, 300))
    found = facts(vidcolor("probe", "p.jpg", "--json"))
    assert found["kind"] == "photo"
    assert (found["width"], found["height"], found["bits"]) == (60, 40, 8)
    assert (found["tint"], found["target"]) == ("gray", "p.color.jpg")
    assert found["kept"] == ["orientation 6", "EXIF", "300x300 dpi"]
    assert vidcolor("probe", "p.jpg").out == [
        "p.jpg (jpeg)",
        "  picture    60x40, 8 bits",
        "  look       black and white",
        "  kept       orientation 6, EXIF, 300x300 dpi",
        "",
        "Would write p.color.jpg",
    ]


@pytest.mark.parametrize("name", ["scan", "scan/f_%03d.dpx"])
def test_sequence(vidcolor: Vidcolor, name: str) -> None:
    Path("scan").mkdir()
    pixels = np.full((32, 48, 3), 500, np.uint16)
    for n in (1, 2, 5):
        Path(f"scan/f_{n:03d}.dpx").write_bytes(dpx_bytes(pixels, None, 10))
    found = facts(vidcolor("probe", name, "--fps", 18, "--json"))
    assert found["kind"] == "sequence"
    assert (found["first"], found["last"], found["missing"]) == (1, 5, [3, 4])
    assert found["video"]["bits"] == 10
    assert found["video"]["rate"] == "18"
    assert "2 missing: 3, 4" in vidcolor("probe", name).out[1]


@pytest.mark.parametrize("name", ["nowhere.mp4", "text.mp4", "empty", "text.png", "f_%d.png"])
def test_what_cannot_be_explained(vidcolor: Vidcolor, name: str) -> None:
    Path("text.mp4").write_text("text")
    Path("text.png").write_text("text")
    Path("empty").mkdir()
    run = vidcolor("probe", name)
    assert run.code == 1
    assert run.out == []
    (line,) = run.err
    assert line.startswith(f"vidcolor: {name}: ")


def test_nothing_is_written(vidcolor: Vidcolor, tmp_path: Path) -> None:
    Image.new("L", (8, 8)).save("p_1.png")
    for words in (["p_1.png"], ["p_%d.png"], ["."]):
        assert vidcolor("probe", *words).code == 0
    assert [p.name for p in tmp_path.iterdir()] == ["p_1.png"]
