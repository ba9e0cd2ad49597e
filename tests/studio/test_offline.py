"""The service worker: what the browser test of a stopped server does not show."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.helpers.studio_server import StudioApp


def read_constant(script: str, name: str) -> str:
    """Return the text of a constant of a script."""
    (line,) = (line for line in script.splitlines() if line.startswith(f"const {name} = "))
    text: str = json.loads(line.partition(" = ")[2].rstrip(";"))
    return text


def test_worker_stores_nothing_and_is_asked_for_again_at_every_visit(studio_app: StudioApp) -> None:
    response = studio_app.get("/offline-worker.js")
    assert response.headers["content-type"] == "text/javascript; charset=utf-8"
    assert response.headers["cache-control"] == "no-cache"
    assert "service-worker-allowed" not in response.headers
    assert not re.search(r"caches\b|indexedDB|importScripts|clients\.", response.text)


def test_page_of_the_worker_runs_nothing_but_its_own_script(studio_app: StudioApp) -> None:
    script = studio_app.get("/offline-worker.js").text
    page, policy = read_constant(script, "PAGE"), read_constant(script, "POLICY")
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == rules["frame-ancestors"] == "'none'"
    for tag in ("style", "script"):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules[f"{tag}-src"] == f"'sha256-{digest}'"
    assert not re.search(r"https?://|/static/|/pages/", page)


def test_only_the_start_page_is_marked(studio_app: StudioApp) -> None:
    assert studio_app.get("/").headers["x-vidcolor"] == "1"
    assert studio_app.get("/", headers={"Cookie": "none"}).headers["x-vidcolor"] == "1"
    assert "x-vidcolor" not in studio_app.get("/api/info").headers
