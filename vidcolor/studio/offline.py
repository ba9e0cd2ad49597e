"""The service worker that shows a page in browsers while the server does not answer.

The page is a part of the script, because nothing else can be loaded then. Its style and its script
are permitted by their hashes.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import lru_cache

from vidcolor.studio.versioned_files import load_page_files

_POLICY = (
    "default-src 'none'; style-src {style}; script-src {script}; img-src data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@lru_cache(maxsize=1)
def make_offline_worker() -> str:
    """Return the script of the worker."""
    page, style, script, worker = (
        # Browsers compute the hashes with the line ends of HTML.
        load_page_files().read_text(f"offline/{name}").replace("\r\n", "\n")
        for name in ("page.html", "page.css", "page.js", "worker.js")
    )
    page = page.replace("{style}", style).replace("{script}", script)
    policy = _POLICY.format(style=_make_source(style), script=_make_source(script))
    worker = worker.replace('"{page}"', json.dumps(page))
    return worker.replace('"{policy}"', json.dumps(policy))


def _make_source(text: str) -> str:
    """Return what permits an inline style or script in a content security policy."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
