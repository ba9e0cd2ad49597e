"""`Colorizer.colorize`: every kind of array and tensor, options, hints, and arrays it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.helpers.flat import flat_colorizer
from tests.helpers.segmentation import draw_discs
from vidcolor import Colorizer, Hint
from vidcolor.errors import UsageError

WEIGHTS = (0.2126, 0.7152, 0.0722)
"""Luma weights of R', G', B' in BT.709."""
SIZE = (40, 56)
"""Height and width of the test images, of which none has one or three rows or columns."""
STEP = {"uint8": 1 / 255, "uint16": 1 / 65535, "float16": 2**-10, "bfloat16": 2**-7}
"""Distance of neighboring values near 1; `FLOAT_STEP` for other formats."""
FLOAT_STEP = 1e-6


@pytest.fixture(scope="module")
def flat() -> Colorizer:
    return flat_colorizer()


def make_gray() -> np.ndarray:
    """Return a smooth gray image, `SIZE` float64 in [0, 1]."""
    rows, columns = np.mgrid[0 : SIZE[0], 0 : SIZE[1]] / max(SIZE)
    return 0.5 + 0.4 * np.sin(7 * rows + 5 * columns**2)


def encode(gray: np.ndarray, dtype: str) -> np.ndarray:
    """Return gray values in a number format of NumPy."""
    if dtype in ("uint8", "uint16"):
        return np.rint(gray * np.iinfo(dtype).max).astype(dtype)
    return gray.astype(dtype)


def to_unit(image: Any) -> np.ndarray:
    """Return an array or a tensor as float64 in [0, 1]."""
    if isinstance(image, torch.Tensor):
        image = image.float().numpy() if image.is_floating_point() else image.numpy()
    scale = np.iinfo(image.dtype).max if image.dtype.kind == "u" else 1
    return image.astype(np.float64) / scale


def check_luma(result: Any, gray: Any, dtype: str, axis: int = -1) -> None:
    """Check that a result in color has the luma of gray values."""
    rgb = np.moveaxis(to_unit(result), axis, -1)
    assert np.ptp(rgb, axis=-1).max() > 0.05, "it has color"
    assert np.abs(rgb @ WEIGHTS - to_unit(gray)).max() <= 0.51 * STEP.get(dtype, FLOAT_STEP)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float16", "float32", "float64"])
@pytest.mark.parametrize("shape", ["hw", "hw1", "hw3", "1hw", "3hw", "nhw1", "nhw3", "n3hw"])
def test_arrays_keep_number_format_layout_and_luma(flat: Colorizer, dtype: str, shape: str) -> None:
    gray = encode(make_gray(), dtype)
    image = {
        "hw": gray,
        "hw1": gray[..., None],
        "hw3": np.repeat(gray[..., None], 3, -1),
        "1hw": gray[None],
        "3hw": np.repeat(gray[None], 3, 0),
        "nhw1": np.stack([gray[..., None], gray[::-1, :, None]]),
        "nhw3": np.stack([np.repeat(g[..., None], 3, -1) for g in (gray, gray[::-1])]),
        "n3hw": np.stack([np.repeat(g[None], 3, 0) for g in (gray, gray[::-1])]),
    }[shape]
    result = flat.colorize(image)
    axis = -3 if shape.endswith("hw") and shape != "hw" else -1
    assert isinstance(result, np.ndarray) and result.dtype == dtype
    assert result.shape[axis] == 3 and result.flags.c_contiguous
    expected = np.stack([gray, gray[::-1]]) if shape.startswith("n") else gray
    check_luma(result, expected, dtype, axis)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("shape", ["hw", "1hw", "hw3", "n1hw", "n3hw", "channels_last"])
def test_tensors_keep_number_format_layout_and_luma(
    flat: Colorizer, dtype: str, shape: str
) -> None:
    name = "float32" if dtype == "bfloat16" else dtype
    gray = torch.from_numpy(encode(make_gray(), name)).to(getattr(torch, dtype))
    rgb = torch.stack([gray, gray, gray])
    image = {
        "hw": gray,
        "1hw": gray[None],
        "hw3": rgb.permute(1, 2, 0),
        "n1hw": gray[None, None],
        "n3hw": rgb[None].repeat(2, 1, 1, 1),
        "channels_last": rgb[None].contiguous(memory_format=torch.channels_last),
    }[shape]
    result = flat.colorize(image)
    assert isinstance(result, torch.Tensor)
    assert result.dtype == image.dtype and result.device == image.device
    axis = -1 if shape == "hw3" else -3
    assert result.shape[axis] == 3 and result.ndim == max(image.ndim, 3)
    if shape == "channels_last":
        assert result.is_contiguous(memory_format=torch.channels_last)
    check_luma(result, gray, dtype, axis)
    assert not result.requires_grad


