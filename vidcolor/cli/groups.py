"""Command groups that extend those of Typer."""

from __future__ import annotations

from collections import UserDict
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import typer
from typer.core import TyperCommand, TyperGroup

from vidcolor.errors import UsageError

DEFAULT_COMMAND = "images"
"""Name of the hidden subcommand that `DefaultCommandGroup` runs if no subcommand is given."""

HELP_KEY = "vidcolor.help"
"""Key of the metadata of a context: whether a help text is requested."""


class UserInterruptError(BaseException):
    """An interruption by the user that keeps the notes of its KeyboardInterrupt.

    Typer replaces a KeyboardInterrupt and drops its notes, which describe the work that can be
    resumed.
    """


class InterruptibleGroup(TyperGroup):
    """A command group that raises `UserInterruptError` for a KeyboardInterrupt."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command and replace its KeyboardInterrupt."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as interrupt:
            interrupted = UserInterruptError()
            for note in getattr(interrupt, "__notes__", []):
                interrupted.add_note(note)
            raise interrupted from interrupt


class StrictCommand(TyperCommand):
    """A command that refuses arguments which would not be read as a person means them.

    Of an option that is given twice, only the last one would be read. An empty file name, as of a
    shell variable without a value, would be the current directory.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Check and parse the arguments."""
        if not ctx.resilient_parsing:
            values, _, order = self.make_parser(ctx).parse_args(args=list(args))
            for parameter in self.params:
                _check_not_empty(parameter, values.get(parameter.name))
            for parameter in order:
                if parameter.param_type_name != "option" or parameter.multiple:
                    continue
                flag = parameter.opts[0]
                if getattr(parameter, "is_flag", False):
                    used = [set(args) & set(o) for o in (parameter.opts, parameter.secondary_opts)]
                    if all(used):
                        raise UsageError(f"{min(used[0])} and {min(used[1])} contradict each other")
                elif order.count(parameter) > 1:
                    raise UsageError(
                        f"{flag} is given {order.count(parameter)} times; give it once"
                    )
        return super().parse_args(ctx, args)


def _check_not_empty(parameter: Any, value: Any) -> None:
    """Raise a `UsageError` if an argument or the path of an option is an empty string."""
    if "" not in (value if isinstance(value, tuple | list) else (value,)):
        return
    if parameter.param_type_name == "argument":
        name = parameter.metavar or parameter.name.upper()
        raise UsageError(f"{name} is an empty string; give a name")
    annotation = parameter.type_descriptor.annotation
    if Path in (annotation, *get_args(annotation)):
        raise UsageError(f"{parameter.opts[0]}: the path is an empty string; give a path")


class LazyCommands(UserDict[str, Any]):
    """Commands by name. The module ``vidcolor.cli.NAME`` is imported when its command is used.

    It contains the function ``NAME`` of the command, or the group ``app``.
    """

    def __getitem__(self, name: str) -> Any:
        """Return a command."""
        if isinstance(command := super().__getitem__(name), str):
            self[name] = command = _load_command(name)
        return command


def _load_command(name: str) -> Any:
    module = import_module(f"vidcolor.cli.{name}")
    item = getattr(module, "app", None) or getattr(module, name)
    if not isinstance(item, typer.Typer):
        function, item = item, typer.Typer(add_completion=False, rich_markup_mode="rich")
        item.command(name)(function)
    for info in item.registered_commands:
        info.cls = StrictCommand
    command = typer.main.get_command(item)
    command.name = name
    return command


class ProgramGroup(InterruptibleGroup):
    """The program. Its list of commands is printed without importing them."""

    summaries: dict[str, str]
    """First line of the help text of each command."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = LazyCommands(self.summaries)
        self._prints_help = False

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Note whether a help text is requested, which invalid configuration must not prevent."""
        ctx.meta[HELP_KEY] = "--help" in args
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands."""
        return [*self.commands]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command; for the help text, one that has only a summary."""
        if self._prints_help:
            return TyperCommand(cmd_name, help=self.summaries[cmd_name])
        return self.commands.get(cmd_name)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help text."""
        self._prints_help = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self._prints_help = False


class DefaultCommandGroup(TyperGroup):
    """A command group that runs `DEFAULT_COMMAND` if the first argument is not a subcommand.

    It allows both ``vidcolor evaluate PATH`` and ``vidcolor evaluate film ...``.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Insert the default command if there are no arguments at all."""
        if ctx.resilient_parsing:  # the shell completes the first argument
            return super().parse_args(ctx, args)
        return super().parse_args(ctx, args or [DEFAULT_COMMAND])

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Complete the subcommands and the arguments of the default command."""
        default = self.commands[DEFAULT_COMMAND]
        context = default.make_context(None, [], parent=ctx, resilient_parsing=True)
        return super().shell_complete(ctx, incomplete) + default.shell_complete(context, incomplete)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the given subcommand, or the default subcommand with all arguments.

        The default command has an empty name, so that it does not appear in usage messages.
        """
        if args[0] in self.commands and args[0] != DEFAULT_COMMAND:
            return super().resolve_command(ctx, args)
        remaining = args[1:] if args == [DEFAULT_COMMAND] else args
        return "", self.commands[DEFAULT_COMMAND], remaining
