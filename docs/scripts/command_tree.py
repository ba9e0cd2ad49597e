"""The commands of vidcolor with their options, as the man pages and the site describe them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import typer.main

from vidcolor.cli import app

if TYPE_CHECKING:
    from collections.abc import Iterator

_STYLE = re.compile(r"(?<!\\)\[/?bold\]")


@dataclass
class Command:
    """A command, or a group of commands."""

    name: str
    """Complete name, such as ``vidcolor models pull``."""
    usage: str
    blocks: list[tuple[str, str]]
    """Paragraphs of the description: kind (``text``, ``heading`` or ``code``) and content."""
    arguments: list[tuple[str, str]] = field(default_factory=list)
    """Name and description of each positional argument."""
    options: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """Options by panel: name with metavar, and description."""
    subcommands: list[Command] = field(default_factory=list)

    @property
    def summary(self) -> str:
        """First sentence of the description."""
        return self.blocks[0][1].split(". ")[0].rstrip(".")

    @property
    def page(self) -> str:
        """Name of the man page, such as ``vidcolor-models-pull``."""
        return self.name.replace(" ", "-")

    def walk(self) -> Iterator[Command]:
        """Yield this command and all below it."""
        yield self
        for command in self.subcommands:
            yield from command.walk()


def read_commands() -> Command:
    """Return the command ``vidcolor`` with all commands below it."""
    return _read_command("vidcolor", typer.main.get_command(app))


def _read_command(name: str, source: object, parent: object = None) -> Command:
    context = source.make_context(name, [], parent=parent, resilient_parsing=True)
    subcommands = getattr(source, "commands", {})
    # The hidden subcommand of a group is the command that runs without a subcommand.
    shown = next((c for c in subcommands.values() if c.hidden), source)
    if shown is not source:
        context = shown.make_context(name, [], resilient_parsing=True)
    usage = " ".join([name, *shown.collect_usage_pieces(context)]).translate({123: "", 125: ""})
    command = Command(name, usage, list(_split_blocks(shown.help or source.help)))
    for parameter in shown.get_params(context):
        record = parameter.get_help_record(context)
        if record is None:
            continue
        term, text = (_to_plain(part).replace("  [", " [") for part in record)
        term = re.sub(r"<list\[(\w+)\]>|<(\w+) range>", lambda m: f"<{m[1] or m[2]}>", term)
        if parameter.param_type_name == "argument":
            command.arguments.append((re.sub(r" <.*>$", "", term), text))
        else:
            panel = parameter.rich_help_panel or "General"
            command.options.setdefault(panel, []).append((term, text))
    for child, subcommand in subcommands.items():
        if not subcommand.hidden:
            command.subcommands.append(_read_command(f"{name} {child}", subcommand))
    return command


def _split_blocks(text: str) -> Iterator[tuple[str, str]]:
    """Split a docstring with Rich markup into paragraphs."""
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        if re.fullmatch(r"\[bold\][^\[]*\[/bold\]:?", block):
            yield "heading", _to_plain(block).rstrip(":")
        elif block.startswith("  "):
            lines = [_to_plain(line) for line in block.splitlines()]
            indent = min(len(line) - len(line.lstrip()) for line in lines)
            yield "code", "\n".join(line[indent:].rstrip() for line in lines)
        else:
            yield "text", " ".join(_to_plain(block).split())


def _to_plain(text: str) -> str:
    return _STYLE.sub("", text).replace("\\[", "[")
