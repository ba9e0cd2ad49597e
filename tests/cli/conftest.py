"""The command in this process, with a generator that costs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.helpers.cli_runs import Run
from vidcolor import cli, colorizer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vidcolor.colorizer import Colorizer
    from vidcolor.options import ColorizeOptions


@pytest.fixture
def vidcolor(
    flat: Colorizer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Callable[..., Run]:
    """Run the command in `tmp_path`; the embedded generator is replaced by the flat one."""
    real = colorizer.Colorizer.of

    def load(options: ColorizeOptions) -> Colorizer:
        plain = (options.model, options.device, options.precision) == ("embedded", "auto", "auto")
        return flat if plain else real(options)

    monkeypatch.setattr(colorizer.Colorizer, "of", load)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Run:
        capsys.readouterr()
        code = cli.run([str(a) for a in arguments])
        said = capsys.readouterr()
        return Run(code, said.out.splitlines(), said.err.splitlines())

    return run
