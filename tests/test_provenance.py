"""Provenance in film tags and XMP can be read back, and existing metadata is kept."""

from __future__ import annotations

from xml.dom import minidom

import pytest

from vidcolor.provenance import (
    DIGITAL_SOURCE_TYPE,
    IPTC_EXTENSION,
    RDF,
    VIDCOLOR,
    XMP_BASIC,
    Provenance,
    can_merge,
    compute_recipe_digest,
    make_film_tags,
    make_xmp_packet,
    read_recipe,
)

PROVENANCE = Provenance("0.1.0", "embedded", "ab" * 32, "cd" * 32)
PHOTOSHOP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Adobe XMP Core 5.6">
 <!-- scanned at the archive -->
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:q="http://example.org/own/"
    xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
    xmp:CreatorTool="Adobe Photoshop" q:note="two&#10;lines &amp; &quot;quotes&quot;"
    Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/negativeFilm">
   <dc:title><rdf:Alt><rdf:li xml:lang="x-default">Hafen</rdf:li></rdf:Alt></dc:title>
   <dc:subject><rdf:Bag><rdf:li>ship</rdf:li><rdf:li>Ünïcode ☂</rdf:li></rdf:Bag></dc:subject>
   <Iptc4xmpExt:LocationShown rdf:parseType="Resource">
    <Iptc4xmpExt:City>Hull</Iptc4xmpExt:City></Iptc4xmpExt:LocationShown>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
                                        
