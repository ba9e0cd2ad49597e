"""Photographs and scans of text."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.helpers.flat import flat_colorizer
from tests.helpers.title_cards import make_card
from vidcolor import ColorizeOptions, colorize_photo
from vidcolor.options import Hint


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A yellowed page: dark text on light paper."""
    luma = make_card(0.9, 0.1)
    bgr = np.stack([0.75 * luma, 0.95 * luma, luma], axis=-1)
    path = tmp_path / "page.png"
    cv2.imwrite(str(path), np.rint(255 * bgr).astype(np.uint8))
    return path


def colorize(page: Path, **values: object):
    """Return the result, and a*, b* of its pixels, (h, w, 2)."""
    target = page.with_name("out.png")
    options = ColorizeOptions(force=True, **values)
    result = colorize_photo(page, target, options, colorizer=flat_colorizer())
    bgr = cv2.imread(str(target)).astype(np.float32) / 255
    return result, cv2.cvtColor(bgr, cv2.COLOR_BGR2LAB)[..., 1:]


def test_page_of_text_is_neutral(page: Path) -> None:
    result, ab = colorize(page)
    assert result.title_confidence is not None and result.title_confidence > 0.8
    assert np.abs(ab).max() < 1


def test_page_has_the_tint_of_its_source_on_request(page: Path) -> None:
    _, ab = colorize(page, titles="tint")
    assert 10 < ab[..., 1].mean() < 35 and ab.reshape(-1, 2).std(axis=0).max() < 6


def test_page_is_colorized_on_request(page: Path) -> None:
    result, ab = colorize(page, titles="color")
    assert result.title_confidence is None
    assert np.hypot(*np.moveaxis(ab, -1, 0)).mean() > 3


def test_hint_colors_a_page(page: Path) -> None:
    hint = Hint(x=40, y=40, radius=6, color="#2060c0")
    _, ab = colorize(page, hints=(hint,))
    assert ab[40, 40, 1] < -5
