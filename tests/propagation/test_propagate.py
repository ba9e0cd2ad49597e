"""One palette a shot: opinions that wander are averaged, color stays with its things."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.pictures import landscape, panned, sighted
from vidcolor.hints.tracks import HintMask
from vidcolor.motion.flow import DisFlow
from vidcolor.propagation.keyframes import SPACING, split_intervals
from vidcolor.propagation.propagate import LAG, KeyframePrediction, Propagator

Truth = list[np.ndarray]


def opinions(truth: Truth, wander: float = 0.0) -> Callable[..., KeyframePrediction]:
    """A generator that knows the true color, with an error of its own for each frame."""

    def ask(number: int, hints: object) -> KeyframePrediction:
        off = np.random.default_rng(number).normal(0, wander, (2, 1, 1)) if wander else 0
        small = cv2.resize(truth[number], (32, 24), interpolation=cv2.INTER_AREA)
        ab = (small.transpose(2, 0, 1) + off).astype(np.float32)
        return KeyframePrediction(ab, np.full((24, 32), 0.8, np.float32))

    return ask


def colored(frames, ask, pinned=lambda _: None, takes_hints=True) -> list[np.ndarray]:
    runs = split_intervals(sighted(frames), DisFlow())
    done = list(Propagator(ask, pinned, takes_hints).color(runs))
    assert [number for number, _ in done] == list(range(len(frames)))
    return [color for _, color in done]


@pytest.fixture(scope="module")
def pan() -> tuple[list[np.ndarray], Truth]:
    """Luma and the true a*, b* of a pan."""
    places = [landscape(seed, 160, 700) for seed in (1, 8, 9)]
    frames = panned(places[0], 60, 3)
    a, b = (panned(cv2.GaussianBlur(p, (0, 0), 8) * 80 - 40, 60, 3) for p in places[1:])
    return frames, [np.dstack(pair) for pair in zip(a, b, strict=True)]


def test_opinions_that_wander_give_steady_color(pan) -> None:
    frames, truth = pan
    done = colored(frames, opinions(truth, wander=6.0))
    off = np.array([(c[..., :2] - t).mean(axis=(0, 1)) for c, t in zip(done, truth, strict=True)])
    alone = [np.random.default_rng(n).normal(0, 6.0, 2) for n in range(60)]
    assert np.abs(np.diff(off, axis=0)).max() < 0.15 * np.abs(np.diff(alone, axis=0)).max()
    assert np.abs(off).max() < 0.8 * np.abs(alone).max()


def test_nobody_is_asked_twice_who_takes_no_hints(pan) -> None:
    frames, truth = pan
    asked: dict[bool, list[bool]] = {True: [], False: []}
    for takes_hints, told in asked.items():
        know = opinions(truth, wander=6.0)

        def ask(number: int, hints: object, told=told, know=know) -> KeyframePrediction:
            told.append(hints is not None)
            return know(number, hints)

        done = colored(frames, ask, takes_hints=takes_hints)
        off = np.array([(c[..., :2] - t).mean((0, 1)) for c, t in zip(done, truth, strict=True)])
        assert np.abs(np.diff(off, axis=0)).max() < 2
    assert any(asked[True]) and not any(asked[False])


def test_true_opinions_stay_true(pan) -> None:
    """Between key frames nobody is asked; color gets there along the motion."""
    frames, truth = pan
    asked: list[int] = []
    know = opinions(truth)

    def ask(number: int, hints: object) -> KeyframePrediction:
        asked.append(number)
        return know(number, hints)

    done = colored(frames, ask)
    assert len(set(asked)) <= 12
    error = [np.abs(c[..., :2] - t) for c, t in zip(done, truth, strict=True)]
    assert max(float(e[8:-8, 8:-8].mean()) for e in error) < 2.0


def test_a_thing_keeps_its_color_and_ground_does_not_take_it_on() -> None:
    ground, thing = 0.7 * landscape(2)[:96, :128], 0.5 + 0.5 * landscape(3)[:32, :32]
    frames, truth = [], []
    for n in range(34):
        left = 8 + 2 * n
        frames.append(ground.copy())
        frames[-1][32:64, left : left + 32] = thing
        truth.append(np.full((96, 128, 2), -15, np.float32))
        truth[-1][32:64, left : left + 32] = 40
    done = colored(frames, opinions(truth))
    for n, color in enumerate(done):
        left = 8 + 2 * n
        assert float(color[40:56, left + 8 : left + 24, :2].min()) > 20, n
        far = np.delete(color[..., :2], np.s_[max(0, left - 20) : left + 52], axis=1)
        assert float(np.quantile(far, 0.98)) < -10, n


def test_detail_is_as_sharp_as_each_opinion(pan) -> None:
    """Means of opinions that lie a little beside each other would blur what is fine."""
    frames, truth = pan
    stripes = [np.where(np.arange(128) % 16 < 8, 20, -20) for _ in frames]
    fine = [
        t * 0 + s[None, :, None].astype(np.float32) for t, s in zip(truth, stripes, strict=True)
    ]
    still = [landscape(1)[:96, :128]] * 60
    done = colored(still, opinions(fine))
    assert min(float(c[..., 0].std()) for c in done) > 0.75 * float(done[0][..., 0].std())


def test_pinned_color_is_kept_and_forgotten() -> None:
    frames = [landscape(4)[:96, :128]] * 40
    truth = [np.zeros((96, 128, 2), np.float32)] * 40
    influence = np.zeros((96, 128), np.float32)
    influence[20:60, 20:60] = 1
    told = HintMask(np.full((2, 96, 128), 30, np.float32), influence)
    done = colored(frames, opinions(truth), lambda n: told if n == SPACING else None)
    assert np.allclose(done[SPACING][20:60, 20:60, :2], 30)
    assert np.abs(done[SPACING][:10, :, :2]).max() < 0.5
    assert np.abs(done[39][..., :2]).max() < 0.5, "pins are not remembered"
    assert done[SPACING][30, 30, 2] == 1


def test_revealed_ground_is_asked_about_with_what_is_known() -> None:
    """The generator hears the color of what it has seen when new things come into sight."""
    told: dict[int, float] = {}
    frames = panned(landscape(1, 160, 900), 33, 12)

    def ask(number: int, hints) -> KeyframePrediction:
        if hints is not None:
            told[number] = float((hints.density > 0).mean())
            assert float(np.abs(hints.ab[:, hints.density > 0] - 10).max()) < 1
        return KeyframePrediction(
            np.full((2, 24, 32), 10, np.float32), np.full((24, 32), 0.8, np.float32)
        )

    colored(frames, ask)
    assert told
    assert 0.1 < min(told.values()) < 0.98


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 25)), min_size=1, max_size=4))
def test_any_film_is_colored_in_order(runs) -> None:
    pictures = [np.zeros((24, 32), np.float32), *(landscape(n)[:24, :32] for n in range(2))]
    frames = [pictures[kind] for kind, count in runs for _ in range(count)]
    truth = [np.full((24, 32, 2), 20, np.float32)] * len(frames)
    for color in colored(frames, opinions(truth)):
        assert color.shape == (24, 32, 3)
        assert np.abs(color[..., :2] - 20).max() < 1e-2


def test_look_ahead_is_bounded() -> None:
    """A shot without end is colored while it comes in."""
    picture = landscape(1)[:24, :32]
    read = 0

    def endless() -> Iterator[np.ndarray]:
        nonlocal read
        for _ in range(400):
            read += 1
            yield picture

    ask = opinions([np.zeros((24, 32, 2), np.float32)] * 400)
    runs = split_intervals(sighted(endless()), DisFlow())  # type: ignore[arg-type]
    ahead = [read - number for number, _ in Propagator(ask).color(runs)]
    assert max(ahead) <= (LAG + 1) * SPACING + 8
