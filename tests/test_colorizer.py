"""Prediction of chroma planes from luma planes, with the embedded generator."""

import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tests.helpers.flat import flat_colorizer
from vidcolor import ColorizeOptions, Colorizer
from vidcolor.chroma import OVERLAY_RADIUS
from vidcolor.color.ycbcr import MATRICES, Coding
from vidcolor.colorizer import ProxyPrediction
from vidcolor.errors import UsageError
from vidcolor.evaluation.image_metrics import image_colorfulness
from vidcolor.generators.base import Prediction
from vidcolor.generators.predictor import HintArrays
from vidcolor.imaging.geometry import Geometry
from vidcolor.imaging.overlay import ColorOverlay
from vidcolor.options import Hint

SAMPLES = Path(__file__).parents[1] / "samples"


@pytest.fixture(scope="module")
def colorizer() -> Colorizer:
    return Colorizer.load(device="cpu")


def make_image(height: int, width: int) -> np.ndarray:
    """Return a smooth gray pattern, (height, width) uint8."""
    rows, columns = np.mgrid[0:height, 0:width] / max(height, width)
    return (255 * np.clip(0.5 + 0.4 * np.sin(9 * rows + 5 * columns**2), 0, 1)).astype(np.uint8)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_colorize_keeps_size_dtype_and_luma(colorizer: Colorizer, dtype: type) -> None:
    gray = make_image(90, 120)
    scale = {np.uint8: 1, np.uint16: 257, np.float32: 1 / 255}[dtype]
    rgb = colorizer.colorize((gray.astype(np.float64) * scale).astype(dtype))
    assert rgb.shape == (90, 120, 3)
    assert rgb.dtype == dtype
    luma = rgb.astype(np.float64) @ [0.2126, 0.7152, 0.0722]
    step = {np.uint8: 1, np.uint16: 1, np.float32: 1 / 65535}[dtype]
    assert np.abs(luma - gray.astype(np.float64) * scale).max() <= 0.51 * step
    assert np.ptp(rgb.astype(np.float64), axis=-1).max() > 3 * scale  # not gray


