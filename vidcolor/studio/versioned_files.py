"""Files of the pages, under addresses that contain their hash, so that browsers keep them for ever.

They are read once, so a page never gets modules of two versions: after an update of the package,
a running server still has the files with which it started.
"""

from __future__ import annotations

import hashlib
import mimetypes
from functools import lru_cache
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import Response

STATIC = Path(__file__).parent / "static"
_START_PAGE = "index.html"
_PREFIX_FIELD = "{static}"
"""Stands in the start page for the address under which the files are."""
_VERSION_DIGITS = 16
_IMMUTABLE = "public, max-age=31536000, immutable"
# The tables of some systems have another type for modules, which browsers then refuse.
_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}


class VersionedFiles:
    """The files of a directory, with the version that names their content."""

    def __init__(self, directory: Path) -> None:
        paths = sorted(path for path in directory.rglob("*") if path.is_file())
        self._files = {path.relative_to(directory).as_posix(): path.read_bytes() for path in paths}
        digest = hashlib.sha256()
        for name, data in self._files.items():
            digest.update(f"{name} {len(data)}\n".encode() + data)
        self.version = digest.hexdigest()[:_VERSION_DIGITS]
        """First digits of the SHA-256 of all names and contents."""
        page = self._files.pop(_START_PAGE).decode()
        self.start_page = page.replace(_PREFIX_FIELD, f"/static/{self.version}")
        """HTML of the start page, with the addresses of this version."""

    def read_text(self, name: str) -> str:
        """Return the text of a file, by its path relative to the directory, with slashes."""
        return self._files[name].decode()

    def make_response(self, version: str, name: str) -> Response:
        """Return a file.

        Args:
            version: the version that the page was made for.
            name: path relative to the directory, with slashes.

        Raises:
            HTTPException: the server has another version, or there is no such file (404).
        """
        data = self._files.get(name)
        if data is None or version != self.version:
            raise HTTPException(404)
        suffix = Path(name).suffix
        media_type = _TYPES.get(suffix) or mimetypes.guess_type(name)[0]
        return Response(data, media_type=media_type, headers={"Cache-Control": _IMMUTABLE})


@lru_cache(maxsize=1)
def load_page_files() -> VersionedFiles:
    """Return the files of the pages."""
    return VersionedFiles(STATIC)
