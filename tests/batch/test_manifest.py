"""Job lists: CSV and JSON rows, options of rows, and error messages."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from vidcolor.batch.manifest import read_job_list
from vidcolor.errors import UsageError
from vidcolor.options import ColorizeOptions

if TYPE_CHECKING:
    from pathlib import Path

BRITISH = "grey-from"  # codespell:ignore grey


@pytest.fixture
def reels(tmp_path: Path) -> Path:
    """A folder with two empty files that have names of films."""
    for name in ("mill.mkv", "fair.mkv"):
        (tmp_path / name).touch()
    return tmp_path


def write(reels: Path, text: str) -> Path:
    path = reels / "jobs.csv"
    path.write_text(text)
    return path


def test_json_rows_override_the_options_of_the_command_line(reels: Path) -> None:
    path = reels / "jobs.json"
    rows = [
        {"input": "mill.mkv", "vividness": 0.3, "per-frame": True, "encoder-option": {"crf": 20}},
        {"input": "fair.mkv", "start": "0:00.1", "encoder_options": "crf=9 preset=slow"},
    ]
    path.write_text(json.dumps({"jobs": rows}))
    first, second = read_job_list(path, None, ColorizeOptions(saturation=0.5))
    assert first.options == ColorizeOptions(
        saturation=0.5, vividness=0.3, per_frame=True, encoder_options=(("crf", "20"),)
    )
    assert second.options == ColorizeOptions(
        saturation=0.5, start=Fraction(1, 10), encoder_options=(("crf", "9"), ("preset", "slow"))
    )
    assert second.target == reels / "fair.color.mkv"


@pytest.mark.parametrize("column", ["gray-from", "grey-from", "gray_from", "grey_from"])
def test_both_spellings_of_gray_from_are_accepted(reels: Path, column: str) -> None:
    (task,) = read_job_list(
        write(reels, f"input,{column}\nmill.mkv,red\n"), None, ColorizeOptions()
    )
    assert task.options.gray_from == "red"


def test_csv_rows_of_a_locale_with_decimal_comma_are_read(reels: Path) -> None:
    text = "Input;Gray From;SATURATION;Start;Encoder-Option\nmill.mkv;red;0,5;0:01,5;x=1,2\n"
    (task,) = read_job_list(write(reels, text), None, ColorizeOptions())
    assert (task.options.gray_from, task.options.saturation) == ("red", 0.5)
    assert (task.options.start, task.options.encoder_options) == (Fraction(3, 2), (("x", "1,2"),))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("output\nx.mp4\n", "row 1: has no input"),
        ("input,vivid\nmill.mkv,1\n", r"row 1: unknown column 'vivid'; did you mean 'vividness'\?"),
        ("input,vividness\nmill.mkv,3\n", "row 1: .*vividness must"),
        ("input,vividness\nmill.mkv,high\n", "row 1: vividness must be a number, got 'high'"),
        ("input,fps\nmill.mkv,fast\n", "row 1: fps: .fast. is not a frame rate; write 24"),
        ("input,size\nmill.mkv,big\n", "row 1: size must be an integer, got 'big'"),
        (
            "input,for\nmill.mkv,fun\n",
            "row 1: for must be one of delivery, editing, archive, got 'fun'",
        ),
        ("input,end\nfair.mkv,\nmill.mkv,soon\n", "row 2: end.*90.5"),
        ("input,mark\nmill.mkv,perhaps\n", "row 1: mark must be true or false, got 'perhaps'"),
        (
            "input,device\nmill.mkv,cpu\n",
            "unknown column 'device'; use one of input, output, start",
        ),
        ("input,out\nmill.mkv,a.mp4\n", "unknown column 'out'; did you mean 'output'"),
        ("input\nmill.mkv,x\n", "more cells than the header"),
        ("input,output\nmill.mkv,a.mp4\nfair.mkv,a.mp4\n", "is the output of both"),
        (
            "input,output\nmill.mkv,http://a.org/b.mp4\n",
            "row 1: http://a.org/b.mp4: vidcolor writes",
        ),
        ("input\n", "contains no rows"),
        (f"input,gray-from,{BRITISH}\nmill.mkv,red,blue\n", "row 1: gray-from is given twice"),
        ("input,gray-from,Gray_From\nmill.mkv,red,blue\n", "the column 'gray_from' is given twice"),
    ],
)
def test_invalid_rows_are_refused_with_their_number(reels: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_job_list(write(reels, text), None, ColorizeOptions())


@pytest.mark.parametrize("column", ["input", "reference", "hints", "shots"])
def test_urls_in_rows_are_refused(reels: Path, column: str) -> None:
    row = {"input": "mill.mkv", column: "https://example.org/a.jpg"}
    path = write(
        reels, f"{','.join(row)}\n{','.join(row.values())}\nfair.mkv{',' * (len(row) - 1)}"
    )
    refused, found = read_job_list(path, None, ColorizeOptions())
    assert str(refused.error).startswith("https://example.org/a.jpg: vidcolor reads files")
    assert found.error is None


def test_a_row_has_one_reference_or_in_json_a_list(reels: Path) -> None:
    for name in ("a.png", "b.png"):
        (reels / name).touch()

    def read(path: Path) -> list[tuple[Path, int | None]]:
        (task,) = read_job_list(path, None, ColorizeOptions())
        return [(reference.path, reference.time) for reference in task.options.references]

    one = write(reels, "input,reference\nmill.mkv,a.png@0:12\n")
    assert read(one) == [(reels / "a.png", 12)]
    several = reels / "jobs.json"
    several.write_text('[{"input": "mill.mkv", "reference": ["a.png@0:12", "b.png"]}]')
    assert read(several) == [(reels / "a.png", 12), (reels / "b.png", None)]


def test_source_that_cannot_be_read_becomes_a_task_with_an_error(reels: Path) -> None:
    path = write(reels, "input,vividness\nnone.mkv,0.2\nmill.mkv,\n")
    missing, found = read_job_list(path, None, ColorizeOptions())
    assert "no such file" in str(missing.error)
    assert missing.options.vividness == 0.2
    assert found.error is None
