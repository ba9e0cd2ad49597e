"""The command line starts without heavy libraries, so that `vidcolor --help` answers at once."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
import typer.main

from vidcolor import cli


@pytest.mark.parametrize("library", ["torch", "cv2", "av", "numpy", "PIL"])
def test_command_line_imports_no_heavy_library(library: str) -> None:
    code = f"import sys, vidcolor, vidcolor.cli; sys.exit({library!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_list_of_commands_imports_no_command() -> None:
    code = (
        "import sys; from vidcolor import cli; code = cli.run(['--help']); "
        "sys.exit(code or 'pydantic' in sys.modules or 'vidcolor.cli.colorize' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_summaries_are_those_of_the_commands() -> None:
    group = typer.main.get_command(cli.app)
    for name, summary in group.summaries.items():
        assert group.commands[name].help.split("\n\n")[0].replace("\n", " ").strip() == summary


def test_an_interruption_during_the_start_prints_no_traceback() -> None:
    code = """
import os, signal, sys

class Interruption:
    def find_spec(self, name, *more):
        if name == "typer":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interruption())
from vidcolor.__main__ import main
main()
"""
    ended = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert (ended.returncode, ended.stderr) == (-signal.SIGINT, b"")


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["jobs"], ["status", "x"], ["probe", "samples/reel.mkv"]])
def test_commands_that_only_look_import_no_torch(arguments: list[str]) -> None:
    code = (
        f"import sys; from vidcolor import cli; cli.run({arguments}); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.slow
def test_loading_the_weights_imports_no_symbolic_mathematics() -> None:
    """Some operations on the meta device import SymPy, which takes half as long as torch."""
    code = (
        "import sys; from vidcolor.generators import load_generator; load_generator(); "
        "sys.exit(bool({'sympy', 'torch._dynamo', 'onnx', 'ray'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
