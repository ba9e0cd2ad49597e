"""Flow finds what moves, is not fooled by light, and says where it knows nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.pictures import landscape, panned
from vidcolor.motion.flow import (
    SHORT_SIDE,
    DisFlow,
    FlowPair,
    estimate_flow,
    flow_input,
    pixel_grid,
    sample,
)
from vidcolor.motion.flow_chain import (
    FlowChain,
    forward_backward_check,
    identity_chain,
    one_earlier,
    one_later,
    one_on,
    photometric_check,
)

INNER = np.s_[16:-16, 24:-24]


@pytest.mark.parametrize(
    "light",
    [
        pytest.param(lambda y: y, id="steady"),
        pytest.param(lambda y: 0.6 * y + 0.1, id="gain"),
        pytest.param(lambda y: y**1.3, id="gamma"),
        pytest.param(lambda y: y * np.linspace(0.6, 1.2, y.shape[1]), id="uneven"),
    ],
)
def test_a_pan_in_any_light(light) -> None:
    one, other = panned(landscape(1), 2, 4)
    step = estimate_flow(flow_input(one), flow_input(light(other).astype(np.float32)), DisFlow())
    error = np.abs(step.back[INNER] - (4, 0)).max(axis=-1)
    assert np.quantile(error, 0.95) < 0.5
    assert float(step.back_trust[INNER].mean()) > 0.95
    assert float(step.ahead_trust[INNER].mean()) > 0.95


def test_what_comes_into_sight_is_not_believed() -> None:
    """A square moves to the right; the ground that it uncovers was not seen before."""
    ground, thing = landscape(2)[:96, :128], landscape(3)[:40, :40]
    frames = []
    for left in (30, 42):
        frames.append(ground.copy())
        frames[-1][28:68, left : left + 40] = 0.4 + 0.6 * thing
    step = estimate_flow(flow_input(frames[0]), flow_input(frames[1]), DisFlow())
    assert float(step.back_trust[34:62, 32:40].mean()) < 0.5
    assert float(step.back_trust[34:62, 50:74].mean()) > 0.9
    assert float(step.ahead_trust[34:62, 73:80].mean()) < 0.5


def test_looks() -> None:
    look = flow_input(landscape(1, 300, 400))
    assert min(look.luma.shape) == SHORT_SIDE
    assert not look.is_blank
    assert flow_input(np.full((96, 128), 0.7, np.float32)).is_blank
    dim = flow_input(0.02 + 0.05 * landscape(1, 300, 400))
    assert not dim.is_blank
    assert float(np.abs(dim.pattern - look.pattern).mean()) < 0.35


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(-5, 5)), min_size=1, max_size=6))
def test_tracks_add_up(moves) -> None:
    """Later, earlier and onwards: every way of chaining steps leads to the same place."""
    shape = (64, 64)
    back = [np.broadcast_to(np.float32(m), (*shape, 2)).copy() for m in moves]
    sure = np.ones(shape, np.float32)
    steps = [FlowPair(b, sure, -b, sure) for b in back]
    later = first = identity_chain(shape)
    for step in steps:
        later = one_later(later, step)
        first = one_on(first, step.ahead, step.ahead_trust)
    earlier = identity_chain(shape)
    for step in reversed(steps):
        earlier = one_earlier(earlier, step)
    total = np.sum(moves, axis=0)
    inner = np.s_[31:33, 31:33]  # beyond it the border is repeated
    assert np.allclose((later.places - pixel_grid(shape))[inner], total, atol=1e-3)
    assert np.allclose((earlier.places - pixel_grid(shape))[inner], -total, atol=1e-3)
    assert np.allclose((first.places - pixel_grid(shape))[inner], -total, atol=1e-3)
    assert later.trust.min() == 1


def test_tracks_that_do_not_come_back_are_not_believed() -> None:
    shape = (40, 60)
    itself = identity_chain(shape)
    astray = itself.places.copy()
    astray[:, 30:, 0] += 6
    kept = forward_backward_check(itself, FlowChain(astray, itself.trust))
    assert kept.trust[:, :30].min() == 1
    assert kept.trust[:, 30:].max() == 0


def test_tracks_to_something_that_looks_different_are_not_believed() -> None:
    here = flow_input(landscape(1)[:96, :128])
    there = landscape(1)[:96, :128].copy()
    there[:, 64:] = 1 - there[:, 64:]
    trust = photometric_check(
        identity_chain(here.luma.shape), here.pattern, flow_input(there).pattern
    )
    assert float(trust[:, :48].mean()) > 0.95
    assert float(trust[:, 80:].mean()) < 0.75


def test_samples_repeat_the_border() -> None:
    image = np.arange(12, dtype=np.float32).reshape(3, 4)
    places = np.float32([[[-5, 0], [1.5, 1], [9, 9]]])
    assert sample(image, places).tolist() == [[0, 5.5, 11]]
