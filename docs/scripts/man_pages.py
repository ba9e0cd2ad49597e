"""Writes the man pages, docs/man/*.1, from the commands. Run it with `make man`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]

from command_tree import Command, read_commands  # noqa: E402

from vidcolor import __version__  # noqa: E402
from vidcolor.cli.settings import VARIABLES  # noqa: E402

DIRECTORY = Path(__file__).parents[1] / "man"
_ENVIRONMENT = {
    "VIDCOLOR_OPTION, VIDCOLOR_COMMAND_OPTION": "Value of an option; see vidcolor-config-show(1).",
    **{name: f"{text[0].upper()}{text[1:]}." for name, text in VARIABLES.items()},
    "HTTPS_PROXY, NO_PROXY": "Proxy for downloads.",
}
_FILES = {
    "vidcolor.toml": "Values of options, in the current directory or a parent.",
    "~/.config/vidcolor/vidcolor.toml": "Values of options of the user.",
    "NAME.vidcolor": "Work directory of an unfinished film, beside its result.",
    "~/.cache/vidcolor/models": "Downloaded weights.",
}
_EXIT_CODES = {
    "0": "All work is done.",
    "1": "A file failed, or a source is damaged.",
    "2": "Wrong usage; nothing was written.",
    "130": "Interrupted. The same command resumes the work.",
}


def main() -> None:
    """Write all pages, and delete those of commands that no longer exist."""
    DIRECTORY.mkdir(exist_ok=True)
    pages = render_pages()
    for path in DIRECTORY.glob("*.1"):
        if path.name not in pages:
            path.unlink()
    for name, text in pages.items():
        (DIRECTORY / name).write_text(text, encoding="utf-8", newline="\n")


def render_pages() -> dict[str, str]:
    """Return the content of each page by its file name."""
    root = read_commands()
    return {f"{command.page}.1": render_page(command, root) for command in root.walk()}


def render_page(command: Command, root: Command) -> str:
    """Return the man page of one command, in the macros of man(7)."""
    title = command.page.upper().replace("-", r"\-")
    lines = [
        f'.TH "{title}" "1" "{read_date()}" "vidcolor {__version__}" "User Commands"',
        ".SH NAME",
        rf"{_escape(command.page)} \- {_escape(_uncapitalize(command.summary))}",
        ".SH SYNOPSIS",
        rf"\fB{_escape(command.name)}\fR{_escape(command.usage.removeprefix(command.name))}",
        ".SH DESCRIPTION",
    ]
    for kind, text in command.blocks:
        if kind != "heading" and not lines[-1].startswith(".S"):
            lines.append(".PP")
        if kind == "heading":
            lines += [f".SS {_escape(text)}"]
        elif kind == "code":
            lines += [".nf", *(_escape(line) for line in text.splitlines()), ".fi"]
        else:
            lines += [_escape(text)]
    if command.arguments:
        lines += [".SH ARGUMENTS", *_render_terms(command.arguments)]
    for panel, options in sorted(command.options.items(), key=lambda item: item[0] == "General"):
        lines += [f".SH {panel.upper()} OPTIONS", *_render_terms(options)]
    if command.subcommands:
        commands = [(f"{c.page}(1)", f"{c.summary}.") for c in command.subcommands]
        lines += [".SH COMMANDS", *_render_terms(commands)]
    if command is root:
        lines += [".SH ENVIRONMENT", *_render_terms(list(_ENVIRONMENT.items()))]
        lines += [".SH FILES", *_render_terms(list(_FILES.items()))]
        lines += [".SH EXIT STATUS", *_render_terms(list(_EXIT_CODES.items()))]
    others = [c for c in root.walk() if command in c.subcommands]
    if others:
        lines += [".SH SEE ALSO", f"{_escape(others[0].page)}(1)"]
    return "\n".join(lines) + "\n"


def read_date() -> str:
    """Return the date of the release in CITATION.cff."""
    text = (Path(__file__).parents[2] / "CITATION.cff").read_text(encoding="utf-8")
    return re.search(r"^date-released: '?([\d-]+)", text, re.MULTILINE)[1]


def _render_terms(terms: list[tuple[str, str]]) -> list[str]:
    lines = []
    for term, text in terms:
        lines += [".TP", rf"\fB{_escape(term)}\fR", _escape(text)]
    return lines


def _escape(text: str) -> str:
    r"""Escape roff's control characters. A hyphen stays a hyphen when it is copied."""
    text = text.replace("\\", r"\e").replace("-", r"\-").replace("~", r"\(ti").replace("^", r"\(ha")
    text = text.replace("`", r"\(ga").replace("'", r"\(aq")
    return rf"\&{text}" if text.startswith((".", "'")) else text


def _uncapitalize(text: str) -> str:
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


if __name__ == "__main__":
    main()
