"""With `skip_color`, sources in color are left out, and gray and tinted ones are colorized."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageOps

from tests.helpers.albums import colorful
from vidcolor.batch.discover import discover
from vidcolor.batch.runner import BatchSummary, run_tasks
from vidcolor.errors import InColorError, UsageError
from vidcolor.film.api import colorize_film, colorize_sequence
from vidcolor.options import ColorizeOptions
from vidcolor.photo import colorize_photo

if TYPE_CHECKING:
    from tests.helpers.clips import ClipMaker
    from vidcolor import Colorizer

SKIP_COLOR = ColorizeOptions(skip_color=True)


def test_photos_in_color_are_left_out(flat: Colorizer, tmp_path: Path) -> None:
    color = Image.fromarray(colorful(1))
    gray = color.convert("L")
    album = tmp_path / "album"
    album.mkdir()
    color.save(album / "color.jpg")
    gray.save(album / "gray.png")
    gray.convert("RGB").save(album / "rgb.jpg")
    ImageOps.colorize(gray, (40, 20, 5), (255, 240, 200)).save(album / "sepia.jpg", quality=60)
    tasks = discover([album], None, tmp_path / "out", SKIP_COLOR)
    summary = BatchSummary(list(run_tasks(tasks, SKIP_COLOR, flat)))
    assert [r.task.source.name for r in summary.results if r.left_out] == ["color.jpg"]
    assert (summary.count("done"), summary.count("failed")) == (3, 0)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "gray.png", "rgb.jpg", "sepia.jpg"]  # fmt: skip
    with pytest.raises(InColorError, match="is in color"):
        colorize_photo(album / "color.jpg", options=SKIP_COLOR, colorizer=flat)


@pytest.mark.parametrize("exists", [False, True])
def test_a_run_without_results_leaves_no_new_folders(
    flat: Colorizer, tmp_path: Path, exists: bool
) -> None:
    out, image = tmp_path / "new" / "out", Image.fromarray(colorful(1))
    (tmp_path / "album/sub").mkdir(parents=True)
    image.save(tmp_path / "album/a.png")
    image.save(tmp_path / "album/sub/b.png")
    if exists:
        out.mkdir(parents=True)
    list(run_tasks(discover([tmp_path / "album"], None, out, SKIP_COLOR), SKIP_COLOR, flat))
    assert (tmp_path / "new").exists() is exists
    assert not exists or list(out.iterdir()) == []


def test_films_and_image_sequences_in_color_are_left_out(
    flat: Colorizer, clip: ClipMaker, tmp_path: Path
) -> None:
    film = clip(vf="format=yuv444p,geq=lum='lum(X,Y)':cb='64+X':cr='192-X'", pix_fmt="yuv444p")
    with pytest.raises(InColorError, match="is in color"):
        colorize_film(film, tmp_path / "film.mkv", SKIP_COLOR, colorizer=flat)
    for n in range(2):
        Image.fromarray(colorful(n)).save(tmp_path / f"f_{n}.png")
    with pytest.raises(InColorError, match="is in color"):
        colorize_sequence(tmp_path / "f_%d.png", tmp_path / "f.mkv", SKIP_COLOR, colorizer=flat)
    assert not list(tmp_path.glob("*.mkv*")), "no work directory is left"


def test_it_contradicts_trust() -> None:
    with pytest.raises(UsageError, match="--trust cannot be combined with --skip-color"):
        ColorizeOptions(trust=0.5, skip_color=True)
