"""Pictures of a photo at view size, composed from its luma at that size and predicted chroma."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import cv2
import numpy as np

from vidcolor.errors import UsageError
from vidcolor.hints.hint_set import enforce_discs
from vidcolor.imaging.geometry import to_displayed
from vidcolor.imaging.resize import resize_area, resize_linear
from vidcolor.media.stills.rgb import convert_depth

if TYPE_CHECKING:
    from vidcolor.color.ycbcr import Matrix
    from vidcolor.hints.discs import HintDisc
    from vidcolor.imaging.types import FloatArray, Plane, Rgb
    from vidcolor.studio.photos.prepared import PhotoDecisions, PreparedPhoto

View = Literal["color", "gray", "confidence"]
ImageFormat = Literal["jpeg", "webp"]
MAX_VIEW_PIXELS = 50_000_000
"""Maximum number of pixels of a view; a larger photo is shown reduced, even at full size."""
HALF_CHROMA_SIDE = 900
"""Longest side of a view, in pixels, from which its chroma is computed at half its size. As in any
JPEG file, this is not visible in a photo, and it takes a quarter of the time."""
JPEG_QUALITY, WEBP_QUALITY = 90, 85
MAX_WEBP_SIDE = 16383
MAX_PROFILE_BYTES = 1 << 16
"""Maximum size of an ICC profile that is part of a view; larger ones slow every picture down."""
MAX_KEPT_PIXELS = 6_000_000
"""Maximum number of pixels of a picture that is kept for the next request."""
_KEPT_PICTURES = 4


def choose_size(photo: PreparedPhoto, longest: int) -> tuple[int, int]:
    """Return H, W of a view in the stored orientation.

    Args:
        photo: the photo.
        longest: longest side, in pixels; 0 for the size of the photo.
    """
    height, width = photo.still.luma.shape
    scale = min(1.0, (MAX_VIEW_PIXELS / (height * width)) ** 0.5)
    if longest:
        scale = min(scale, longest / max(height, width))
    if scale == 1:
        return height, width
    size = max(1, round(height * scale)), max(1, round(width * scale))
    # Chroma of half the size covers a view with even sides exactly.
    if _is_halved(size):
        size = size[0] + size[0] % 2, size[1] + size[1] % 2
    return size


def _is_halved(shape: tuple[int, ...]) -> bool:
    return max(shape) >= HALF_CHROMA_SIDE


def compose_view(
    photo: PreparedPhoto, decisions: PhotoDecisions, view: View, longest: int = 0
) -> Rgb:
    """Return a picture of a photo for display: R'G'B', (H, W, 3) uint8, upright.

    Transparent parts are shown on white.

    Args:
        photo: the photo.
        decisions: what to show in color.
        view: ``color``; ``gray``, the source without color; or ``confidence``, a map that is white
            where the color is certain.
        longest: longest side, in pixels; 0 for the size of the photo.

    Raises:
        InputError: the reference cannot be read.
        UsageError: a hint or the vividness is not supported, or the generator has no confidence.
    """
    size = choose_size(photo, longest)
    key = decisions if view != "gray" else None, view, size
    if key not in photo.composed:
        picture = _compose(photo, decisions, view, size, is_full=longest == 0)
        if size[0] * size[1] > MAX_KEPT_PIXELS:
            return picture
        photo.composed[key] = picture
    photo.composed.move_to_end(key)
    while len(photo.composed) > _KEPT_PICTURES:
        photo.composed.popitem(last=False)
    kept: Rgb = photo.composed[key]
    return kept


def _compose(
    photo: PreparedPhoto,
    decisions: PhotoDecisions,
    view: View,
    size: tuple[int, int],
    is_full: bool,
) -> Rgb:
    still = photo.still
    if view == "confidence":
        rgb = np.repeat(_draw_confidence(photo, decisions, size)[..., None], 3, axis=-1)
        return np.ascontiguousarray(to_displayed(rgb, still.orientation))
    codes = convert_depth(photo.get_luma(size), still.bits, 8)
    if view == "gray":
        rgb = np.repeat(codes[..., None], 3, axis=-1)
    else:
        shape = size
        if _is_halved(size) and not is_full:
            shape = -(-size[0] // 2), -(-size[1] // 2)
        cb, cr = _compute_chroma(photo, decisions, photo.get_luma(shape))
        rgb = _join_planes(codes, cb, cr, still.matrix)
    if still.alpha is not None:
        alpha = convert_depth(resize_area(still.alpha, size), still.bits, 8)[..., None]
        weight = alpha.astype(np.float32) / 255
        rgb = np.rint(rgb * weight + 255 * (1 - weight)).astype(np.uint8)
    return np.ascontiguousarray(to_displayed(rgb, still.orientation))


def _compute_chroma(
    photo: PreparedPhoto, decisions: PhotoDecisions, luma: Plane
) -> tuple[FloatArray, FloatArray]:
    """Compute Cb, Cr for reduced luma, as for the file."""
    still, colored = photo.still, photo.predict(decisions)
    gain = decisions.saturation
    cb, cr = photo.colorizer.make_chroma(
        colored.prediction, luma, still.coding, still.matrix, saturation=gain
    )
    discs = [_scale_disc(disc, still.luma.shape, luma.shape) for disc in colored.discs]
    enforce_discs(discs, cb, cr, luma, still.coding, still.matrix, gain)
    return cb, cr


def _scale_disc(disc: HintDisc, size: tuple[int, ...], shape: tuple[int, ...]) -> HintDisc:
    """Convert a disc in an image of `size` to one in its reduction to `shape`; both are H, W."""
    down, across = shape[0] / size[0], shape[1] / size[1]
    radius = max(disc.radius * min(down, across), 0.5)
    return replace(disc, x=disc.x * across, y=disc.y * down, radius=radius)


def _draw_confidence(
    photo: PreparedPhoto, decisions: PhotoDecisions, size: tuple[int, int]
) -> Plane:
    photo.colorizer.check_has_confidence()
    confidence = resize_linear(photo.predict(decisions).prediction.confidence, size)
    return np.rint(np.clip(confidence, 0, 1) * 255).astype(np.uint8)


def _join_planes(codes: Plane, cb: FloatArray, cr: FloatArray, matrix: Matrix) -> Rgb:
    """Return R'G'B' of 8-bit luma, (H, W), and chroma of that size or of half of it."""
    planes: list[Any] = [codes]
    for plane in (cb, cr):
        rounded: Any = cv2.convertScaleAbs(plane, alpha=255, beta=128)
        planes.append(resize_linear(rounded, codes.shape))
    return np.asarray(cv2.transform(cv2.merge(planes), _make_transform(matrix)), np.uint8)