<?xpacket end="w"?>""".encode()


def get_values(packet, namespace, name):
    """Return all values of a simple property, from attributes and elements."""
    document = minidom.parseString(packet.split(b"?>", 1)[1])
    found = [e.firstChild.data for e in document.getElementsByTagNameNS(namespace, name)]
    for element in document.getElementsByTagNameNS(RDF, "Description"):
        if element.hasAttributeNS(namespace, name):
            found.append(element.getAttributeNS(namespace, name))
    return found


def test_new_packet_contains_all_fields_of_the_provenance():
    packet = make_xmp_packet(PROVENANCE)
    assert packet.startswith(b"<?xpacket begin=") and packet.endswith(b'<?xpacket end="w"?>')
    assert get_values(packet, IPTC_EXTENSION, "DigitalSourceType") == [DIGITAL_SOURCE_TYPE]
    assert get_values(packet, XMP_BASIC, "CreatorTool") == ["vidcolor 0.1.0"]
    assert get_values(packet, VIDCOLOR, "Model") == ["embedded"]
    assert get_values(packet, VIDCOLOR, "WeightsSHA256") == ["ab" * 32]
    assert get_values(packet, VIDCOLOR, "Created") == []
    assert read_recipe(packet) == PROVENANCE.recipe


def test_digital_source_type_is_the_iptc_term():
    assert DIGITAL_SOURCE_TYPE.endswith("/compositeWithTrainedAlgorithmicMedia")


def test_merging_keeps_existing_properties():
    packet = make_xmp_packet(PROVENANCE, PHOTOSHOP)
    text = packet.decode()
    for text_part in (
        "Hafen",
        "Ünïcode ☂",
        "Hull",
        "scanned at the archive",
        "q:note=",
        "dc:subject",
    ):
        assert text_part in text
    assert get_values(packet, "http://example.org/own/", "note") == ['two\nlines & "quotes"']
    assert get_values(packet, XMP_BASIC, "CreatorTool") == ["Adobe Photoshop"]
    assert get_values(packet, IPTC_EXTENSION, "DigitalSourceType") == [DIGITAL_SOURCE_TYPE]
    assert get_values(packet, VIDCOLOR, "OriginalDigitalSourceType")[0].endswith("/negativeFilm")


def test_second_merge_replaces_the_first_provenance():
    later = Provenance("0.2.0", "embedded", "ab" * 32, "ef" * 32, created="2026-01-01T00:00:00Z")
    packet = make_xmp_packet(later, make_xmp_packet(PROVENANCE, PHOTOSHOP))
    assert get_values(packet, VIDCOLOR, "Recipe") == ["ef" * 32]
    assert get_values(packet, VIDCOLOR, "Created") == ["2026-01-01T00:00:00Z"]
    assert get_values(packet, VIDCOLOR, "OriginalDigitalSourceType")[0].endswith("/negativeFilm")
    assert read_recipe(packet) == "ef" * 32


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-16-le", "utf-32", "utf-8-sig"])
def test_packets_in_other_encodings_are_merged(encoding):
    packet = make_xmp_packet(PROVENANCE, PHOTOSHOP.decode().lstrip("\ufeff").encode(encoding))
    assert "Ünïcode ☂" in packet.decode()


@pytest.mark.slow
@pytest.mark.parametrize(
    "broken",
    [
        b"<x:xmpmeta",
        b"\xff\xfe\x00",
        b"plain text",
        b"<a/>",
        b"\0" * 100,
        b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>' + PHOTOSHOP,
        '<!DOCTYPE x [<!ENTITY a "aa">]>'.encode("utf-16") + "<x>&a;</x>".encode("utf-16-le"),
        b"<a>" * 100_000,
        PHOTOSHOP.replace(b"Hafen", b"<q:a>" * 700 + b"</q:a>" * 700),
        PHOTOSHOP.replace(b"Hafen", b"\xff\xfe"),
    ],
)
def test_invalid_packets_are_replaced(broken):
    assert not can_merge(broken)
    assert read_recipe(make_xmp_packet(PROVENANCE, broken)) == PROVENANCE.recipe


def test_description_is_added_to_a_packet_without_one():
    empty = b'<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>'
    assert can_merge(empty)
    packet = make_xmp_packet(PROVENANCE, empty)
    assert get_values(packet, IPTC_EXTENSION, "DigitalSourceType") == [DIGITAL_SOURCE_TYPE]


def test_special_characters_are_escaped():
    special = Provenance("0.1.0", "a<b>&\"c'", "ab" * 32, "cd" * 32)
    assert get_values(make_xmp_packet(special), VIDCOLOR, "Model") == ["a<b>&\"c'"]


@pytest.mark.parametrize("separate", [False, True])
def test_comment_of_the_source_is_kept(separate):
    tags = make_film_tags(PROVENANCE, {"title": "Pier", "COMMENT": "Reel 2 of 3"}, separate)
    assert tags["title"] == "Pier"
    assert tags["COMMENT"].startswith("Reel 2 of 3\n") and PROVENANCE.sentence in tags["COMMENT"]
    assert "comment" not in tags
    assert make_film_tags(PROVENANCE, tags, separate) == tags
    assert read_recipe(tags["COMMENT"]) == PROVENANCE.recipe


def test_separate_tags_are_optional():
    tags = make_film_tags(PROVENANCE, {}, separate_tags=True)
    assert tags["DIGITAL_SOURCE_TYPE"] == DIGITAL_SOURCE_TYPE
    assert read_recipe(tags["VIDCOLOR_RECIPE"]) == PROVENANCE.recipe
    assert set(make_film_tags(PROVENANCE, {}, separate_tags=False)) == {"comment"}


def test_recipe_of_a_film_colorized_twice_is_the_last_one():
    later = Provenance("0.2.0", "embedded", "ab" * 32, "ef" * 32)
    tags = make_film_tags(later, make_film_tags(PROVENANCE, {}, False), False)
    assert read_recipe(tags["comment"]) == "ef" * 32


@pytest.mark.parametrize("text", [None, "", b"", "Reel 2", "vidcolor recipe 1234", b"\xff" * 70])
def test_text_without_recipe_gives_none(text):
    assert read_recipe(text) is None


def test_recipe_digest_depends_only_on_the_values():
    digest = compute_recipe_digest({"a": 1, "b": (2, 3)}, "ab" * 32, "0.1.0")
    assert digest == compute_recipe_digest({"b": [2, 3], "a": 1}, "ab" * 32, "0.1.0")
    assert len(digest) == 64
    others = [
        compute_recipe_digest({"a": 2, "b": (2, 3)}, "ab" * 32, "0.1.0"),
        compute_recipe_digest({"a": 1, "b": (2, 3)}, "ef" * 32, "0.1.0"),
        compute_recipe_digest({"a": 1, "b": (2, 3)}, "ab" * 32, "0.1.1"),
    ]
    assert len({digest, *others}) == 4