def test_an_array_and_a_tensor_get_the_same_color(flat: Colorizer) -> None:
    gray = encode(make_gray(), "uint8")
    tensor = flat.colorize(torch.from_numpy(gray))
    assert np.array_equal(flat.colorize(gray), tensor.permute(1, 2, 0).numpy())
    leaf = torch.from_numpy(gray).float().div(255).requires_grad_()
    assert np.abs(to_unit(flat.colorize(leaf)) - to_unit(tensor)).max() < 0.003


def test_views_and_other_byte_orders_are_read(flat: Colorizer) -> None:
    gray = encode(make_gray(), "uint16")
    expected = flat.colorize(gray)
    assert np.array_equal(flat.colorize(gray.astype(">u2")), expected)
    assert np.array_equal(flat.colorize(np.asfortranarray(gray)), expected)
    assert np.array_equal(flat.colorize(gray[::-1]), flat.colorize(gray[::-1].copy()))
    read_only = gray.copy()
    read_only.flags.writeable = False
    assert np.array_equal(flat.colorize(read_only), expected)


def test_layout_decides_where_the_shape_does_not(flat: Colorizer) -> None:
    """In an array of shape (3, W, 3), the first or the last dimension can be the channels."""
    image = np.full((3, 20, 3), 128, np.uint8)
    assert flat.colorize(image).shape == (3, 20, 3)
    assert flat.colorize(image[..., :1]).shape == (3, 20, 3), "channels are last in an array"
    assert flat.colorize(image[..., :1], layout="chw").shape == (3, 20, 1)
    assert flat.colorize(torch.from_numpy(image[..., :1])).shape == (3, 20, 1)
    assert flat.colorize(torch.from_numpy(image[..., :1]), layout="hwc").shape == (3, 20, 3)
    assert flat.colorize(image[..., 0], layout="chw").shape == (3, 3, 20)


