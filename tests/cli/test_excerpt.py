"""`vidcolor colorize PROJECT --shots 12-15`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.helpers.films import read_planes
from tests.helpers.projects import write_film

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.helpers.cli_runs import Run

    Vidcolor = Callable[..., Run]

PROJECT = Path("reel.vidcolor.json")


@pytest.fixture
def colorize(vidcolor: Vidcolor, tmp_path: Path) -> Vidcolor:
    """Run `vidcolor colorize reel.vidcolor.json ...` with a project of four shots."""
    write_film(tmp_path / "reel.mkv")
    assert vidcolor("project", "new", "reel.mkv", "--for", "archive").code == 0
    for frame in (6, 18):
        assert vidcolor("project", "split", PROJECT, frame).code == 0
    return lambda *arguments: vidcolor("colorize", PROJECT, *arguments)


@pytest.mark.slow
def test_excerpt_has_its_own_name_and_is_not_the_film(
    colorize: Vidcolor, vidcolor: Vidcolor
) -> None:
    plan = colorize("--shots", "2-3", "--dry-run")
    assert plan.out[-2:] == [
        "shots 2-3, 12 frames: not rendered before",
        "reel.shots-2-3.mkv: 12 of 12 frames",
    ]
    assert colorize("--shots", "2-3").code == 0
    assert len(read_planes(Path("reel.shots-2-3.mkv"))) == 12
    again = colorize("--shots", "2-3")
    assert (again.code, again.out) == (0, ["reel.shots-2-3.mkv: skipped, already done"])
    film = colorize("-o", "reel.shots-2-3.mkv")
    assert film.code == 2
    assert "changed since it was made: --shots (it has shots 2-3 only)" in film.err[0]
    assert colorize().code == 0
    reused = colorize("--force")
    assert "24 frames (24 from an earlier run)" in reused.out[-1]
    assert "fps" not in reused.out[-1]
    excerpt = colorize("--shots", 2, "-o", "reel.color.mkv")
    assert excerpt.code == 2
    assert "--shots (it has all shots)" in excerpt.err[0]
    folder = vidcolor("colorize", ".", "--out-dir", "out", "--skip-color", "--json")
    reasons = [json.loads(line) for line in folder.out]
    left_out = {Path(e["source"]).name: e["reason"] for e in reasons if "reason" in e}
    assert left_out["reel.shots-2-3.mkv"] == "from an earlier run"


@pytest.mark.slow
def test_excerpts_in_other_folders_and_job_lists(colorize: Vidcolor, vidcolor: Vidcolor) -> None:
    assert colorize("--shots", 4, "--out-dir", "out").code == 0
    assert len(read_planes(Path("out/reel.shots-4.mkv"))) == 6
    Path("jobs.csv").write_text(f"input,shots\n{PROJECT},1-2\n")
    assert vidcolor("colorize", "--job-list", "jobs.csv").code == 0
    assert len(read_planes(Path("reel.shots-1-2.mkv"))) == 12


@pytest.mark.parametrize(
    ("shots", "message"),
    [
        ("5", "reel.vidcolor.json: shot 5 does not exist; the film has 4 shots"),
        ("1,3", "reel.vidcolor.json: shots 1, 3 are not consecutive"),
        ("s.csv", "--shots s.csv does not name shots; write 12 or 12-15, or replace the shots"),
        ("3-2", "'3-2' does not name shots; write 2-3"),
    ],
)
def test_impossible_excerpt_is_one_line(colorize: Vidcolor, shots: str, message: str) -> None:
    run = colorize("--shots", shots)
    assert (run.code, len(run.err)) == (2, 1)
    assert message in run.err[0]
    assert not list(Path().glob("reel.*.mkv"))
