"""What tells people that the color is a guess: film tags and XMP, and how to read them back."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.dom import minidom
from xml.parsers.expat import ExpatError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DIGITAL_SOURCE_TYPE = (
    "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
)
"""IPTC's term for a real picture that a trained network has added to."""

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XMP_META = "adobe:ns:meta/"
XMP_BASIC = "http://ns.adobe.com/xap/1.0/"
IPTC_EXTENSION = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
VIDCOLOR = "urn:vidcolor:provenance:1"
"""Namespace of our own XMP properties."""

_XMLNS = "http://www.w3.org/2000/xmlns/"
_MAX_DEPTH = 100
_MATROSKA = ("matroska", "webm", "mkv", "mka")
_PACKET_START = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
_PACKET_END = '\n<?xpacket end="w"?>'
_EMPTY_PACKET = (
    f'<x:xmpmeta xmlns:x="{XMP_META}"><rdf:RDF xmlns:rdf="{RDF}">'
    '<rdf:Description rdf:about=""/></rdf:RDF></x:xmpmeta>'
)
_DIGEST = "([0-9a-f]{64})"
_RECIPE_IN_TEXT = re.compile(f"vidcolor recipe {_DIGEST}")
_RECIPE_IN_XMP = re.compile(f":Recipe(?:=[\"']|[^>]*>){_DIGEST}")
# XML would read these back as blanks inside attributes, and minidom does not escape them.
_BREAKS = {"\n": "\ue00a", "\r": "\ue00d", "\t": "\ue009"}


@dataclass(frozen=True, slots=True)
class Provenance:
    """How a result came about; written into the result itself."""

    version: str
    """Of vidcolor."""
    model: str
    """Name of the generator, e.g. ``embedded``."""
    weights_sha256: str
    """64 hex digits."""
    recipe: str
    """See `recipe_digest`: equal recipes on equal sources give equal results."""
    created: str | None = None
    """ISO 8601 date and time; left out by default, so that results can be compared byte by byte."""

    @property
    def sentence(self) -> str:
        """What a person reads in the comment of a film; holds the recipe for `read_recipe`."""
        return (
            f"Color added by vidcolor {self.version} (model {self.model}): a trained network's "
            f"guess, not a record. [vidcolor recipe {self.recipe}]"
        )

    @property
    def declaration(self) -> str:
        """The sentence with all that Matroska says in tags of their own, for other containers."""
        return (
            f"{self.sentence} [weights sha256 {self.weights_sha256}] "
            f"[IPTC digital source type {DIGITAL_SOURCE_TYPE}]"
        )


