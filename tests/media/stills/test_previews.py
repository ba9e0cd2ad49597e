"""Previews in metadata must not be copied: they would show the result in black and white."""

from __future__ import annotations

import io
import re
import struct
from dataclasses import replace

import pytest
from PIL import ExifTags, Image

from tests.helpers.stills import MAKER_NOTE, PROVENANCE, make_exif, open_image, random_chroma
from vidcolor.media.stills import exif
from vidcolor.media.stills.previews import remove_previews
from vidcolor.media.stills.registry import (
    read_still,
    read_still_recipe,
    read_still_xmp,
    write_still,
)
from vidcolor.media.stills.types import StillMetadata


def encode_preview(gray):
    encoded = io.BytesIO()
    Image.fromarray(gray[::2, ::2]).save(encoded, "JPEG")
    return encoded.getvalue()


def add_preview(block, preview):
    """Append a second directory to an EXIF block, as cameras and scanners do."""
    (offset,) = struct.unpack_from(">I", block, 4)
    (num_entries,) = struct.unpack_from(">H", block, offset)
    link = offset + 2 + 12 * num_entries
    second = exif.Directory(">")
    second.set_numbers(259, 3, 6)  # Compression: JPEG
    second.set_numbers(513, 4, len(block) + 2 + 3 * 12 + 4)  # JPEGInterchangeFormat
    second.set_numbers(514, 4, len(preview))  # JPEGInterchangeFormatLength
    head = block[:link] + struct.pack(">I", len(block)) + block[link + 4 :]
    return head + exif.encode_directory(second, len(block)) + preview


def make_resource(number, data, name=b""):
    padded_name = bytes([len(name)]) + name + b"\0" * (1 - len(name) % 2)
    header = b"8BIM" + struct.pack(">H", number) + padded_name + struct.pack(">I", len(data))
    return header + data + b"\0" * (len(data) % 2)


@pytest.mark.parametrize("source_suffix", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize("target_suffix", [".jpg", ".png", ".tif", ".webp", ".jp2"])
def test_a_result_has_the_exif_of_its_source_without_the_preview(
    tmp_path, gray, source_suffix, target_suffix
):
    source, target = tmp_path / f"a{source_suffix}", tmp_path / f"b{target_suffix}"
    block = add_preview(make_exif(), encode_preview(gray))
    Image.fromarray(gray).save(source, exif=b"Exif\0\0" * (source_suffix == ".jpg") + block)
    assert open_image(source).getexif().get_ifd(ExifTags.IFD.IFD1)[514] > 0
    still = read_still(source)
    write_still(target, still, *random_chroma(), provenance=PROVENANCE)
    result = read_still(target)
    assert not open_image(target).getexif().get_ifd(ExifTags.IFD.IFD1)
    assert result.orientation == 6
    directory = exif.parse_exif(result.metadata.exif)
    assert directory.children[exif.EXIF_IFD].entries[37500].value == MAKER_NOTE


def test_photoshop_resources_survive_without_the_preview(tmp_path, gray):
    source, target = tmp_path / "a.jpg", tmp_path / "b.jpg"
    Image.fromarray(gray).save(source)
    caption = make_resource(1028, b"caption") + make_resource(1005, bytes(16), b"dpi")
    previews = make_resource(1036, encode_preview(gray)) + make_resource(1033, b"old")
    still = read_still(source)
    still = replace(still, metadata=replace(still.metadata, photoshop=previews + caption))
    write_still(target, still, *random_chroma(), provenance=PROVENANCE)
    assert read_still(target).metadata.photoshop == caption


MOTION_PHOTO = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:GCamera="http://ns.google.com/photos/1.0/camera/"
    xmlns:Container="http://ns.google.com/photos/1.0/container/"
    xmlns:Item="http://ns.google.com/photos/1.0/container/item/"
    xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
    GCamera:MotionPhoto="1" GCamera:MotionPhotoVersion='1' hdrgm:Version="1.0" dc:title="Harbor">
   <GCamera:MotionPhotoPresentationTimestampUs>500</GCamera:MotionPhotoPresentationTimestampUs>
   <Container:Directory><rdf:Seq>
     <rdf:li rdf:parseType="Resource"><Container:Item Item:Mime="image/jpeg"/></rdf:li>
     <rdf:li rdf:parseType="Resource"><Container:Item Item:Mime="video/mp4"/></rdf:li>
   </rdf:Seq></Container:Directory>
   <hdrgm:GainMapMax><rdf:Seq><rdf:li>2</rdf:li></rdf:Seq></hdrgm:GainMapMax>
   <dc:creator><rdf:Seq><rdf:li>A. P.</rdf:li></rdf:Seq></dc:creator>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>"""


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_result_is_no_motion_photo_and_has_no_gain_map(tmp_path, gray, suffix):
    source, target = tmp_path / "a.jpg", tmp_path / f"b{suffix}"
    Image.fromarray(gray).save(source, xmp=MOTION_PHOTO)
    source.write_bytes(source.read_bytes() + b"\0\0\0\x10ftypmp42" + b"video")
    still = read_still(source)
    assert still.warnings[0].startswith("not kept: a film of ")
    assert write_still(target, still, *random_chroma(), provenance=PROVENANCE) == ()
    xmp = read_still_xmp(target)
    assert not re.search(rb"MotionPhoto|Directory|video|hdrgm:[GV]", xmp)
    assert b"Harbor" in xmp and b"A. P." in xmp and read_still_recipe(target)


@pytest.mark.parametrize(
    "metadata",
    [
        StillMetadata(),
        StillMetadata(exif=b""),
        StillMetadata(exif=b"II*\0"),
        StillMetadata(exif=b"MM\0*\xff\xff\xff\xff"),
        StillMetadata(exif=b"MM\0*\0\0\0\x08\xff\xff"),
        StillMetadata(exif=b"no EXIF"),
        StillMetadata(photoshop=b"8BIM\x04"),
        StillMetadata(photoshop=b"8BIM\x04\x0c\xff\0\0\0\0\0\0"),
        StillMetadata(photoshop=make_resource(1028, b"a") + b"rest"),
        StillMetadata(xmp=b"<Container:Directory> without an end"),
    ],
)
def test_damaged_metadata_is_unchanged(metadata):
    assert remove_previews(metadata) == metadata
