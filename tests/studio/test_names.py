"""Names of files for people: messages and logs do not show where the server keeps its data."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING

import pytest

from vidcolor.errors import InputError
from vidcolor.studio.films.paths import hide_path
from vidcolor.studio.films.rows import FilmRow
from vidcolor.studio.logs import JsonFormatter
from vidcolor.studio.names import find_given_name, hide_data_dir
from vidcolor.studio.settings import StudioSettings

if TYPE_CHECKING:
    from pathlib import Path

MESSAGES = {
    "{data}/uploads/ab/source.mkv: is damaged": "wedding.mkv: is damaged",
    "{data}/uploads/ab/source.vidcolor.json: line 3": "wedding.mkv: line 3",
    "{data}/uploads/ab/source.references/my a-1.png: gray": "source.references/my a-1.png: gray",
    "{data}/uploads/ab: cannot be written": "wedding.mkv: cannot be written",
    "cannot write '{data}/stills/ab/0c1.webp'": "cannot write '0c1.webp'",
    "{data}/photos/cd/result-1.png (from {data}/studio.db)": "result-1.png (from studio.db)",
    "{data}: is full": "the data directory: is full",
    "{real}/stills/ab/0c1.webp: is a folder": "0c1.webp: is a folder",
    "{data}2/film.mkv and /mnt{data}/film.mkv": "{data}2/film.mkv and /mnt{data}/film.mkv",
    "{data}/films/ab/reel.vidcolor.json: line 3": "{data}/films/ab/reel.vidcolor.json: line 3",
}
"""Messages about an uploaded film, and what people see."""


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data directory whose path has a symbolic link."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "data").symlink_to(tmp_path / "disk")
    return tmp_path / "data"


@pytest.mark.parametrize(("text", "shown"), MESSAGES.items())
def test_messages_have_no_path_in_the_data_directory(text: str, shown: str, data_dir: Path) -> None:
    source = data_dir / "uploads" / "ab" / "source.mkv"
    row = FilmRow(
        "ab", "anna", "wedding.mkv", source, source.with_suffix(".vidcolor.json"), True, 9, None,
        None, None, None, 0, 0,
    )  # fmt: skip
    paths = {"data": data_dir, "real": data_dir.resolve()}
    settings = StudioSettings(data_dir=data_dir)
    assert hide_path(text.format(**paths), row, settings) == shown.format(**paths)


def test_references_are_shown_by_the_name_that_was_given() -> None:
    assert find_given_name("reel.references/my dress-0123456789ab.png") == "my dress.png"
    assert find_given_name("reel.references/my-dress.png") == "my-dress.png"
    assert find_given_name("../cards/dress-0123456789ab.png") == "dress-0123456789ab.png"


def test_paths_of_windows_are_hidden(tmp_path: Path) -> None:
    data_dir = tmp_path / "a b"
    text = f"{data_dir}/uploads/ab/source.mkv".replace("/", "\\")
    assert hide_data_dir(f"{text}: damaged", data_dir) == "source.mkv: damaged"


def test_logs_of_libraries_have_no_names_of_files(caplog: pytest.LogCaptureFixture) -> None:
    secret = "/home/anna/wedding 1931.mkv"

    async def fail() -> None:
        raise InputError(f"{secret}: is damaged")

    async def forget() -> None:
        task = asyncio.create_task(fail())
        await asyncio.sleep(0)
        del task

    with caplog.at_level(logging.WARNING, "asyncio"):
        asyncio.run(forget())
        logging.getLogger("asyncio").error("cannot open %s", secret)
        logging.getLogger("asyncio").error(f"cannot open {secret.replace(' ', '')}, or so")
    records = [json.loads(JsonFormatter().format(record)) for record in caplog.records]
    assert [record["event"] for record in records] == [
        "Task exception was never retrieved", "cannot open %s", "cannot open PATH, or so",
    ]  # fmt: skip
    assert records[0]["exception"] == "InputError"
    assert "anna" not in str(records)
