"""Properties of images that their film has, and metadata that it loses."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from PIL import Image

from vidcolor import ColorizeOptions
from vidcolor.errors import InputError
from vidcolor.film.plan import plan_sequence
from vidcolor.imaging.geometry import get_quarter_turns
from vidcolor.media.sequence import ImageSequence, find_sequence
from vidcolor.media.sequence_reader import SequenceReader, probe_sequence
from vidcolor.media.stills.dpx import encode_dpx_file


def write_sequence(folder: Path, *orientations: int) -> ImageSequence:
    ramp = np.tile(np.arange(64, dtype=np.uint8), (48, 1))
    for number, orientation in enumerate(orientations):
        exif = Image.Exif()
        exif[274] = orientation
        Image.fromarray(ramp).save(folder / f"a_{number}.png", exif=exif.tobytes())
    return find_sequence(folder)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_film_of_a_sequence_has_its_orientation(tmp_path: Path, orientation: int) -> None:
    sequence = write_sequence(tmp_path, orientation, orientation)
    plan = plan_sequence(sequence, tmp_path / "a.mp4", ColorizeOptions(fps=Fraction(24)))
    assert plan.video.quarter_turns == get_quarter_turns(orientation)
    assert not plan.warnings, "the container signals the orientation, also if it is mirrored"


def test_another_orientation_within_a_sequence_is_refused(tmp_path: Path) -> None:
    sequence = write_sequence(tmp_path, 6, 6, 1)
    video = probe_sequence(sequence, Fraction(24)).video
    with pytest.raises(InputError, match=r"a_2\.png: has the EXIF orientation 1, unlike"):
        list(SequenceReader(sequence, video).frames())


SEQUENCES = [
    (("img (9).png", "img (10).png"), "img (%d).png", (9, 10)),
    (("a1.dpx", "a2.DPX"), "a%d.DPX", (1, 2)),
    (("a_08_4k.png", "a_09_4k.png"), "a_%02d_4k.png", (8, 9)),
    (("1_a1.png", "1_a2.png", "notes.png"), "1_a%d.png", (1, 2)),
]
"""Names in a folder, their pattern, and the frame numbers."""


@pytest.mark.parametrize(("names", "pattern", "numbers"), SEQUENCES)
def test_numbers_are_found_in_names(
    tmp_path: Path, names: tuple[str, ...], pattern: str, numbers: tuple[int, ...]
) -> None:
    for name in names:
        (tmp_path / name).touch()
    for source in (tmp_path, tmp_path / pattern):
        assert tuple(find_sequence(source).files) == numbers


def test_times_are_no_frame_numbers(tmp_path: Path) -> None:
    for time in (1700000000123456789, 1700000000165123456):
        (tmp_path / f"{time}.png").touch()
    with pytest.raises(InputError, match="with times instead of frame numbers; rename"):
        find_sequence(tmp_path)


CREATOR, PROJECT, PREFIX = 160, 260, 1670
"""Offsets of fields of a DPX header: the software, the project, and the keycode of the film."""


def write_dpx(path: Path, offset: int) -> None:
    data = bytearray(encode_dpx_file(np.zeros((8, 16, 3), np.uint16), None, 10))
    data[offset : offset + 6] = b"123456"
    path.write_bytes(data)


def write_exr(path: Path, name: str) -> None:
    gray = np.zeros((8, 16), np.float32)
    with OpenEXR.File({"compression": OpenEXR.NO_COMPRESSION, name: "x"}, {"Y": gray}) as file:
        file.write(str(path))


def write_png(path: Path, **metadata: object) -> None:
    alpha = metadata.pop("alpha", None)
    image = Image.new("L" if alpha is None else "LA", (16, 8), 0 if alpha is None else (0, alpha))
    image.save(path, **metadata)


def make_exif(tag: int) -> bytes:
    exif = Image.Exif()
    exif[tag] = 1 if tag == 274 else "x"
    return exif.tobytes()


@pytest.mark.parametrize(
    ("suffix", "write", "lost"),
    [
        ("dpx", lambda path: write_dpx(path, CREATOR), ""),
        ("dpx", lambda path: write_dpx(path, PREFIX), "the film fields of the DPX header"),
        ("dpx", lambda path: write_dpx(path, PROJECT), "the film fields of the DPX header"),
        ("exr", lambda path: write_exr(path, "reelName"), ""),
        ("exr", lambda path: write_exr(path, "owner"), "the OpenEXR attributes"),
        ("png", lambda path: write_png(path, exif=make_exif(274)), ""),
        ("png", lambda path: write_png(path, exif=make_exif(270)), "EXIF"),
        ("png", lambda path: write_png(path, icc_profile=bytes(200)), "ICC profiles"),
        ("png", lambda path: write_png(path, alpha=255), ""),
        ("png", lambda path: write_png(path, alpha=100), "the alpha plane"),
    ],
)
def test_metadata_that_a_film_cannot_hold_is_named(
    tmp_path: Path, suffix: str, write: Callable[[Path], None], lost: str
) -> None:
    write(tmp_path / f"a_0.{suffix}")
    write(tmp_path / f"a_1.{suffix}")
    options = ColorizeOptions(fps=Fraction(24), purpose="archive")
    plan = plan_sequence(find_sequence(tmp_path), tmp_path / "a.mkv", options)
    assert plan.warnings == ((f"not kept: {lost}",) if lost else ())
