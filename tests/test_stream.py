"""`colorize_frames`: the colors of films, its order and memory, and frames that it refuses."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from tests.helpers.films import read_lab, write_gray, write_shot_list
from tests.helpers.flat import FlatGenerator, flat_colorizer
from tests.helpers.synthetic_shots import make_dissolve, make_pan
from tests.helpers.title_cards import make_card
from vidcolor import ColorizeOptions, Colorizer, colorize_film, colorize_frames
from vidcolor.errors import InputError, UsageError
from vidcolor.generators.base import Prediction
from vidcolor.shots.detector import LOOKAHEAD, Shot, ShotDetector

MAX_FRAMES_IN_STAGES = 95
"""Maximum number of frames between input and output if the shots are known."""


class BrightnessGenerator(FlatGenerator):
    """Predicts the same color everywhere, which depends on the brightness of the image."""

    def __call__(self, luma: torch.Tensor, *args: Any) -> Prediction:
        prediction = super().__call__(luma, *args)
        a = 40 * (luma.mean() / 50 - 1)
        ab = torch.stack([a, -a]).reshape(1, 2, 1, 1).expand_as(prediction.ab).contiguous()
        return Prediction(ab, prediction.confidence)


@pytest.fixture(scope="module")
def colorizer() -> Colorizer:
    return Colorizer(BrightnessGenerator())


@pytest.fixture(scope="module")
def flat() -> Colorizer:
    return flat_colorizer()


@pytest.fixture(scope="module")
def film() -> list[np.ndarray]:
    """A film of 170 frames with a dissolve at 60 to 79 and a cut at 120: (72, 96) uint8 each."""
    outgoing, incoming = make_pan(1, 80, 1), [0.6 * frame for frame in make_pan(2, 60, 1)]
    frames = [
        *outgoing[:60],
        *make_dissolve(outgoing[60:], incoming[:20]),
        *incoming[20:],
        *(0.4 + 0.6 * frame for frame in make_pan(3, 50, 1)),
    ]
    return [np.rint(255 * frame[::2, ::2]).astype(np.uint8) for frame in frames]


def make_frames(count: int, height: int = 24, width: int = 32) -> list[np.ndarray]:
    rows, columns = np.mgrid[0:height, 0:width]
    return [
        (128 + 90 * np.sin(rows / 4 + n / 9) * np.cos(columns / 5)).astype(np.uint8)
        for n in range(count)
    ]


def detect(film: list[np.ndarray]) -> list[Shot]:
    detector = ShotDetector()
    shots = [shot for frame in film for shot in detector.feed((frame / 255).astype(np.float32))]
    return [*shots, *detector.finish()]


@pytest.mark.slow
def test_colors_are_those_of_a_film(
    colorizer: Colorizer, film: list[np.ndarray], tmp_path: Path
) -> None:
    source = write_gray(tmp_path / "film.mkv", film)
    options = ColorizeOptions(purpose="archive")
    result = colorize_film(source, tmp_path / "color.mkv", options, colorizer=colorizer)
    expected = read_lab(result.target)
    found = list(colorize_frames(film, colorizer=colorizer))
    assert len(found) == len(expected) == len(film)
    for gray, rgb, lab in zip(film, found, expected, strict=True):
        ab = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[..., 1:]
        inside = (gray > 60) & (gray < 200)  # near black and white the gamut limits the color
        difference = np.abs(ab - lab[..., 1:])[inside]
        assert difference.mean() < 1 and difference.max() < 6


@pytest.mark.slow
def test_detected_shots_are_those_of_the_complete_film(
    colorizer: Colorizer, film: list[np.ndarray]
) -> None:
    shots = detect(film)
    assert {shot.transition for shot in shots} == {"start", "dissolve", "cut"}
    found = colorize_frames(film, colorizer=colorizer)
    known = colorize_frames(film, colorizer=colorizer, shots=shots)
    for index, (a, b) in enumerate(zip(found, known, strict=True)):
        assert np.array_equal(a, b), index


@pytest.mark.slow
@pytest.mark.parametrize("has_shots", [True, False])
def test_frames_in_memory_do_not_depend_on_the_length(flat: Colorizer, has_shots: bool) -> None:
    count, num_read, lag = 300, 0, 0

    def read() -> Iterator[np.ndarray]:
        nonlocal num_read
        for frame in make_frames(count):
            num_read += 1
            yield frame

    shots = [0, 100, 250] if has_shots else None
    for number, _ in enumerate(colorize_frames(read(), shots=shots, colorizer=flat)):
        lag = max(lag, num_read - number)
    assert num_read == count and number == count - 1
    assert lag <= MAX_FRAMES_IN_STAGES + (0 if has_shots else LOOKAHEAD)


def test_no_color_crosses_the_boundary_of_a_shot(colorizer: Colorizer, tmp_path: Path) -> None:
    """Frame numbers, shots and a shot list are the same; the second shot is independent."""
    film = [frame // 3 for frame in make_frames(12)] + [128 + f // 2 for f in make_frames(9)]
    expected = [
        *colorize_frames(film[:12], shots=[0], colorizer=colorizer),
        *colorize_frames(film[12:], shots=[0], colorizer=colorizer),
    ]
    path = write_shot_list(tmp_path / "shots.csv", (0, 12), 21)
    for shots in ([0, 12], [12], (Shot(0, 12, "start"), Shot(12, 21)), path, str(path)):
        found = list(colorize_frames(film, shots=shots, colorizer=colorizer))
        assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))
    one_shot = list(colorize_frames(film, shots=(), colorizer=colorizer))
    assert not np.array_equal(one_shot[11], expected[11])


@pytest.mark.parametrize("shots", [None, (Shot(0, 30), Shot(30, 70, kind="title"), Shot(70, 0))])
def test_title_card_is_neutral(flat: Colorizer, shots: tuple[Shot, ...] | None) -> None:
    cards = [make_card(seed=n, size=(192, 144)) for n in range(40)]
    film = [np.clip(f, 0, 1) for f in (*make_pan(1, 30, 1), *cards, *make_pan(2, 30, 1))]
    codes = [np.rint(255 * frame).astype(np.uint8) for frame in film]
    found = [np.ptp(rgb, axis=-1) for rgb in colorize_frames(codes, colorizer=flat, shots=shots)]
    is_gray = [bool(np.all(spread == 0)) for spread in found]
    assert is_gray == [30 <= n < 70 for n in range(100)]
    colored = colorize_frames(codes[30:70], colorizer=flat, titles="color")
    assert all(np.ptp(rgb, axis=-1).max() > 5 for rgb in colored)


def test_frames_keep_their_kind_and_luma(flat: Colorizer) -> None:
    gray = make_frames(5)
    kinds = {
        "rgb": [np.repeat(frame[..., None], 3, -1) for frame in gray],
        "float16": [(frame / 255).astype(np.float16) for frame in gray],
        "tensor": [torch.from_numpy(frame)[None] for frame in gray],
    }
    for frames in kinds.values():
        found = list(colorize_frames(frames, shots=[0], colorizer=flat))
        for image, frame in zip(found, frames, strict=True):
            assert type(image) is type(frame) and image.dtype == frame.dtype
            expected = flat.colorize(frame)
            assert np.abs(np.asarray(image, float) - np.asarray(expected, float)).max() <= 1


def test_an_array_may_be_reused_for_the_next_frame(flat: Colorizer) -> None:
    frames = make_frames(60)
    buffer = np.empty_like(frames[0])

    def read() -> Iterator[np.ndarray]:
        for frame in frames:
            buffer[:] = frame
            yield buffer

    found = colorize_frames(read(), colorizer=flat)
    assert all(
        np.array_equal(a, b)
        for a, b in zip(found, colorize_frames(frames, colorizer=flat), strict=True)
    )


def test_confidence_comes_with_each_frame(flat: Colorizer) -> None:
    for image, confidence in colorize_frames(
        make_frames(3), shots=[0], colorizer=flat, return_confidence=True
    ):
        assert image.shape == (24, 32, 3) and confidence.shape == (24, 32)
        assert np.allclose(confidence, 0.5, atol=0.01)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_short_streams_are_complete(flat: Colorizer, count: int) -> None:
    assert len(list(colorize_frames(make_frames(count), colorizer=flat))) == count


def test_shots_after_the_last_frame_are_reported(flat: Colorizer) -> None:
    with pytest.warns(UserWarning, match=r"begins at frame 9, after the last frame \(4\)"):
        assert len(list(colorize_frames(make_frames(5), shots=[0, 9], colorizer=flat))) == 5


def test_an_early_end_closes_the_frames(flat: Colorizer) -> None:
    closed = []

    def read() -> Iterator[np.ndarray]:
        try:
            while True:
                yield from make_frames(10)
        finally:
            closed.append(True)

    frames = colorize_frames(read(), shots=[0], colorizer=flat)
    assert len(list(itertools.islice(frames, 3))) == 3
    frames.close()
    assert closed


def test_an_error_of_the_frames_is_raised_after_the_frames_before_it(flat: Colorizer) -> None:
    def read() -> Iterator[np.ndarray]:
        yield from make_frames(3)
        raise ConnectionError("camera")

    with pytest.raises(ConnectionError, match="camera"):
        list(colorize_frames(read(), shots=[0], colorizer=flat))


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (np.zeros((24, 30), np.uint8), "frame 2: is a 30x24 uint8 array, and the first frame a 32"),
        (np.zeros((24, 32)), "frame 2: is a 32x24 float64 array"),
        (torch.zeros(24, 32, dtype=torch.uint8), "frame 2: is a 32x24 uint8 tensor on cpu"),
        (np.full((24, 32), 9.0), "frame 2: float image must be in"),
        (np.zeros((1, 24, 32, 3), np.uint8), "frame 2: must be one image, got a batch"),
        (None, "frame 2: image must be a NumPy array or a torch tensor, got NoneType"),
    ],
)
def test_unsuitable_frames_are_refused(flat: Colorizer, frame: Any, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        list(colorize_frames([*make_frames(2), frame], shots=[0], colorizer=flat))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shots": [0, 9, 4]}, "shots must be in order"),
        ({"shots": [0, 0]}, "shots must be in order"),
        ({"shots": [-1, 4]}, "must be at least 0, got -1"),
        ({"shots": [0, 5.5]}, r"shots must be a list of first frames, .* got \[0, 5\.5\]"),
        ({"shots": [(0, 5), (5, 12)]}, "shots must be a list of first frames"),
        ({"shots": 5}, "or the path of a shot list; got 5"),
        ({"saturation": 9}, "--saturation"),
        ({"vividness": 2}, "--vividness"),
        ({"titles": "tint"}, "titles must be 'neutral' or 'color', got 'tint'"),
        ({"titles": "gray"}, "titles must be 'neutral' or 'color', got 'gray'"),
    ],
)
def test_invalid_options_are_refused_before_the_first_frame(
    flat: Colorizer, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        colorize_frames([], colorizer=flat, **options)
    with pytest.raises(InputError, match=r"none\.csv"):
        colorize_frames([], colorizer=flat, shots="none.csv")