def _make_transform(matrix: Matrix) -> FloatArray:
    """Return the 3x4 matrix from 8-bit full-range Y'CbCr to R'G'B', both uint8."""
    red, blue = 2 * (1 - matrix.kr), 2 * (1 - matrix.kb)
    green = -matrix.kb * blue / matrix.kg, -matrix.kr * red / matrix.kg
    gains = np.array([[1, 0, red], [1, *green], [1, blue, 0]], np.float32)
    offset = -128 * gains[:, 1:].sum(axis=1, keepdims=True)  # the code of gray
    return np.concatenate([gains, offset], axis=1).astype(np.float32)


def encode_view(rgb: Rgb, name: ImageFormat, icc: bytes | None = None) -> bytes:
    """Encode a view.

    Args:
        rgb: R'G'B', (H, W, 3) uint8.
        name: ``jpeg``, which is fast, or ``webp``, which is small.
        icc: ICC profile of the result, which the view gets as well if it is for R'G'B'.

    Raises:
        UsageError: WebP cannot store a picture of this size.
    """
    from PIL import Image

    profile = icc if icc and len(icc) <= MAX_PROFILE_BYTES and icc[16:20] == b"RGB " else None
    image, file = Image.fromarray(rgb), io.BytesIO()
    if name == "webp":
        if max(rgb.shape) > MAX_WEBP_SIDE:
            raise UsageError(f"WebP stores at most {MAX_WEBP_SIDE} pixels a side; ask for jpeg")
        image.save(file, "webp", quality=WEBP_QUALITY, method=0, icc_profile=profile)
    else:
        subsampling = "4:2:0" if _is_halved(rgb.shape) else "4:4:4"
        image.save(file, "jpeg", quality=JPEG_QUALITY, subsampling=subsampling, icc_profile=profile)
    return file.getvalue()
