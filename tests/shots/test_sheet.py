"""Tests of the shot sheet."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vidcolor.errors import OutputError, UsageError
from vidcolor.fileio import check_suffix
from vidcolor.shots.detector import Shot
from vidcolor.shots.sheet import (
    MAX_THUMBNAILS,
    SHEET_SUFFIXES,
    check_sheet_length,
    write_sheet,
)
from vidcolor.shots.shot_list import ShotList


def make_list(count: int) -> ShotList:
    shots = tuple(Shot(n, n + 1) for n in range(count))
    return ShotList(shots, count, tuple(Fraction(n, 25) for n in range(count + 1)))


@pytest.mark.parametrize(("suffix", "kind"), [(".png", "PNG"), (".jpg", "JPEG"), (".webp", "WEBP")])
def test_sheet_holds_every_thumbnail(tmp_path: Path, suffix: str, kind: str) -> None:
    levels = (60, 120, 180, 240, 90)
    thumbnails = [np.full((144, 192), level, np.uint8) for level in levels]
    path = tmp_path / f"sheet{suffix}"
    write_sheet(path, thumbnails, make_list(5))
    with Image.open(path) as sheet:
        assert sheet.format == kind
        pixels = np.asarray(sheet.convert("L")).astype(int)
    for level in levels:
        assert (abs(pixels - level) <= 2).sum() > 0.95 * 144 * 192


def test_existing_sheet_is_kept_unless_forced(tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    path.write_text("existing")
    with pytest.raises(OutputError):
        write_sheet(path, [np.zeros((144, 192), np.uint8)], make_list(1))
    assert path.read_text() == "existing"


def test_unknown_image_format_is_an_error() -> None:
    check_suffix(Path("sheet.PNG"), SHEET_SUFFIXES, "image")
    with pytest.raises(UsageError, match=r"unknown image format; use \.png"):
        check_suffix(Path("sheet.gif"), SHEET_SUFFIXES, "image")


def test_too_many_shots_are_an_error() -> None:
    check_sheet_length(Path("sheet.png"), make_list(MAX_THUMBNAILS))
    with pytest.raises(UsageError, match="do not fit on one sheet"):
        check_sheet_length(Path("sheet.png"), make_list(MAX_THUMBNAILS + 1))
