"""Reading and writing of JPEG (ITU-T T.81) in JFIF (ITU-T T.871).

Pillow codes the pixels; `jpeg_segments` handles metadata and scans. The coded luma of a gray JPEG
is copied into the result without decoding, because encoding it again would change it.
"""

from __future__ import annotations

import io
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from vidcolor.errors import InputError
from vidcolor.media.stills.jpeg_segments import (
    LOSSLESS,
    OTHER_IMAGES_WARNING,
    PROGRESSIVE,
    FrameHeader,
    find_frame_header,
    has_one_scan,
    insert_metadata,
    is_joinable,
    is_ycbcr,
    join_scans,
    parse_image,
    parse_segments,
    read_metadata,
)
from vidcolor.media.stills.rgb import convert_chroma_to_jfif, convert_depth
from vidcolor.media.stills.types import (
    DEFAULT_QUALITY,
    IMAGES_EXTRA,
    DecodedImage,
    EncodedStill,
    check_size,
    describe_lossy_luma,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from vidcolor.media.stills.types import ColorizedStill, Still

_END = b"\xff\xd9"
"""The end marker."""
_OTHER_DATA = b"\x55" * 64
"""Data that does not belong to the image."""
_MAX_FILM_OFFSET = 1024
"""Maximum distance from the end of an image to the first box of an MP4 file, in bytes."""


def read_jpeg(path: Path, allow_damaged: bool) -> DecodedImage:
    """Decode a JPEG. Gray and Y'CbCr stay as coded; CMYK and RGB become R'G'B'.

    A truncated file is refused, or read with a warning. `StillMetadata.extras` has marker and
    payload of the segments that are copied as they are.
    """
    data = path.read_bytes()
    segments, trailer = parse_image(data)
    frame = find_frame_header(segments)
    check_size(path, frame.width, frame.height)
    metadata, warnings = read_metadata(segments)
    if trailer and OTHER_IMAGES_WARNING not in warnings:
        warnings += (_describe_trailer(trailer),)
    if frame.precision > 8:
        return replace(_decode_deep(path, data, frame), metadata=metadata, warnings=warnings)
    # Pillow converts Y'CbCr to RGB unless it is asked for Y'CbCr.
    ycbcr = len(frame.component_ids) == 3 and is_ycbcr(segments, frame.component_ids)
    mode = "YCbCr" if ycbcr else None
    image = _open_jpeg(data, mode)
    table = image.quantization.get(frame.luma_table)
    metadata = replace(metadata, jpeg_luma_table=tuple(table) if table else None)
    jpeg_data = data if is_joinable(frame) else None
    try:
        image.load()
    except OSError:
        # With an end marker the decoder fills in the missing part instead of failing.
        image = _open_jpeg(data + _END, mode)
        image.load()
        if not (has_one_scan(segments, frame) and _is_complete(image, data, mode)):
            if not allow_damaged:
                raise InputError(
                    f"{path}: truncated JPEG; get a complete copy, or allow damaged images"
                ) from None
            jpeg_data = None
            warnings += ("the file is truncated: the missing part is filled in",)
    if image.mode == "YCbCr":
        decoded = DecodedImage(np.asarray(image), 8, is_ycbcr=True)
    else:
        decoded = DecodedImage.from_pillow(image)
        if image.mode == "CMYK":
            metadata = replace(metadata, icc=None)
            warnings += ("CMYK is converted to RGB without its ICC profile",)
    return replace(
        decoded,
        metadata=metadata,
        warnings=warnings,
        lossless=frame.marker in LOSSLESS,
        jpeg_data=jpeg_data,
    )


def _is_complete(image: Any, data: bytes, mode: str | None) -> bool:
    """Return whether a JPEG with one scan lacks only the end marker; `image` is its decoded image.

    If a part of the scan is missing, the decoder takes any data as that part.
    """
    other = _open_jpeg(data.rstrip(b"\xff") + _OTHER_DATA + _END, mode)
    return np.array_equal(np.asarray(other), np.asarray(image))


def _describe_trailer(trailer: bytes) -> str:
    """Return a warning about the data after an image, such as the film of a motion photo."""
    kind = "a film" if b"ftyp" in trailer[:_MAX_FILM_OFFSET] else "data"
    return f"not kept: {kind} of {len(trailer)} bytes after the image"


def _decode_deep(path: Path, data: bytes, frame: FrameHeader) -> DecodedImage:
    """Decode a JPEG of more than 8 bits to 16-bit gray or R'G'B'."""
    if find_spec("imagecodecs") is None:
        raise InputError(
            f"{path}: JPEG of {frame.precision} bits needs the Python module imagecodecs; "
            f"{IMAGES_EXTRA}"
        )
    import imagecodecs

    codes = imagecodecs.jpeg8_decode(data)
    decoded = DecodedImage.from_samples(convert_depth(codes, frame.precision, 16), 16)
    return replace(decoded, lossless=frame.marker in LOSSLESS)


def read_jpeg_xmp(path: Path) -> bytes | None:
    """Return the XMP packet of a JPEG, or None."""
    return read_metadata(parse_segments(path.read_bytes()))[0].xmp


def encode_jpeg(job: ColorizedStill) -> EncodedStill:
    """Encode a 4:4:4 JPEG; the coded luma of a gray JPEG source is copied if luma is unchanged."""
    still = job.still
    cb, cr = convert_chroma_to_jfif(still.luma, job.cb, job.cr, still.matrix, still.bits)
    bare = _join_source_luma(still, cb, cr) if job.quality is None else None
    losses: tuple[str, ...] = ()
    if bare is None:
        quality = job.quality or DEFAULT_QUALITY
        if still.format == "jpeg" and still.lossless:
            losses = (describe_lossy_luma(quality),)
        tables = _standard_tables(quality)
        source_table = job.metadata.jpeg_luma_table
        luma_table = list(source_table) if source_table and job.quality is None else tables[0]
        luma = convert_depth(still.luma, still.bits, 8)
        bare = _encode_planes([luma, cb, cr], [luma_table, tables[1]])
    data, warnings = insert_metadata(bare, job.metadata)
    return data, losses + warnings


def _open_jpeg(data: bytes, mode: str | None = None) -> Any:
    """Open a JPEG with Pillow; with a mode, without conversion to RGB."""
    from PIL.JpegImagePlugin import JpegImageFile

    image: Any = JpegImageFile(io.BytesIO(data))
    if mode:
        image.draft(mode, image.size)
    return image


def _join_source_luma(still: Still, cb: NDArray[np.uint8], cr: NDArray[np.uint8]) -> bytes | None:
    """Join the source's coded luma with (H, W) Cb and Cr; None if luma must be encoded again."""
    if still.jpeg_data is None:
        return None
    frame = find_frame_header(parse_segments(still.jpeg_data))
    table = _standard_tables(DEFAULT_QUALITY)[1]
    is_progressive = frame.marker == PROGRESSIVE
    chroma = [_encode_planes([plane], [table], is_progressive) for plane in (cb, cr)]
    joined = join_scans(still.jpeg_data, *chroma)
    if joined is None:
        return None
    # The caller may have changed the luma (levels, crop). Then the source's scan is wrong.
    return joined if np.array_equal(np.asarray(_open_jpeg(joined, "L")), still.luma) else None


def _encode_planes(
    planes: list[NDArray[np.uint8]], tables: list[list[int]], progressive: bool = False
) -> bytes:
    """Encode 1 gray or 3 Y'CbCr planes, (H, W); each table has 64 steps in Pillow's order."""
    from PIL import Image

    images = [Image.fromarray(plane) for plane in planes]
    image = Image.merge("YCbCr", images) if len(images) == 3 else images[0]
    out = io.BytesIO()
    # With `optimize`, Pillow encodes into a buffer of estimated size, which is too small for
    # colorful images.
    optimize = len(images) == 1
    image.save(
        out, "JPEG", qtables=tables, subsampling=0, optimize=optimize, progressive=progressive
    )
    return out.getvalue()


def _standard_tables(quality: int) -> list[list[int]]:
    """Return libjpeg's tables of 64 quantization steps for luma and chroma at a quality."""
    from PIL import Image

    out = io.BytesIO()
    Image.new("YCbCr", (8, 8)).save(out, "JPEG", quality=quality)
    tables = _open_jpeg(out.getvalue()).quantization
    return [list(tables[0]), list(tables[1])]
