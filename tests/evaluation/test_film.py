"""Figures of steadiness and rightness say what they are for, and nothing else."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidcolor.evaluation.chroma_edges import chroma_edges, edge_agreement
from vidcolor.evaluation.film_scores import ORIGINAL, FilmScorer, FilmScores
from vidcolor.evaluation.temporal_metrics import DistributionSteps, distribution_consistency

Film = list[np.ndarray]


def world(seed: int, height: int = 96, width: int = 400) -> np.ndarray:
    """A colored landscape, (h, w, 3) float32 in [0, 255]."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((height, width, 3), np.float32)
    for cell, weight in ((32, 0.5), (10, 0.35), (4, 0.15)):
        coarse = rng.random((height // cell + 2, width // cell + 2, 3), np.float32)
        picture += weight * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return 40 + 170 * np.clip(picture, 0, 1)


def pan(seed: int = 1, count: int = 24, speed: int = 2) -> Film:
    place = world(seed)
    return [np.uint8(place[:, speed * n : speed * n + 128]) for n in range(count)]


def tinted(film: Film, amounts: list[float]) -> Film:
    """Red added and blue taken away, frame by frame."""
    shift = np.float32([1, 0, -1])
    return [np.uint8(np.clip(f + a * shift, 0, 255)) for f, a in zip(film, amounts, strict=True)]


def judged(original: Film, cuts: tuple[int, ...] = (), **versions: Film) -> FilmScores:
    scorer = FilmScorer(list(versions), rate=6)
    for n, picture in enumerate(original):
        here = {name: film[n] for name, film in versions.items()}
        scorer.feed(picture, here, n / 6, n in cuts)
    return scorer.finish()


def test_the_truth_is_perfect() -> None:
    film = pan()
    scores = judged(film, same=film)
    same, truth = scores.figures["same"], scores.figures[ORIGINAL]
    assert math.isinf(truth.psnr)
    assert same.delta_e < 0.1
    assert same.edge_f1 == 1
    for figure in ("cdc", "warp_error", "flicker", "drift", "chroma"):
        assert scores.beside_truth("same", figure) == pytest.approx(1), figure


def test_flicker_is_seen_by_all_that_look_for_it() -> None:
    film = pan()
    flickering = tinted(film, [12.0 * (n % 2) for n in range(24)])
    scores = judged(film, steady=tinted(film, [6.0] * 24), flickering=flickering)
    for figure in ("cdc", "warp_error", "flicker"):
        assert scores.beside_truth("flickering", figure) > 1.5, figure
        assert scores.beside_truth("steady", figure) < 1.25, figure
    shift = np.hypot(*(np.diff([_ab(film[0]), _ab(flickering[1])], axis=0)[0]))
    # Two colors by turns are half their distance from their mean; the index takes independent
    # errors for granted, of which alternation is the worst case.
    assert scores.figures["flickering"].flicker == pytest.approx(shift * math.sqrt(4 / 6), rel=0.4)


def _ab(rgb: np.ndarray) -> np.ndarray:
    lab = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    return lab[..., 1:].mean(axis=(0, 1))


def test_slow_change_is_drift_and_no_flicker() -> None:
    film = pan()
    scores = judged(film, drifting=tinted(film, [1.2 * n for n in range(24)]))
    assert scores.figures["drifting"].drift > scores.figures[ORIGINAL].drift + 4
    assert scores.beside_truth("drifting", "flicker") < 1.5


def test_nothing_is_measured_across_a_cut() -> None:
    """Another palette in the next shot is no unsteadiness, unless nobody says that it is one."""
    film = [*pan(1, 12), *pan(2, 12)]
    other = [*tinted(pan(1, 12), [-20.0] * 12), *tinted(pan(2, 12), [20.0] * 12)]
    apart, together = judged(film, (12,), other=other), judged(film, (), other=other)
    assert [(s.first, s.last) for s in apart.shots] == [(0, 12), (12, 24)]
    assert apart.shots[1].time_s == 2
    for figure in ("cdc", "warp_error"):
        assert apart.beside_truth("other", figure) == pytest.approx(1, abs=0.25), figure
        assert getattr(together.figures["other"], figure) > getattr(apart.figures["other"], figure)
    assert math.isnan(apart.frames["other"][12].warp_error)


def test_smeared_color_loses_its_edges() -> None:
    film = pan(count=6)
    smeared = []
    for rgb in film:
        lab = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
        lab[..., 1:] = cv2.GaussianBlur(lab[..., 1:], (0, 0), 8)
        clipped = np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), 0, 1)
        smeared.append(np.uint8(255 * clipped))
    assert judged(film, smeared=smeared).figures["smeared"].edge_f1 < 0.6


def test_one_frame_is_a_film() -> None:
    scores = judged(pan(count=1), same=pan(count=1))
    assert scores.num_frames == 1
    assert math.isnan(scores.figures["same"].warp_error)
    assert math.isnan(scores.figures["same"].drift)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.integers(2, 8))
def test_consistency_of_any_film(seed: int, count: int) -> None:
    """0 if nothing changes; never negative; the order of time does not matter."""
    rng = np.random.default_rng(seed)
    frames = [rng.random((8, 9, 3)).astype(np.float32) for _ in range(count)]

    def cdc(film: Film) -> float:
        steps = DistributionSteps()
        return distribution_consistency(np.array([steps.feed(frame, False) for frame in film]))

    assert cdc([frames[0]] * count) == pytest.approx(0, abs=1e-9)
    assert cdc(frames) >= 0
    assert cdc(frames) == pytest.approx(cdc(frames[::-1]))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.floats(0, 0.5), st.floats(0, 0.5))
def test_agreement_of_any_edges(seed: int, share: float, other_share: float) -> None:
    rng = np.random.default_rng(seed)
    edges, truth = rng.random((20, 24)) < share, rng.random((20, 24)) < other_share
    there, back = edge_agreement(edges, truth), edge_agreement(truth, edges)
    if edges.any() and truth.any():
        assert 0 <= there.f1 <= 1
        assert there.f1 == pytest.approx(back.f1)
        assert edge_agreement(edges, edges).f1 == 1


def test_edges_lie_where_color_changes_and_codes_make_none() -> None:
    ab = np.zeros((40, 60, 2), np.float32)
    ab[:, 30:] = (20, -10)
    edges = chroma_edges(ab)
    assert edges[5:-5, 28:32].any(axis=1).all()
    assert not edges[:, :26].any()
    steps = np.repeat(np.arange(60) // 6, 1).astype(np.float32)  # a slope in 8-bit codes
    contours = np.tile(steps[None, :, None] * (0.9, 0.4), (40, 1, 1)).astype(np.float32)
    assert not chroma_edges(contours).any()
