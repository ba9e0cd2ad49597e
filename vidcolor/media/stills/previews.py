"""Removal of previews from the metadata of an image, and of references to data that is not kept.

A preview shows the source without its new color, and file managers show it instead of the image.
Phones describe in XMP a video or a gain map that follows the image in the file. Results have
neither, and gallery programs would search for them.
"""

from __future__ import annotations

import re
import struct
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vidcolor.media.stills.types import StillMetadata

_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
"""Byte orders of `struct`, by the first bytes of an EXIF block."""
_RESOURCE = b"8BIM"
"""Signature of a Photoshop resource."""
_PREVIEW_RESOURCES = (1033, 1036)
"""Identifiers of the Photoshop resources that are previews: of Photoshop 4 and of later ones."""
_REFERENCE = rb"(?:GCamera:(?:MotionPhoto|MicroVideo)\w*|Container:Directory|hdrgm:\w+)"
"""Names of the XMP properties that describe the video of a motion photo (Google), the parts of the
file, and a gain map (Adobe, ISO 21496-1)."""
_REFERENCES = re.compile(
    rb"\s%b\s?=\s?(?:\"[^\"<]*\"|'[^'<]*')" % _REFERENCE  # an attribute
    + rb"|<(%b)(?:\s[^<>]*)?>" % _REFERENCE  # the start of an element
)
_MAX_XMP_BYTES = 65502
"""Maximum size of a packet that is searched: that of XMP in JPEG. It bounds the time for hostile
packets."""


def remove_previews(metadata: StillMetadata) -> StillMetadata:
    """Return metadata without previews, and without references to data that is not kept."""
    exif, photoshop, xmp = metadata.exif, metadata.photoshop, metadata.xmp
    return replace(
        metadata,
        exif=_unlink_exif_preview(exif) if exif else exif,
        photoshop=_remove_photoshop_previews(photoshop) or None if photoshop else photoshop,
        xmp=_remove_references(xmp) if xmp and len(xmp) <= _MAX_XMP_BYTES else xmp,
    )


def _remove_references(xmp: bytes) -> bytes:
    """Return an XMP packet without the attributes and elements that `_REFERENCES` finds."""
    kept, at = [], 0
    for match in _REFERENCES.finditer(xmp):
        end = _find_end(xmp, match)
        if end is not None and match.start() >= at:  # not inside an element that is removed
            kept.append(xmp[at : match.start()])
            at = end
    return b"".join(kept) + xmp[at:]


def _find_end(xmp: bytes, match: re.Match[bytes]) -> int | None:
    """Return the end of the attribute or element that a match begins; None if it has no end."""
    name = match[1]
    if name is None or match[0].endswith(b"/>"):
        return match.end()
    closing = b"</" + name + b">"
    at = xmp.find(closing, match.end())
    return None if at < 0 else at + len(closing)


def _unlink_exif_preview(exif: bytes) -> bytes:
    """Return an EXIF block without the link to the second directory, which has the preview.

    All other bytes are the same, because the notes of camera makers contain offsets into the block.
    """
    order = _ORDERS.get(exif[:4])
    if order is None or len(exif) < 8:
        return exif
    (offset,) = struct.unpack_from(order + "I", exif, 4)
    if offset + 2 > len(exif):
        return exif
    (num_entries,) = struct.unpack_from(order + "H", exif, offset)
    link = offset + 2 + 12 * num_entries
    if link + 4 > len(exif):
        return exif
    return exif[:link] + bytes(4) + exif[link + 4 :]


def _remove_photoshop_previews(block: bytes) -> bytes:
    resources = _iter_resources(block)
    return b"".join(data for number, data in resources if number not in _PREVIEW_RESOURCES)


def _iter_resources(block: bytes) -> Iterator[tuple[int | None, bytes]]:
    """Yield the identifier and all bytes of each Photoshop resource; None and the rest if damaged.

    A resource has a signature, an identifier, a name and data; name and data have an even size.
    """
    at = 0
    while block[at : at + 4] == _RESOURCE and at + 12 <= len(block):
        (number,) = struct.unpack_from(">H", block, at + 4)
        size_at = at + 6 + (block[at + 6] + 2) // 2 * 2  # the name begins with its length
        if size_at + 4 > len(block):
            break
        (size,) = struct.unpack_from(">I", block, size_at)
        end = size_at + 4 + (size + 1) // 2 * 2
        yield number, block[at:end]
        at = end
    if at < len(block):
        yield None, block[at:]
