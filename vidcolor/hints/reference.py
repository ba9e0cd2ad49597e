"""A colored picture, and what it says of the colors of another."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vidcolor.color.tint import classify_tint
from vidcolor.color.ycbcr import MATRICES
from vidcolor.errors import InputError
from vidcolor.hints.discs import ab_of_rgb
from vidcolor.hints.registration import SHORT_SIDE, register, shrunk
from vidcolor.motion.flow import sample

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Array = NDArray[np.float32]


class Reference(NamedTuple):
    """A colored picture as displayed, on a grid with a short side of at most `SHORT_SIDE`."""

    luma: Array
    """Y' (BT.709): (h, w) float32 in [0, 1]."""
    ab: Array
    """a*, b*: (2, h, w) float32."""


class TransferredColor(NamedTuple):
    """What a reference says of a picture's colors, pixel by pixel, on a grid of the picture's."""

    ab: Array
    """a*, b*: (2, h, w) float32; anything where trust is 0."""
    trust: Array
    """(h, w) float32 in [0, 1]; 1 where the color is known."""


def read_reference(path: Path) -> Reference:
    """Read a colored picture.

    Raises:
        InputError: it cannot be read, or has no color to lend.
    """
    from vidcolor.media.preview_still import picture_rgb

    rgb = picture_rgb(path, (2 * SHORT_SIDE, 2 * SHORT_SIDE))
    small = np.clip(shrunk(rgb.astype(np.float32) / 255), 0, 1)
    matrix = MATRICES["bt709"]
    luma = small @ np.array([matrix.kr, matrix.kg, matrix.kb], np.float32)
    chroma = [(small[..., 2] - luma).ravel() / 1.8556, (small[..., 0] - luma).ravel() / 1.5748]
    if classify_tint(luma.ravel(), np.stack(chroma, axis=-1)) == "gray":
        raise InputError(f"{path}: has no color to lend; --reference takes a colored picture")
    return Reference(luma, ab_of_rgb(np.rint(small * 255).astype(np.uint8)))


def register_reference(reference: Reference, luma: Array) -> TransferredColor:
    """The reference's color where it shows what a picture shows.

    Args:
        reference: from `read_reference`.
        luma: Y' of the picture as displayed, (H, W) float32 in [0, 1], of any size.

    Returns:
        On a grid of the displayed picture with a short side of at most `SHORT_SIDE`.
    """
    places, trust = register(luma, reference.luma)
    ab = sample(reference.ab.transpose(1, 2, 0), places).transpose(2, 0, 1)
    return TransferredColor(np.ascontiguousarray(ab), trust)


def resized(lent: TransferredColor, shape: tuple[int, ...]) -> TransferredColor:
    """The same on another grid; color counts as far as it is trusted."""
    weight = scaled(lent.trust, shape)
    ab = [scaled(plane * lent.trust, shape) / (weight + 1e-6) for plane in lent.ab]
    return TransferredColor(np.stack(ab), weight)


def scaled(image: Array, shape: tuple[int, ...]) -> Array:
    """(H, W) on another grid: averaged where it is coarser, interpolated where it is finer."""
    import cv2

    method = cv2.INTER_AREA if shape[0] < image.shape[0] else cv2.INTER_LINEAR
    size = (shape[1], shape[0])
    small = cv2.resize(np.ascontiguousarray(image), size, interpolation=method)
    return np.asarray(small, np.float32).reshape(shape)
