"""Decoding and encoding of single frames with FFmpeg's codecs, for DPX and OpenEXR.

The codecs are called without a demuxer or muxer, because a DPX or OpenEXR file is one packet.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from vidcolor.errors import OutputError

if TYPE_CHECKING:
    import av
    from numpy.typing import NDArray

_PACKED_SAMPLES = {"rgb24": 3, "rgb48": 3, "rgba": 4, "rgba64": 4}
"""Interleaved samples per pixel by pixel format, without the byte order suffix."""


def decode_frame(codec: str, data: bytes) -> av.VideoFrame:
    """Decode a file that is one packet.

    Args:
        codec: name of an FFmpeg decoder.
        data: contents of the file.

    Raises:
        ValueError: the decoder returns no frame.
        av.FFmpegError: the decoder fails.
    """
    import av

    context = av.CodecContext.create(codec, "r")
    frames = [*context.decode(av.Packet(data)), *context.decode(None)]  # type: ignore[attr-defined]
    if not frames:
        raise ValueError("the pixels cannot be decoded")
    frame: av.VideoFrame = frames[0]
    return frame


def encode_frame(codec: str, pix_fmt: str, planes: list[NDArray[Any]]) -> bytes:
    """Encode one frame.

    Args:
        codec: name of an FFmpeg encoder.
        pix_fmt: FFmpeg pixel format.
        planes: (H, samples per row) each, in the plane order of `pix_fmt`. The dtype has the size
            of its samples; the byte order is converted.

    Returns:
        The contents of the file.

    Raises:
        OutputError: the encoder returns no data.
    """
    import av

    height, width = planes[0].shape
    width //= _PACKED_SAMPLES.get(pix_fmt.removesuffix("le").removesuffix("be"), 1)
    context: Any = av.CodecContext.create(codec, "w")
    context.width, context.height, context.pix_fmt = width, height, pix_fmt
    context.time_base = Fraction(1, 25)  # required by FFmpeg; its value has no meaning here
    frame = av.VideoFrame(width, height, pix_fmt)
    for plane, codes in zip(frame.planes, planes, strict=True):
        dtype = codes.dtype.newbyteorder(">" if pix_fmt.endswith("be") else "<")
        view_rows(plane, dtype)[:, : codes.shape[1]] = codes
    data = b"".join(bytes(p) for p in [*context.encode(frame), *context.encode(None)])
    if not data:
        raise OutputError(f"the {codec} encoder returned no data")
    return data


def view_rows(plane: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return a writable view of a plane of an `av.VideoFrame`.

    Args:
        plane: the plane.
        dtype: dtype of its samples, with byte order.

    Returns:
        (H, samples per row with padding).
    """
    rows: NDArray[Any] = np.frombuffer(plane, dtype)
    return rows.reshape(plane.height, plane.line_size // dtype.itemsize)
