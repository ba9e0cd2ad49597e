"""Single frames of film scans: DPX and OpenEXR, through FFmpeg's codecs."""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from vidcolor.errors import InputError, OutputError
from vidcolor.media.stills.rgb import bands
from vidcolor.media.stills.types import Picture, StillMetadata, check_size

if TYPE_CHECKING:
    from pathlib import Path

    import av
    from numpy.typing import NDArray

_DPX_HEADER = 2048
_DPX_LOG = (1, 3)
_LOG_WARNING = (
    "its code values are logarithmic densities, which get color as if they were video; "
    "grade to video first for natural color"
)
_DPX_CORE = 1664
# Creator, project, copyright; transfer and colorimetry; orientation; film and television.
_DPX_SAID = (slice(160, 660), slice(801, 803), slice(1408, 1664), slice(1664, 2048))
_DPX_OWN = b"vidcolor".ljust(32, b"\0")
_EXR_BOX = b"dataWindow\0box2i\0"
_EXR_SCAN = 65536
_EXR_NOT_LINES = 0x1A00
"""Bits of the version field: several parts; tiles, deep data or several parts."""
_EXR_CODING = frozenset(
    (
        *(b"channels", b"compression", b"dataWindow", b"displayWindow", b"lineOrder"),
        *(b"screenWindowCenter", b"screenWindowWidth", b"tiles", b"type", b"name", b"version"),
        *(b"chunkCount", b"preview", b"maxSamplesPerPixel", b"view", b"multiView"),
        *(b"dwaCompressionLevel", b"zipCompressionLevel", b"deepImageState", b"writer"),
    )
)
"""Attributes that describe one very file; a new one has its own."""
_EXR_LONGEST_NAME = 31
_EXR_COMMENT = b"comments"
_EXR_SQUARE = (b"pixelAspectRatio", b"float", struct.pack("<f", 1))
_EXR_LINES = {3: 16, 4: 32, 5: 16, 6: 32, 7: 32, 8: 32, 9: 256}
"""Lines in a block, by compression (ZIP, PIZ, PXR24, B44, B44A, DWAA, DWAB)."""


def read_dpx(path: Path, allow_damaged: bool) -> Picture:
    """DPX at 8, 10, 12 or 16 bits: the code values, whatever curve they were recorded with."""
    data = path.read_bytes()
    if len(data) < _DPX_HEADER:
        raise InputError(f"{path}: a DPX file without its header; get a whole copy")
    order = ">" if data[:4] == b"SDPX" else "<"
    width, height = struct.unpack(order + "II", data[772:780])
    check_size(path, width, height)
    frame = _decode("dpx", data)
    pixels, alpha, bits = _codes(frame)
    warnings = (_LOG_WARNING,) if data[801] in _DPX_LOG else ()
    kind: Any = "gray" if pixels.ndim == 2 else "rgb"
    user = user_data(data)
    own = user[:32] == _DPX_OWN
    metadata = StillMetadata(
        dpx_header=data[:_DPX_HEADER] + (b"" if own else user), xmp=user[32:] if own else None
    )
    return Picture(pixels, kind, bits, "dpx", alpha, metadata, warnings)


def user_data(dpx: bytes) -> bytes:
    """The user-defined part of a DPX file, which begins with a name of 32 bytes."""
    order = ">" if dpx[:4] == b"SDPX" else "<"
    start, size = (struct.unpack(order + "I", dpx[at : at + 4])[0] for at in (4, 32))
    if not _DPX_HEADER < start < len(dpx) or not 32 < size <= start - _DPX_HEADER:
        return b""
    return dpx[_DPX_HEADER : _DPX_HEADER + size]


