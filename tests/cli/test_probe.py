"""`vidcolor probe`: the description of films, photos and sequences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from vidcolor.media.stills.dpx import encode_dpx_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.helpers.cli_runs import Run
    from tests.helpers.clips import ClipMaker

    Vidcolor = Callable[..., Run]


def probe_json(run: Run) -> dict[str, Any]:
    assert run.code == 0, run
    assert run.err == []
    (line,) = run.out
    values: dict[str, Any] = json.loads(line)
    return values


def test_film_is_described_as_text_and_json(vidcolor: Vidcolor, clip: ClipMaker) -> None:
    inputs = ("-f", "lavfi", "-t", "0.5", "-i", "sine")
    reel = clip("mkv", "ffv1", "yuv422p10le", "-c:a", "aac", inputs=inputs)
    values = probe_json(vidcolor("probe", reel, "-o", "out.mp4", "--json"))
    assert values["kind"] == "film"
    assert values["video"]["bits"] == 10
    assert values["video"]["tint"] == "gray"
    assert [s["kept"] for s in values["streams"]] == [True]
    lines = vidcolor("probe", reel).out
    assert lines[0].startswith(str(reel))
    assert any("10-bit luma" in line for line in lines)
    assert any(line.startswith("  audio      aac") and "kept" in line for line in lines)


def test_photo_is_described_as_text_and_json(vidcolor: Vidcolor) -> None:
    exif = Image.Exif()
    exif[274], exif[270] = 6, "mill"
    Image.new("L", (60, 40), 99).save("p.jpg", exif=exif.tobytes(), dpi=(300, 300))
    values = probe_json(vidcolor("probe", "p.jpg", "--json"))
    assert values["kind"] == "photo"
    assert (values["width"], values["height"], values["bits"]) == (60, 40, 8)
    assert (values["tint"], values["target"]) == ("gray", "p.color.jpg")
    assert values["kept"] == ["orientation 6", "EXIF", "300x300 dpi"]
    assert vidcolor("probe", "p.jpg").out == [
        "p.jpg (jpeg)",
        "  image      60x40, 8 bits",
        "  tint       black and white",
        "  metadata   orientation 6, EXIF, 300x300 dpi",
        "",
        "Output: p.color.jpg",
    ]


@pytest.mark.parametrize("name", ["scan", "scan/f_%03d.dpx"])
def test_sequence_lists_missing_frames(vidcolor: Vidcolor, name: str) -> None:
    Path("scan").mkdir()
    pixels = np.full((32, 48, 3), 500, np.uint16)
    for n in (1, 2, 5):
        Path(f"scan/f_{n:03d}.dpx").write_bytes(encode_dpx_file(pixels, None, 10))
    values = probe_json(vidcolor("probe", name, "--fps", 18, "--json"))
    assert values["kind"] == "sequence"
    assert (values["first"], values["last"], values["missing"]) == (1, 5, [3, 4])
    assert values["video"]["bits"] == 10
    assert values["video"]["rate"] == "18"
    assert "2 missing: 3, 4" in vidcolor("probe", name).out[1]


@pytest.mark.parametrize("name", ["nowhere.mp4", "text.mp4", "empty", "text.png", "f_%d.png"])
def test_unreadable_source_is_an_error(vidcolor: Vidcolor, name: str) -> None:
    Path("text.mp4").write_text("text")
    Path("text.png").write_text("text")
    Path("empty").mkdir()
    run = vidcolor("probe", name)
    assert run.code == 1
    assert run.out == []
    (line,) = run.err
    assert line.startswith(f"vidcolor: {name}: ")


def test_probe_writes_no_file(vidcolor: Vidcolor, tmp_path: Path) -> None:
    Image.new("L", (8, 8)).save("p_1.png")
    for path in ("p_1.png", "p_%d.png", "."):
        assert vidcolor("probe", path).code == 0
    assert [p.name for p in tmp_path.iterdir()] == ["p_1.png"]
