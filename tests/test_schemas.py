"""The published JSON Schemas describe the files of real runs, and reject misspelled keys."""

from __future__ import annotations

import json
import runpy
import tomllib
from contextlib import nullcontext
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer.main
from jsonschema import Draft202012Validator

from tests.helpers.albums import colorful, save
from tests.helpers.films import write_shot_list
from tests.helpers.tiny_films import make_film, red_ramp
from vidcolor import cli
from vidcolor.batch.discover import Task
from vidcolor.batch.manifest import read_job_list
from vidcolor.batch.report.make import make_record
from vidcolor.batch.report.write import write_report
from vidcolor.batch.runner import TaskResult
from vidcolor.cli.configuration import find_values, read_files
from vidcolor.cli.settings import list_commands
from vidcolor.errors import InputError, UsageError
from vidcolor.evaluation.evaluator import evaluate
from vidcolor.evaluation.options import EvaluateOptions
from vidcolor.film.api import colorize_film
from vidcolor.film.shots import detect_film_shots
from vidcolor.film.workdir import work_path
from vidcolor.hints.io import read_hints
from vidcolor.options import ColorizeOptions
from vidcolor.photo import colorize_photo
from vidcolor.shots.shot_list import read_shots
from vidcolor.training.report import LogRow

if TYPE_CHECKING:
    from tests.helpers.clips import ClipMaker
    from vidcolor.colorizer import Colorizer
    from vidcolor.progress import Progress

DOCS = Path(__file__).parents[1] / "docs"
SCHEMAS = {path.stem: json.loads(path.read_text()) for path in DOCS.glob("schemas/*.json")}
TABLES: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "hints": (
        "hints",
        [
            {"x": 812, "y": 430, "color": "#3b5f8a", "radius": 12, "frame": 3},
            {"x": "50%", "y": "12.5%", "colour": "skyblue"},  # codespell:ignore colour
            {"x": 0.25, "y": 0.8, "color": "neutral", "unit": "fraction", "time": "0:01.5"},
        ],
    ),
    "shot-list": (
        "shots",
        [{"first_frame": 0}, {"first_frame": 9, "transition": "dissolve", "mixed_frames": 2}],
    ),
    "job-list": (
        "jobs",
        [
            {"input": "mill.mkv", "for": "archive", "encoder-option": {"crf": 20}, "mark": True},
            {"input": "mill.mkv", "output": "a.mp4", "start": "1:30", "end": 120, "fps": 24},
        ],
    ),
}


def validate(name: str, document: Any) -> list[str]:
    """Return the faults of a document."""
    return [error.message for error in Draft202012Validator(SCHEMAS[name]).iter_errors(document)]


def test_published_schemas_are_current() -> None:
    script = runpy.run_path(str(DOCS / "scripts" / "schemas.py"))
    assert script["make_schemas"]() == SCHEMAS, "run `make schemas`"
    for name, schema in SCHEMAS.items():
        Draft202012Validator.check_schema(schema)
        assert schema["$id"].startswith(f"urn:vidcolor:schema:{name}:")
        assert schema["title"]
        assert schema["description"]


@pytest.mark.slow
@pytest.mark.usefixtures("short_segments")
def test_files_of_an_interrupted_film_are_valid(
    clip: ClipMaker, flat: Colorizer, tmp_path: Path
) -> None:
    options = ColorizeOptions(shots=write_shot_list(tmp_path / "shots.csv", (0, 5, 9), 12))
    target = tmp_path / "out.mkv"

    def stop(progress: Progress) -> None:
        if (progress.stage, progress.done) == ("colorize", 8):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        colorize_film(clip(), target, options, colorizer=flat, progress=stop)
    work = work_path(target, None)
    for name, file in (
        ("plan", "plan.json"),
        ("progress", "progress.json"),
        ("segment", "segments/00000/done.json"),
    ):
        document = json.loads((work / file).read_text())
        assert validate(name, document) == []
        assert validate(name, {**document, "extra": 1})
        for key in document:
            assert validate(name, {f"{k}s" if k == key else k: v for k, v in document.items()})


