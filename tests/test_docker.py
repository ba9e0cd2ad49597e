"""What runs on render boxes: parsed here, as no container engine runs where this is tested."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest
import yaml

import vidcolor
from vidcolor import cli

ROOT = Path(__file__).parent.parent
DOCKER = ROOT / "docker"
PINNED = dict(
    line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line
)


def texts(value):
    """All strings in a document."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, str):
        yield value


@pytest.mark.parametrize("path", sorted(DOCKER.glob("*.yaml")), ids=lambda p: p.name)
def test_commands_are_understood(path, monkeypatch):
    """Every `vidcolor colorize …` has options that there are."""
    seen = []
    colorize = sys.modules["vidcolor.cli.colorize"]
    monkeypatch.setattr(colorize, "run_colorize", lambda *args, **more: seen.append(more))
    commands = [text for text in texts(yaml.safe_load(path.read_text())) if "vidcolor col" in text]
    commands += re.findall(r"^# +(vidcolor colorize .*)$", path.read_text(), re.MULTILINE)
    assert commands
    for command in commands:
        words = re.search(r"vidcolor (colorize[^;]*)", command)[1]
        words = re.sub(r"\$+\{\w+:-(\w+)\}", r"\1", words)
        assert cli.run(shlex.split(words)) == 0
    assert len(seen) == len(commands)


@pytest.mark.parametrize("path", sorted(DOCKER.iterdir()), ids=lambda p: p.name)
def test_versions_are_ours(path):
    text = path.read_text()
    for version in re.findall(r"torch==([\d.]+)", text):
        assert version == PINNED["torch"]
    for version in re.findall(r'rayVersion: "([\d.]+)"', text):
        assert version == PINNED["ray"]
    for version in re.findall(r"vidcolor(?:\[ray\]==|:)(\d[\d.]+)", text):
        assert version == vidcolor.__version__
