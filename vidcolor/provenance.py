"""Provenance of results: film tags and XMP that declare the color as machine-made."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from xml.dom import minidom
from xml.parsers.expat import ExpatError
from xml.sax.saxutils import unescape

DIGITAL_SOURCE_TYPE = (
    "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
)
"""IPTC's term for a real image with additions by a trained model."""

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XMP_META = "adobe:ns:meta/"
XMP_BASIC = "http://ns.adobe.com/xap/1.0/"
IPTC_EXTENSION = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
VIDCOLOR = "urn:vidcolor:provenance:1"
"""Namespace of vidcolor's XMP properties."""

_XMLNS = "http://www.w3.org/2000/xmlns/"
_MAX_DEPTH = 100
"""Maximum nesting of an XMP packet that is merged."""
_PACKET_START = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
_PACKET_END = '\n<?xpacket end="w"?>'
_EMPTY_PACKET = (
    f'<x:xmpmeta xmlns:x="{XMP_META}"><rdf:RDF xmlns:rdf="{RDF}">'
    '<rdf:Description rdf:about=""/></rdf:RDF></x:xmpmeta>'
)
_DIGEST = "([0-9a-f]{64})"
_SETTINGS_IN_TEXT = "vidcolor settings "
_SETTINGS_IN_XMP = re.compile(r":Settings(?:\s[^>]*)?>(\{[^<]*)<")
_RECIPE_IN_TEXT = re.compile(f"vidcolor recipe {_DIGEST}")
_RECIPE_IN_XMP = re.compile(f":Recipe(?:=[\"']|[^>]*>){_DIGEST}")
# Inside attributes, XML parsers convert these to spaces, and minidom does not escape them.
# Private-use code points replace them until the packet is serialized.
_ESCAPED_CHARACTERS = {"\n": "\ue00a", "\r": "\ue00d", "\t": "\ue009"}


@dataclass(frozen=True, slots=True)
class ProjectRevision:
    """The state of the project that a result was made from."""

    name: str
    """Name of the project file."""
    revision: int
    decisions: int
    """Number of decisions of people."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a result was made from, so that a repeated run can state what has changed."""

    options: Mapping[str, Any]
    """The options that differ from their defaults, as JSON values. Files and lists of hints are
    represented by their SHA-256."""
    version: str
    weights: str
    """First digits of the SHA-256 of the weights."""
    source: str | None = None
    """Digest of the source; see `fileio.compute_source_digest`."""
    content: str | None = None
    """Digest of all bytes of the source, if it is one file."""
    num_frames: int | None = None
    """Number of images, if the result is an image sequence."""
    shots: str | None = None
    """Numbers of the shots, such as ``12-15``, if the result is an excerpt of a project."""
    damaged: bool = False
    """Whether the source was damaged, so that the result lacks a part of it."""
    project: ProjectRevision | Mapping[str, Any] | None = None
    """The project that it was made from, if any."""

    def to_json(self) -> str:
        """Return the settings as JSON in ASCII, without empty values."""
        values = {k: v for k, v in asdict(self).items() if v not in (None, False)}
        return json.dumps(values, separators=(",", ":"), default=str)


def read_settings(text_or_xmp: str | bytes | None) -> Settings | None:
    """Return the last settings in a film's comment or tag, or in an XMP packet; None without."""
    if not text_or_xmp:
        return None
    text = text_or_xmp if isinstance(text_or_xmp, str) else _decode(text_or_xmp)
    if found := _SETTINGS_IN_XMP.findall(text):
        text = unescape(found[-1], {"&quot;": '"'})
    text = text.rpartition(_SETTINGS_IN_TEXT)[2].strip()
    try:
        return Settings(**json.JSONDecoder().raw_decode(text)[0])
    except (ValueError, TypeError):  # another text, or settings of another version
        return None


