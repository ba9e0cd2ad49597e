"""Shot by shot: nothing leaks across a cut, dissolves pass over, a person's list is obeyed."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.helpers.films import lab_of, planes_of, reel, write_gray
from vidcolor.colorizer import Colorizer, ProxyPrediction
from vidcolor.errors import InputError
from vidcolor.film.pipeline import colorize_film
from vidcolor.film.sequence import colorize_sequence
from vidcolor.options import ColorizeOptions

ARCHIVE = {"purpose": "archive", "force": True}


@pytest.fixture(scope="module")
def embedded() -> Colorizer:
    return Colorizer(device="cpu")


@pytest.fixture(scope="module")
def two_shots(tmp_path_factory) -> Path:
    """27 frames of one shot, 33 of the next."""
    path = tmp_path_factory.mktemp("shots") / "two.mkv"
    return write_gray(path, [*reel(33, 27), *reel(60, 33)])


def colored(source: Path, colorizer: Colorizer, name: str, **options: object) -> Path:
    target = source.with_name(name)
    colorize_film(source, target, ColorizeOptions(**ARCHIVE, **options), colorizer=colorizer)
    return target


def shot_list(path: Path, *rows: tuple[int, int, str, int], of: int) -> Path:
    shots = [
        {"first_frame": first, "last_frame": last - 1, "begins": begins, "mixed": mixed}
        for first, last, begins, mixed in rows
    ]
    path.write_text(json.dumps({"num_frames": of, "shots": shots}))
    return path


def test_a_shot_cut_out_and_run_alone_has_the_same_colors(two_shots, embedded) -> None:
    whole = planes_of(colored(two_shots, embedded, "whole.mkv"))
    for name, first, count in (("first", 0, 27), ("second", 27, 33)):
        alone = write_gray(two_shots.with_name(f"{name}.mkv"), reel(33 + first, count))
        cut_out = planes_of(colored(alone, embedded, f"{name}.color.mkv"))
        assert len(cut_out) == count
        for here, there in zip(whole[first : first + count], cut_out, strict=True):
            for a, b in zip(here, there, strict=True):
                np.testing.assert_array_equal(a, b)


def test_luma_stays_and_color_is_there(two_shots, embedded) -> None:
    before = planes_of(two_shots)
    after = planes_of(colored(two_shots, embedded, "luma.mkv"))
    for (luma,), (same, cb, cr) in zip(before, after, strict=True):
        np.testing.assert_array_equal(luma, same)
        assert np.stack([cb, cr]).std() > 1


def test_steadier_than_frames_by_themselves(two_shots, embedded) -> None:
    """On a still picture, grain is all that changes; color must not."""
    rng = np.random.default_rng(1)
    still = reel(70, 1)[0].astype(float)
    film = write_gray(
        two_shots.with_name("still.mkv"),
        [
            np.clip(still + rng.normal(0, 6, still.shape), 0, 255).astype(np.uint8)
            for _ in range(30)
        ],
    )

    def change(path: Path) -> float:
        chroma = [np.stack(planes[1:]).astype(float) for planes in planes_of(path)]
        return float(np.mean([np.abs(a - b).mean() for a, b in itertools.pairwise(chroma)]))

    steady = change(colored(film, embedded, "steady.mkv"))
    alone = change(colored(film, embedded, "alone.mkv", per_frame=True))
    assert steady < 0.5 * alone


class ByLight(Colorizer):
    """Bright pictures are red, dark ones green."""

    def __init__(self, flat: Colorizer) -> None:
        self._generator, self._upsample = flat._generator, flat._upsample

    def predict(self, proxies, geometry, vividness=None, hints=None) -> list[ProxyPrediction]:
        a = [15 if float(proxy.mean()) > 0.5 else -15 for proxy in proxies]
        flat = [np.full((2, 8, 8), value, np.float32) for value in a]
        sure = np.full((8, 8), 0.5, np.float32)
        return [
            ProxyPrediction(ab, sure, geometry.to_stored(p))
            for ab, p in zip(flat, proxies, strict=True)
        ]


def test_color_passes_over_with_the_picture_in_a_dissolve(flat, tmp_path) -> None:
    dark, bright = (np.tile(np.linspace(*ends, 64), (48, 1)) for ends in ((70, 100), (150, 180)))
    share = np.clip((np.arange(30) - 9) / 11, 0, 1)
    film = write_gray(tmp_path / "d.mkv", [np.uint8(dark + s * (bright - dark)) for s in share])
    listed = shot_list(tmp_path / "s.json", (0, 10, "start", 0), (10, 30, "dissolve", 10), of=30)
    a = [lab[..., 1].mean() for lab in lab_of(colored(film, ByLight(flat), "c.mkv", shots=listed))]
    assert max(a[:10]) < -8
    assert min(a[20:]) > 8
    assert (np.diff(a[9:21]) > 0).all(), "evenly from one to the other"
    assert np.diff(a[9:21]).max() < 3 * np.diff(a[9:21]).mean()
    listed = shot_list(tmp_path / "h.json", (0, 15, "start", 0), (15, 30, "cut", 0), of=30)
    hard = [
        lab[..., 1].mean() for lab in lab_of(colored(film, ByLight(flat), "h.mkv", shots=listed))
    ]
    assert hard[14] < 0 < hard[15]
    assert hard[15] - hard[14] > 16


def test_a_list_for_another_film_is_refused(two_shots, embedded, tmp_path) -> None:
    listed = shot_list(tmp_path / "s.json", (0, 70, "start", 0), (70, 90, "cut", 0), of=90)
    with pytest.raises(InputError, match=r"lists 90 frames, and .* has 60"):
        colored(two_shots, embedded, "no.mkv", shots=listed)
    assert not two_shots.with_name("no.mkv").exists()


def test_shots_of_a_scan_with_a_gap_are_counted_in_frames_that_are_there(flat, tmp_path) -> None:
    for number in (1, 2, 3, 4, 9, 10, 11, 12):
        ends = (70, 100) if number < 5 else (150, 180)
        picture = np.uint8(np.tile(np.linspace(*ends, 64), (48, 1)))
        cv2.imwrite(str(tmp_path / f"s_{number}.png"), picture)
    listed = shot_list(tmp_path / "s.json", (0, 4, "start", 0), (4, 8, "cut", 0), of=8)
    options = ColorizeOptions(**ARCHIVE, shots=listed)
    colorize_sequence(tmp_path / "s_%d.png", tmp_path / "s.mkv", options, colorizer=ByLight(flat))
    a = [float(lab[..., 1].mean()) for lab in lab_of(tmp_path / "s.mkv")]
    assert max(a[:4]) < -8
    assert min(a[4:]) > 8


@pytest.mark.parametrize("size", [(2, 2), (8, 8), (300, 8), (17, 31)])
@pytest.mark.parametrize("count", [1, 2, 20])
def test_films_of_any_size_and_length(size, count, embedded, tmp_path) -> None:
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 256, size[::-1]).astype(np.uint8) for _ in range(count)]
    source = write_gray(tmp_path / "f.mkv", frames)
    for (luma,), (same, *_) in zip(
        planes_of(source), planes_of(colored(source, embedded, "c.mkv")), strict=True
    ):
        np.testing.assert_array_equal(luma, same)
