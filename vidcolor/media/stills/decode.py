"""Decoding picture files into `Picture`: one function a format, metadata and warnings with it."""

from __future__ import annotations

import io
import logging
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vidcolor.errors import InputError
from vidcolor.media.stills import exif, jpeg, png
from vidcolor.media.stills.dpx_exr import exr_comment, user_data
from vidcolor.media.stills.types import Picture, StillMetadata, check_size

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import tifffile
    from numpy.typing import NDArray
    from PIL import Image

_DAMAGED = "; get a whole copy, or allow damaged pictures to keep what is left"
_RAW_TAG, _NEW_SUBFILE_TYPE = 50706, 254
_INKS_AND_LAB = (5, 8, 9, 10)


def read_jpeg(path: Path, allow_damaged: bool) -> Picture:
    """JPEG: gray and Y'CbCr give the decoder's own planes; CMYK and RGB become R'G'B'."""
    from PIL.JpegImagePlugin import JpegImageFile

    data = path.read_bytes()
    parts = list(jpeg.segments(data))
    frame = jpeg.frame_of(parts)
    check_size(path, frame.width, frame.height)
    metadata, warnings = jpeg.metadata_of(parts)
    image: Image.Image = JpegImageFile(io.BytesIO(data), str(path))
    table = image.quantization.get(frame.luma_table)  # type: ignore[attr-defined]
    metadata = replace(metadata, jpeg_luma_table=tuple(table) if table else None)
    ycc = len(frame.component_ids) == 3 and jpeg.is_ycbcr(parts, frame.component_ids)
    if ycc:
        image.draft("YCbCr", image.size)
    damaged = False
    try:
        image.load()
    except OSError:
        if not allow_damaged:
            raise InputError(f"{path}: the JPEG ends early{_DAMAGED}") from None
        damaged = True
        # An end marker lets the decoder fill up what is missing instead of giving up.
        image = JpegImageFile(io.BytesIO(data + b"\xff\xd9"), str(path))
        if ycc:
            image.draft("YCbCr", image.size)
        image.load()
        warnings += ("the file ends early; what is missing is filled up",)
    if image.mode == "YCbCr":
        whole = Picture(np.asarray(image), "ycc", 8, "jpeg", metadata=metadata)
    else:
        if image.mode == "CMYK":
            metadata = replace(metadata, icc=None)
            warnings += ("CMYK is converted to RGB without its ink profile",)
        whole = replace(_from_pillow(image, "jpeg"), metadata=metadata)
    kept = data if not damaged and jpeg.can_join(data) else None
    return replace(whole, warnings=warnings, lossless=False, jpeg=kept)


def read_png(path: Path, allow_damaged: bool) -> Picture:
    """PNG: 16 bits stay 16 bits; fewer than 8 become 8."""
    from PIL.PngImagePlugin import PngImageFile

    data = path.read_bytes()
    header = png.header_of(data)
    check_size(path, header.width, header.height)
    saved: tuple[str, ...] = ()
    try:
        parts = list(png.chunks(data))
    except png.DamagedPngError as error:
        if not allow_damaged:
            raise InputError(f"{path}: damaged PNG: {error}{_DAMAGED}") from None
        parts = list(png.chunks(data, strict=False))
        data, share = png.mend(data)
        saved = (f"the file is damaged; {share:.0%} of its rows could be read, the rest is black",)
    metadata, warnings = png.metadata_of(parts)
    if header.bits == 16:
        picture = _deep_png(data, header, dict(parts).get(b"tRNS"))
    else:
        picture = _from_pillow(PngImageFile(io.BytesIO(data), str(path)), "png")
    return replace(picture, metadata=metadata, warnings=saved + warnings)


def read_webp(path: Path, allow_damaged: bool) -> Picture:
    """WebP, as R'G'B': libwebp gives its planes to nobody."""
    from PIL.Image import DecompressionBombError
    from PIL.WebPImagePlugin import WebPImageFile

    data = path.read_bytes()
    try:
        image = WebPImageFile(io.BytesIO(data), str(path))
    except DecompressionBombError as error:  # Pillow's own limit, which is lower than ours
        raise InputError(f"{path}: {error}; save it as PNG or TIFF") from None
    check_size(path, *image.size)
    picture = _from_pillow(image, "webp")
    block: bytes | None = image.info.get("exif")
    metadata = StillMetadata(
        exif=block.removeprefix(b"Exif\0\0") if block else None,
        icc=image.info.get("icc_profile"),
        xmp=image.info.get("xmp"),
    )
    more = getattr(image, "n_frames", 1) > 1
    warnings = ("it is animated: only the first frame is colored",) if more else ()
    lossless = _webp_coding(data) == b"VP8L"
    return replace(picture, metadata=metadata, warnings=warnings, lossless=lossless)