@dataclass(frozen=True, slots=True)
class Provenance:
    """How a result was made; it is written into the result."""

    version: str
    model: str
    """Name of the generator, e.g. ``embedded``."""
    weights_sha256: str
    """SHA-256 of the weights: 64 hex digits."""
    recipe: str
    """Digest of all inputs except the source; see `compute_recipe_digest`."""
    created: str | None = None
    """ISO 8601 date and time; absent by default, so that results can be compared byte by byte."""
    settings: Settings | None = None
    shot_weights: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of the weights of the models that single shots have, by the name of the model."""

    @property
    def models(self) -> str:
        """The names of all models, that of the film first."""
        return ", ".join([self.model, *self.shot_weights])

    @property
    def sentence(self) -> str:
        """The declaration in the comment of a film; `read_recipe` finds the recipe in it."""
        return (
            f"Color added by vidcolor {self.version} (model {self.models}): a trained network's "
            f"guess, not a record. [vidcolor recipe {self.recipe}]"
        )

    @property
    def declaration(self) -> str:
        """The sentence with the values that Matroska has tags for, for other containers."""
        text = (
            f"{self.sentence} [weights sha256 {self.weights_sha256}] "
            f"[IPTC digital source type {DIGITAL_SOURCE_TYPE}]"
        )
        if self.settings is not None:
            text += f" [{_SETTINGS_IN_TEXT}{self.settings.to_json()}]"
        return text


def compute_recipe_digest(options: Mapping[str, Any], weights_sha256: str, version: str) -> str:
    """Return the SHA-256, 64 hex digits, of everything that determines a result except its source.

    The order of `options` does not matter. Values that JSON does not support become text.
    """
    recipe = {"options": dict(options), "weights": weights_sha256, "version": version}
    text = json.dumps(recipe, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def make_film_tags(
    provenance: Provenance,
    source_tags: Mapping[str, str],
    separate_tags: bool,
    comment_key: str = "comment",
) -> dict[str, str]:
    """Return the global tags of a colorized film: those of the source and the provenance.

    MP4 and MOV only store known keys, so the comment contains everything. Matroska and WebM also
    get separate tags. A comment of the source is kept in front of the declaration.

    `separate_tags` is whether the container stores any tag, and `comment_key` its name for a
    comment.
    """
    tags = {k: v for k, v in source_tags.items() if not k.lower().startswith("vidcolor_")}
    # Containers differ in the case of keys.
    comment = next((k for k in tags if k.lower() == comment_key), comment_key)
    existing = tags.get(comment, "").strip()
    declaration = provenance.sentence if separate_tags else provenance.declaration
    if declaration not in existing:  # the source may be a result of the same task
        tags[comment] = f"{existing}\n{declaration}".strip()
    if separate_tags:
        tags |= {
            "DIGITAL_SOURCE_TYPE": DIGITAL_SOURCE_TYPE,
            "VIDCOLOR_VERSION": provenance.version,
            "VIDCOLOR_MODEL": provenance.models,
            "VIDCOLOR_WEIGHTS_SHA256": provenance.weights_sha256,
            "VIDCOLOR_RECIPE": provenance.recipe,
        }
        if provenance.settings is not None:
            tags["VIDCOLOR_SETTINGS"] = provenance.settings.to_json()
    return tags


def make_xmp_packet(provenance: Provenance, existing: bytes | None = None) -> bytes:
    """Return an XMP packet with the provenance, merged into the packet of the source.

    All properties, prefixes and comments of `existing` are kept. A digital source type is moved to
    ``vidcolor:OriginalDigitalSourceType``. A creator tool is kept; vidcolor then only appears in
    ``vidcolor:Version``.

    A packet that `can_merge` rejects is replaced; the caller should warn about it. The result is
    UTF-8, wrapped in ``<?xpacket?>``, without padding.
    """
    document = _parse_packet(existing) if existing else None
    if document is None:
        document = minidom.parseString(_EMPTY_PACKET)
    description = _find_description(document)
    original = _pop_property(document, IPTC_EXTENSION, "DigitalSourceType")
    if original and original != DIGITAL_SOURCE_TYPE:
        _add_property(description, VIDCOLOR, "vidcolor:OriginalDigitalSourceType", original)
    _add_property(description, IPTC_EXTENSION, "Iptc4xmpExt:DigitalSourceType", DIGITAL_SOURCE_TYPE)
    if not _find_property(document, XMP_BASIC, "CreatorTool"):
        _add_property(description, XMP_BASIC, "xmp:CreatorTool", f"vidcolor {provenance.version}")
    properties = {
        "Version": provenance.version,
        "Model": provenance.models,
        "WeightsSHA256": provenance.weights_sha256,
        "Recipe": provenance.recipe,
        "Created": provenance.created,
        "Settings": None if provenance.settings is None else provenance.settings.to_json(),
    }
    for name, value in properties.items():
        _pop_property(document, VIDCOLOR, name)
        if value is not None:
            _add_property(description, VIDCOLOR, f"vidcolor:{name}", value)
    return (_PACKET_START + _to_xml(document) + _PACKET_END).encode()


def can_merge(existing: bytes) -> bool:
    """Return whether properties can be added to an XMP packet.

    The packet must be well-formed XML, contain an ``rdf:RDF``, and declare no entities: XMP does
    not need them, and their expansion can exhaust memory.
    """
    return _parse_packet(existing) is not None


def read_recipe(text_or_xmp: str | bytes | None) -> str | None:
    """Return the recipe digest in a film's comment or tag, or in an XMP packet; None without one.

    A film that was colorized twice contains several; the last one belongs to the file.
    """
    if not text_or_xmp:
        return None
    text = text_or_xmp if isinstance(text_or_xmp, str) else _decode(text_or_xmp)
    if re.fullmatch(_DIGEST, text.strip()):
        return text.strip()
    found = _RECIPE_IN_TEXT.findall(text) or _RECIPE_IN_XMP.findall(text)
    return found[-1] if found else None


def _decode(packet: bytes) -> str:
    # JSON and XML both start with an ASCII character, which distinguishes the encodings.
    encoding = json.detect_encoding(packet)
    return packet.decode(encoding, errors="replace").strip("\0 \t\r\n\ufeff")


def _parse_packet(packet: bytes) -> minidom.Document | None:
    """Parse a packet; return None if it cannot be merged (see `can_merge`)."""
    # The declaration may name an encoding, which is wrong after the conversion to UTF-8.
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
    """Return the nesting depth; minidom recurses, so a malicious packet could exhaust the stack."""
    level: list[Any] = [document]
    depth = 0
    while level:
        level = [child for node in level for child in node.childNodes]
        depth += 1
    return depth


def _find_description(document: minidom.Document) -> minidom.Element:
    """Return the first top-level ``rdf:Description``; create it if there is none."""
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


def _find_property(document: minidom.Document, namespace: str, name: str) -> list[Any]:
    found: list[Any] = []
    for description in document.getElementsByTagNameNS(RDF, "Description"):
        parent: Any = description.parentNode
        if parent.namespaceURI != RDF or parent.localName != "RDF":
            continue
        if description.hasAttributeNS(namespace, name):
            found.append(description.getAttributeNodeNS(namespace, name))
        found += [
            child
            for child in description.childNodes
            if child.namespaceURI == namespace and getattr(child, "localName", "") == name
        ]
    return found


def _pop_property(document: minidom.Document, namespace: str, name: str) -> str | None:
    nodes = _find_property(document, namespace, name)
    values: list[str] = []
    for node in nodes:
        if node.nodeType == node.ATTRIBUTE_NODE:
            values.append(node.value)
            node.ownerElement.removeAttributeNode(node)
        else:
            text = "".join(n.data for n in node.childNodes if n.nodeType == n.TEXT_NODE)
            values.append(text.strip() or node.getAttributeNS(RDF, "resource"))
            node.parentNode.removeChild(node)
    return values[0] if values else None


def _add_property(description: minidom.Element, namespace: str, qualified: str, value: str) -> None:
    """Add a property as an element, which can declare its own prefix."""
    document: Any = description.ownerDocument
    element = document.createElementNS(namespace, qualified)
    element.setAttributeNS(_XMLNS, f"xmlns:{qualified.split(':')[0]}", namespace)
    element.appendChild(document.createTextNode(value))
    description.appendChild(element)


def _to_xml(document: minidom.Document) -> str:
    for element in document.getElementsByTagName("*"):
        for attribute in element.attributes.values():
            for char, placeholder in _ESCAPED_CHARACTERS.items():
                attribute.value = attribute.value.replace(char, placeholder)
    root: Any = document.documentElement
    text: str = root.toxml()
    for char, placeholder in _ESCAPED_CHARACTERS.items():
        text = text.replace(placeholder, f"&#{ord(char)};")
    return text
