"""The client of the HTTP API in the documentation colorizes a photo."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.helpers.studio_server import StudioProcess

ROOT = Path(__file__).parents[3]
pytestmark = [pytest.mark.slow, pytest.mark.browser]


def test_client_of_the_documentation_colorizes(studio: StudioProcess, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "how-to" / "studio.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```py\n(.*?)```", page, re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 22
    (tmp_path / "client.py").write_text(code)
    photo = tmp_path / "a photo.jpg"
    shutil.copy(ROOT / "samples" / "photo.jpg", photo)
    environment = os.environ | {
        "STUDIO_URL": studio.base_url,
        "VIDCOLOR_STUDIO_TOKEN": studio.token,
    }
    subprocess.run(
        [sys.executable, "client.py", photo.name], cwd=tmp_path, env=environment, check=True
    )
    with Image.open(photo) as source, Image.open(tmp_path / "a photo.color.jpg") as result:
        assert result.size == source.size
        assert result.mode == "RGB"
