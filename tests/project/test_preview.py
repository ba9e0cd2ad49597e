"""Previews of projects: frames that are shown, pages and sheets."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers.projects import write_color_image, write_film
from vidcolor.colorizer import Colorizer
from vidcolor.errors import UsageError
from vidcolor.hints.discs import HintDisc
from vidcolor.project.api import Project
from vidcolor.project.preview import write
from vidcolor.project.preview.marks import draw_marks
from vidcolor.project.preview.shots import choose_frames
from vidcolor.project.preview.write import write_preview
from vidcolor.uncertainty import UncertainRegion


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a film and its project, of which one shot is approved."""
    folder = tmp_path_factory.mktemp("made")
    with Project.new(write_film(folder / "reel.mkv")) as project:
        project.shots[0].write_note("<b>the mill</b> & pond", evidence="letter of 1931")
        project.shots[1].set(vividness=0.25)
        project.shots[1].approve()
    return folder


@pytest.fixture
def project(made: Path, tmp_path: Path) -> Project:
    shutil.copytree(made, tmp_path / "reels")
    return Project.open(tmp_path / "reels" / "reel.vidcolor.json")


def test_frames_are_spread_and_prefer_hints(project: Project) -> None:
    shot = project.shots[0]
    assert choose_frames(shot, 1) == (6,)
    assert choose_frames(shot, 3) == (2, 6, 10)
    assert choose_frames(shot, 99) == tuple(range(12))
    shot.hints.add("50%", "50%", "red", frame=3)
    shot.hints.add("50%", "40%", "red", frame=3)
    assert choose_frames(shot, 1) == (3,)
    assert choose_frames(shot, 3) == (3, 6, 10)
    for frame in (4, 5, 11):
        shot.hints.add("50%", "50%", "blue", frame=frame)
    assert choose_frames(shot, 2) == (3, 4)


def test_page_has_the_decisions_and_loads_nothing(project: Project, flat: Colorizer) -> None:
    path = project.folder / "preview.html"
    done: list[int] = []
    assert write_preview(project, path, stills=2, colorizer=flat, report=done.append) == 4
    page = path.read_text("utf-8")
    assert done == [1, 2]
    assert "&lt;b&gt;the mill&lt;/b&gt; &amp; pond" in page
    assert "letter of 1931" in page
    assert "vividness 0.25" in page
    assert "2 shots, 1 open, 1 approved" in page
    images = re.findall(r'<img src="([^"]{22})', page)
    assert images == ["data:image/jpeg;base64"] * 8
    assert not re.search(r"<script|https?://|url\(", page)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_sheet_has_gray_beside_color(suffix: str, project: Project, flat: Colorizer) -> None:
    path = project.folder / f"sheet.{suffix}"
    assert write_preview(project, path, project.shots[1:], 1, colorizer=flat) == 1
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    chroma = np.ptp(pixels, axis=-1)[40:-40]
    middle = chroma.shape[1] // 2
    assert chroma[:, : middle - 8].mean() < 2 < chroma[:, middle + 8 : -16].mean()


def test_existing_and_unsuitable_outputs_are_refused(
    project: Project, flat: Colorizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = project.folder / "sheet.png"
    path.write_bytes(b"old")
    with pytest.raises(UsageError, match="already exists"):
        write_preview(project, path, colorizer=flat)
    assert path.read_bytes() == b"old"
    write_preview(project, path, colorizer=flat, force=True)
    assert path.read_bytes() != b"old"
    with pytest.raises(UsageError, match=r"use one of \.html, \.png"):
        write_preview(project, project.folder / "sheet.gif", colorizer=flat)
    monkeypatch.setattr(write, "MAX_SHEET_STILLS", 3)
    with pytest.raises(UsageError, match="4 stills do not fit"):
        write_preview(project, path, stills=2, colorizer=flat, force=True)


def test_a_reference_is_not_overwritten(project: Project, flat: Colorizer) -> None:
    image = project.folder / "painted.png"
    picture = write_color_image(image).read_bytes()
    project.references.add(image)
    with pytest.raises(UsageError, match="is the source itself"):
        write_preview(project, image, colorizer=flat, force=True)
    assert image.read_bytes() == picture


def test_marks_are_drawn_where_they_belong() -> None:
    gray = np.full((100, 200, 3), 90, np.uint8)
    region = UncertainRegion(
        (0.5, 0.0, 1.0, 1.0), (0.75, 0.5), 0.2, ((0.5, 0.1), (0.9, 0.1), (0.9, 0.9), (0.5, 0.9)),
        0.3, 0.2, 0.1,
    )  # fmt: skip
    disc = HintDisc(100, 100, 4, (40.0, 30.0), "#e02020", "hint 1")
    drawn = draw_marks(gray, [region], [disc], (200, 400))
    changed = (drawn != gray).any(-1)
    assert changed[10, 100:180].all()  # the upper edge of the outline
    assert not changed[:, :30].any()
    red = (drawn == (224, 32, 32)).all(-1)
    rows, columns = np.nonzero(red)
    assert (round(columns.mean()), round(rows.mean())) == (50, 50)
    assert not red[50, 50]  # the picture inside stays visible
    assert (gray == 90).all()
