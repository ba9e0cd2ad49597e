"""Tests of colorization shot by shot: independent shots, dissolves, and edited shot lists."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tests.helpers.films import read_lab, read_planes, read_reel, write_gray
from tests.helpers.flat import FlatGenerator, flat_colorizer
from vidcolor.colorizer import Colorizer, ProxyPrediction
from vidcolor.errors import InputError
from vidcolor.film.api import colorize_film, colorize_sequence
from vidcolor.generators.base import Hints, Prediction
from vidcolor.imaging.overlay import ColorOverlay
from vidcolor.media.decode import VideoReader
from vidcolor.media.probe import probe
from vidcolor.options import ColorizeOptions
from vidcolor.propagation.flow_frames import make_analysis_frame
from vidcolor.propagation.shot_colorizer import ShotColorizer
from vidcolor.shots.detector import Shot

ARCHIVE = {"purpose": "archive", "force": True}


@pytest.fixture(scope="module")
def embedded() -> Colorizer:
    return Colorizer.load(device="cpu")


@pytest.fixture(scope="module")
def two_shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a film with 27 frames of one shot and 33 frames of the next."""
    path = tmp_path_factory.mktemp("shots") / "two.mkv"
    return write_gray(path, [*read_reel(33, 27), *read_reel(60, 33)])


@pytest.fixture(scope="module")
def colorized(two_shots: Path, embedded: Colorizer) -> Path:
    """Return the colorized film of `two_shots`."""
    return colorize(two_shots, embedded, "two.color.mkv")


def colorize(source: Path, colorizer: Colorizer, name: str, **options: object) -> Path:
    target = source.with_name(name)
    colorize_film(source, target, ColorizeOptions(**ARCHIVE, **options), colorizer=colorizer)
    return target


def write_list(path: Path, *rows: tuple[int, int, str, int]) -> Path:
    """Write a shot list with first frame, end, transition and mixed frames of each shot."""
    shots = [
        {
            "first_frame": first,
            "last_frame": end - 1,
            "transition": transition,
            "mixed_frames": mixed_frames,
        }
        for first, end, transition, mixed_frames in rows
    ]
    path.write_text(json.dumps({"shots": shots}))
    return path


def mean_a(path: Path) -> list[float]:
    """Return the mean a* of each frame."""
    return [float(lab[..., 1].mean()) for lab in read_lab(path)]


@pytest.mark.slow
@pytest.mark.parametrize(("first", "count"), [(0, 27), (27, 33)])
def test_color_of_a_shot_does_not_depend_on_other_shots(
    first: int, count: int, two_shots: Path, colorized: Path, embedded: Colorizer
) -> None:
    shot = write_gray(two_shots.with_name(f"shot{first}.mkv"), read_reel(33 + first, count))
    separate = read_planes(colorize(shot, embedded, f"shot{first}.color.mkv"))
    together = read_planes(colorized)[first : first + count]
    for a, b in zip(separate, together, strict=True):
        for plane, expected in zip(a, b, strict=True):
            np.testing.assert_array_equal(plane, expected)


@pytest.mark.slow
def test_luma_is_unchanged_and_chroma_is_added(two_shots: Path, colorized: Path) -> None:
    for (luma,), (same, cb, cr) in zip(read_planes(two_shots), read_planes(colorized), strict=True):
        np.testing.assert_array_equal(luma, same)
        assert np.stack([cb, cr]).std() > 1


@pytest.mark.slow
def test_propagated_color_is_more_stable_than_color_per_frame(
    two_shots: Path, embedded: Colorizer
) -> None:
    """Only the grain changes in this static shot, so a stable chroma changes little."""
    rng = np.random.default_rng(1)
    static = read_reel(70, 1)[0].astype(float)
    grainy = [np.clip(static + rng.normal(0, 6, static.shape), 0, 255) for _ in range(15)]
    film = write_gray(
        two_shots.with_name("static.mkv"), [frame.astype(np.uint8) for frame in grainy]
    )

    def mean_change(path: Path) -> float:
        chroma = [np.stack(planes[1:]).astype(float) for planes in read_planes(path)]
        return float(np.mean([np.abs(a - b).mean() for a, b in itertools.pairwise(chroma)]))

    propagated = mean_change(colorize(film, embedded, "propagated.mkv"))
    per_frame = mean_change(colorize(film, embedded, "per_frame.mkv", per_frame=True))
    assert propagated < 0.5 * per_frame