@pytest.mark.slow
def test_report_is_valid(clip: ClipMaker, flat: Colorizer, tmp_path: Path) -> None:
    source = clip("mkv", "libx264", "yuv420p", "-map", "0")
    options = ColorizeOptions(start=Fraction(1, 8), hints=None)
    film = colorize_film(source, tmp_path / "film.mkv", options, colorizer=flat)
    photo_file = Path(__file__).parents[1] / "samples" / "photo.jpg"
    photo = colorize_photo(photo_file, tmp_path / "photo.jpg", colorizer=flat)
    film_task = Task("film", source, film.target, options)
    photo_task = Task("photo", photo.source, photo.target, ColorizeOptions())
    records = [
        make_record(TaskResult(film_task, film)),
        make_record(TaskResult(photo_task, photo)),
        make_record(TaskResult(film_task, error=InputError("broken"))),
    ]
    write_report(tmp_path / "report.json", records)
    document = json.loads((tmp_path / "report.json").read_text())
    assert validate("report", document) == []
    document["results"][0]["warning"] = []
    assert validate("report", document)


@pytest.mark.slow
def test_evaluations_are_valid(tmp_path: Path) -> None:
    for seed in range(2):
        save(tmp_path / "album" / f"{seed}.png", colorful(seed, (96, 128)))
    options = EvaluateOptions(size=96, hint_counts=(1,), count=2)
    evaluate([tmp_path / "album"], options).report.write(tmp_path / "scores.json")
    assert validate("evaluation", json.loads((tmp_path / "scores.json").read_text())) == []
    film = make_film(tmp_path / "film.mp4", red_ramp(12))
    out = tmp_path / "film.json"
    assert cli.run(["evaluate", "film", str(film), str(film), "-o", str(out), "--quiet"]) == 0
    document = json.loads(out.read_text())
    assert validate("film-evaluation", document) == []
    del document["shots"]
    assert validate("film-evaluation", document)


def test_row_of_a_training_log_is_valid() -> None:
    row = LogRow(step=3, losses={"total": 1.5}, rate=0.1, seconds=4)
    assert validate("training-log", row.model_dump(exclude_none=True)) == []
    assert validate("training-log", {"steps": 3})


CONFIG = """
[defaults]
device = "cpu"
[colorize]
vividness = 0.4
encoder-option = ["crf=18"]
for = "archive"
mark = true
[evaluate.film]
log-file = "a.log"
"""


def read_config() -> None:
    """Read the values of all commands from the configuration file."""
    group = typer.main.get_command(cli.app)
    files = read_files()
    for file in files:
        file.check_keys(group)
    for name, command in list_commands(group):
        find_values(command, name, files)


def test_configuration_file_is_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "vidcolor.toml"
    monkeypatch.setenv("VIDCOLOR_CONFIG", str(path))
    for text, is_valid in (
        (CONFIG, True),
        (CONFIG.replace("vividness", "vividnes"), False),
        (CONFIG.replace("[colorize]", "[colourize]"), False),  # codespell:ignore colourize
        (CONFIG.replace("0.4", '"high"'), False),
        (CONFIG.replace("true", "1"), False),
        (CONFIG.replace("archive", "fun"), False),
    ):
        path.write_text(text)
        with nullcontext() if is_valid else pytest.raises(UsageError):
            read_config()
        assert (validate("config", tomllib.loads(text)) == []) is is_valid, text


@pytest.mark.slow
def test_written_shot_list_is_valid(clip: ClipMaker, tmp_path: Path) -> None:
    detect_film_shots(clip(), ColorizeOptions(), tmp_path / "shots.json")
    assert validate("shot-list", json.loads((tmp_path / "shots.json").read_text())) == []


def read(name: str, path: Path) -> object:
    """Read a file with the reader whose format the schema describes."""
    if name == "job-list":
        return read_job_list(path, None, ColorizeOptions())
    return read_hints(path) if name == "hints" else read_shots(path)


@pytest.mark.parametrize("name", TABLES)
def test_reader_and_schema_accept_the_same_rows(name: str, tmp_path: Path) -> None:
    (tmp_path / "mill.mkv").touch()
    key, rows = TABLES[name]
    path = tmp_path / "table.json"
    for document in (rows, {key: rows}, {"version": 1, key: rows}):
        path.write_text(json.dumps(document))
        read(name, path)
        assert validate(name, document) == []
    typos = [[{f"{k}s": v for k, v in row.items()}] for row in rows]
    wrong = [[{**rows[0], column: [[]]}] for column in rows[0]]
    for document in (*typos, *wrong, [], {}, {f"{key}s": rows}, {"version": 2, key: rows}, 7):
        path.write_text(json.dumps(document))
        with pytest.raises(UsageError):
            read(name, path)
        assert validate(name, document), document
