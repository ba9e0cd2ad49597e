"""A command with sub-commands that works without one as well."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

DEFAULT = "pictures"
"""Name of the sub-command that is meant where none is named; users need not know it."""


class WithDefault(TyperGroup):
    """``vidcolor evaluate PATH`` beside ``vidcolor evaluate film …``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take options for the default's, and no words at all for none of the default's."""
        return super().parse_args(ctx, args or [DEFAULT])

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The named sub-command, else the default with all the words; it has no name of its own."""
        if args[0] in self.commands and args[0] != DEFAULT:
            return super().resolve_command(ctx, args)
        return "", self.commands[DEFAULT], args[1:] if args == [DEFAULT] else args
