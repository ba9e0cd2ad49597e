"""Hooks of mkdocs: pages of the commands, and documents outside docs/."""

from __future__ import annotations

import posixpath
import re
import sys
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Literal, Union, get_args, get_origin

from mkdocs.structure.files import File

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]

from command_tree import Command, read_commands  # noqa: E402

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
DOCUMENTS = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "benchmarks/README.md": "explanation/benchmarks.md",
    "docker/README.md": "how-to/containers.md",
    "models/embedded.md": "reference/embedded.md",
    "samples/README.md": "reference/samples.md",
}
"""Documents outside docs/ that are pages of the site."""
CLI_NAV = "Command line"
CLI_PAGE = "reference/cli.md"
OPTIONS_MARK = "<!-- options: the site lists the fields here -->"
_LINK = re.compile(r"(\]\()(?!\w+:|#)([^)#\s]+)(#[^)]*)?\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the pages of the commands to the navigation."""
    for section in config.nav:
        for item in next(iter(section.values())):
            if isinstance(item, dict) and CLI_NAV in item:
                item[CLI_NAV] = _list_pages(read_commands())
    return config


def _list_pages(root: Command) -> list:
    pages = []
    for command in root.subcommands:
        if command.subcommands:
            below = [{c.name: _page_path(c)} for c in command.walk()]
            pages.append({command.name: below})
        else:
            pages.append({command.name: _page_path(command)})
    return [CLI_PAGE, {root.name: _page_path(root)}, *pages]


def _page_path(command: Command) -> str:
    return f"reference/cli/{command.page}.md"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add generated pages, and documents outside docs/."""
    for command in read_commands().walk():
        page = render_command(command)
        files.append(File.generated(config, _page_path(command), content=page))
    for source, target in DOCUMENTS.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, target, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links between documents of the repository lead to pages of the site."""
    target = page.file.src_uri
    if target == CLI_PAGE:
        return markdown + "\n".join(["", *_render_children(read_commands(), "cli/")])
    markdown = markdown.replace(OPTIONS_MARK, "\n".join(_render_options()))
    source = next((s for s, t in DOCUMENTS.items() if t == target), f"docs/{target}")
    repository = config.extra["repository"]

    def replace(match: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), match[2]))
        if path in DOCUMENTS:
            link = posixpath.relpath(DOCUMENTS[path], posixpath.dirname(target) or ".")
        elif path.startswith("docs/"):
            link = posixpath.relpath(path[len("docs/") :], posixpath.dirname(target) or ".")
        else:
            link = f"{repository}/blob/main/{path}"
        return f"{match[1]}{link}{match[3] or ''})"

    return markdown if target.startswith("reference/cli/") else _LINK.sub(replace, markdown)


def render_command(command: Command) -> str:
    """Return the Markdown page of a command."""
    lines = [f"# {command.name}", "", "```text", command.usage, "```", ""]
    for kind, text in command.blocks:
        match kind:
            case "heading":
                lines += [f"## {text}", ""]
            case "code":
                language = "sh" if "vidcolor " in text else "text"
                lines += [f"```{language}", text, "```", ""]
            case _:
                lines += [_escape(text), ""]
    if command.subcommands:
        lines += ["## Commands", "", *_render_children(command)]
    if command.arguments:
        lines += ["## Arguments", "", *_render_terms(command.arguments)]
    if command.options:
        lines += ["## Options", ""]
    for panel, options in sorted(command.options.items(), key=lambda item: item[0] == "General"):
        lines += [f"### {panel}", "", *_render_terms(options)]
    return "\n".join(lines)


def _render_options() -> list[str]:
    """Return a table of the fields of `ColorizeOptions`."""
    from vidcolor.options import ColorizeOptions

    rows = []
    for name, option in ColorizeOptions.options().items():
        field = ColorizeOptions.model_fields[name]
        cells = f"`{name}`", f"`{_describe_type(field.annotation)}`", f"`{field.default!r}`"
        flag = ColorizeOptions.flag(name)
        is_renamed = option.flags is not None and flag != f"--{name.replace('_', '-')}"
        text = _escape(option.help).replace("|", "\\|")
        rows.append(
            " | ".join(("", *cells, f"{text}{f' (`{flag}`)' if is_renamed else ''}", "")).strip()
        )
    return ["| field | type | default | meaning |", "| --- | --- | --- | --- |", *rows]


def _describe_type(annotation: object) -> str:
    """Return a type as text: the choices of a literal, or names; without None."""
    if get_origin(annotation) is Literal:
        return " ".join(map(repr, get_args(annotation)))
    if get_origin(annotation) in (Union, UnionType):
        return " or ".join(_describe_type(a) for a in get_args(annotation) if a is not type(None))
    if get_origin(annotation) is not None:
        return re.sub(r"\w+\.", "", str(annotation))
    return getattr(annotation, "__name__", str(annotation))


def _render_children(command: Command, directory: str = "") -> list[str]:
    rows = [
        f"| [`{child.name}`]({directory}{child.page}.md) | {_escape(child.summary)} |"
        for child in command.subcommands
    ]
    return ["| command | |", "| --- | --- |", *rows, ""]


def _render_terms(terms: list[tuple[str, str]]) -> list[str]:
    return [line for term, text in terms for line in (f"`{term}`", f":   {_escape(text)}", "")]


def _escape(text: str) -> str:
    """Escape Markdown outside of code, and mark options as code."""
    text = re.sub(r"(?<![\w`-])(--?[a-z][\w-]*)(?![^`]*`[^`]*$)", r"`\1`", text)
    parts = text.split("`")
    parts[::2] = [re.sub(r"([\\*_<>\[\]])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)
