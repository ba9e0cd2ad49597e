"""Sample images, metadata and chroma for the tests of still images."""

from __future__ import annotations

import io
import struct
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from vidcolor.color.ycbcr import MATRICES, rgb_to_luma_codes
from vidcolor.media.stills import exif
from vidcolor.provenance import Provenance

PROVENANCE = Provenance("0.1.0", "embedded", "ab" * 32, "cd" * 32)
HEIGHT, WIDTH = SHAPE = (50, 66)
"""Size of the sample images. It is not a multiple of the 8×8 blocks of JPEG."""
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    b'xmlns:dc="http://purl.org/dc/elements/1.1/" dc:title="Harbor"/></rdf:RDF></x:xmpmeta>'
)
"""An XMP packet with a title."""
MAKER_NOTE = b"ACME\0" + bytes(range(200))
"""Vendor data, as in the EXIF of cameras."""
WRITABLE_SUFFIXES = [
    *(".jpg", ".png", ".tif", ".webp", ".bmp", ".dpx", ".exr", ".jp2", ".j2k", ".ppm", ".tga"),
    *(".avif", ".heic", ".jxl"),
]
"""One suffix of each format that stores color."""

Chroma = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Cb and Cr: (H, W) each, in [-0.5, 0.5]."""


def random_chroma(shape: tuple[int, int] = SHAPE, seed: int = 2) -> Chroma:
    """Return random Cb, Cr over the whole range."""
    rng = np.random.default_rng(seed)
    cb, cr = (rng.uniform(-0.5, 0.5, shape).astype(np.float32) for _ in range(2))
    return cb, cr


def smooth_chroma(shape: tuple[int, int] = SHAPE) -> Chroma:
    """Return Cb, Cr that are weak and change slowly, so that JPEG keeps them."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    return 0.1 * np.sin(x / 20), 0.1 * np.cos(y / 15)


def make_exif() -> bytes:
    """Return big-endian EXIF with orientation 6, artist, a child directory and a MakerNote."""
    main = exif.Directory(">")
    main.set_numbers(exif.ORIENTATION, 3, 6)
    main.set_bytes(315, 2, b"A. Photographer\0")
    main.set_bytes(306, 2, b"1936:05:01 12:00:00\0")
    child = exif.Directory(">")
    child.set_bytes(37500, 7, MAKER_NOTE)
    child.set_numbers(33437, 5, 28, 10)
    main.children[exif.EXIF_IFD] = child
    return exif.encode_exif(main)


@cache
def srgb_profile() -> bytes:
    """Return an sRGB ICC profile."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def open_image(path: Path) -> Image.Image:
    """Open an image with Pillow, without keeping the file open."""
    return Image.open(io.BytesIO(path.read_bytes()))


def read_jpeg_luma(path: Path) -> NDArray[np.uint8]:
    """Return the luma plane of a JPEG as libjpeg decodes it."""
    image = open_image(path)
    image.draft("L", image.size)
    return np.asarray(image)


def luma_bt709(rgb: NDArray[Any], bits: int) -> NDArray[Any]:
    """Return the BT.709 luma of R'G'B' at the same bit depth: (H, W, 3) to (H, W)."""
    return rgb_to_luma_codes(rgb, MATRICES["bt709"], bits, bits)


def jpeg_segment(marker: int, body: bytes) -> bytes:
    """Return an encoded JPEG segment."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body