class BrightnessGenerator(FlatGenerator):
    """Predicts red for bright frames and green for dark ones."""

    def __call__(
        self, luma: torch.Tensor, hints: Hints | None = None, vividness: float | None = None
    ) -> Prediction:
        sign = torch.where(luma.mean(dim=(1, 2, 3)) > 53.4, 1.0, -1.0)  # L* of Y' = 0.5
        ab = 15 * sign[:, None, None, None].expand(len(luma), 2, 8, 8).contiguous()
        return Prediction(ab, torch.full((len(luma), 1, 8, 8), 0.5))


@pytest.fixture
def by_brightness() -> Colorizer:
    return Colorizer(BrightnessGenerator())


@pytest.mark.slow
def test_color_is_cross_faded_in_a_dissolve(by_brightness: Colorizer, tmp_path: Path) -> None:
    dark, bright = (np.tile(np.linspace(*ends, 64), (48, 1)) for ends in ((70, 100), (150, 180)))
    share = np.clip((np.arange(30) - 9) / 11, 0, 1)
    film = write_gray(tmp_path / "d.mkv", [np.uint8(dark + s * (bright - dark)) for s in share])
    shots = write_list(tmp_path / "d.json", (0, 10, "start", 0), (10, 30, "dissolve", 10))
    a = mean_a(colorize(film, by_brightness, "dissolve.mkv", shots=shots))
    assert max(a[:10]) < -8
    assert min(a[20:]) > 8
    assert (np.diff(a[9:21]) > 0).all()
    assert np.diff(a[9:21]).max() < 3 * np.diff(a[9:21]).mean()
    shots = write_list(tmp_path / "c.json", (0, 15, "start", 0), (15, 30, "cut", 0))
    a = mean_a(colorize(film, by_brightness, "cut.mkv", shots=shots))
    assert a[14] < 0 < a[15]
    assert a[15] - a[14] > 16


class OneOverlay:
    """An overlay of the left third of the upright frame, for some frames."""

    def __init__(self, *frames: int) -> None:
        self.frames = frames

    def get(self, frame_index: int) -> ColorOverlay | None:
        if frame_index not in self.frames:
            return None
        alpha = np.zeros((24, 36), np.float32)
        alpha[:, :12] = 1
        return ColorOverlay(np.full((2, 24, 36), 40, np.float32), alpha)


def predict_with_overlay(
    path: Path, overlays: OneOverlay, shots: list[Shot], quarter_turns: int = 0
) -> list[ProxyPrediction]:
    """Colorize a film with overlays; return the prediction of each frame."""
    video = probe(path).video
    geometry = replace(video.geometry, quarter_turns=quarter_turns)
    colorizer = flat_colorizer(native_size=48)
    frames = (
        make_analysis_frame(frame, colorizer.make_proxy(frame.luma, video.coding, geometry))
        for frame in VideoReader(path, video).frames()
    )
    shot_colorizer = ShotColorizer(colorizer, shots, geometry, overlays=overlays)
    return [frame.prediction for frame in shot_colorizer.colorize(frames)]


