"""Command groups that extend those of Typer."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

DEFAULT_COMMAND = "images"
"""Name of the hidden subcommand that `DefaultCommandGroup` runs if no subcommand is given."""


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