def test_rounding_errors_outside_the_range_are_clipped(flat: Colorizer) -> None:
    gray = np.linspace(-1e-4, 1 + 1e-4, 600).reshape(20, 30)
    assert np.array_equal(flat.colorize(gray), flat.colorize(gray.clip(0, 1)))


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 4), np.int64), "must be uint8, uint16 or float, got int64"),
        (np.zeros((4, 4), np.int8), "got int8"),
        (np.zeros((4, 4), np.uint32), "got uint32"),
        (np.zeros((4, 4), bool), "got bool"),
        (np.zeros((4, 4), complex), "got complex128"),
        (np.full((4, 4), None), "got object"),
        (np.full((4, 4), 200.0), "must be in [0, 1], got 200 to 200"),
        (np.full((4, 4), -0.5, np.float16), "must be in [0, 1], got -0.5 to -0.5"),
        (np.full((4, 4), np.nan, np.float32), "NaN or infinity"),
        (np.array([[0.5, np.nan], [0.5, 0.5]]), "NaN or infinity"),
        (np.full((4, 4), np.inf), "NaN or infinity"),
        (np.full((4, 4), -np.inf, np.float16), "NaN or infinity"),
        (np.ma.masked_array(np.zeros((4, 4), np.uint8)), "masked array"),
        (np.zeros((4, 4, 4), np.uint8), "got (4, 4, 4); remove the alpha channel"),
        (np.zeros((9, 9, 2), np.uint8), "must be (H, W)"),
        (np.zeros((0, 4), np.uint8), "got (0, 4)"),
        (np.zeros((0, 4, 4, 3), np.uint8), "got (0, 4, 4, 3)"),
        (np.zeros(4, np.uint8), "got (4,)"),
        (np.zeros((1, 1, 4, 4, 3), np.uint8), "must be (H, W)"),
        (torch.zeros(4, 4, dtype=torch.int64), "got int64"),
        (torch.zeros(4, 4, dtype=torch.bool), "got bool"),
        (torch.full((4, 4), 255.0), "must be in [0, 1], got 255 to 255"),
        (torch.full((4, 4), torch.nan, dtype=torch.bfloat16), "NaN or infinity"),
        (torch.zeros(8, 20, 20), "(N, C, H, W), where C is 1 or 3; got (8, 20, 20)"),
        (torch.zeros(4, 4).to_sparse(), "must be a dense tensor"),
        (torch.zeros(4, 4, device="meta"), "must have values, got a tensor on the device meta"),
        ([[0.5]], "must be a NumPy array or a torch tensor, got list"),
        (Image.new("P", (4, 4)), "convert a Pillow image with np.asarray"),
    ],
)
def test_unsupported_images_are_refused(flat: Colorizer, image: Any, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        flat.colorize(image)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_layout_that_contradicts_the_shape_is_refused(flat: Colorizer) -> None:
    with pytest.raises(UsageError, match=r"got \(3, 20, 30\) with layout='hwc'"):
        flat.colorize(np.zeros((3, 20, 30), np.uint8), layout="hwc")


def test_confidence_is_returned_on_request(flat: Colorizer) -> None:
    gray = torch.full((2, 1, *SIZE), 0.5, dtype=torch.float16)
    rgb, confidence = flat.colorize(gray, return_confidence=True)
    assert torch.equal(rgb, flat.colorize(gray))
    assert (confidence.dtype, confidence.shape) == (torch.float32, (2, *SIZE))
    assert torch.allclose(confidence, torch.tensor(0.5))
    _, confidence = flat.colorize(gray[0, 0].numpy(), return_confidence=True)
    assert isinstance(confidence, np.ndarray) and confidence.shape == SIZE


def test_saturation_is_a_gain_of_the_chroma(flat: Colorizer) -> None:
    gray = np.full(SIZE, 0.5, np.float32)
    assert np.ptp(flat.colorize(gray, saturation=0.0), axis=-1).max() < 1e-6
    half, full = (flat.colorize(gray, saturation=gain) - 0.5 for gain in (0.5, 1.0))
    assert np.allclose(full, 2 * half, atol=1e-5)


@pytest.mark.parametrize("shape", [(20, 30), (3, 20, 30)])
def test_unknown_layout_is_refused(flat: Colorizer, shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="layout must be hwc or chw, got 'nchw'"):
        flat.colorize(np.zeros(shape, np.uint8), layout="nchw")  # type: ignore[call-overload]


def test_negated_view_of_a_tensor_is_read(flat: Colorizer) -> None:
    gray = torch.rand(1, *SIZE)
    view = torch.complex(gray, -gray).conj().imag
    assert torch.equal(flat.colorize(view), flat.colorize(gray))


@pytest.mark.parametrize(
    ("hints", "message"),
    [
        (Hint(x=9, y=9, color="blue"), "path of a hint file, got Hint"),
        (np.zeros((2, 3)), "path of a hint file, got ndarray"),
        ([None], r"hints\[0\] must be an object, got None"),
    ],
)
def test_hints_of_other_types_are_refused(flat: Colorizer, hints: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        flat.colorize(np.zeros(SIZE, np.uint8), hints=hints)


@pytest.mark.parametrize("options", [{"saturation": 4}, {"vividness": -1}, {"saturation": np.nan}])
def test_invalid_options_are_refused(flat: Colorizer, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"--{next(iter(options))}"):
        flat.colorize(np.zeros(SIZE), **options)


def test_hints_color_their_place(flat: Colorizer, tmp_path: Path) -> None:
    gray = np.full(SIZE, 128, np.uint8)
    hint = Hint(x=0.25, y=0.5, color="#3050c0", radius=0.1)
    colored = flat.colorize(gray, hints=[hint]).astype(int)
    plain = flat.colorize(gray).astype(int)
    row, column = SIZE[0] // 2, SIZE[1] // 4
    assert colored[row, column, 2] - colored[row, column, 0] > 40, "the disc is blue"
    assert plain[row, column, 0] > plain[row, column, 2], "the prediction is orange"
    _, confidence = flat.colorize(gray, hints=[hint], return_confidence=True)
    assert confidence[row, column] > 0.9
    file = tmp_path / "hints.json"
    file.write_text(json.dumps([{"x": 0.25, "y": 0.5, "color": "#3050c0", "radius": 0.1}]))
    for path in (file, str(file)):
        assert np.array_equal(flat.colorize(gray, hints=path), colored)


def test_hints_in_tensors_use_height_and_width(flat: Colorizer) -> None:
    gray = torch.full((1, *SIZE), 128, dtype=torch.uint8)
    hint = Hint(x=SIZE[1] - 3, y=2, color="#7a8a70", radius=2)
    colored = flat.colorize(gray, hints=[hint])
    expected = flat.colorize(gray[0].numpy(), hints=[hint])
    assert np.array_equal(colored.permute(1, 2, 0).numpy(), expected)


def test_hint_masks_show_where_each_color_acts(flat: Colorizer, tmp_path: Path) -> None:
    colorizer = flat_colorizer(native_size=90)
    vars(colorizer)["segmentation"] = flat.segmentation  # loading it again is slow
    gray = np.rint(255 * draw_discs((90, 120), (30, 45, 16), (85, 40, 18))).astype(np.uint8)
    hints = [Hint(x=30, y=45, color="teal"), Hint(x=85, y=40, color="pink"),
             Hint(x=36, y=45, color="#008080"), Hint(x=0.9, y=0.9, color="keep")]  # fmt: skip
    masks, colors = colorizer.find_hint_masks(gray, hints=hints)
    assert colors == ("teal", "pink", "keep")
    assert (masks.shape, masks.dtype) == ((3, 90, 120), np.float32)
    assert masks.min() >= 0
    assert masks.max() <= 1
    assert masks[:, 45, 30].argmax() == 0
    assert masks[:, 40, 85].argmax() == 1
    colored = colorizer.colorize(gray, hints=hints[:2]).astype(int)
    changed = np.abs(colored - colorizer.colorize(gray)).max(-1) > 8
    assert changed[45, 30] and changed[40, 85] and not changed[:, 57].any()
    file = tmp_path / "hints.json"
    file.write_text(json.dumps([{"x": 30, "y": 45, "color": "teal"}]))
    tensor = torch.from_numpy(gray.astype(np.float32) / 255)[None]
    found, _ = colorizer.find_hint_masks(tensor, hints=str(file))
    assert isinstance(found, torch.Tensor) and found.shape == (1, 90, 120)
    (expected,), _ = colorizer.find_hint_masks(gray, hints=hints[:1])
    assert np.abs(found[0].numpy() - expected).max() < 0.02


def test_hint_masks_need_one_image_and_a_hint(flat: Colorizer) -> None:
    with pytest.raises(UsageError, match="hints are empty"):
        flat.find_hint_masks(np.zeros(SIZE, np.uint8), hints=[])
    with pytest.raises(UsageError, match="hints apply to one image, got 2"):
        batch = np.zeros((2, *SIZE, 1), np.uint8)
        flat.find_hint_masks(batch, hints=[Hint(x=1, y=2, color="red")])


def test_a_prepared_image_equals_the_colorized_one(flat: Colorizer) -> None:
    gray = np.rint(255 * draw_discs((90, 120), (30, 45, 16), (85, 40, 18))).astype(np.uint8)
    prepared = flat.prepare(gray)
    for hints in ([Hint(x=30, y=45, color="teal")], [], [Hint(x=85, y=40, color="pink")]):
        result, confidence = prepared.colorize(hints, saturation=0.8, return_confidence=True)
        expected = flat.colorize(gray, hints=hints, saturation=0.8, return_confidence=True)
        assert np.array_equal(result, expected[0])
        assert np.array_equal(confidence, expected[1])
    masks, _ = prepared.find_hint_masks([Hint(x=30, y=45, color="teal")])
    expected_masks, _ = flat.find_hint_masks(gray, hints=[Hint(x=30, y=45, color="teal")])
    assert np.array_equal(masks, expected_masks)
    with pytest.raises(UsageError, match="--vividness"):
        flat.prepare(gray, vividness=2)
    with pytest.raises(UsageError, match="--saturation"):
        prepared.colorize(saturation=9)


@pytest.mark.parametrize(
    ("hint", "count", "message"),
    [
        (Hint(x=90, y=2, color="red"), 1, "is outside the image"),
        (Hint(x=1, y=2, color="red", frame=3), 1, "apply to films only"),
        (Hint(x=1, y=2, color="red", file="a.png"), 1, "file applies to photos on disk only"),
        (Hint(x=1, y=2, color="red"), 2, "hints apply to one image, got 2"),
    ],
)
def test_unsuitable_hints_are_refused(
    flat: Colorizer, hint: Hint, count: int, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        flat.colorize(np.zeros((count, *SIZE, 1), np.uint8), hints=[hint])


def test_color_out_of_gamut_gives_a_warning(flat: Colorizer) -> None:
    with pytest.warns(UserWarning, match="out of gamut at this luma"):
        flat.colorize(np.full(SIZE, 230, np.uint8), hints=[Hint(x=9, y=9, color="blue")])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_result_is_on_the_device_of_the_tensor(flat: Colorizer) -> None:
    gray = torch.from_numpy(encode(make_gray(), "float32"))
    result = flat.colorize(gray[None].cuda().half())
    assert result.is_cuda and result.dtype == torch.float16
    assert torch.equal(result.cpu(), flat.colorize(gray[None].half()))