def read_exr(path: Path, allow_damaged: bool) -> Picture:
    """OpenEXR: linear light in [0, 1] -> sRGB-encoded 16 bits; what is brighter is clipped."""
    data = path.read_bytes()
    at = data.find(_EXR_BOX, 0, _EXR_SCAN)
    box = data[at + len(_EXR_BOX) + 4 :][:16] if at >= 0 else b""
    if len(box) < 16:
        raise InputError(f"{path}: an OpenEXR file without a data window; get a whole copy")
    left, top, right, bottom = struct.unpack("<4i", box)
    check_size(path, right - left + 1, bottom - top + 1)
    if not _exr_is_whole(data):
        raise InputError(f"{path}: the OpenEXR file ends early; get a whole copy")
    frame = _decode("exr", data)
    kind = np.dtype(np.float16 if "f16" in frame.format.name else np.float32)
    planes = [_rows(p, kind)[:, : p.width] for p in frame.planes]
    warnings: tuple[str, ...] = ()
    color = planes if len(planes) < 3 else [planes[2], planes[0], planes[1]]
    if max(float(np.nanmax(p)) for p in color) > 1:
        warnings = ("it holds light above 1.0, which is clipped",)
    alpha = (
        np.rint(np.clip(planes[-1], 0, 1) * 65535).astype(np.uint16)
        if len(planes) in (2, 4)
        else None
    )
    said = ((n, *v) for n, v in _exr_header(data)[0].items() if n not in _EXR_CODING)
    metadata = StillMetadata(exr_attributes=tuple(s for s in said if s != _EXR_SQUARE))
    if len(planes) < 3:
        return Picture(srgb_encode(planes[0]), "gray", 16, "exr", alpha, metadata, warnings)
    rgb = np.stack([srgb_encode(p) for p in color], axis=-1)
    return Picture(rgb, "rgb", 16, "exr", alpha, metadata, warnings)


def _exr_header(data: bytes) -> tuple[dict[bytes, tuple[bytes, bytes]], int]:
    """The (first) header's attributes, by name: type and value; and where it ends."""
    attributes, at = {}, 8
    while data[at : at + 1] not in (b"\0", b""):
        name = data[at : data.index(b"\0", at)]
        at += len(name) + 1
        kind = data[at : data.index(b"\0", at)]
        at += len(kind) + 1
        (size,) = struct.unpack("<i", data[at : at + 4])
        attributes[name] = (kind, data[at + 4 : at + 4 + max(size, 0)])
        at += 4 + max(size, 0)
    return attributes, at + 1


