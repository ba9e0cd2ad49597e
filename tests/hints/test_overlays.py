"""The overlays of a film must be read back as they were written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vidcolor.errors import InputError
from vidcolor.hints.overlays import (
    MIN_ALPHA,
    OVERLAYS_FILE,
    LostHint,
    OverlayIndex,
    OverlayWriter,
)
from vidcolor.imaging.overlay import ColorOverlay
from vidcolor.schema import dump_json, load_json

SHAPE = (30, 40)


def make_overlay(seed: int, max_alpha: float = 1.0) -> ColorOverlay:
    """Return random color with random alpha."""
    rng = np.random.default_rng(seed)
    ab = rng.uniform(-100, 100, (2, *SHAPE)).astype(np.float32)
    return ColorOverlay(ab, max_alpha * rng.random(SHAPE, np.float32))


def write(folder: Path, overlays: dict[int, ColorOverlay]) -> OverlayIndex:
    with (folder / OVERLAYS_FILE).open("wb") as file:
        writer = OverlayWriter(file)
        for frame, overlay in overlays.items():
            writer.append(frame, overlay)
        return writer.finish()


def test_overlays_are_read_in_any_order_with_an_index_from_json(tmp_path: Path) -> None:
    overlays = {7: make_overlay(1), 8: make_overlay(2), 200: make_overlay(3)}
    index = load_json(OverlayIndex, dump_json(write(tmp_path, overlays)))
    reader = index.open(tmp_path)
    for frame in (200, 7, 8, 7):
        overlay = reader.get(frame)
        assert overlay is not None
        assert np.abs(overlay.ab - overlays[frame].ab)[:, overlay.alpha > 0].max() <= 0.5
        assert np.abs(overlay.alpha - overlays[frame].alpha).max() <= 0.501 / 255
    assert reader.get(9) is None
    reader.close()


def test_lost_hints_are_stored_and_described(tmp_path: Path) -> None:
    lost = LostHint("h.json: hint 2", 96, 131, 4.0, 5.46)
    with (tmp_path / OVERLAYS_FILE).open("wb") as file:
        index = load_json(OverlayIndex, dump_json(OverlayWriter(file).finish([lost])))
    assert index.lost == (lost,)
    assert str(lost) == (
        "h.json: hint 2: its object is not found in frames 96 to 131 (4.00 to 5.46 s), which keep "
        "their automatic color; add a hint there if it is visible"
    )


def test_transparent_overlays_are_not_stored(tmp_path: Path) -> None:
    index = write(tmp_path, {1: make_overlay(1, 0.9 * MIN_ALPHA)})
    assert index.records == {}
    assert (tmp_path / OVERLAYS_FILE).stat().st_size == 0
    reader = load_json(OverlayIndex, dump_json(index)).open(tmp_path)
    assert reader.get(1) is None
    reader.close()


def test_colors_beyond_the_range_are_limited(tmp_path: Path) -> None:
    ab = np.full((2, *SHAPE), -200, np.float32)
    reader = write(tmp_path, {0: ColorOverlay(ab, np.full(SHAPE, 1.5, np.float32))}).open(tmp_path)
    overlay = reader.get(0)
    reader.close()
    assert overlay is not None
    assert (overlay.ab == -127).all()
    assert (overlay.alpha == 1).all()


def test_a_damaged_file_is_reported_with_a_remedy(tmp_path: Path) -> None:
    index = write(tmp_path, {3: make_overlay(1), 4: make_overlay(2)})
    path = tmp_path / OVERLAYS_FILE
    path.write_bytes(path.read_bytes()[:-50])
    reader = index.open(tmp_path)
    assert reader.get(3) is not None
    with pytest.raises(InputError, match=r"overlays\.bin: damaged at frame 4; delete the work"):
        reader.get(4)
    reader.close()
    path.unlink()
    with pytest.raises(FileNotFoundError):
        index.open(tmp_path)
