"""The documentation names files that exist, and code that parses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "docs").glob("*.md")),
)
_CODE = re.compile(r"`([\w./-]+)`")
_LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


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


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_files(document: Path) -> None:
    targets = _LINK.findall(document.read_text())
    missing = [target for target in targets if not (document.parent / target).exists()]
    assert not missing


@pytest.mark.parametrize("heading", ["The path of a frame", "The path of a photograph"])
def test_paths_have_at_most_25_modules(heading: str) -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    section = text.split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (\d+) \| `([\w./]+)` \|", section, re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, len(rows) + 1))
    assert 10 < len(rows) <= 25
    assert len({module for _, module in rows}) == len(rows)
