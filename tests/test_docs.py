"""The documentation names files, commands and options that exist."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest
import typer.main
import yaml

from vidcolor import __version__, cli

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
DOCUMENTS = (
    *sorted(ROOT.glob("*.md")),
    *sorted(path for path in DOCS.rglob("*.md")),
    ROOT / "docker" / "README.md",
)
OPTIONS_OF_OTHER_PROGRAMS = {"--address", "--head", "--index-url", "--nproc-per-node", "--strict"}
_CODE = re.compile(r"`([\w./-]+)`")
_LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
_BLOCK = re.compile(r"^ *```(?:sh|powershell)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


def find_named_paths(text: str) -> set[str]:
    """Return the paths in backticks that look like files or directories of the package."""
    return {name for name in _CODE.findall(text) if re.search(r"\.(py|toml)$|/$", name)}


def path_exists(name: str, directory: Path) -> bool:
    return any((base / name).exists() for base in (ROOT, ROOT / "vidcolor", directory))


@pytest.mark.parametrize("name", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_named_modules_exist(name: str) -> None:
    document = ROOT / name
    paths = find_named_paths(document.read_text())
    assert len(paths) > 10
    stills = ROOT / "vidcolor" / "media" / "stills"
    assert not {path for path in paths if not path_exists(path, stills)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files(document: Path) -> None:
    targets = _LINK.findall(document.read_text())
    missing = [target for target in targets if not (document.parent / target).exists()]
    assert not missing


@pytest.mark.parametrize("heading", ["The path of a frame", "The path of a photograph"])
def test_paths_have_at_most_25_modules(heading: str) -> None:
    text = (DOCS / "architecture.md").read_text()
    section = text.split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (\d+) \| `([\w./]+)` \|", section, re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, len(rows) + 1))
    assert 10 < len(rows) <= 25
    assert len({module for _, module in rows}) == len(rows)


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 90


# Commands in the documentation


@cache
def get_command() -> object:
    return typer.main.get_command(cli.app)


def find_commands(document: Path) -> list[str]:
    """Return the lines of shell examples that call vidcolor."""
    lines = "\n".join(_BLOCK.findall(document.read_text())).splitlines()
    calls = (re.search(r"(?:^|&& |[/\\])vidcolor (?=[a-z-])(.*)", line.strip()) for line in lines)
    return [match[1] for match in calls if match]


def parse(arguments: list[str]) -> None:
    """Parse arguments as the command line does, without running the command."""
    command, context, name = get_command(), None, "vidcolor"
    while True:
        context = command.make_context(name, list(arguments), parent=context)
        if not hasattr(command, "commands"):
            return
        remaining = [*context._protected_args, *context.args]
        if not remaining:
            return
        name, command, arguments = command.resolve_command(context, remaining)


EXAMPLES = [
    pytest.param(line, id=f"{document.relative_to(ROOT)}: {line[:50]}")
    for document in DOCUMENTS
    for line in find_commands(document)
]


def test_examples_are_found() -> None:
    assert len(EXAMPLES) > 60


@pytest.mark.parametrize("line", EXAMPLES)
def test_examples_parse(line: str) -> None:
    words = shlex.split(line, comments=True)
    ends = [i for i, word in enumerate(words) if word in ("|", "&&", ">", ";")]
    if "-completion" not in line:  # parsing these options runs them
        parse(words[: ends[0]] if ends else words)


def list_options(command: object) -> set[str]:
    options = {
        option
        for parameter in command.params
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    return options.union(*(list_options(c) for c in getattr(command, "commands", {}).values()))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_named_options_exist(document: Path) -> None:
    if document.name == "CHANGELOG.md":  # it names options of earlier versions
        return
    code = re.findall(r"`[^`\n]+`", re.sub(r"```.*?```", "", document.read_text(), flags=re.DOTALL))
    named = {option for text in code for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)}
    assert named - OPTIONS_OF_OTHER_PROGRAMS <= list_options(get_command()) | {"--help"}


# Generated files


def test_man_pages_are_current() -> None:
    """`make man` writes them."""
    code = (
        f"import sys; sys.path.insert(0, {str(DOCS / 'scripts')!r})\n"
        "import man_pages as m\n"
        "old = {p.name: p.read_text() for p in m.DIRECTORY.glob('*.1')}\n"
        "sys.exit(old != m.render_pages())"
    )
    code = subprocess.run([sys.executable, "-c", code], check=False).returncode
    assert code == 0, "run `make man`"


@pytest.mark.slow
def test_site_loads_nothing_from_other_hosts(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir"]
    subprocess.run([*build, str(tmp_path)], cwd=ROOT, check=True, capture_output=True)
    pages = sorted(tmp_path.rglob("*.html"))
    assert len(pages) > 40
    assert not list(tmp_path.rglob("vocabulary.txt"))
    for page in pages:
        loaded = re.findall(r"<(?:script|img|iframe|link)\b[^>]*>", page.read_text())
        assert not [tag for tag in loaded if re.search(r"(?:src|href)=\"?(?:https?:)?//", tag)]
        assert 'data-md-component="source"' not in page.read_text(), "it loads from api.github.com"
    styles = "".join(path.read_text() for path in tmp_path.rglob("*.css"))
    assert not re.search(r"(?:url\(|@import )[\"']?(?:https?:)?//", styles)


def test_pictures_are_generated_and_used() -> None:
    script = "".join(path.read_text() for path in (DOCS / "scripts").glob("*_images.py"))
    text = "".join(document.read_text() for document in DOCUMENTS)
    for picture in (DOCS / "images").iterdir():
        assert picture.name in script and picture.name in text


# Files about the project


def test_version_and_addresses_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    assert project["version"] == citation["version"] == __version__
    source = project["urls"]["Source"]
    assert source == citation["repository-code"] == site["extra"]["repository"]
    assert all(url.startswith(source) for url in project["urls"].values())
    assert project["license"] == citation["license"]


def test_changelog_has_the_usual_headings() -> None:
    headings = re.findall(r"^(#{2,}) (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    releases = [text for level, text in headings if level == "##"]
    assert releases[0] == "Unreleased"
    assert all(re.fullmatch(r"\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", text) for text in releases[1:])
    kinds = {text for level, text in headings if level == "###"}
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_workflows_and_templates_are_valid() -> None:
    targets = set(re.findall(r"^(\w+):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for path in (ROOT / ".github").rglob("*.yml"):
        content = yaml.safe_load(path.read_text())
        jobs = content.get("jobs", {})
        steps = [step for job in jobs.values() for step in job["steps"]]
        commands = [s["run"] for s in steps if s.get("run", "").startswith("make ")]
        assert {word for c in commands for word in c.split()[1:]} <= targets
