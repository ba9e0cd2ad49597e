"""Names of files for people. No uploaded photo or film has such a name on the server.

References of films keep a cleaned name with a digest, because they stay beside the project.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MAX_NAME_LENGTH = 200
_FALLBACK = "unnamed"


def replace_paths(text: str, paths: Iterable[Path], name: str) -> str:
    """Return a text with the name of a file for people instead of its paths."""
    for path in paths:
        text = text.replace(str(path), name)
    return text


def clean_name(name: str) -> str:
    """Return the last part of a name, without control characters and overrides of the direction.

    A name with folders, of Unix or of Windows, loses them.
    """
    text = unicodedata.normalize("NFC", name.replace("\\", "/")).rpartition("/")[2]
    # Cc and Cf are control and format characters, Cs are halves of surrogate pairs.
    kept = "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl", "Zp"))
    kept = kept.strip().strip(".")
    if len(kept) > MAX_NAME_LENGTH:
        stem, dot, suffix = kept.rpartition(".")
        if not dot or len(suffix) > 10:
            return kept[:MAX_NAME_LENGTH]
        kept = f"{stem[: MAX_NAME_LENGTH - len(suffix) - 1]}.{suffix}"
    return kept or _FALLBACK
