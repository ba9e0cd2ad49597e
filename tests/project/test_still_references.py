"""References in stills, compared with the rendered film."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.helpers.films import read_reel, write_gray
from vidcolor.colorizer import Colorizer
from vidcolor.imaging.types import FloatArray, Rgb
from vidcolor.media.preview import DisplayReader
from vidcolor.options import ColorizeOptions
from vidcolor.project.api import Project

CUT, NUM_FRAMES = 10, 20


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """The project of a film with two real shots, and a violet image of frame 4."""
    frames = [*read_reel(70, CUT), *read_reel(130, NUM_FRAMES - CUT)]
    project = Project.new(write_gray(tmp_path / "reel.mkv", frames))
    assert [shot.first for shot in project.shots] == [0, CUT]
    project.set(encoder="ffv1")
    lab = np.full((*frames[4].shape, 3), (0, 25, -35), np.float32)
    lab[..., 0] = frames[4] / np.float32(2.55)
    image = np.rint(255 * np.clip(cv2.cvtColor(lab, cv2.COLOR_LAB2BGR), 0, 1))
    cv2.imwrite(str(tmp_path / "violet.png"), image.astype(np.uint8))
    return project


def to_ab(rgb: Rgb) -> FloatArray:
    lab = cv2.cvtColor(np.float32(rgb) / 255, cv2.COLOR_RGB2LAB)
    return np.asarray(lab[..., 1:], np.float32)


def render(project: Project, colorizer: Colorizer) -> list[Rgb]:
    target = project.folder / "result.mkv"
    project.render(target, ColorizeOptions(force=True), colorizer=colorizer)
    reader = DisplayReader(target)
    return [frame.rgb(reader.size) for frame in reader.frames()]


def measure_error(still: Rgb, rendered: Rgb) -> float:
    """Return the mean difference in a*b*."""
    return float(np.linalg.norm(to_ab(still) - to_ab(rendered), axis=-1).mean())


@pytest.mark.slow
@pytest.mark.parametrize("is_placed", [True, False], ids=["placed", "found"])
def test_a_reference_is_shown_as_in_the_film(
    project: Project, flat: Colorizer, is_placed: bool
) -> None:
    frames = (0, 4, CUT - 1, CUT + 3)
    before = {n: project.still(n, colorizer=flat) for n in frames}
    image = project.folder / "violet.png"
    project.references.add(image, frame=4 if is_placed else None)
    stills = {n: project.still(n, colorizer=flat) for n in frames}
    film = render(project, flat)
    assert np.array_equal(stills[CUT + 3], before[CUT + 3]), "it belongs to the first shot"
    for n in frames[:3]:
        assert float(np.median(to_ab(stills[n])[..., 1])) < -15, n
        error, change = (measure_error(image, film[n]) for image in (stills[n], before[n]))
        assert error < 4 < 15 < change, (n, error, change)
    project.references.remove(1)
    assert np.array_equal(project.still(4, colorizer=flat), before[4])


def test_what_a_reference_decides_is_not_reviewed(project: Project, flat: Colorizer) -> None:
    renderer = project.open_renderer(flat)
    examined = renderer.examine(project.document, 5)
    assert examined is not None and examined.decided is None
    project.references.add(project.folder / "violet.png", frame=4)
    examined = renderer.examine(project.document, 5)
    assert examined is not None and examined.decided is not None
    assert float(examined.decided.mean()) > 0.8