def _webp_coding(data: bytes) -> bytes:
    """The name of the chunk with the pixels; ``VP8L`` is the lossless one."""
    at = 12
    while at + 8 <= len(data) and data[at : at + 4] not in (b"VP8L", b"VP8 ", b"ANMF"):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + size + size % 2
    return data[at : at + 4]


def read_bmp(path: Path, allow_damaged: bool) -> Picture:
    """BMP of any depth, as 8-bit gray or R'G'B'."""
    from PIL.BmpImagePlugin import BmpImageFile

    image = BmpImageFile(io.BytesIO(path.read_bytes()), str(path))
    check_size(path, *image.size)
    dots = image.info.get("dpi")
    metadata = StillMetadata(dpi=dots if dots and min(dots) > 1 else None)
    return replace(_from_pillow(image, "bmp"), metadata=metadata)


def read_tiff(path: Path, allow_damaged: bool) -> Picture:
    """TIFF: the first page; 8 and 16 bits exactly, other kinds through Pillow's 8-bit RGB."""
    import tifffile

    with path.open("rb") as file, _silent("tifffile"), tifffile.TiffFile(file) as tiff:
        page = tiff.pages.first
        check_size(path, page.imagewidth, page.imagelength)
        _refuse_raw(path, page)
        full = [p for p in tiff.pages if not (_tag(p, _NEW_SUBFILE_TYPE) & 1)]
        warnings: tuple[str, ...] = ()
        if len(full) > 1:
            warnings = (f"it has {len(full)} pages: only the first is colored",)
        metadata = _tiff_metadata(file, page)
        gray_or_rgb = int(page.photometric) in (0, 1, 2)
        if page.bitspersample in (8, 16) and page.sampleformat == 1 and gray_or_rgb:
            picture = _plain_tiff(path, page)
        elif page.bitspersample <= 8:
            picture = _pillow_tiff(path)
            if int(page.photometric) in _INKS_AND_LAB:
                warnings += ("CMYK or Lab is converted to RGB without its profile",)
        else:
            raise InputError(
                f"{path}: TIFF with {page.bitspersample}-bit samples of this kind is not read; "
                "convert it to 16-bit gray or RGB"
            )
    return replace(picture, metadata=metadata, warnings=warnings)


@contextmanager
def _silent(logger: str) -> Iterator[None]:
    """Keep a library from printing what we report in our own words."""

    def refuse(_: logging.LogRecord) -> bool:
        return False

    logging.getLogger(logger).addFilter(refuse)
    try:
        yield
    finally:
        logging.getLogger(logger).removeFilter(refuse)


def xmp_of(path: Path, name: str) -> bytes | None:
    """The XMP packet (of OpenEXR the comment) of a file of format `name`, without its pixels.

    Raises:
        OSError, ValueError: the file cannot be read or is not built like that format.
    """
    if name == "jpeg":
        return jpeg.metadata_of(list(jpeg.segments(path.read_bytes())))[0].xmp
    if name == "png":
        return png.metadata_of(list(png.chunks(path.read_bytes(), strict=False)))[0].xmp
    if name == "tiff":
        with path.open("rb") as file:
            entry = exif.read_directory(_reader(file)).entries.get(exif.XMP)
        return entry.value if entry else None
    if name == "webp":
        from PIL.WebPImagePlugin import WebPImageFile

        with path.open("rb") as file:
            packet: bytes | None = WebPImageFile(file, str(path)).info.get("xmp")
        return packet
    if name == "dpx":
        return user_data(path.read_bytes()) or None
    if name == "exr":
        return exr_comment(path.read_bytes())
    return None


def _refuse_raw(path: Path, page: tifffile.TiffPage) -> None:
    """Camera raw files are TIFF too, and their first page is only a thumbnail."""
    if _RAW_TAG in page.tags or _tag(page, _NEW_SUBFILE_TYPE) & 1:
        raise InputError(f"{path}: a camera raw file; develop it to a 16-bit TIFF first")


def _tag(page: Any, code: int) -> int:
    tags = getattr(page, "tags", None)
    tag = tags.get(code) if tags is not None else None
    return int(tag.value) if tag is not None else 0