def _exr_table(data: bytes) -> tuple[int, int]:
    """Where the table of blocks stands in a file of lines, and how many it lists."""
    attributes, at = _exr_header(data)
    _, top, _, bottom = struct.unpack("<4i", attributes[b"dataWindow"][1])
    lines = _EXR_LINES.get(attributes[b"compression"][1][0], 1)
    return at, -(-(bottom - top + 1) // lines)


def _exr_is_whole(data: bytes) -> bool:
    """Whether all blocks of lines are there, which FFmpeg does not ask; tiles are not looked at."""
    if int.from_bytes(data[4:8], "little") & _EXR_NOT_LINES:
        return True
    at, blocks = _exr_table(data)
    last = max(struct.unpack(f"<{blocks}Q", data[at : at + 8 * blocks]))
    size = int.from_bytes(data[last + 4 : last + 8], "little")
    return bool(last + 8 + size <= len(data))


def exr_comment(data: bytes) -> bytes | None:
    """What the header's comment says."""
    found = _exr_header(data)[0].get(_EXR_COMMENT)
    return found[1] if found else None


def _with_exr_attributes(
    data: bytes, attributes: tuple[tuple[bytes, bytes, bytes], ...], comment: str
) -> bytes:
    """The encoder's file with more in its header, and so with every block further down."""
    head, _ = _exr_header(data)
    at, blocks = _exr_table(data)
    offsets = struct.unpack(f"<{blocks}Q", data[at : at + 8 * blocks])
    head |= {name: (kind, value) for name, kind, value in attributes}
    said = head.get(_EXR_COMMENT, (b"", b""))[1].decode("utf-8", "replace")
    if comment not in said:
        head[_EXR_COMMENT] = (b"string", f"{said}\n{comment}".strip().encode())
    written = b"".join(
        name + b"\0" + kind + b"\0" + struct.pack("<i", len(value)) + value
        for name, (kind, value) in head.items()
        if len(name) <= _EXR_LONGEST_NAME
    )
    moved = 8 + len(written) + 1 - at
    table = struct.pack(f"<{blocks}Q", *(offset + moved for offset in offsets))
    return data[:8] + written + b"\0" + table + data[at + 8 * blocks :]


def dpx_bytes(
    rgb: NDArray[Any],
    alpha: NDArray[Any] | None,
    bits: int,
    header: bytes | None = None,
    xmp: bytes | None = None,
) -> bytes:
    """A DPX file; what the source's header said of film, camera and origin is carried over.

    Args:
        rgb: (H, W, 3) code values of `bits` bits.
        alpha: (H, W) or None; only 8 and 16 bits can have one.
        bits: 8, 10, 12 or 16.
        header: the source's 2048 bytes and its user-defined data, or None.
        xmp: goes into the user-defined data, behind what is there.
    """
    end = "be" if header is not None and header[:4] == b"SDPX" else "le"
    if bits in (10, 12):
        planes = [rgb[..., 1], rgb[..., 2], rgb[..., 0]]
        return _with_dpx_header(_encode("dpx", f"gbrp{bits}{end}", planes), header, xmp)
    samples = rgb if alpha is None else np.dstack([rgb, alpha])
    deep = "rgba64" if alpha is not None else "rgb48"
    shallow = "rgba" if alpha is not None else "rgb24"
    pix_fmt = shallow if bits == 8 else deep + end
    data = _encode("dpx", pix_fmt, [samples.reshape(samples.shape[0], -1)])
    return _with_dpx_header(data, header, xmp)


def _with_dpx_header(data: bytes, header: bytes | None, xmp: bytes | None) -> bytes:
    """The encoder's file, whose header is 1664 bytes, with a whole header and user data."""
    order = ">" if data[:4] == b"SDPX" else "<"
    start = struct.unpack(order + "I", data[4:8])[0]
    head = bytearray(data[:_DPX_CORE].ljust(_DPX_HEADER, b"\xff"))
    user = b""
    if header is not None:
        user = header[_DPX_HEADER:]
        if header[:4] == data[:4]:  # else numbers in it would have to be turned round
            for part in _DPX_SAID:
                head[part] = header[part]
    if xmp:
        user = (user or _DPX_OWN) + xmp
    room = user.ljust(-(-len(user) // 4096) * 4096, b"\0")
    at = _DPX_HEADER + len(room)
    size = at + len(data) - start
    for place, value in (
        (4, at),
        (16, size),
        (24, _DPX_CORE),
        (28, 384),
        (32, len(user)),
        (808, at),
    ):
        struct.pack_into(order + "I", head, place, value)
    return bytes(head) + room + data[start:]


def exr_bytes(
    rgb: NDArray[np.uint16],
    alpha: NDArray[np.uint16] | None,
    attributes: tuple[tuple[bytes, bytes, bytes], ...] = (),
    comment: str = "",
) -> bytes:
    """An OpenEXR file in 32-bit float linear light.

    Args:
        rgb: (H, W, 3) sRGB-encoded 16-bit codes.
        alpha: (H, W) or None.
        attributes: of the source's header; see `StillMetadata.exr_attributes`.
        comment: goes into the header, behind what the source's comment says.
    """
    planes, pix_fmt = [srgb_decode(rgb[..., i]) for i in (1, 2, 0)], "gbrpf32le"
    if alpha is not None:
        planes.append(alpha.astype(np.float32) / np.float32(65535))
        pix_fmt = "gbrapf32le"
    return _with_exr_attributes(_encode("exr", pix_fmt, planes), attributes, comment)


def srgb_encode(linear: NDArray[Any]) -> NDArray[np.uint16]:
    """Linear light (H, W) float, clipped to [0, 1] -> sRGB (IEC 61966-2-1), 16 bits."""
    out = np.empty(linear.shape, np.uint16)
    for rows in bands(linear.shape[0]):
        light = np.clip(np.nan_to_num(linear[rows].astype(np.float64)), 0, 1)
        curved = 1.055 * light ** (1 / 2.4) - 0.055
        out[rows] = np.rint(np.where(light <= 0.0031308, 12.92 * light, curved) * 65535)
    return out


def srgb_decode(codes: NDArray[Any]) -> NDArray[np.float32]:
    """sRGB, 16 bits (H, W) -> linear light in [0, 1]."""
    out = np.empty(codes.shape, np.float32)
    for rows in bands(codes.shape[0]):
        unit = codes[rows] / 65535
        out[rows] = np.where(unit <= 0.04045, unit / 12.92, ((unit + 0.055) / 1.055) ** 2.4)
    return out


def _decode(codec: str, data: bytes) -> av.VideoFrame:
    import av

    context = av.CodecContext.create(codec, "r")
    frames = [*context.decode(av.Packet(data)), *context.decode(None)]  # type: ignore[attr-defined]
    if not frames:
        raise ValueError("its pixels cannot be decoded")
    frame: av.VideoFrame = frames[0]
    return frame


def _encode(codec: str, pix_fmt: str, planes: list[NDArray[Any]]) -> bytes:
    """Encode one frame; `planes` are (H, samples) in FFmpeg's order for `pix_fmt`."""
    import av

    samples = {"rgb24": 3, "rgb48": 3, "rgba": 4, "rgba64": 4}
    height, width = planes[0].shape
    width //= samples.get(pix_fmt.removesuffix("le").removesuffix("be"), 1)
    context: Any = av.CodecContext.create(codec, "w")
    context.width, context.height, context.pix_fmt = width, height, pix_fmt
    context.time_base = Fraction(1, 25)
    frame = av.VideoFrame(width, height, pix_fmt)
    for plane, codes in zip(frame.planes, planes, strict=True):
        kind = codes.dtype.newbyteorder(">" if pix_fmt.endswith("be") else "<")
        _rows(plane, kind)[:, : codes.shape[1]] = codes
    data = b"".join(bytes(p) for p in [*context.encode(frame), *context.encode(None)])
    if not data:
        raise OutputError(f"the {codec} encoder gave nothing")
    return data


def _rows(plane: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
    """A writable view of a plane with its padding: (H, samples)."""
    rows: NDArray[Any] = np.frombuffer(plane, dtype)
    return rows.reshape(plane.height, plane.line_size // dtype.itemsize)


def _codes(frame: av.VideoFrame) -> tuple[NDArray[Any], NDArray[Any] | None, int]:
    """Color or gray codes in native byte order, alpha, and depth, of a DPX frame."""
    name, parts = frame.format.name, frame.format.components
    bits = parts[0].bits
    native = np.dtype(np.uint8 if bits <= 8 else np.uint16)
    kind = native.newbyteorder(">" if name.endswith("be") else "<")
    if name.startswith("gbr"):
        planes = [_rows(p, kind)[:, : p.width].astype(native) for p in frame.planes]
        return (
            np.stack([planes[2], planes[0], planes[1]], -1),
            planes[3] if len(planes) > 3 else None,
            bits,
        )
    if not name.startswith(("gray", "rgb")) or len(parts) == 2:
        raise ValueError(f"pixels of the kind {name} are not read")
    mixed = _rows(frame.planes[0], kind)[:, : frame.width * len(parts)].astype(native)
    if len(parts) == 1:
        return mixed, None, bits
    mixed = mixed.reshape(frame.height, frame.width, len(parts))
    alpha = mixed[..., 3].copy() if len(parts) == 4 else None
    return mixed[..., :3].copy(), alpha, bits
