"""Metrics of films respond to the errors that they measure."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from vidcolor.evaluation.film import GROUND_TRUTH, FilmEvaluation, FilmScorer
from vidcolor.evaluation.temporal_metrics import DRIFT_FRAMES

Film = list[np.ndarray]
FRAME_RATE = 6
NUM_FRAMES = 14


def make_landscape(seed: int, height: int = 72, width: int = 200) -> np.ndarray:
    """Return a color image with structure at several scales, (h, w, 3) float32 in [40, 210]."""
    rng = np.random.default_rng(seed)
    image = np.zeros((height, width, 3), np.float32)
    for cell, weight in ((32, 0.5), (10, 0.35), (4, 0.15)):
        coarse = rng.random((height // cell + 2, width // cell + 2, 3), np.float32)
        image += weight * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return 40 + 170 * np.clip(image, 0, 1)


def make_pan(seed: int = 1, count: int = NUM_FRAMES, speed: int = 2) -> Film:
    landscape = make_landscape(seed)
    return [np.uint8(landscape[:, speed * n : speed * n + 96]) for n in range(count)]


def add_tint(film: Film, amounts: list[float]) -> Film:
    """Add an amount of red and subtract it from blue, frame by frame."""
    tint = np.float32([1, 0, -1])
    return [np.uint8(np.clip(f + a * tint, 0, 255)) for f, a in zip(film, amounts, strict=True)]


def score(ground_truth: Film, cuts: tuple[int, ...] = (), **versions: Film) -> FilmEvaluation:
    scorer = FilmScorer(list(versions))
    for n, frame in enumerate(ground_truth):
        frames = {name: film[n] for name, film in versions.items()}
        scorer.add_frame(frame, frames, n / FRAME_RATE, n in cuts)
    return scorer.finish((96, 72))


def compute_ratio(scores: FilmEvaluation, version: str, metric: str) -> float:
    """Return a metric of a version divided by that of the ground truth."""
    metrics = scores.report.metrics
    return metrics[version][metric] / metrics[GROUND_TRUTH][metric]


def compute_mean_ab(rgb: np.ndarray) -> np.ndarray:
    lab = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    return lab[..., 1:].mean(axis=(0, 1))


def test_ground_truth_has_perfect_metrics() -> None:
    film = make_pan()
    scores = score(film, same=film)
    same, ground_truth = scores.report.metrics["same"], scores.report.metrics[GROUND_TRUTH]
    assert math.isinf(ground_truth["psnr"])
    assert same["delta_e_2000"] < 0.1
    assert same["edge_f1"] == 1
    for metric in ("cdc", "warp_error", "flicker", "chroma"):
        assert compute_ratio(scores, "same", metric) == pytest.approx(1), metric


def test_flicker_increases_all_temporal_metrics() -> None:
    film = make_pan()
    flickering = add_tint(film, [12.0 * (n % 2) for n in range(NUM_FRAMES)])
    scores = score(film, stable=add_tint(film, [6.0] * NUM_FRAMES), flickering=flickering)
    for metric in ("cdc", "warp_error", "flicker"):
        assert compute_ratio(scores, "flickering", metric) > 1.5, metric
        assert compute_ratio(scores, "stable", metric) < 1.25, metric
    distance = np.hypot(*(compute_mean_ab(film[0]) - compute_mean_ab(flickering[1])))
    # Alternating colors deviate from their mean by half their distance. The index assumes
    # independent errors, and alternation, with gain 16 instead of 6, is its maximum.
    expected = distance * math.sqrt(4 / 6)
    assert scores.report.metrics["flickering"]["flicker"] == pytest.approx(expected, rel=0.4)


def tint_ab(film: Film, changes: list[tuple[float, float]]) -> Film:
    """Add an amount to a* and b*, frame by frame."""
    tinted = []
    for rgb, change in zip(film, changes, strict=True):
        lab = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
        lab[..., 1:] += np.float32(change)
        tinted.append(np.uint8(np.rint(255 * np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), 0, 1))))
    return tinted


def make_pale_pan(seed: int = 1) -> Film:
    """Return a pan of the minimum length for which drift is defined, with weak color edges."""
    film = make_pan(seed, DRIFT_FRAMES + 1, speed=1)
    return [np.uint8(0.2 * rgb + 0.8 * rgb.mean(-1, keepdims=True)) for rgb in film]


def test_drift_is_the_change_of_color_beyond_that_of_the_truth() -> None:
    steps = [n / DRIFT_FRAMES for n in range(DRIFT_FRAMES + 1)]
    photograph = make_pale_pan()
    truth = tint_ab(photograph, [(0, 3 * step) for step in steps])
    versions = {
        "drifting": tint_ab(photograph, [(6 * step, 8 * step) for step in steps]),
        "other": tint_ab(truth, [(5, -3)] * len(steps)),
    }
    scores = score(truth, **versions)
    metrics = scores.report.metrics
    assert metrics[GROUND_TRUTH]["drift"] == pytest.approx(3, abs=0.8)
    assert metrics["drifting"]["drift"] == pytest.approx(10, abs=0.8)
    for name in ("excess_drift_p50", "excess_drift_p95"):
        assert metrics[GROUND_TRUTH][name] == 0
        assert metrics["drifting"][name] == pytest.approx(7, abs=0.6), name
        assert metrics["other"][name] == pytest.approx(0, abs=0.6), name


def test_slow_change_is_not_flicker() -> None:
    film = make_pan()
    drifting = add_tint(film, [2.2 * n for n in range(NUM_FRAMES)])
    assert compute_ratio(score(film, drifting=drifting), "drifting", "flicker") < 1.5


@pytest.mark.slow
def test_drift_is_not_measured_across_cuts() -> None:
    film = [*make_pale_pan(1), *make_pale_pan(2)[:-1]]
    other = tint_ab(film, [(9.0 * (n > DRIFT_FRAMES), 0) for n in range(len(film))])
    first, second = score(film, (DRIFT_FRAMES + 1,), other=other).report.shots
    assert first.metrics["other"]["excess_drift_p95"] < 0.5
    assert math.isnan(second.metrics["other"]["excess_drift_p95"])


def test_temporal_metrics_do_not_cross_cuts() -> None:
    film = [*make_pan(1, 7), *make_pan(2, 7)]
    other = [*add_tint(make_pan(1, 7), [-20.0] * 7), *add_tint(make_pan(2, 7), [20.0] * 7)]
    split, whole = score(film, (7,), other=other), score(film, (), other=other)
    assert [(s.first_frame, s.last_frame) for s in split.report.shots] == [(0, 6), (7, 13)]
    assert split.report.shots[1].start_s == pytest.approx(7 / FRAME_RATE, abs=1e-3)
    for metric in ("cdc", "warp_error"):
        assert compute_ratio(split, "other", metric) == pytest.approx(1, abs=0.25), metric
        assert whole.report.metrics["other"][metric] > split.report.metrics["other"][metric]
    assert math.isnan(split.frames["other"][7]["warp_error"])


def test_smeared_color_has_a_low_edge_f1() -> None:
    film = make_pan(count=3)
    smeared = []
    for rgb in film:
        lab = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
        lab[..., 1:] = cv2.GaussianBlur(lab[..., 1:], (0, 0), 8)
        clipped = np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), 0, 1)
        smeared.append(np.uint8(255 * clipped))
    assert score(film, smeared=smeared).report.metrics["smeared"]["edge_f1"] < 0.6


def test_one_frame_has_no_temporal_metrics() -> None:
    film = make_pan(count=1)
    scores = score(film, same=film)
    assert scores.report.num_frames == 1
    assert math.isnan(scores.report.metrics["same"]["warp_error"])
    for metric in ("drift", "excess_drift_p50", "excess_drift_p95"):
        assert math.isnan(scores.report.metrics["same"][metric])
