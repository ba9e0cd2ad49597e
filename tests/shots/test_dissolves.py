"""`DissolveDetector` finds mixtures of two shots."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from tests.helpers.synthetic_shots import (
    HEIGHT,
    FrameArray,
    make_dissolve,
    make_landscape,
    make_pan,
    make_static_shot,
    make_tilt,
)
from vidcolor.shots.dissolves import (
    MIN_LOG_ODDS,
    Dissolve,
    DissolveDetector,
    measure_unchanged_share,
)
from vidcolor.shots.features import make_thumbnail, resize_frame


def detect_dissolves(frames: Iterable[FrameArray], first: int = 0) -> list[Dissolve]:
    detector, found = DissolveDetector(first), []
    for frame in frames:
        small = resize_frame(np.asarray(frame, np.float32))
        found.append(detector.feed(small, make_thumbnail(small)))
    return [*(dissolve for dissolve in found if dissolve is not None), *detector.finish()]


@pytest.mark.parametrize("first", [0, 500])
def test_dissolve_covers_the_mixed_frames(first: int) -> None:
    a, b = make_static_shot(1, 60), make_static_shot(2, 60)
    film = [*a[:40], *make_dissolve(a[40:], b[:20]), *b[20:]]
    (dissolve,) = detect_dissolves(film, first)
    assert abs(dissolve.first - (first + 40)) <= 2
    assert abs(dissolve.end - (first + 60)) <= 2
    assert dissolve.log_odds > MIN_LOG_ODDS


def test_gain_and_offset_of_flicker_do_not_hide_a_dissolve() -> None:
    a, b = make_static_shot(1, 60), make_static_shot(2, 60)
    film = [*a[:40], *make_dissolve(a[40:], b[:20]), *b[20:]]
    flicker = np.random.default_rng(0).normal(0, 0.1, (len(film), 2))
    pairs = zip(film, flicker, strict=True)
    assert len(detect_dissolves((1 + g) * f + 0.2 * o for f, (g, o) in pairs)) == 1


def test_pan_and_cut_are_not_dissolves() -> None:
    assert not detect_dissolves(make_pan(1, 60, 4))
    assert not detect_dissolves([*make_static_shot(1, 40), *make_static_shot(2, 40)])


@pytest.mark.parametrize(("top", "bottom", "count"), [(20, 170, 20), (60, 150, 13), (10, 120, 9)])
@pytest.mark.parametrize("direction", [1, -1])
def test_fast_tilt_from_sky_to_ground_is_not_a_dissolve(
    top: int, bottom: int, count: int, direction: int
) -> None:
    first, last = (top, bottom)[::direction]
    assert not detect_dissolves(make_tilt(make_landscape(1), first, last, count))


def test_tilt_does_not_hide_a_dissolve_after_it() -> None:
    tilt, next_shot = make_tilt(make_landscape(1), 20, 170, 20), make_static_shot(2, 60)
    rest = [tilt[-1]] * 40
    film = [*tilt, *rest, *make_dissolve(rest[:20], next_shot[:20]), *next_shot[20:]]
    (dissolve,) = detect_dissolves(film)
    assert abs(dissolve.first - 100) <= 2


def test_dissolve_from_sky_to_ground_is_detected() -> None:
    a, b = ([make_landscape(seed)[top : top + HEIGHT]] * 60 for seed, top in ((1, 20), (2, 170)))
    film = [*a[:40], *make_dissolve(a[40:], b[:20]), *b[20:]]
    assert len(detect_dissolves(film)) == 1


def test_unchanged_share_counts_equal_blocks() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 24, 32), np.float32)
    b[:, :16] = a[:, :16]
    assert measure_unchanged_share(a, a) == 1
    assert measure_unchanged_share(a, b) == 0.5
