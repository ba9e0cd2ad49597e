"""Extension of titles over frames that show the same."""

from __future__ import annotations

import numpy as np

from tests.helpers.synthetic_shots import make_scene
from tests.helpers.title_cards import make_card
from vidcolor.titles.extension import (
    MAX_EXTENSION,
    compute_signature,
    extend_titles,
    is_still,
)
from vidcolor.titles.shots import Title

PICTURE = make_scene(3)[:240, :320]


def extend(frames, *titles):
    signatures = b"".join(compute_signature(frame) for frame in frames)
    return [(t.first, t.end) for t in extend_titles([Title(*t, 0.9) for t in titles], signatures)]


def test_title_is_extended_to_all_frames_that_show_it():
    cards = [make_card(seed=n) * (1 + 0.06 * np.sin(n)) for n in range(40)]  # flicker
    frames = [PICTURE] * 10 + cards + [PICTURE] * 10
    assert extend(frames, (17, 44)) == [(10, 50)]
    assert extend(frames, (10, 50)) == [(10, 50)]
    assert extend(frames) == []


def test_frames_of_a_dissolve_keep_their_color():
    shares = np.linspace(0, 1, 14)[1:-1]
    dissolve = [(1 - share) * PICTURE + share * make_card() for share in shares]
    frames = [PICTURE] * 5 + dissolve + [make_card(seed=n) for n in range(30)]
    ((first, end),) = extend(frames, (24, 47))
    assert 14 <= first <= 17 and end == 47


def test_extension_is_limited_and_titles_do_not_overlap():
    frames = [make_card(seed=n % 4) for n in range(200)]
    assert extend(frames, (100, 110)) == [(100 - MAX_EXTENSION, 110 + MAX_EXTENSION)]
    assert extend(frames, (50, 60), (70, 80)) == [(26, 70), (70, 104)]


def test_flicker_and_short_fades_are_still_and_motion_is_not():
    flicker = [make_card(seed=n) * (1 + 0.06 * np.sin(n)) for n in range(20)]
    fade = [make_card() * share for share in (0.2, 0.5)]
    pan = [np.roll(PICTURE, 8 * n, axis=1) for n in range(20)]
    signatures = b"".join(map(compute_signature, [*fade, *flicker, *pan]))
    assert is_still(signatures, 0, 22)
    assert not is_still(signatures, 22, 42)
    assert not is_still(signatures, 42, 42)
