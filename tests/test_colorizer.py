"""From luma planes to chroma planes, with the embedded generator."""

from dataclasses import replace

import numpy as np
import pytest

from vidcolor import ColorizeOptions, Colorizer
from vidcolor.color.ycbcr import MATRICES, Coding
from vidcolor.errors import UsageError
from vidcolor.imaging.geometry import Geometry


@pytest.fixture(scope="module")
def colorizer() -> Colorizer:
    return Colorizer.load(device="cpu")


def picture(height: int, width: int) -> np.ndarray:
    rows, columns = np.mgrid[0:height, 0:width] / max(height, width)
    return (255 * np.clip(0.5 + 0.4 * np.sin(9 * rows + 5 * columns**2), 0, 1)).astype(np.uint8)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_array_in_array_out(colorizer: Colorizer, dtype: type) -> None:
    gray = picture(90, 120)
    scale = {np.uint8: 1, np.uint16: 257, np.float32: 1 / 255}[dtype]
    rgb = colorizer.colorize((gray.astype(np.float64) * scale).astype(dtype))
    assert rgb.shape == (90, 120, 3)
    assert rgb.dtype == dtype
    luma = rgb.astype(np.float64) @ [0.2126, 0.7152, 0.0722]
    step = {np.uint8: 1, np.uint16: 1, np.float32: 1 / 65535}[dtype]
    assert np.abs(luma - gray.astype(np.float64) * scale).max() <= 0.51 * step
    assert np.ptp(rgb.astype(np.float64), axis=-1).max() > 3 * scale  # it is in color


def test_of_a_color_picture_only_the_luma_counts(colorizer: Colorizer) -> None:
    gray = picture(64, 64)
    assert np.array_equal(
        colorizer.colorize(np.repeat(gray[..., None], 3, -1)), colorizer.colorize(gray)
    )


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 500), (777, 5), (101, 77)])
@pytest.mark.parametrize("subsampling", [(0, 0), (1, 0), (1, 1), (2, 2)])
def test_any_size_and_subsampling(
    colorizer: Colorizer, size: tuple[int, int], subsampling: tuple[int, int]
) -> None:
    luma, coding = picture(*size), Coding(8, full_range=False)
    geometry = Geometry(width=size[1], height=size[0])
    (color,) = colorizer.predict([colorizer.make_proxy(luma, coding, geometry)], geometry)
    cb, cr = colorizer.make_chroma(color, luma, coding, MATRICES["bt709"], subsampling)
    across, down = subsampling
    expected = (-(-size[0] // 2**down), -(-size[1] // 2**across))
    assert cb.shape == cr.shape == expected
    assert np.isfinite(cb).all()


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_film_gets_the_colors_of_the_upright_one(colorizer: Colorizer, turns: int) -> None:
    """Stored sideways and displayed upright: the generator must see it as people do."""
    coding, matrix = Coding(8, full_range=True), MATRICES["bt709"]
    upright = picture(96, 160)
    stored = np.ascontiguousarray(np.rot90(upright, -turns))
    planes = []
    for luma, k in ((upright, 0), (stored, turns)):
        geometry = Geometry(luma.shape[1], luma.shape[0], quarter_turns=k)
        (color,) = colorizer.predict([colorizer.make_proxy(luma, coding, geometry)], geometry)
        planes.append(colorizer.make_chroma(color, luma, coding, matrix))
    for straight, turned in zip(*planes, strict=True):
        apart = np.abs(np.rot90(turned, turns) - straight)
        # Proxies differ in the last bits, and where two colors are as likely that decides.
        assert apart.mean() < 0.003 and np.quantile(apart, 0.99) < 0.02


def test_pixel_aspect_reaches_the_proxy() -> None:
    assert Geometry(720, 576).proxy_size(256) == (256, 320)
    assert Geometry(720, 576, pixel_aspect=64 / 45).proxy_size(256) == (256, 456)
    assert Geometry(100, 4000).proxy_size(256) == (1024, 256)


def test_vividness_is_honored_and_recorded(colorizer: Colorizer) -> None:
    """A colorizer may be shared: what one job asks for changes that job and its recipe alone."""
    coding, geometry = Coding(8, full_range=True), Geometry(120, 90)
    proxy = colorizer.make_proxy(picture(90, 120), coding, geometry)
    calm, own, vivid = (colorizer.predict([proxy], geometry, v)[0].ab for v in (0.0, None, 1.0))
    # Of texture alone the likeliest color may be the paler one, but it is another.
    assert min(np.abs(calm - own).mean(), np.abs(own - vivid).mean()) > 0.5
    recipes = {colorizer.make_provenance(ColorizeOptions(vividness=v)).recipe for v in (None, 0.2, 0.9)}
    assert len(recipes) == 3
    assert Colorizer.load(device="cpu", vividness=0.2).make_provenance(ColorizeOptions()).recipe in recipes


def test_saturation_is_a_gain_of_chroma(colorizer: Colorizer) -> None:
    luma, coding, matrix = picture(90, 120), Coding(8, full_range=True), MATRICES["bt709"]
    geometry = Geometry(120, 90)
    (color,) = colorizer.predict([colorizer.make_proxy(luma, coding, geometry)], geometry)
    none, half, plain, double = (
        np.stack(colorizer.make_chroma(color, luma, coding, matrix, saturation=gain))
        for gain in (0.0, 0.5, 1.0, 2.0)
    )
    assert not none.any()
    calm = (luma > 60) & (luma < 200) & (np.hypot(*plain) < 0.05)  # far inside the gamut
    assert calm.any()
    assert np.allclose(half[:, calm], plain[:, calm] / 2, atol=1e-5)
    assert (np.hypot(*double) >= np.hypot(*plain)).all()


@pytest.mark.parametrize("size", [(640, 480), (1920, 1080), (1998, 1080), (720, 576), (480, 640)])
def test_color_lies_where_its_luma_is(colorizer: Colorizer, size: tuple[int, int]) -> None:
    """The grid covers the proxy exactly: a bar of color far to the right is not drawn left."""
    width, height = size
    coding, matrix, geometry = Coding(8, full_range=True), MATRICES["bt709"], Geometry(*size)
    luma = np.full((height, width), 128, np.uint8)
    (color,) = colorizer.predict([colorizer.make_proxy(luma, coding, geometry)], geometry)
    columns = color.ab.shape[-1]
    where = (np.arange(columns) + 0.5) / columns
    bar = np.exp(-(((where - 0.85) / 0.03) ** 2))
    ab = np.zeros_like(color.ab)
    ab[1] = -40 * bar
    for subsampling in ((0, 0), (1, 1)):
        cb, _ = colorizer.make_chroma(replace(color, ab=ab), luma, coding, matrix, subsampling)
        weight = np.abs(cb).sum(0)
        at = (weight * (np.arange(len(weight)) + 0.5)).sum() / weight.sum() / len(weight)
        assert abs(at - 0.85) * width < 1.5


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((4, 4), np.int64),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4), np.uint8),
        np.zeros(4, np.uint8),
    ],
    ids=lambda p: f"{p.dtype}{p.shape}",
)
def test_other_arrays_are_refused_in_words(colorizer: Colorizer, picture: np.ndarray) -> None:
    with pytest.raises(UsageError, match="picture must be"):
        colorizer.colorize(picture)
