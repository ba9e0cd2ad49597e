"""The orientation of the images of a sequence must be that of the film, and the same for all."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vidcolor import ColorizeOptions
from vidcolor.errors import InputError
from vidcolor.film.plan import plan_sequence
from vidcolor.imaging.geometry import get_quarter_turns
from vidcolor.media.sequence import ImageSequence, find_sequence
from vidcolor.media.sequence_reader import SequenceReader, probe_sequence


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
