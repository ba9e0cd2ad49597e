"""The Chromium of the system, which the browser tests run: `make browser` installs it."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "msedge")
PLACES = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe",
)
MISSING = (
    "no Chromium: install it (as root on Debian: `apt-get install chromium`; elsewhere Chromium, "
    "Chrome or Edge from its maker), or set VIDCOLOR_CHROMIUM to its path"
)


def find_chromium() -> str | None:
    """Return the path of Chromium, Chrome or Edge, or None if there is none.

    The environment variable VIDCOLOR_CHROMIUM comes first.
    """
    if named := os.environ.get("VIDCOLOR_CHROMIUM"):
        return named if Path(named).is_file() else None
    found = (shutil.which(name) for name in NAMES)
    return next((path for path in (*found, *PLACES) if path and Path(path).is_file()), None)


def main() -> None:
    """Print the path; without Chromium, exit with 1, or say what is missing with ``--required``."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--required", metavar="CI", help="fail if this is not empty")
    arguments = parser.parse_args()
    if path := find_chromium():
        print(f"browser tests use {path}")
    elif arguments.required is None:
        sys.exit(1)
    else:
        print(f"The browser tests {'fail' if arguments.required else 'are skipped'}: {MISSING}.")
        sys.exit(1 if arguments.required else 0)


if __name__ == "__main__":
    main()