def _plain_tiff(path: Path, page: tifffile.TiffPage) -> Picture:
    try:
        pixels = page.asarray()
    except (ValueError, KeyError) as error:
        if "imagecodecs" not in str(error):
            raise
        return _foreign_tiff(path, page)
    if int(page.planarconfig) == 2 and page.samplesperpixel > 1:
        pixels = np.moveaxis(pixels, 0, -1)
    if int(page.photometric) == 0:
        pixels = _inverted(pixels, colors=1)
    return _split(pixels, "tiff", page.bitspersample)


def _foreign_tiff(path: Path, page: tifffile.TiffPage) -> Picture:
    """Compression that tifffile needs help with (LZW, JPEG): 8 bits by Pillow, 16 by OpenCV."""
    if page.bitspersample == 8:
        return _pillow_tiff(path)
    import cv2

    pixels = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16:
        raise InputError(f"{path}: this compression of TIFF is not read; save it uncompressed")
    return _split(_rgb_order(pixels), "tiff", 16)


def _inverted(pixels: NDArray[Any], colors: int) -> NDArray[Any]:
    """Min-is-white turned round; alpha stays."""
    top = np.iinfo(pixels.dtype).max
    if pixels.ndim == 2:
        return top - pixels
    return np.concatenate([top - pixels[..., :colors], pixels[..., colors:]], axis=-1)


def _pillow_tiff(path: Path) -> Picture:
    from PIL.TiffImagePlugin import TiffImageFile

    with path.open("rb") as file:
        return _from_pillow(TiffImageFile(file, str(path)), "tiff")


def _tiff_metadata(file: Any, page: tifffile.TiffPage) -> StillMetadata:
    tags = exif.read_directory(_reader(file))
    entries = tags.entries

    def value(tag: int) -> bytes | None:
        return entries[tag].value if tag in entries else None

    own = {exif.XMP, exif.ICC, exif.PHOTOSHOP, exif.IPTC}
    said = exif.without(tags, exif.STRUCTURE | own)
    says = bool(said.entries or said.children)
    rgb = int(page.photometric) <= 3
    return StillMetadata(
        exif=exif.exif_bytes(said) if says else None,
        icc=value(exif.ICC) if rgb else None,
        xmp=value(exif.XMP),
        dpi=tags.dpi,
        photoshop=value(exif.PHOTOSHOP),
        iptc=value(exif.IPTC),
        premultiplied=1 in (page.extrasamples or ()),
        compressed=int(page.compression) != 1,
    )


def _reader(file: Any) -> exif.Reader:
    def read(offset: int, n: int) -> bytes:
        file.seek(offset)
        data: bytes = file.read(n)
        return data

    return read


def _deep_png(data: bytes, header: png.PngHeader, key: bytes | None) -> Picture:
    import cv2

    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16:
        raise ValueError("its pixels cannot be decoded")
    if header.color_type == 4:  # OpenCV repeats gray three times beside its alpha
        pixels = pixels[..., [0, 3]]
    picture = _split(_rgb_order(pixels), "png", 16)
    if header.color_type == 0 and key:
        clear = picture.pixels == int.from_bytes(key[:2], "big")
        picture = replace(picture, alpha=np.where(clear, 0, 65535).astype(np.uint16))
    return picture


def _rgb_order(pixels: NDArray[Any]) -> NDArray[Any]:
    """OpenCV's BGR(A) -> RGB(A)."""
    if pixels.ndim == 3 and pixels.shape[-1] >= 3:
        return pixels[..., [2, 1, 0, *range(3, pixels.shape[-1])]]
    return pixels


def _split(pixels: NDArray[Any], name: str, bits: int) -> Picture:
    """Samples (H, W) or (H, W, n) -> color and, if there is one, alpha."""
    pixels = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    if pixels.ndim == 2:
        return Picture(pixels, "gray", bits, name)
    colors = 3 if pixels.shape[-1] >= 3 else 1
    alpha = np.ascontiguousarray(pixels[..., colors]) if pixels.shape[-1] > colors else None
    if colors == 1:
        return Picture(np.ascontiguousarray(pixels[..., 0]), "gray", bits, name, alpha)
    return Picture(np.ascontiguousarray(pixels[..., :3]), "rgb", bits, name, alpha)


def _from_pillow(image: Image.Image, name: str) -> Picture:
    """Any 8-bit picture that Pillow decodes."""
    image.load()
    clear = "transparency" in image.info
    if image.mode == "1" or (image.mode == "L" and not clear):
        return _split(np.asarray(image.convert("L")), name, 8)
    if image.mode in ("LA", "L"):
        return _split(np.asarray(image.convert("LA")), name, 8)
    wanted = "RGBA" if clear or image.mode in ("RGBA", "PA", "RGBa") else "RGB"
    return _split(np.asarray(image.convert(wanted)), name, 8)
