"""Options of the command line, which are derived from the metadata of models."""

# Annotations are evaluated here, because they contain local values.

import contextlib
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from vidcolor.batch.manifest import read_job_list
from vidcolor.cli.configuration import ConfigFile, find_values
from vidcolor.cli.console import Console
from vidcolor.cli.params import Fields, Out, expand_options
from vidcolor.errors import UsageError
from vidcolor.option import Option
from vidcolor.options import ColorizeOptions, Reference


class GrainOptions(ColorizeOptions):
    """Options with a new one, which is added in one place."""

    grain: Annotated[float, Option(help="Film grain to add.", group="Color", ge=0, le=1)] = 0.0


ALL = Fields()


def run(*arguments: str, fields: Fields = ALL) -> tuple[str, list[GrainOptions]]:
    received: list[GrainOptions] = []

    @expand_options
    def command(
        options: Annotated[GrainOptions, fields], console: Console, out: Out = None
    ) -> None:
        """Test."""
        received.append(options)

    app = typer.Typer()
    app.command()(command)
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "120"})
    return result.output, received


def test_new_option_appears_in_the_help_and_is_checked() -> None:
    output, _ = run("--help")
    assert "--grain" in output
    assert "Film grain to add." in output
    _, (options,) = run("--grain", "0.5", "--for", "archive")
    assert (options.grain, options.purpose) == (0.5, "archive")
    output, _ = run("--grain", "2")
    assert "--grain" in output


def test_new_option_is_part_of_the_fingerprint() -> None:
    assert GrainOptions(grain=0.5).fingerprint_values()["grain"] == 0.5


def test_new_option_is_a_column_of_job_lists(tmp_path: Path) -> None:
    (tmp_path / "mill.jpg").touch()
    path = tmp_path / "jobs.csv"
    path.write_text("input,grain\nmill.jpg,0.5\n")
    (task,) = read_job_list(path, None, GrainOptions())
    assert task.options == GrainOptions(grain=0.5)
    path.write_text("input,grain\nmill.jpg,2\n")
    with pytest.raises(UsageError, match=r"row 1: grain must be in \[0, 1\], got 2"):
        read_job_list(path, None, GrainOptions())


def test_new_option_is_a_key_of_configuration_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @expand_options
    def command(options: GrainOptions) -> None:
        """Test."""

    app = typer.Typer()
    app.command()(command)
    command_ = typer.main.get_command(app)
    path = tmp_path / "vidcolor.toml"
    path.write_text("[colorize]\ngrain = 0.5\n")
    values = find_values(command_, "colorize", [ConfigFile.read(path)])
    assert (values["grain"].value, values["grain"].origin) == (0.5, f"{path}, line 2")
    monkeypatch.setenv("VIDCOLOR_COLORIZE_GRAIN", "0.7")
    assert find_values(command_, "colorize", [])["grain"].value == 0.7
    path.write_text("[colorize]\ngrain = 2\n")
    with pytest.raises(UsageError, match="line 2: grain must be in \\[0, 1\\], got 2"):
        find_values(command_, "colorize", [ConfigFile.read(path)])


@pytest.mark.parametrize(
    ("arguments", "name", "value"),
    [
        (["--grey-from", "red"], "gray_from", "red"),
        (["--encoder-option", "crf=1", "--encoder-option", "a=b c"], "encoder_options",
         (("crf", "1"), ("a", "b c"))),
        (["--reference", "a.png@1:30", "--reference", "b.png"], "references",
         (Reference(path="a.png", time=90), Reference(path="b.png"))),
        (["--mark", "--no-mark"], "mark", False),
        (["--start", "1:30"], "start", 90),
    ],
)  # fmt: skip
def test_flags_set_their_fields(arguments: list[str], name: str, value: object) -> None:
    _, (options,) = run(*arguments)
    assert getattr(options, name) == value


def test_fields_are_selected_and_have_other_defaults() -> None:
    output, _ = run("--help", fields=Fields(only=("trust", "grain"), defaults={"trust": 0.7}))
    assert "--grain" in output
    assert "default: 0.7" in output
    assert "--vividness" not in output
    assert run(fields=Fields(defaults={"trust": 0.7}))[1][0].trust == 0.7
    assert "--trust" not in run("--help", fields=Fields(omit=("trust",)))[0]


@pytest.mark.slow
def test_torchrun_leaves_the_options_of_train_alone() -> None:
    """It refuses an argument that abbreviates two of its own options, such as --start."""
    from torch.distributed.run import get_args_parser

    from vidcolor.cli import app

    parser, refused = get_args_parser(), []
    command = typer.main.get_command(app).commands["train"]  # type: ignore[attr-defined]
    for parameter in command.params:
        flags = [f for f in (*parameter.opts, *parameter.secondary_opts) if f.startswith("-")]
        accepted = []
        for flag in flags:
            with contextlib.suppress(SystemExit):
                parser.parse_args(["-m", "vidcolor", "train", "photographs", flag, "1"])
                accepted.append(flag)
        if flags and not accepted:
            refused.append(flags)
    assert not refused


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["colorize", ""], "INPUT is an empty string"),
        (["colorize", "a.mp4", ""], "INPUT is an empty string"),
        (["compare", "a.mp4", ""], "B is an empty string"),
        (["colorize", "a.mp4", "-o", ""], "--out: the path is an empty string"),
        (["colorize", "a.mp4", "--reference", ""], "--reference: the path is an empty string"),
        (["train", "a.tar", "--out="], "--out: the path is an empty string"),
        (["project", "show", ""], "PROJECT is an empty string"),
    ],
)
def test_empty_name_is_refused(arguments: list[str], message: str) -> None:
    """A shell variable without a value must not select the current directory."""
    assert_refused(arguments, message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["colorize", "--hints", "a.json", "--hints=b.json"], "--hints is given 2 times"),
        (["colorize", "--reference", "a.png", "--reference=a.png"],
         "--reference: a.png is given twice"),
        (["colorize", "-o", "a.mp4", "--out", "b.mp4"], "--out is given 2 times; give it once"),
        (["recolor", "--mark", "--no-mark"], "--mark and --no-mark contradict each other"),
        (["compare", "a", "b", "--names", "A", "B", "--names", "C", "D"], "--names is given 2"),
        (["evaluate", "x", "--limit", "1", "--limit", "2"], "--limit is given 2 times"),
        (["models", "path", "a", "--device", "b"], "No such option"),
        (["colorize", "a.mp4", "--encoder-option", "crf=1", "--encoder-option", "crf=2"],
         "--encoder-option: crf is given twice"),
    ],
)  # fmt: skip
def test_option_that_is_given_twice_is_refused(arguments: list[str], message: str) -> None:
    assert_refused(arguments, message)


def assert_refused(arguments: list[str], message: str) -> None:
    """Check that a command exits with 2 and an error that contains the message."""
    from vidcolor import cli

    with pytest.MonkeyPatch.context() as patch:
        errors: list[str] = []
        patch.setattr(Console, "error", lambda self, text, **_: errors.append(text))
        assert cli.run(arguments) == 2
    assert message in errors[0]