def test_colorize_uses_only_the_luma_of_color_images(colorizer: Colorizer) -> None:
    gray = make_image(64, 64)
    assert np.array_equal(
        colorizer.colorize(np.repeat(gray[..., None], 3, -1)), colorizer.colorize(gray)
    )


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 500), (777, 5), (101, 77)])
@pytest.mark.parametrize("subsampling", [(0, 0), (1, 0), (1, 1), (2, 2)])
def test_every_size_and_subsampling_is_supported(
    colorizer: Colorizer, size: tuple[int, int], subsampling: tuple[int, int]
) -> None:
    luma, coding = make_image(*size), Coding(8, full_range=False)
    geometry = Geometry(width=size[1], height=size[0])
    (color,) = colorizer.predict([colorizer.make_proxy(luma, coding, geometry)], geometry)
    cb, cr = colorizer.make_chroma(color, luma, coding, MATRICES["bt709"], subsampling)
    across, down = subsampling
    expected = (-(-size[0] // 2**down), -(-size[1] // 2**across))
    assert cb.shape == cr.shape == expected
    assert np.isfinite(cb).all()


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_rotated_frame_gets_the_colors_of_the_upright_frame(
    colorizer: Colorizer, turns: int
) -> None:
    coding, matrix = Coding(8, full_range=True), MATRICES["bt709"]
    upright = make_image(96, 160)
    stored = np.ascontiguousarray(np.rot90(upright, -turns))
    planes = []
    for luma, quarter_turns in ((upright, 0), (stored, turns)):
        geometry = Geometry(luma.shape[1], luma.shape[0], quarter_turns=quarter_turns)
        (color,) = colorizer.predict([colorizer.make_proxy(luma, coding, geometry)], geometry)
        planes.append(colorizer.make_chroma(color, luma, coding, matrix))
    for expected, rotated in zip(*planes, strict=True):
        difference = np.abs(np.rot90(rotated, turns) - expected)
        # Proxies differ in the last bits, which decide between equally probable colors.
        assert difference.mean() < 0.003 and np.quantile(difference, 0.99) < 0.02


def test_proxy_has_square_pixels_and_a_limited_aspect_ratio() -> None:
    assert Geometry(720, 576).proxy_size(256) == (256, 320)
    assert Geometry(720, 576, pixel_aspect=64 / 45).proxy_size(256) == (256, 456)
    assert Geometry(100, 4000).proxy_size(256) == (1024, 256)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["photo.jpg", "sepia.png"])
def test_colorfulness_of_the_result_rises_with_vividness(colorizer: Colorizer, name: str) -> None:
    gray = cv2.imread(str(SAMPLES / name), cv2.IMREAD_GRAYSCALE)
    gray = cv2.resize(gray, (192, 128), interpolation=cv2.INTER_AREA)
    results = [
        image_colorfulness(colorizer.colorize(gray, vividness=vividness))
        for vividness in (0.0, 0.25, 0.5, None, 0.75, 1.0)
    ]
    assert (np.diff(results) > 0).all()
    assert results[-1] > 1.6 * results[0]


@pytest.mark.slow
def test_object_with_a_hint_has_the_same_color_at_any_vividness(colorizer: Colorizer) -> None:
    gray = np.full((96, 128), 90, np.uint8)
    gray[20:76, 30:98] = 160
    hints = [Hint(x=64.0, y=48.0, color="#c08040")]
    muted, vivid = (colorizer.colorize(gray, hints=hints, vividness=v) for v in (0.0, 1.0))
    assert np.abs(muted[48, 64].astype(int) - vivid[48, 64]).max() == 0
    assert np.abs(muted.astype(int) - vivid).max() > 5


def test_vividness_changes_the_recipe(colorizer: Colorizer) -> None:
    recipes = {
        colorizer.make_provenance(ColorizeOptions(vividness=v)).recipe for v in (None, 0.2, 0.9)
    }
    assert len(recipes) == 3
    assert (
        Colorizer.load(device="cpu", vividness=0.2).make_provenance(ColorizeOptions()).recipe
        in recipes
    )


def test_saturation_scales_chroma(colorizer: Colorizer) -> None:
    luma, coding, matrix = make_image(90, 120), Coding(8, full_range=True), MATRICES["bt709"]
    geometry = Geometry(120, 90)
    (color,) = colorizer.predict([colorizer.make_proxy(luma, coding, geometry)], geometry)
    zero, half, unchanged, double = (
        np.stack(colorizer.make_chroma(color, luma, coding, matrix, saturation=gain))
        for gain in (0.0, 0.5, 1.0, 2.0)
    )
    assert not zero.any()
    # The gain is exact only where the gamut compression has no effect.
    inside = (luma > 60) & (luma < 200) & (np.hypot(*unchanged) < 0.05)
    assert inside.any()
    assert np.allclose(half[:, inside], unchanged[:, inside] / 2, atol=1e-5)
    assert (np.hypot(*double) >= np.hypot(*unchanged)).all()


@pytest.mark.parametrize("size", [(640, 480), (1920, 1080), (1998, 1080), (720, 576), (480, 640)])
def test_chroma_keeps_its_horizontal_position(colorizer: Colorizer, size: tuple[int, int]) -> None:
    """The coarse grid covers the proxy exactly, so a bar near the right edge is not shifted."""
    width, height = size
    coding, matrix, geometry = Coding(8, full_range=True), MATRICES["bt709"], Geometry(*size)
    luma = np.full((height, width), 128, np.uint8)
    (color,) = colorizer.predict([colorizer.make_proxy(luma, coding, geometry)], geometry)
    columns = color.ab.shape[-1]
    position = (np.arange(columns) + 0.5) / columns
    bar = np.exp(-(((position - 0.85) / 0.03) ** 2))
    ab = np.zeros_like(color.ab)
    ab[1] = -40 * bar
    for subsampling in ((0, 0), (1, 1)):
        cb, _ = colorizer.make_chroma(replace(color, ab=ab), luma, coding, matrix, subsampling)
        weight = np.abs(cb).sum(0)
        center = (weight * (np.arange(len(weight)) + 0.5)).sum() / weight.sum() / len(weight)
        assert abs(center - 0.85) * width < 1.5


class MinimalGenerator:
    """The smallest object that satisfies the protocol; its grid has a stride of 8."""

    name, digest, device, native_size = "minimal", "f" * 64, "cpu", 64
    accepts_hints, has_confidence, has_vividness = False, False, False

    def __call__(self, luma, hints=None, vividness=None) -> Prediction:
        assert hints is None and vividness is None
        grid = luma.shape[-2] // 8, luma.shape[-1] // 8
        ab = torch.stack([torch.full(grid, 20.0), torch.full(grid, -30.0)]).expand(
            len(luma), 2, *grid
        )
        return Prediction(ab.contiguous(), torch.ones(len(luma), 1, *grid))


def test_any_object_that_satisfies_the_protocol_is_a_generator() -> None:
    colorizer = Colorizer(MinimalGenerator())
    assert (colorizer.name, colorizer.digest) == ("minimal", "f" * 64)
    assert not (colorizer.accepts_hints or colorizer.has_confidence)
    rgb = colorizer.colorize(np.full((40, 60), 128, np.uint8)).astype(int)
    assert (rgb[..., 2] > rgb[..., 1] + 10).all(), "b* = -30 is blue"
    hints = HintArrays(np.zeros((1, 2, 4, 4), np.float32), np.ones((1, 4, 4), np.float32))
    geometry = Geometry(60, 40)
    proxy = colorizer.make_upright_proxy(np.full((40, 60), 0.5, np.float32))
    (prediction,) = colorizer.predict([proxy], geometry, hints=hints)
    assert prediction.ab.shape == (2, proxy.shape[0] // 8, proxy.shape[1] // 8)


def test_unsupported_options_are_rejected() -> None:
    colorizer = Colorizer(MinimalGenerator())
    with pytest.raises(UsageError, match="does not support vividness"):
        colorizer.check_options(ColorizeOptions(vividness=0.5))
    with pytest.raises(UsageError, match="does not estimate confidence"):
        colorizer.check_options(ColorizeOptions(confidence=Path("c.png")))
    with pytest.raises(UsageError, match="does not support vividness"):
        Colorizer(MinimalGenerator(), vividness=0.5)


OVERLAY_SIZE = (96, 128)


def make_overlaid(ab: tuple[float, float], *, alpha_of_edge: float = 1.0) -> ProxyPrediction:
    """Return a prediction of (12, 18) with an overlay in a square of the proxy."""
    luma = make_image(*OVERLAY_SIZE)
    alpha = np.zeros(OVERLAY_SIZE, np.float32)
    alpha[30:60, 40:80] = alpha_of_edge
    alpha[32:58, 42:78] = 1
    color = np.zeros((2, *OVERLAY_SIZE), np.float32)
    color[:, alpha > 0] = np.array(ab)[:, None]
    grid = OVERLAY_SIZE[0] // 4, OVERLAY_SIZE[1] // 4
    base = np.broadcast_to(np.array([12, 18], np.float32)[:, None, None], (2, *grid))
    return ProxyPrediction(
        np.ascontiguousarray(base),
        np.ones(grid, np.float32),
        luma.astype(np.float32) / 255,
        ColorOverlay(color, alpha),
    )


@pytest.mark.parametrize("scale", [1, 3])
@pytest.mark.parametrize("subsampling", [(0, 0), (1, 1)])
def test_an_overlay_changes_its_object_and_not_a_bit_elsewhere(
    flat: Colorizer, subsampling: tuple[int, int], scale: int
) -> None:
    luma = cv2.resize(make_image(*OVERLAY_SIZE), None, fx=scale, fy=scale)
    coding, matrix = Coding(8, full_range=True), MATRICES["bt709"]
    prediction = make_overlaid((-10, -30))
    plain, overlaid = (
        np.stack(flat.make_chroma(p, luma, coding, matrix, subsampling))
        for p in (replace(prediction, overlay=None), prediction)
    )
    cell = scale / (1 << subsampling[0])

    def select(margin: int) -> tuple[slice, ...]:
        """Select the square of the overlay, without a margin in pixels of the proxy."""
        edges = ((30 + margin, 60 - margin), (40 + margin, 80 - margin))
        return slice(None), *(slice(int(a * cell), int(b * cell)) for a, b in edges)

    # The guided filter averages over its window twice.
    inside, outside = select(5), select(-2 * OVERLAY_RADIUS - 4)
    cb, cr = overlaid[inside]
    assert cb.min() > 0.02, "the overlay is blue"
    assert cr.max() < 0
    change = overlaid != plain
    assert change[inside].all()
    change[outside] = False
    assert not change.any()


@pytest.mark.parametrize("edge", [0.1, 0.5, 1])
def test_an_overlay_of_the_predicted_color_changes_nothing(flat: Colorizer, edge: float) -> None:
    """Alpha is upsampled along luma edges, to pixels where the overlay has no color."""
    luma = cv2.resize(make_image(*OVERLAY_SIZE), None, fx=3, fy=3)
    coding, matrix = Coding(8, full_range=True), MATRICES["bt709"]
    prediction = make_overlaid((12, 18), alpha_of_edge=edge)
    plain, overlaid = (
        np.stack(flat.make_chroma(p, luma, coding, matrix))
        for p in (replace(prediction, overlay=None), prediction)
    )
    # The chroma of a color depends on luma, which is finer than the prediction.
    assert np.abs(overlaid - plain).max() < 0.006


@pytest.mark.skipif(sys.platform != "linux", reason="other systems start new processes")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # fork of a process with threads
def test_colorizer_works_in_a_forked_process() -> None:
    """`multiprocessing.Pool` forks by default up to Python 3.13. Threads end in the child."""
    gray, colorizer = np.full((20, 30), 90, np.uint8), flat_colorizer()
    expected = colorizer.colorize(gray)
    process = os.fork()
    if process == 0:
        os._exit(not np.array_equal(colorizer.colorize(gray), expected))
    deadline = time.monotonic() + 30
    while (ended := os.waitpid(process, os.WNOHANG))[0] == 0 and time.monotonic() < deadline:
        time.sleep(0.01)
    if ended[0] == 0:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
    assert ended == (process, 0)
