"""Configuration files and environment variables that set options."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.helpers.cli_runs import Run


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Write a vidcolor.toml to `tmp_path`; the user has none."""
    monkeypatch.delenv("VIDCOLOR_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))

    def write(text: str, name: str = "vidcolor.toml") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


def show(vidcolor: Callable[..., Run], *command: str) -> dict[str, tuple[object, str]]:
    """Return value and source of each option of a command."""
    run = vidcolor("config", "show", *command, "--json")
    assert run.code == 0, run.err
    events = [json.loads(line) for line in run.out]
    return {e["option"]: (e["value"], e["source"]) for e in events if e["event"] == "option"}


def test_values_come_from_the_strongest_source(
    vidcolor: Callable[..., Run],
    project: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    user = project("[colorize]\nsize = 128\nquality = 1\n", "user/vidcolor/vidcolor.toml")
    file = project(
        '[colorize]\nvividness = 0.4\nfor = "editing"\n[defaults]\nvividness = 0.1\nquality = 2\n'
        'device = "cpu"\n'
    )
    monkeypatch.setenv("VIDCOLOR_DEVICE", "cuda")
    monkeypatch.setenv("VIDCOLOR_FOR", "delivery")
    monkeypatch.setenv("VIDCOLOR_COLORIZE_FOR", "archive")
    values = show(vidcolor, "colorize")
    assert values["size"] == (128, f"{user}, line 2")
    assert values["quality"] == (2, f"{file}, line 6")
    assert values["vividness"] == (0.4, f"{file}, line 2")
    assert values["device"] == ("cuda", "environment variable VIDCOLOR_DEVICE")
    assert values["for"] == ("archive", "environment variable VIDCOLOR_COLORIZE_FOR")
    assert values["saturation"] == (1.0, "default")
    assert show(vidcolor, "recolor")["vividness"] == (0.1, f"{file}, line 5")


def test_command_uses_the_values_and_the_command_line_is_stronger(
    vidcolor: Callable[..., Run], project: Callable[..., Path], tmp_path: Path
) -> None:
    project('[shots]\nout = "x"\n')
    assert vidcolor("shots", "reel.mov").code == 2
    project('[defaults]\nengine = "ray"\nray-address = "nowhere:1"\n')
    assert "nowhere" not in "".join(vidcolor("colorize", "reel.mov").err)
    file = project('[colorize]\nray-address = "nowhere:1"\n')
    assert vidcolor("colorize", "reel.mov").err == [
        f"vidcolor: --ray-address requires --engine ray (--ray-address is set by {file}, line 2)"
    ]
    assert vidcolor("colorize", "reel.mov", "--engine", "ray").err == [
        "vidcolor: reel.mov: no such file"
    ]


def test_paths_are_relative_to_the_file_and_lists_may_be_scalars(
    vidcolor: Callable[..., Run],
    project: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project('[colorize]\nout-dir = "graded"\nencoder-option = "crf=18"\n')
    with (tmp_path / "vidcolor.toml").open("a") as file:
        file.write('[evaluate]\nvividness = [0.2, 1]\n[train]\nreplay = ["album"]\n')
    (tmp_path / "reels" / "1931").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "reels" / "1931")
    values = show(vidcolor, "colorize")
    assert values["out-dir"][0] == str(tmp_path / "graded")
    assert values["encoder-option"][0] == ["crf=18"]
    assert show(vidcolor, "evaluate")["vividness"][0] == [0.2, 1]
    assert show(vidcolor, "train")["replay"][0] == [str(tmp_path / "album")]


def test_file_is_not_searched_above_a_repository(
    vidcolor: Callable[..., Run],
    project: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = project("[colorize]\nvividness = 0.4\n")
    (tmp_path / "repository" / ".git").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "repository")
    assert show(vidcolor, "colorize")["vividness"] == (None, "default")
    assert vidcolor("config", "path").out[1] == "project: no vidcolor.toml here or above"
    monkeypatch.chdir(tmp_path)
    assert vidcolor("config", "path").out[1] == f"project: {file}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[colorize]\nvividnes = 1", "line 2: unknown key 'vividnes' in [colorize]; did you mean "
         "'vividness'?"),
        ("[colourize]\nx = 1", "line 1: unknown table 'colourize'; did you mean 'colorize'?"),
        ("[evaluate.films]\nx = 1", "line 1: unknown key 'films' in [evaluate]; did you mean "
         "'film'?"),
        ("vividness = 1", "line 1: 'vividness' is not in the table of a command, such as "
         "[defaults] or [colorize]"),
        ("[colorize]\n\nvividness = 2", "line 3: vividness must be in [0, 1], got 2"),
        ("[defaults]\nvividness = true", "line 2: vividness must be a number, got True"),
        ('[colorize]\nmark = "yes"', "line 2: mark must be true or false, got 'yes'"),
        ("[colorize]\nout-dir = 1", "line 2: out-dir must be a path, got 1"),
        ('[colorize]\nfor = "dvd"',
         "line 2: for: 'dvd' is not one of 'delivery', 'editing', 'archive'"),
        ("[colorize]\nfor = 1", "line 2: for must be one of delivery, editing, archive, got 1"),
        ("[colorize]\nsize = 0", "line 2: size must be 1 or more, got 0"),
        ("[colorize]\nout-dir = ''", "line 2: out-dir must be a path, got ''"),
        ('[colorize]\n"grey-from" = "red"\ngray_from = "blue"',
         "line 3: 'gray_from' is the same option as '" "grey-from'"),
        ("[[colorize]]\nsize = 1", "line 1: colorize must be a table; write [colorize]"),
        ("[DEFAULTS]", "line 1: unknown table 'DEFAULTS'; did you mean 'defaults'?"),
        ("colorize.saturation = 9", "line 1: saturation must be in [0, 3], got 9"),
        ("['colorize']  # x\n'saturation'\t=\t9", "line 2: saturation must be in [0, 3], got 9"),
        ("[colorize]\nreport = 'a.json'", "line 2: 'report' is allowed on the command line only"),
        ("[shots]\nsheet = 'a.png'", "line 2: 'sheet' is allowed on the command line only"),
        ("[evaluate.film]\nplot = 'a.png'", "line 2: 'plot' is allowed on the command line only"),
        ('[colorize]\nfps = "fast"',
         "line 2: fps: 'fast' is not a frame rate; write 24, 23.976 or 24000/1001"),
        ("[colorize]\nencoder-option = {crf = 18}",
         "line 2: encoder-option must be text such as 'KEY=VALUE', or a list of these, got "
         "{'crf': 18}"),
        ("[colorize.grain]\nsize = 1", "line 1: unknown key 'grain' in [colorize]; did you mean "
         "'range'?"),
        ("[train]\nsizes = 1", "line 2: unknown key 'sizes' in [train]; did you mean 'size'?"),
        ("[colorize]\nforce = true", "line 2: 'force' is allowed on the command line only"),
        ('[colorize]\nstart = "1:00"', "line 2: 'start' is allowed on the command line only"),
    ],
)  # fmt: skip
def test_errors_name_the_line_and_the_remedy(
    vidcolor: Callable[..., Run], project: Callable[..., Path], text: str, message: str
) -> None:
    file = project(text)
    run = vidcolor("colorize", "reel.mov")
    assert run.code == 2
    assert run.err == [f"vidcolor: {file}, {message}"]


