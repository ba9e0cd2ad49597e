"""Log files and debug messages."""

from __future__ import annotations

import logging
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from vidcolor.cli.console import Console
from vidcolor.errors import InputError, OutputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.helpers.cli_runs import Run


def test_log_file_has_versions_arguments_messages_and_the_traceback(
    vidcolor: Callable[..., Run], tmp_path: Path
) -> None:
    log = tmp_path / "run.log"
    run = vidcolor("colorize", "reel.mov", "--vividness", "0.5", "--log-file", log)
    assert run.code == 1
    assert run.err == ["vidcolor: reel.mov: no such file"]
    text = log.read_text()
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} DEBUG vidcolor: vidcolor \d", text)
    assert "vividness=0.5" in text
    assert "Traceback" in text
    assert "InputError: reel.mov: no such file" in text


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
def test_run_continues_if_the_log_cannot_be_written(vidcolor: Callable[..., Run]) -> None:
    run = vidcolor("jobs", "--log-file", "/dev/full")
    assert run.code == 0
    assert run.out == ["no unfinished work"]
    assert run.err == [
        "warning: /dev/full: the log is incomplete: [Errno 28] No space left on device"
    ]


def test_log_file_is_appended_to(vidcolor: Callable[..., Run], tmp_path: Path) -> None:
    for _ in range(2):
        assert vidcolor("jobs", "--log-file", tmp_path / "a.log").code == 0
    assert (tmp_path / "a.log").read_text().count("no unfinished work") == 2


def test_file_that_is_no_log_is_refused(vidcolor: Callable[..., Run], tmp_path: Path) -> None:
    film = tmp_path / "reel.mov"
    film.write_bytes(b"\x00\x00\x00\x14ftypqt")
    run = vidcolor("jobs", "--log-file", film)
    assert run.code == 2
    assert "is not a log of vidcolor" in run.err[0]
    assert film.read_bytes() == b"\x00\x00\x00\x14ftypqt"
    with (
        pytest.raises(OutputError, match="cannot be written"),
        Console(log_file=tmp_path / "no" / "a.log").open_log({}),
    ):
        pass


def test_warnings_of_libraries_are_logged_and_the_file_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    handlers = list(logging.getLogger().handlers)
    with Console(log_file=path).open_log({}):
        warnings.warn("old function", stacklevel=1)
        logging.getLogger("torch").warning("slow kernel")
        logging.getLogger("torch").info("thousands of these")
    assert logging.getLogger().handlers == handlers
    text = path.read_text()
    assert "WARNING py.warnings" in text
    assert "old function" in text
    assert "WARNING torch: slow kernel" in text
    assert "thousands" not in text
    path.rename(tmp_path / "b.log")  # fails on Windows if the file is open


def test_verbose_prints_debug_messages(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(verbose=True)
    with pytest.raises(InputError), console.open_log({"size": 4}):
        console.info("text")
        raise InputError("no such file")
    out, err = capsys.readouterr()
    assert out == "text\n"
    assert "DEBUG vidcolor: options: size=4" in err
    assert "Traceback" in err


def test_quiet_and_verbose_exclude_each_other(vidcolor: Callable[..., Run]) -> None:
    assert vidcolor("jobs", "-q", "-v").code == 2
    with pytest.raises(UsageError):
        Console(quiet=True, verbose=True)


def test_messages_take_one_line_of_the_log(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    console = Console(quiet=True, log_file=path)
    with console.open_log({}):
        console.info("a\nb\x1b\udcff.mov: done")
    assert path.read_text().splitlines()[-1].endswith("a b\\x1b\\udcff.mov: done")
