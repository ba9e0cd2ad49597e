"""Messages about invalid data must name the field, the fault and what to write instead."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

import pytest
from pydantic import Field, field_validator

from vidcolor.errors import InputError, UsageError
from vidcolor.schema import Record, parse, read_rows

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Point:
    """A nested value."""

    x: int


class Job(Record):
    """A model with one field of each kind."""

    name: str = ""
    kind: Literal["film", "photo"] = "film"
    batch: int = Field(8, ge=1, le=64)
    threads: int | None = Field(None, ge=1)
    radius: float = Field(1.0, gt=0)
    rate: Fraction | None = None
    points: tuple[Point, ...] = ()
    size: int = 0

    @field_validator("size", mode="before")
    @classmethod
    def _check_size(cls, value: Any) -> Any:
        if value == "odd":
            raise ValueError("must be even")
        if value == "big":
            raise ValueError("size and batch do not fit")
        return value


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"batc": 1}, "job 1: unknown key 'batc'; did you mean 'batch'?"),
        ({"q": 1}, "unknown key 'q'; use one of name, kind, batch, threads, radius, rate"),
        ({"batch": 65}, "job 1: batch must be in [1, 64], got 65"),
        ({"threads": 0}, "threads must be 1 or more, got 0"),
        ({"radius": 0}, "radius must be greater than 0, got 0"),
        ({"batch": "many"}, "batch must be an integer, got 'many'"),
        ({"batch": 2.5}, "batch must be an integer, got 2.5"),
        ({"radius": "wide"}, "radius must be a number, got 'wide'"),
        ({"rate": "fast"}, "rate must be a number or a fraction such as 24000/1001, got 'fast'"),
        ({"kind": "reel"}, "kind must be one of film, photo, got 'reel'"),
        ({"name": 3}, "name must be text, got 3"),
        ({"points": 3}, "points must be a list, got 3"),
        ({"points": [{"x": 1}, {"x": "a"}]}, "points[1].x must be an integer, got 'a'"),
        ({"points": [{}]}, "points[0].x is missing"),
        ({"size": "odd"}, "job 1: size must be even"),
        ({"size": "big"}, "job 1: size and batch do not fit"),
        ([], "job 1: must be an object, got []"),
        ({"batch": 0, "nme": 1}, "job 1: unknown key 'nme'; did you mean 'name'?"),
    ],
)
def test_the_message_names_the_field_and_the_remedy(values: Any, message: str) -> None:
    with pytest.raises(UsageError) as error:
        parse(Job, values, "job 1")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_valid_values_are_converted() -> None:
    job = parse(Job, {"rate": "24000/1001", "points": [{"x": "3"}]}, "job 1")
    assert (job.rate, job.points) == (Fraction(24000, 1001), (Point(3),))


def read(path: Path, content: str) -> list[dict[str, Any]]:
    path.write_text(content, "utf-8")
    return read_rows(path, "a job list", "jobs", '{"input": "reel.mov"}')


def test_rows_of_csv_and_json_are_read(tmp_path: Path) -> None:
    expected = [{"input": "a, b", "size": "1"}, {"size": "2"}]
    csv, json = tmp_path / "jobs.CSV", tmp_path / "jobs.json"
    assert read(csv, '\ufeffinput, size\n"a, b", 1,\n\n ,2\n,\n') == expected
    assert read(csv, "size;input\n1;a, b\n2\n") == expected
    assert read(csv, "\ufeffsep=;\r\nsize;input\r\n1;a, b\r\n2\r\n") == expected
    for name in ("jobs.csv", "jobs.TSV"):  # what spreadsheets call "text, tab delimited"
        assert read(tmp_path / name, "size\tinput\n1\ta, b\n2\n") == expected
    assert (
        read(json, '[{"input": 1}]')
        == read(json, '{"jobs": [{"input": 1, "x": null}]}')
        == [{"input": 1}]
    )
    assert read(csv, "") == []


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("a.csv", "x,y\n1,2\n1,2,3", UsageError, "line 3 has more cells than the header; quote"),
        ("a.csv", "x\n" + 200_000 * "a", InputError, "not valid CSV"),
        ("a.csv", 'x,y\n"a,1\nb,2\n', InputError, "not valid CSV: unexpected end of data"),
        ("a.json", "[{", InputError, "not valid JSON"),
        ("a.json", 100_000 * "[", InputError, "not valid JSON"),
        ("a.json", "7", UsageError, 'not a job list; write {"jobs": [{"input": "reel.mov"}]}'),
        ("a.json", '{"job": []}', UsageError, "not a job list"),
        ("a.json", '{"version": 2, "jobs": []}', UsageError, "version 2 is not supported"),
        ("a.json", "[{}, 1]", UsageError, "job 2: not an object; write {"),
        (
            "a.json",
            '{"jobs": [], "job": []}',
            UsageError,
            "unknown key 'job'; did you mean",
        ),
        ("a.json", '[{"x": 1, "x": 2}]', InputError, "the key 'x' is given twice"),
        ("a.csv", "x,y,x\n1,2,3", UsageError, "the column 'x' is given twice"),
        ("a.csv", "x,\n1,\n1,2", UsageError, "line 3: column 2 has no name in the header"),
    ],
)
def test_other_files_are_refused(
    name: str, content: str, error: type[Exception], message: str, tmp_path: Path
) -> None:
    with pytest.raises(error) as caught:
        read(tmp_path / name, content)
    assert str(caught.value).startswith(f"{tmp_path / name}: ")
    assert message in str(caught.value)
