"""Text on images: shortening, fonts and labels."""

from __future__ import annotations

import numpy as np
import pytest

from vidcolor.imaging.text import Label, choose_font, measure_text_width, shorten_text


def test_long_text_keeps_its_start_and_end():
    name = "a_very_long_name_of_a_film_that_does_not_fit.mp4"
    shortened = shorten_text(name, 20, 200)
    assert shortened.startswith("a_very")
    assert shortened.endswith(".mp4")
    assert "…" in shortened
    assert measure_text_width(shortened, 20) <= 200


def test_line_breaks_become_spaces():
    assert shorten_text("line\nbreak", 20, 900) == "line break"


def test_packaged_font_is_used_if_it_has_all_glyphs():
    font, text = choose_font("plain.mp4", 20)
    assert text == "plain.mp4"
    assert font is choose_font("other.mp4", 20)[0]


def test_missing_glyphs_are_replaced_if_there_is_no_system_font():
    assert choose_font("Müller Жук.mp4", 20, system_fonts=())[1] == "Muller ???.mp4"


@pytest.mark.parametrize("corner", ["left", "right"])
def test_label_changes_only_its_corner(corner):
    rgb = np.full((160, 320, 3), 40, np.uint8)
    Label("Before", (320, 160), corner).draw_on(rgb)
    columns = np.flatnonzero((rgb > 180).any(axis=(0, 2)))
    assert columns.max() < 120 if corner == "left" else columns.min() > 200
    assert (rgb[60:] == 40).all()


def test_empty_label_or_small_image_leaves_pixels_unchanged():
    rgb = np.full((10, 20, 3), 40, np.uint8)
    Label("", (320, 160), "left").draw_on(rgb)
    Label("Before", (320, 160), "left").draw_on(rgb)
    assert (rgb == 40).all()