def recipe_digest(options: Mapping[str, Any], weights_sha256: str, version: str) -> str:
    """SHA-256 over what decides a result besides its source.

    Args:
        options: the render options; values that JSON knows, or that print the same every time.
        weights_sha256: digest of the weights file.
        version: of vidcolor.

    Returns:
        64 hex digits, the same whatever the order of `options`.
    """
    recipe = {"options": dict(options), "weights": weights_sha256, "version": version}
    text = json.dumps(recipe, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def film_tags(
    provenance: Provenance, source_tags: Mapping[str, str], container: str
) -> dict[str, str]:
    """The tags of a colored film: the source's own and the mark.

    MP4 and MOV keep only keys that they know, so there the comment carries all; Matroska and WebM
    also get tags of their own. What a source's comment said stays in front of ours.

    Args:
        provenance: how the color was made.
        source_tags: the source's global tags.
        container: a muxer's name or a file suffix (``mp4``, ``matroska``, ``.mkv``).
    """
    tags = dict(source_tags)
    comment = next((k for k in tags if k.lower() == "comment"), "comment")
    said = tags.get(comment, "").strip()
    has_own_tags = container.lower().lstrip(".") in _MATROSKA
    ours = provenance.sentence if has_own_tags else provenance.declaration
    if ours not in said:
        tags[comment] = f"{said}\n{ours}".strip()
    if has_own_tags:
        tags |= {
            "DIGITAL_SOURCE_TYPE": DIGITAL_SOURCE_TYPE,
            "VIDCOLOR_VERSION": provenance.version,
            "VIDCOLOR_MODEL": provenance.model,
            "VIDCOLOR_WEIGHTS_SHA256": provenance.weights_sha256,
            "VIDCOLOR_RECIPE": provenance.recipe,
        }
    return tags


def xmp_packet(provenance: Provenance, existing: bytes | None = None) -> bytes:
    """An XMP packet with the mark, merged into the one that the picture had.

    Every property, prefix and comment of `existing` stays. Where it already names a digital source
    type, that is kept as ``vidcolor:OriginalDigitalSourceType``; a creator tool that it names
    stays the creator tool (ours then only stands in ``vidcolor:Version``).

    Args:
        provenance: how the color was made.
        existing: the source's packet. One that `can_merge` refuses is replaced: warn about it.

    Returns:
        The packet in UTF-8, wrapped in ``<?xpacket?>``, without padding.
    """
    document = _parse_packet(existing) if existing else None
    if document is None:
        document = minidom.parseString(_EMPTY_PACKET)
    description = _description(document)
    original = _take(document, IPTC_EXTENSION, "DigitalSourceType")
    if original and original != DIGITAL_SOURCE_TYPE:
        _put(description, VIDCOLOR, "vidcolor:OriginalDigitalSourceType", original)
    _put(description, IPTC_EXTENSION, "Iptc4xmpExt:DigitalSourceType", DIGITAL_SOURCE_TYPE)
    if _peek(document, XMP_BASIC, "CreatorTool") is None:
        _put(description, XMP_BASIC, "xmp:CreatorTool", f"vidcolor {provenance.version}")
    for name, value in _own_properties(provenance):
        _take(document, VIDCOLOR, name)
        if value is not None:
            _put(description, VIDCOLOR, f"vidcolor:{name}", value)
    return (_PACKET_START + _to_xml(document) + _PACKET_END).encode()


def can_merge(existing: bytes) -> bool:
    """Whether `existing` is an XMP packet that can be added to.

    False for what is not well-formed XML, holds no ``rdf:RDF``, or declares entities: XMP has no
    use for them, and expanding them can fill the memory.
    """
    return _parse_packet(existing) is not None


def read_recipe(text_or_xmp: str | bytes | None) -> str | None:
    """The recipe digest in a film's comment or tag, or in an XMP packet; None if there is none.

    Of several (a film colored twice) the last, which is the one that made the file.
    """
    if not text_or_xmp:
        return None
    text = text_or_xmp if isinstance(text_or_xmp, str) else _decode(text_or_xmp)
    if re.fullmatch(_DIGEST, text.strip()):
        return text.strip()
    found = _RECIPE_IN_TEXT.findall(text) or _RECIPE_IN_XMP.findall(text)
    return found[-1] if found else None


def _own_properties(provenance: Provenance) -> list[tuple[str, str | None]]:
    return [
        ("Version", provenance.version),
        ("Model", provenance.model),
        ("WeightsSHA256", provenance.weights_sha256),
        ("Recipe", provenance.recipe),
        ("Created", provenance.created),
    ]


def _decode(packet: bytes) -> str:
    """XMP may be UTF-8, UTF-16 or UTF-32; the zero bytes of ASCII in it tell which."""
    head = packet[:4]
    if head.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")) or head.count(0) == 3:
        wide = "utf-32"
    elif head.startswith((b"\xff\xfe", b"\xfe\xff")):
        wide = "utf-16"
    elif head[:1] == b"\0":
        wide = "utf-16-be"
    elif head[1:2] == b"\0":
        wide = "utf-16-le"
    else:
        wide = "utf-8-sig"
    return packet.decode(wide, errors="replace").strip("\0 \t\r\n\ufeff")


def _parse_packet(packet: bytes) -> minidom.Document | None:
    """The packet's tree, or None where it cannot be merged (see `can_merge`)."""
    text = re.sub(r"<\?xml\b[^>]*\?>", "", _decode(packet))
    if "<!DOCTYPE" in text or "<!ENTITY" in text or "\ufffd" in text:
        return None
    try:
        document = minidom.parseString(text.encode())
    except (ExpatError, ValueError):
        return None
    if _depth(document) > _MAX_DEPTH:
        return None
    return document if document.getElementsByTagNameNS(RDF, "RDF") else None


def _depth(document: minidom.Document) -> int:
    """Levels of nesting; minidom walks by recursion, which a hostile packet could exhaust."""
    level: list[Any] = [document]
    depth = 0
    while level:
        level = [child for node in level for child in node.childNodes]
        depth += 1
    return depth


def _description(document: minidom.Document) -> minidom.Element:
    """The top-level ``rdf:Description`` that ours is added to."""
    root = document.getElementsByTagNameNS(RDF, "RDF")[0]
    for node in root.childNodes:
        if node.nodeType == node.ELEMENT_NODE and node.localName == "Description":
            return node
    prefix = f"{root.prefix}:" if root.prefix else ""
    added = document.createElementNS(RDF, f"{prefix}Description")
    if prefix:
        added.setAttributeNS(RDF, f"{prefix}about", "")
    root.appendChild(added)
    return added


def _top_descriptions(document: minidom.Document) -> Iterator[minidom.Element]:
    for node in document.getElementsByTagNameNS(RDF, "Description"):
        parent: Any = node.parentNode
        if parent.namespaceURI == RDF and parent.localName == "RDF":
            yield node


def _peek(document: minidom.Document, namespace: str, name: str) -> str | None:
    """A simple property's value, written as attribute or as element."""
    for description in _top_descriptions(document):
        if description.hasAttributeNS(namespace, name):
            return description.getAttributeNS(namespace, name)
        for child in description.childNodes:
            if child.namespaceURI == namespace and getattr(child, "localName", "") == name:
                text = "".join(n.data for n in child.childNodes if n.nodeType == n.TEXT_NODE)
                resource: str = child.getAttributeNS(RDF, "resource")
                return text.strip() or resource
    return None


def _take(document: minidom.Document, namespace: str, name: str) -> str | None:
    """A simple property's value; the property itself is removed wherever it stands."""
    value = _peek(document, namespace, name)
    for description in _top_descriptions(document):
        if description.hasAttributeNS(namespace, name):
            description.removeAttributeNS(namespace, name)
        for child in list(description.childNodes):
            if child.namespaceURI == namespace and getattr(child, "localName", "") == name:
                description.removeChild(child)
    return value


def _put(description: minidom.Element, namespace: str, qualified: str, value: str) -> None:
    """Add a property as an element, which may declare its prefix whatever stands around it."""
    document: Any = description.ownerDocument
    element = document.createElementNS(namespace, qualified)
    element.setAttributeNS(_XMLNS, f"xmlns:{qualified.split(':')[0]}", namespace)
    element.appendChild(document.createTextNode(value))
    description.appendChild(element)


def _to_xml(document: minidom.Document) -> str:
    for element in document.getElementsByTagName("*"):
        for attribute in element.attributes.values():
            for char, stand_in in _BREAKS.items():
                attribute.value = attribute.value.replace(char, stand_in)
    root: Any = document.documentElement
    text: str = root.toxml()
    for char, stand_in in _BREAKS.items():
        text = text.replace(stand_in, f"&#{ord(char)};")
    return text
