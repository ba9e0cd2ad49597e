"""Flow chains and the checks of their confidence."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.frames import make_texture
from vidcolor.motion.flow import FlowPair, make_flow_input, pixel_grid
from vidcolor.motion.flow_chain import (
    FlowChain,
    append_flow,
    forward_backward_check,
    identity_chain,
    photometric_check,
    prepend_flow,
)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(-5, 5)), min_size=1, max_size=6))
def test_prepended_and_appended_flow_add_up(moves: list[tuple[int, int]]) -> None:
    shape = (64, 64)
    full = np.ones(shape, np.float32)
    backward = [np.broadcast_to(np.float32(move), (*shape, 2)).copy() for move in moves]
    pairs = [FlowPair(flow, full, -flow, full) for flow in backward]
    last_to_first = first_to_last = first_to_last_appended = identity_chain(shape)
    for pair in pairs:
        last_to_first = prepend_flow(pair.backward, pair.backward_confidence, last_to_first)
        first_to_last_appended = append_flow(
            first_to_last_appended, pair.forward, pair.forward_confidence
        )
    for pair in reversed(pairs):
        first_to_last = prepend_flow(pair.forward, pair.forward_confidence, first_to_last)
    displacements = last_to_first.coords - pixel_grid(shape)
    there_and_back = prepend_flow(displacements, last_to_first.confidence, first_to_last)
    total = np.sum(moves, axis=0)
    center = np.s_[31:33, 31:33]  # closer to the border, replicated samples count
    for chain, expected in (
        (last_to_first, total),
        (first_to_last, -total),
        (first_to_last_appended, -total),
        (there_and_back, 0 * total),
    ):
        displacement = (chain.coords - pixel_grid(shape))[center]
        assert np.allclose(displacement, expected, atol=1e-3)
        assert chain.confidence.min() == 1


def test_chain_confidence_is_the_product_of_flow_confidences() -> None:
    flow, confidence = np.zeros((4, 4, 2), np.float32), np.full((4, 4), 0.5, np.float32)
    chain = prepend_flow(flow, confidence, append_flow(identity_chain((4, 4)), flow, confidence))
    assert np.allclose(chain.confidence, 0.25)


def test_forward_backward_check_rejects_pixels_that_do_not_return() -> None:
    identity = identity_chain((40, 60))
    shifted = identity.coords.copy()
    shifted[:, 30:, 0] += 6
    checked = forward_backward_check(identity, FlowChain(shifted, identity.confidence))
    assert checked.confidence[:, :30].min() == 1
    assert checked.confidence[:, 30:].max() == 0


def test_photometric_check_rejects_pixels_that_differ() -> None:
    source = make_texture(1)[:96, :128]
    target = source.copy()
    target[:, 64:] = 1 - target[:, 64:]
    checked = photometric_check(
        identity_chain(source.shape),
        make_flow_input(source).normalized,
        make_flow_input(target).normalized,
    )
    assert float(checked.confidence[:, :48].mean()) > 0.95
    assert float(checked.confidence[:, 80:].mean()) < 0.75
