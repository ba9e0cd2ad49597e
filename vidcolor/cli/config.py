"""`vidcolor config`: show the configuration and where it comes from."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vidcolor.cli.configuration import FILE_NAME, exists, find_values, list_paths, read_files
from vidcolor.cli.console import Console, format_table
from vidcolor.cli.params import expand_options
from vidcolor.cli.settings import (
    CONFIG_VARIABLE,
    VARIABLES,
    ConfigValue,
    get_settings,
    list_commands,
    list_unknown_variables,
)
from vidcolor.errors import UsageError

if TYPE_CHECKING:
    from vidcolor.cli.configuration import ConfigFile

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    help="Show the values of options, and the files and variables that set them.",
)


def _complete_command(context: typer.Context, incomplete: str) -> list[str]:
    """Return the next words of commands that start with those given."""
    given = list(context.params.get("command") or ())
    names = [name.split(".") for name, _ in list_commands(context.find_root().command)]
    depth = len(given)
    words = dict.fromkeys(n[depth] for n in names if len(n) > depth and n[:depth] == given)
    return [word for word in words if word.startswith(incomplete)]


@app.command()
@expand_options
def show(
    context: typer.Context,
    console: Console,
    command: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="COMMAND",
            help="Command, for example colorize or evaluate film. Default: all commands, only "
            "the options that are set.",
            show_default=False,
            autocompletion=_complete_command,
        ),
    ] = None,
) -> None:
    """Show the value of each option of a command, and where it comes from.

    Values come from the command line, from environment variables such as
    VIDCOLOR_COLORIZE_DEVICE (for one command) or VIDCOLOR_DEVICE, from the tables
    [bold]\\[colorize][/bold] and [bold]\\[defaults][/bold] of vidcolor.toml in this folder
    or a parent, and of vidcolor.toml in the configuration folder of the user.

    [bold]vidcolor.toml[/bold]

      \\[defaults]
      device = "cuda:1"

      \\[colorize]
      for = "editing"
      vividness = 0.4
    """
    files = read_files()
    root: Any = context.find_root().command
    for file in files:
        file.check_keys(root)
    commands = dict(list_commands(root))
    name = ".".join(command or ())
    if name and name not in commands:
        names = ", ".join(commands).replace(".", " ")
        raise UsageError(f"no command {' '.join(command or ())!r}; choose from {names}")
    for text in list_unknown_variables(root):
        console.warn(text)
    for each in [name] if name else commands:
        _print_options(console, each, commands[each], files, only_set=not name)
    for variable, meaning in VARIABLES.items():
        if variable in os.environ and not name:
            value = os.environ[variable]
            console.event("variable", variable=variable, value=value)
            console.info(f"{variable} = {value} ({meaning})")


@app.command()
@expand_options
def path(console: Console) -> None:
    """Print the configuration files that are read, the stronger one last."""
    for kind, file in list_paths().items():
        is_present = file is not None and exists(file)
        console.event(
            "file", kind=kind, path=None if file is None else str(file), exists=is_present
        )
        if file is None:
            file_text = "none" if kind == CONFIG_VARIABLE else f"no {FILE_NAME} here or above"
        else:
            file_text = f"{file}{'' if is_present else ' (does not exist)'}"
        console.info(f"{kind + ':':8} {file_text}")


def _print_options(
    console: Console, name: str, command: Any, files: list[ConfigFile], only_set: bool
) -> None:
    values = find_values(command, name, files)
    title, rows = name.replace(".", " "), []
    for setting in dict.fromkeys(get_settings(command).values()):
        parameter = setting.parameter
        item = values.get(parameter.name)
        if not setting.is_configurable or (item is None and only_set):
            continue
        item = item or ConfigValue(parameter.default, "default")
        console.event(
            "option", command=title, option=setting.key, value=item.value, source=item.origin
        )
        rows.append((f"{title} --{setting.key}", _format(item.value), item.origin))
    for line in format_table(rows) if rows else ():
        console.info(line)


def _format(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return " ".join(map(str, value)) or "-"
    return "-" if value is None else str(value)