def test_unknown_key_of_the_shared_table_lists_the_known_ones(
    vidcolor: Callable[..., Run], project: Callable[..., Path]
) -> None:
    file = project("[defaults]\nlimit = 3")
    run = vidcolor("jobs")
    assert run.err[0].startswith(f"vidcolor: {file}, line 2: unknown key 'limit' in [defaults]; ")
    assert "vividness" in run.err[0]


def test_invalid_toml_names_the_file(
    vidcolor: Callable[..., Run], project: Callable[..., Path]
) -> None:
    file = project("[colorize\n")
    run = vidcolor("jobs")
    assert run.code == 2
    assert run.err[0].startswith(f"vidcolor: {file}: not valid TOML: ")
    assert vidcolor("config", "path").code == 0
    assert vidcolor("colorize", "--help").code == 0


def test_variable_selects_the_only_file(
    vidcolor: Callable[..., Run],
    project: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project("[colorize]\nvividness = 0.4\n")
    other = project("[colorize]\nsize = 128\n", "other.toml")
    monkeypatch.setenv("VIDCOLOR_CONFIG", str(other))
    assert show(vidcolor, "colorize")["vividness"] == (None, "default")
    assert show(vidcolor)["size"] == (128, f"{other}, line 2")
    monkeypatch.setenv("VIDCOLOR_CONFIG", str(tmp_path / "missing.toml"))
    run = vidcolor("jobs")
    assert run.code == 1
    assert "missing.toml: cannot be read" in run.err[0]


def test_invalid_and_unknown_variables_are_reported(
    vidcolor: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDCOLOR_VIVIDNES", "1")
    monkeypatch.setenv("VIDCOLOR_TRAIN_SIZE", "128")
    run = vidcolor("jobs")
    assert run.code == 0
    assert run.err == [
        "warning: environment variable VIDCOLOR_VIVIDNES has no effect; did you mean "
        "'VIDCOLOR_VIVIDNESS'?"
    ]
    monkeypatch.setenv("VIDCOLOR_VIVIDNESS", "3")
    run = vidcolor("colorize", "reel.mov")
    assert run.code == 2
    assert run.err[-1] == (
        "vidcolor: environment variable VIDCOLOR_VIVIDNESS: vividness must be in [0, 1], got 3"
    )


def test_unknown_command_is_refused(vidcolor: Callable[..., Run]) -> None:
    run = vidcolor("config", "show", "colorise")
    assert run.code == 2
    assert "evaluate film" in run.err[0]


def test_folder_that_may_not_be_read_is_skipped(
    vidcolor: Callable[..., Run], project: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    # As in a container that runs as another user than the owner of the home folder.
    def refuse(path: str | Path, *_: object, **__: object) -> os.stat_result:
        if "user" in Path(path).parts:
            raise PermissionError(13, "Permission denied", str(path))
        return stat(path)

    stat = os.stat
    monkeypatch.setattr(os, "stat", refuse)
    run = vidcolor("config", "path")
    assert run.code == 0
    assert run.out[0].endswith("(does not exist)")


def test_removed_folder_has_no_configuration(
    vidcolor: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VIDCOLOR_CONFIG")
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert vidcolor("config", "path").out[1] == "project: no vidcolor.toml here or above"


def test_invalid_file_is_named(
    vidcolor: Callable[..., Run], project: Callable[..., Path], tmp_path: Path
) -> None:
    file = project("")
    file.write_text("[colorize]\n", encoding="utf-16")
    assert vidcolor("jobs").err == [f"vidcolor: {file}: not valid TOML: save the file as UTF-8"]
    file.unlink()
    file.mkdir()
    assert vidcolor("jobs").err == [f"vidcolor: {file}: cannot be read (Is a directory)"]
    file.rmdir()
    file.symlink_to(tmp_path / "missing")
    assert vidcolor("jobs").err == [f"vidcolor: {file}: cannot be read (No such file or directory)"]


def test_config_and_doctor_use_valid_files_and_ignore_others(
    vidcolor: Callable[..., Run], project: Callable[..., Path], tmp_path: Path
) -> None:
    file = project("[defaults]\nlog-file = 'a.log'\n")
    assert vidcolor("config", "path").code == 0
    assert "project: " in (tmp_path / "a.log").read_text()
    file.write_text("[defaults]\nlog-file = 1\n")
    assert vidcolor("config", "path").code == 0
    assert vidcolor("config", "show").err == [
        f"vidcolor: {file}, line 2: log-file must be a path, got 1"
    ]


def test_config_show_warns_of_unknown_variables(
    vidcolor: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDCOLOR_DEVCE", "cpu")
    monkeypatch.setenv("VIDCOLOR_MARK", "yes")
    run = vidcolor("config", "show", "colorize")
    assert run.err == [
        "warning: environment variable VIDCOLOR_DEVCE has no effect; did you mean "
        "'VIDCOLOR_DEVICE'?"
    ]
    assert show(vidcolor, "colorize")["mark"][0] is True


def test_out_is_stronger_than_a_configured_directory(
    vidcolor: Callable[..., Run], project: Callable[..., Path], tmp_path: Path
) -> None:
    project("[colorize]\nout-dir = 'graded'\n")
    source = Path(__file__).parents[2] / "samples" / "photo.jpg"
    assert vidcolor("colorize", str(source), "-o", str(tmp_path / "a.jpg")).code == 0
    assert (tmp_path / "a.jpg").exists()
    assert not (tmp_path / "graded").exists()


def test_error_names_the_origin_of_a_configured_value(
    vidcolor: Callable[..., Run], project: Callable[..., Path]
) -> None:
    file = project("[colorize]\nmodel = 'w/nope.pth'\n")
    source = str(Path(__file__).parents[2] / "samples" / "photo.jpg")
    assert vidcolor("colorize", source, "-o", "a.jpg").err == [
        "vidcolor: w/nope.pth: no such weights file; check the path "
        f"(--model is set by {file}, line 2)"
    ]
    assert vidcolor("colorize", source, "-o", "a.jpg", "--model", "w/x.pth").err == [
        "vidcolor: w/x.pth: no such weights file; check the path"
    ]
