"""Fixtures that run the command line in this process with the flat generator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.helpers.cli_runs import Run
from vidcolor import cli
from vidcolor.colorizer import Colorizer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vidcolor.options import ColorizeOptions


@pytest.fixture
def vidcolor(
    flat: Colorizer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Callable[..., Run]:
    """Run the command in `tmp_path`; the flat generator replaces the embedded one."""

    def load_colorizer(options: ColorizeOptions) -> Colorizer:
        model = (options.model, options.device, options.precision)
        return flat if model == ("embedded", "auto", "auto") else Colorizer.from_options(options)

    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Run:
        capsys.readouterr()
        code = cli.run([str(a) for a in arguments], colorizer_factory=load_colorizer)
        printed = capsys.readouterr()
        return Run(code, printed.out.splitlines(), printed.err.splitlines())

    return run
