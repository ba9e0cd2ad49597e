"""Where a hint helps most: places, likely colors, and what is left out."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.helpers.flat import flat_colorizer
from tests.helpers.projects import CUT, write_film
from vidcolor.color.bins import gamut_bins
from vidcolor.colorizer import Colorizer
from vidcolor.errors import UsageError
from vidcolor.generators.base import ColorDistribution
from vidcolor.project import places
from vidcolor.project.api import Project
from vidcolor.project.places import compute_expected_error, format_color, merge_bins
from vidcolor.project.review import make_command

if TYPE_CHECKING:
    from pathlib import Path

BINS = gamut_bins().numpy()


@pytest.fixture(scope="module")
def colorizer() -> Colorizer:
    return Colorizer.load()


@pytest.fixture(autouse=True)
def few_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "CANDIDATES_PER_SIDE", 3)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    film = write_film(tmp_path_factory.mktemp("review") / "reel.mkv")
    return Project.new(film).path


def make_shares(colors: dict[tuple[int, int], float]) -> np.ndarray:
    shares = np.zeros(len(BINS), np.float32)
    for ab, share in colors.items():
        shares[np.abs(BINS - ab).sum(1) == 0] = share
    return shares


def test_similar_bins_are_one_color_and_different_ones_keep_their_shares() -> None:
    shares = make_shares({(40, 30): 0.3, (50, 30): 0.3, (-20, 20): 0.25, (0, -40): 0.15})
    (red, green, blue), values = zip(*merge_bins(shares, BINS), strict=True)
    np.testing.assert_allclose([red, green, blue], [(45, 30), (-20, 20), (0, -40)], atol=1e-3)
    np.testing.assert_allclose(values, [0.6, 0.25, 0.15], atol=1e-6)
    assert len(merge_bins(make_shares({(0, 0): 0.96, (50, 30): 0.04}), BINS)) == 1


def test_color_has_the_lightness_of_the_place() -> None:
    gray = format_color((0, 0), 128 / 255)
    assert all(abs(int(gray[n : n + 2], 16) - 128) <= 1 for n in (1, 3, 5))
    dark, bright = (int(format_color((40, 30), luma)[1:3], 16) for luma in (0.2, 0.6))
    assert dark < bright


def test_expected_error_is_the_mean_squared_distance() -> None:
    shares = make_shares({(40, 30): 0.5, (-20, 30): 0.5})[:, None, None]
    ab = np.array([10, 30], np.float32)[:, None, None]
    error = compute_expected_error(ColorDistribution(shares, BINS), ab)
    np.testing.assert_allclose(error, [[900]], rtol=1e-5)


@pytest.mark.slow
def test_places_are_ordered_and_lie_on_different_objects(path: Path, colorizer: Colorizer) -> None:
    project = Project.open(path)
    found = project.review(6, colorizer=colorizer)
    priorities = [place.priority for place in found]
    assert priorities == sorted(priorities, reverse=True) and priorities[-1] > 0
    assert {place.frame for place in found} <= {shot.middle for shot in project.shots}
    for place in found:
        shares = [item.share for item in place.colors]
        assert 1 <= len(shares) <= 3 and sum(shares) <= 1.001
        assert shares == sorted(shares, reverse=True)
    assert project.review(2, colorizer=colorizer) == found[:2]
    assert len({(place.frame, place.x, place.y) for place in found}) == len(found)


@pytest.mark.slow
def test_decided_objects_and_shots_are_left_out(path: Path, colorizer: Colorizer) -> None:
    project = Project.open(path)
    first = project.review(1, colorizer=colorizer)[0]
    project.hints.add(f"{first.x:.1%}", f"{first.y:.1%}", "keep", frame=first.frame)
    shot = [project.shots[first.shot - 1]]
    rest = project.review(1, shot, colorizer=colorizer)
    assert not rest or rest[0].priority < 0.6 * first.priority
    project.shots[0].approve()
    assert {p.shot for p in project.review(9, colorizer=colorizer)} == {2}
    project.shots[1].set(kind="title")
    assert project.review(9, colorizer=colorizer) == []


@pytest.mark.slow
def test_command_names_the_place(path: Path, colorizer: Colorizer) -> None:
    project = Project.open(path)
    place = project.review(1, colorizer=colorizer)[0]
    words = shlex.split(make_command(project.path, place))
    assert words[:4] == ["vidcolor", "project", "add-hint", str(project.path)]
    options = dict(zip(words[4::2], words[5::2], strict=True))
    x, y = options["--at"].split(",")
    hint = project.hints.add(x, y, options["--color"], frame=int(options["--frame"]))
    assert hint.to_hint("").x == pytest.approx(place.x, abs=0.001)
    assert place.shot == (1 if place.frame < CUT else 2)


@pytest.mark.slow
def test_other_generators(path: Path) -> None:
    project = Project.open(path)
    found = project.review(2, colorizer=flat_colorizer(native_size=128))
    assert [place.colors for place in found] == [(), ()]
    generator = flat_colorizer()
    generator._generator.has_confidence = False
    with pytest.raises(UsageError, match="does not estimate confidence"):
        project.review(colorizer=generator)
    with pytest.raises(UsageError, match="at least 1"):
        project.review(0, colorizer=generator)
