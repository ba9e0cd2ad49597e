"""`vidcolor project`, and `vidcolor colorize` with a project."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from tests.helpers.films import read_plane_bytes, write_gray, write_shot_list
from tests.helpers.projects import CUT, NUM_FRAMES, write_color_image, write_film
from tests.helpers.title_cards import make_card
from vidcolor.film.workdir import work_path
from vidcolor.media.streams import read_content_tags
from vidcolor.project.api import Project
from vidcolor.provenance import read_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.helpers.cli_runs import Run
    from tests.helpers.clips import ClipMaker

    Vidcolor = Callable[..., Run]

PROJECT = Path("reel.vidcolor.json")


@pytest.fixture
def project(vidcolor: Vidcolor, tmp_path: Path) -> Callable[..., Run]:
    """Run `vidcolor project COMMAND reel.vidcolor.json ...` with the project of a film."""
    write_film(tmp_path / "reel.mkv")
    assert vidcolor("project", "new", "reel.mkv", "--by", "anna").code == 0

    def run(command: str, *arguments: object) -> Run:
        return vidcolor("project", command, PROJECT, *arguments)

    return run


def events(run: Run) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run.out]


def test_every_change_is_a_line_of_the_log(project: Callable[..., Run]) -> None:
    write_color_image(Path("painted.png"))
    for command, *arguments in (
        ("split", 6),
        ("move", 2, 7),
        ("merge", 1),
        ("set", "--shots", "1-2", "--saturation", 0.5),
        ("set", "--vividness", 0.4, "--for", "archive", "--encoder-option", "level=3"),
        ("set", "--unset", "vividness"),
        ("set", "--shots", 2, "--transition", "dissolve", "--mixed-frames", 4),
        ("set", "--shots", 2, "--kind", "picture"),
        ("add-hint", "--frame", 3, "--at", "41%,63%", "--color", "#7a4632", "--evidence", "M-17"),
        ("add-hint", "--shot", 2, "--at", "9,8.5", "--color", "keep", "--radius", "3"),
        ("add-hint", "--time", "0:00.8", "--at", "0.5,0.5", "--color", "neutral"),
        ("add-reference", "painted.png", "--frame", 5),
        ("remove-hint", 2, 3),
        ("remove-reference", 1),
        ("note", "all", "the dress is brown", "--by", "ben"),
        ("approve", "1"),
        ("reopen", "1"),
        ("undo",),
        ("redo",),
    ):
        run = project(command, *arguments)
        assert (run.code, run.err) == (0, []), (command, run)
        assert run.out[0].startswith(f"{PROJECT}: revision "), run.out
    log = events(project("log", "--json"))
    assert [row["revision"] for row in log] == list(range(1, 21))
    assert {row["by"] for row in log} == {"anna", "ben", Project.open(PROJECT).by}
    assert len(project("log").out) == 20
    assert "(evidence: M-17)" in project("log").out[9]
    shown = events(project("show", "--json"))[0]
    assert (shown["decisions"], shown["hints"], shown["revision"]) == (5, 1, 20)
    assert shown["states"] == {"open": 2, "changed": 0, "approved": 0}
    assert shown["options"] == {"purpose": "archive", "encoder_options": [["level", "3"]]}
    assert project("diff").out == [f"shot at frame 0: approved removed (was by {log[-3]['by']})"]
    rows = events(project("shots", "--json"))
    assert [(row["shot"], row["first_frame"], row["mixed_frames"]) for row in rows] == [
        (1, 0, 0),
        (2, CUT, 4),
    ]
    assert "hint 1" in "".join(project("show", "1").out)


def test_nothing_to_change_is_no_revision(project: Callable[..., Run]) -> None:
    assert project("reopen", "all").out == [f"{PROJECT}: nothing to change"]
    assert Project.open(PROJECT).revision == 1


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["split", CUT], 2, "shot 2 starts at frame 12 already"),
        (["split", 99], 2, "frame 99 does not exist"),
        (["merge", 2], 2, "shot 3 does not exist; the film has 2 shots"),
        (["move", 1, 3], 2, "shot 1 starts at frame 0 and cannot be moved"),
        (["move", 2, 24], 2, "shot 2 can start at frames 1 to 23, not at frame 24"),
        (["set"], 2, "nothing to set"),
        (["set", "--shots", 1, "--mark"], 2, "mark cannot be set for one shot"),
        (["set", "--shots", 9, "--vividness", 0.1], 2, "shot 9 does not exist"),
        (["set", "--kind", "title"], 2, "add --shots"),
        (["set", "--unset", "vivid"], 2, "did you mean 'vividness'"),
        (["set", "--vividness", 0.1, "--unset", "vividness"], 2, "contradict"),
        (["set", "--shots", 2, "--transition", "dissolve"], 2, "needs --mixed-frames"),
        (["set", "--shots", 2, "--mixed-frames", 3], 2, "requires --transition dissolve"),
        (["add-hint", "--frame", 1, "--at", "5", "--color", "red"], 2, "not a position"),
        (["add-hint", "--frame", 1, "--at", "a,b", "--color", "red"], 2, "must be a number"),
        (["add-hint", "--frame", 1, "--at", "5%,900", "--color", "red"], 2, "mixed"),
        (["add-hint", "--frame", 1, "--at", "5,9000", "--color", "red"], 2, "outside the frame"),
        (["add-hint", "--at", "5,9", "--color", "red"], 2, "needs --frame, --time or --shot"),
        (["add-hint", "--frame", 1, "--color", "red"], 2, "needs --at X,Y and --color"),
        (["add-hint", "--time", 9, "--at", "5,9", "--color", "red"], 2, "outside"),
        (["add-hint", "--file", "x.json"], 1, "x.json: no such file"),
        (["remove-hint", 3], 2, "there is no hint 3"),
        (["add-reference", "x.png"], 1, "x.png: no such file"),
        (["add-reference", "gray.png"], 1, "gray.png: has no color"),
        (["note", 1], 2, "--remove"),
        (["undo"], 2, "there is nothing to undo"),
        (["undo", 7], 2, "there is no"),
        (["relink", "x.mkv"], 1, "x.mkv: no such file"),
        (["shots", "--import", "x.csv"], 1, "x.csv: no such file"),
        (["shots", "-o", "x.txt"], 2, ".csv, .json, .edl"),
        (["shots", "-o", "reel.mkv", "--detect"], 2, "separate steps"),
        (["diff", 5], 2, "there is no revision 5"),
        (["show", "4-5"], 2, "shot 4 does not exist"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else "",
)
def test_fault_is_one_line_and_changes_nothing(
    project: Callable[..., Run], arguments: list[object], code: int, message: str
) -> None:
    before = PROJECT.read_text()
    Image.new("L", (32, 24), 99).save("gray.png")
    run = project(str(arguments[0]), *arguments[1:])
    assert run.code == code, run
    assert len(run.err) == 1
    assert message in run.err[0]
    assert PROJECT.read_text() == before


def test_list_of_shots_of_a_variable_frame_rate_has_a_warning(
    vidcolor: Vidcolor, clip: ClipMaker
) -> None:
    film = clip("mkv", vf="setpts='(N+if(gt(N,5),9,0))/25/TB'")
    Path("vfr.mkv").write_bytes(film.read_bytes())
    assert vidcolor("project", "new", "vfr.mkv").code == 0
    for name, count in (("vfr.edl", 1), ("vfr.csv", 0)):
        run = vidcolor("project", "shots", "vfr.vidcolor.json", "-o", name)
        assert run.code == 0
        assert len(run.err) == count
        assert all("vfr.edl: counts frames" in line for line in run.err)


def test_missing_project_leaves_nothing_behind(vidcolor: Vidcolor, tmp_path: Path) -> None:
    run = vidcolor("project", "split", "reel.vidcolor.json", 4)
    assert (run.code, run.err) == (1, ["vidcolor: reel.vidcolor.json: no such file"])
    assert not list(tmp_path.iterdir())


def test_shots_are_exchanged_with_other_programs(project: Callable[..., Run]) -> None:
    project("split", 5)
    project("set", "--shots", 3, "--transition", "dissolve", "--mixed-frames", 2)
    for suffix in ("csv", "json", "edl", "otio"):
        assert project("shots", "-o", f"list.{suffix}").code == 0
    project("merge", "1-3")
    for suffix in ("csv", "json", "edl", "otio"):
        assert project("shots", "--import", f"list.{suffix}").code == 0
        rows = Project.open(PROJECT).document.shots
        assert [(row.first, row.transition, row.mixed_frames) for row in rows] == [
            (0, "start", 0),
            (5, "cut", 0),
            (12, "dissolve", 2),
        ]
        project("undo")
    write_shot_list(Path("long.csv"), (0, 30), 40)
    write_shot_list(Path("empty.csv"), (0, 5, 5), 24)
    write_shot_list(Path("end.csv"), (0, 5), 30)
    for name, message in (
        ("long.csv", "shot 2 starts at frame 30, but the film has 24 frames"),
        ("empty.csv", "shot 3 starts at frame 5, not after the start of shot 2"),
        ("end.csv", "ends at frame 29, but the last frame of the film is 23"),
    ):
        run = project("shots", "--import", name)
        assert (run.code, len(run.err)) == (2, 1)
        assert message in run.err[0]


def test_hint_file_is_added_in_one_change(project: Callable[..., Run]) -> None:
    rows = [
        {"x": 5, "y": 6, "color": "red", "frame": 2},
        {"x": "50%", "y": "25%", "color": "keep", "time": 0.6, "radius": "2%"},
    ]
    Path("hints.json").write_text(json.dumps(rows))
    assert project("add-hint", "--file", "hints.json", "--evidence", "box 4").code == 0
    hints = list(Project.open(PROJECT).hints)
    assert [(h.frame, h.x, h.y, h.radius, h.evidence) for h in hints] == [
        (2, 5, 6, None, "box 4"),
        (15, "50%", "25%", "2%", "box 4"),
    ]
    assert Project.open(PROJECT).revision == 2


@pytest.mark.slow
def test_project_is_rendered_as_the_film_with_its_decisions(
    project: Callable[..., Run], vidcolor: Vidcolor
) -> None:
    project("split", 6)
    project("set", "--for", "archive", "--saturation", 0.5)
    project("add-hint", "--frame", 8, "--at", "50%,50%", "--color", "red")
    done = vidcolor("colorize", PROJECT)
    assert done.code == 0, done
    write_shot_list(Path("shots.csv"), (0, 6, CUT), NUM_FRAMES)
    hint = [{"x": "50%", "y": "50%", "color": "red", "frame": 8}]
    Path("hints.json").write_text(json.dumps(hint))
    options = ("--shots", "shots.csv", "--hints", "hints.json", "--saturation", 0.5)
    same = vidcolor("colorize", "reel.mkv", *options, "--for", "archive", "-o", "same.mkv")
    assert same.code == 0, same
    assert read_plane_bytes(Path("reel.color.mkv")) == read_plane_bytes(Path("same.mkv"))
    tags = read_content_tags(Path("reel.color.mkv")).values()
    settings = next(filter(None, map(read_settings, tags)))
    assert settings.project == {"name": PROJECT.name, "revision": 4, "decisions": 2}
    assert not work_path(Path("reel.color.mkv"), None).exists()
    again = vidcolor("colorize", PROJECT)
    assert (again.code, again.out) == (0, ["reel.color.mkv: skipped, already done"])
    project("split", 18)
    changed = vidcolor("colorize", PROJECT)
    assert changed.code == 2
    assert "decisions since revision 4 (shot at frame 18 added)" in changed.err[0]
    assert vidcolor("colorize", PROJECT, "--force", "--report", "r.json").code == 0
    report = json.loads(Path("r.json").read_text())["results"][0]
    expected = {"name": PROJECT.name, "revision": 5, "decisions": 3, "shots": None}
    assert report["project"] == expected


@pytest.mark.slow
def test_shot_is_rendered_with_its_own_saturation(
    project: Callable[..., Run], vidcolor: Vidcolor
) -> None:
    project("set", "--for", "archive")
    project("set", "--shots", 2, "--saturation", 0.4)
    assert vidcolor("colorize", PROJECT, "-o", "own.mkv").code == 0
    for name, saturation in (("plain.mkv", 1), ("pale.mkv", 0.4)):
        options = ("--for", "archive", "--saturation", saturation, "-o", name)
        assert vidcolor("colorize", "reel.mkv", *options).code == 0
    own, plain, pale = (read_plane_bytes(Path(f"{n}.mkv")) for n in ("own", "plain", "pale"))
    assert plain != pale
    assert own == plain[:CUT] + pale[CUT:]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--hints", "h.json"], "--hints cannot be used with a project"),
        (["--shots", "s.csv"], "replace the shots with `vidcolor project shots reel.vidcolor.json"),
        (["--vividness", 0.4], "--vividness cannot be used with reel.vidcolor.json"),
        (["--end", 1], "decides it; make another project with `vidcolor project new FILM --end"),
        (["reel.mkv", "--for", "editing"], "--for cannot be used with reel.vidcolor.json"),
    ],
)
def test_options_that_the_project_decides_are_refused(
    project: Callable[..., Run], vidcolor: Vidcolor, arguments: list[object], message: str
) -> None:
    Path("h.json").write_text('[{"x": 1, "y": 1, "color": "red"}]')
    Path("s.csv").write_text("first_frame\n0\n")
    run = vidcolor("colorize", PROJECT, *arguments)
    assert run.code == 2
    assert message in run.err[0]


def test_folder_with_a_project_has_one_film(
    project: Callable[..., Run], vidcolor: Vidcolor, tmp_path: Path
) -> None:
    Path("sub").mkdir()
    for name in (PROJECT.name, "reel.mkv", "reel.vidcolor"):
        Path(name).rename(Path("sub") / name)
    run = vidcolor("colorize", "sub", "--out-dir", "out", "--skip-color", "--json")
    left_out = {Path(e["source"]).name: e["reason"] for e in events(run) if "reason" in e}
    assert run.code == 0, run
    assert left_out["reel.vidcolor"] == "cache of a project"
    assert [path.name for path in Path("out").iterdir()] == ["reel.mkv"]


def test_job_list_may_name_projects(project: Callable[..., Run], vidcolor: Vidcolor) -> None:
    project("set", "--for", "archive", "--shots", 1, "--saturation", 0.5)
    Path("jobs.csv").write_text(f"input,output\n{PROJECT},graded.mkv\nreel.mkv,plain.mkv\n")
    assert vidcolor("colorize", "--job-list", "jobs.csv").code == 0
    assert Path("graded.mkv").exists() and Path("plain.mkv").exists()
    Path("jobs.csv").write_text(f"input,output,vividness\n{PROJECT},other.mkv,0.5\n")
    run = vidcolor("colorize", "--job-list", "jobs.csv")
    assert (run.code, len(run.err)) == (2, 1)
    assert "--vividness cannot be used with reel.vidcolor.json" in run.err[0]


@pytest.mark.slow
def test_dry_run_prints_what_would_be_rendered(
    project: Callable[..., Run], vidcolor: Vidcolor
) -> None:
    run = vidcolor("colorize", PROJECT, "--dry-run")
    assert run.code == 0
    assert run.out == [
        "shots 1-2, 24 frames: not rendered before",
        "reel.color.mkv: 24 of 24 frames",
    ]
    assert not Path("reel.color.mkv").exists()
    assert vidcolor("colorize", PROJECT).code == 0
    project("set", "--shots", 2, "--saturation", 0.5)
    run = vidcolor("colorize", PROJECT, "--dry-run", "--json")
    render, end = events(run)[-2:]
    assert (render["shots"], render["reasons"]) == ("2", ["settings of the shot"])
    assert end["rendered_frames"] == NUM_FRAMES - CUT
    assert end["seconds"] > 0
    project("undo")
    run = vidcolor("colorize", PROJECT, "--dry-run")
    assert run.out == ["reel.color.mkv: nothing to render; 24 frames in the cache"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["reel.mkv"], "reel.mkv: --dry-run applies to projects only"),
        ([PROJECT, "--report", "r.json"], "--report cannot be used with --dry-run"),
    ],
)
def test_dry_run_refuses_other_sources_and_reports(
    project: Callable[..., Run], vidcolor: Vidcolor, arguments: list[object], message: str
) -> None:
    run = vidcolor("colorize", *arguments, "--dry-run")
    assert run.code == 2
    assert message in run.err[-1]


def test_missing_source_and_reference_are_named(
    project: Callable[..., Run], vidcolor: Vidcolor
) -> None:
    write_color_image(Path("painted.png"))
    project("add-reference", "painted.png", "--frame", 3)
    Path("painted.png").unlink()
    run = vidcolor("colorize", PROJECT)
    assert (run.code, len(run.err)) == (1, 1)
    assert "the image of reference 1 is missing: painted.png" in run.err[0]
    Path("reel.mkv").unlink()
    run = vidcolor("colorize", PROJECT)
    assert (run.code, len(run.err)) == (1, 1)
    assert "vidcolor project relink reel.vidcolor.json FILM" in run.err[0]
    assert "missing" in "".join(project("show").out)


def test_one_frame_and_recognized_titles_are_named(vidcolor: Vidcolor, tmp_path: Path) -> None:
    card = np.uint8(16 + 219 * make_card(size=(160, 120)))
    write_gray(tmp_path / "one.mkv", [card])
    made = vidcolor("project", "new", "one.mkv")
    assert made.out == ["one.vidcolor.json: 1 frame, 1 shot"]
    shots = vidcolor("project", "shots", "one.vidcolor.json")
    assert shots.out[1].endswith("recognized as a title")
    listed = vidcolor("project", "shots", "one.vidcolor.json", "--json")
    assert events(listed)[0]["recognized_title"] > 0.5
    split = vidcolor("project", "split", "one.vidcolor.json", 1)
    assert "frame 1 does not exist; the film has 1 frame" in split.err[0]
    assert "1 frames" not in split.err[0]
