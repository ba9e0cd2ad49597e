"""The files in docker/ contain valid commands and the versions of constraints.txt."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
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


def iterate_strings(value):
    """Yield all strings in a YAML document."""
    if isinstance(value, dict):
        for child in value.values():
            yield from iterate_strings(child)
    elif isinstance(value, list):
        for child in value:
            yield from iterate_strings(child)
    elif isinstance(value, str):
        yield value


@pytest.mark.parametrize("path", sorted(DOCKER.glob("*.yaml")), ids=lambda p: p.name)
def test_commands_have_valid_options(path, monkeypatch):
    calls = []
    colorize = sys.modules["vidcolor.cli.colorize"]
    monkeypatch.setattr(colorize, "run_batch", lambda request, *_: calls.append(request) or 0)
    commands = [
        text for text in iterate_strings(yaml.safe_load(path.read_text())) if "vidcolor col" in text
    ]
    commands += re.findall(r"^# +(vidcolor colorize .*)$", path.read_text(), re.MULTILINE)
    assert commands
    for command in commands:
        words = re.search(r"vidcolor (colorize[^;]*)", command)[1]
        words = re.sub(r"\$+\{\w+:-(\w+)\}", r"\1", words)
        assert cli.run(shlex.split(words)) == 0
    assert len(calls) == len(commands)


@pytest.mark.parametrize("path", sorted(DOCKER.iterdir()), ids=lambda p: p.name)
def test_versions_match_the_constraints(path):
    text = path.read_text()
    for version in re.findall(r"torch==([\d.]+)", text):
        assert version == PINNED["torch"]
    for version in re.findall(r'rayVersion: "([\d.]+)"', text):
        assert version == PINNED["ray"]
    for version in re.findall(r"vidcolor(?:\[ray\]==|:)(\d[\d.]+)", text):
        assert version == vidcolor.__version__


@pytest.mark.slow
def test_health_check_succeeds():
    text = (DOCKER / "Dockerfile").read_text()
    command = json.loads(re.search(r"^HEALTHCHECK .*\\\n\s*CMD (\[.*\])$", text, re.MULTILINE)[1])
    assert command[0] == "python"
    subprocess.run([sys.executable, *command[1:]], check=True)
