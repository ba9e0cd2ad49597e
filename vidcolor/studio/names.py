"""Names of files for people. No uploaded photo or film has such a name on the server.

References of films keep a cleaned name with a digest, because they stay beside the project:
``NAME.references/STEM-DIGEST.EXT``.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MAX_NAME_LENGTH = 200
_FALLBACK = "unnamed"
REFERENCE_SUFFIX = ".references"
"""Suffix of the directory of the references of a film."""
DIGEST_LENGTH = 12
"""Number of hex digits in the stored name of a reference."""
_STORED_REFERENCE = re.compile(
    rf"{re.escape(REFERENCE_SUFFIX)}/([^/]+)-[0-9a-f]{{{DIGEST_LENGTH}}}(\.\w+)$"
)
SHOWN_DIRECTORY = "films"
"""Directory in the data directory whose paths people see: it has projects that they may edit, those
of films of the command line in folders that cannot be written."""


def replace_paths(text: str, paths: Iterable[Path], name: str) -> str:
    """Return a text with the name of a file for people instead of its paths."""
    for path in paths:
        text = text.replace(str(path), name)
    return text


def hide_data_dir(text: str, data_dir: Path) -> str:
    """Return a text in which paths in the data directory are only the names of the files.

    Those in `SHOWN_DIRECTORY` stay.
    """
    pattern = _make_pattern(data_dir)
    return pattern.sub(lambda match: "" if match["folders"] else "the data directory", text)


@functools.lru_cache(maxsize=8)
def _make_pattern(data_dir: Path) -> re.Pattern[str]:
    """Return what matches the data directory, or the folders of a path in it."""
    # Messages of libraries may have the path without symbolic links, or with other separators.
    spellings = {str(data_dir.absolute()), str(data_dir.resolve())}
    paths = "|".join(
        r"[/\\]".join(map(re.escape, re.split(r"[/\\]", path)))
        for path in sorted(spellings, key=len, reverse=True)
    )
    return re.compile(
        rf"(?<![\w.-])(?:{paths})(?![/\\]{SHOWN_DIRECTORY}[/\\])"
        # The server names the folders, without spaces.
        r"(?:(?P<folders>(?:[/\\][^\s/\\:;,'\"]+)*[/\\])|(?![\w-]))"
    )


def find_given_name(path: str) -> str:
    """Return the name that a person gave a reference, from the path that the project stores."""
    stored = _STORED_REFERENCE.search(path)
    return f"{stored[1]}{stored[2]}" if stored else path.rpartition("/")[2]


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