def test_an_overlay_applies_to_its_frame_only_and_is_rotated_with_it(tmp_path: Path) -> None:
    frames = [np.uint8(np.tile(np.linspace(70, 100, 72), (48, 1)))] * 6
    film = write_gray(tmp_path / "f.mkv", frames)
    predictions = predict_with_overlay(film, OneOverlay(4), [Shot(0, 6)])
    assert [n for n, p in enumerate(predictions) if p.overlay is not None] == [4]
    overlay = predictions[4].overlay
    assert overlay is not None
    assert overlay.alpha[:, :12].min() == 1
    confidence = predictions[4].confidence
    assert confidence[:, : confidence.shape[1] // 4].min() > 0.99
    assert np.allclose(confidence[:, confidence.shape[1] // 2 :], 0.5, atol=0.01)
    assert np.allclose(predictions[4].ab, predictions[3].ab, atol=1e-3)

    turned = predict_with_overlay(film, OneOverlay(1), [Shot(0, 6)], quarter_turns=1)[1]
    assert turned.overlay is not None
    alpha = turned.overlay.alpha
    assert alpha.shape == (36, 24)
    assert alpha[:12].min() == 1, "left in the upright frame is at the top of the stored frame"
    assert turned.confidence[0].min() > 0.99 > 0.6 > turned.confidence[-1].max()


def test_overlays_are_cross_faded_in_a_dissolve(tmp_path: Path) -> None:
    frames = [np.uint8(np.tile(np.linspace(70, 100, 72), (48, 1)))] * 16
    film = write_gray(tmp_path / "f.mkv", frames)
    shots = [Shot(0, 6), Shot(6, 16, "dissolve", 4)]
    overlays = OneOverlay(*range(shots[1].boundary))
    predictions = predict_with_overlay(film, overlays, shots)
    alphas = [0 if p.overlay is None else float(p.overlay.alpha.max()) for p in predictions]
    assert alphas == pytest.approx([*[1] * 6, 0.8, 0.6, 0.4, 0.2, *[0] * 6])
    for prediction in predictions[:10]:
        assert prediction.overlay is not None
        assert np.allclose(prediction.overlay.ab[:, :, :12], 40, atol=1e-3)


def test_shot_list_of_a_longer_film_is_an_error(
    two_shots: Path, embedded: Colorizer, tmp_path: Path
) -> None:
    shots = write_list(tmp_path / "s.json", (0, 70, "start", 0), (70, 90, "cut", 0))
    with pytest.raises(InputError, match=r"lists 90 frames, and .* has 60"):
        colorize(two_shots, embedded, "no.mkv", shots=shots)
    assert not two_shots.with_name("no.mkv").exists()


def test_shot_list_of_a_sequence_with_a_gap_counts_existing_frames(
    by_brightness: Colorizer, tmp_path: Path
) -> None:
    for number in (1, 2, 3, 4, 9, 10, 11, 12):
        ends = (70, 100) if number < 5 else (150, 180)
        frame = np.uint8(np.tile(np.linspace(*ends, 64), (48, 1)))
        cv2.imwrite(str(tmp_path / f"s_{number}.png"), frame)
    shots = write_list(tmp_path / "s.json", (0, 4, "start", 0), (4, 8, "cut", 0))
    colorize_sequence(
        tmp_path / "s_%d.png",
        tmp_path / "s.mkv",
        ColorizeOptions(**ARCHIVE, shots=shots),
        colorizer=by_brightness,
    )
    a = mean_a(tmp_path / "s.mkv")
    assert max(a[:4]) < -8
    assert min(a[4:]) > 8


@pytest.mark.slow
@pytest.mark.parametrize("size", [(2, 2), (8, 8), (300, 8), (17, 31)])
@pytest.mark.parametrize("count", [1, 2, pytest.param(20, marks=pytest.mark.exhaustive)])
def test_luma_is_unchanged_in_films_of_any_size_and_length(
    size: tuple[int, int], count: int, embedded: Colorizer, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 256, size[::-1]).astype(np.uint8) for _ in range(count)]
    source = write_gray(tmp_path / "f.mkv", frames)
    result = colorize(source, embedded, "c.mkv")
    for (luma,), (same, *_) in zip(read_planes(source), read_planes(result), strict=True):
        np.testing.assert_array_equal(luma, same)
