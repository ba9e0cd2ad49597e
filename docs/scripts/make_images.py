"""Makes the pictures of the documentation from samples/, with vidcolor: `make images`."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
IMAGES = ROOT / "docs" / "images"
SAMPLES = ROOT / "samples"
HINTS = [
    {"x": "50%", "y": "75%", "color": "#b03a2e"},
    {"x": "10%", "y": "12%", "color": "neutral"},
]


def main() -> None:
    """Make all pictures."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        show_reel(directory)
        show_hints(directory)
        show_sepia(directory)


def vidcolor(*arguments: object) -> None:
    """Run a command of vidcolor; stop if it fails."""
    from vidcolor.cli import run

    print("vidcolor", *arguments)
    if run([str(argument) for argument in arguments]):
        sys.exit(1)


def compare(a: Path, b: Path, image: str, *options: object) -> None:
    """Show two films or photographs side by side."""
    vidcolor("compare", a, b, "-o", IMAGES / image, "--force", *options)


def show_reel(directory: Path) -> None:
    """Compare the sample reel with its colorized version, and show its shots."""
    reel, color = SAMPLES / "reel.mkv", directory / "reel.mkv"
    vidcolor("colorize", reel, "-o", color)
    names = ("--names", "source", "colorized")
    compare(reel, color, "before-after.jpg", "--count", 4, "--width", 1200, *names)
    shots = directory / "shots.csv"
    vidcolor("shots", reel, "-o", shots, "--sheet", IMAGES / "shots.png", "--force")


def show_hints(directory: Path) -> None:
    """Compare a photograph without hints and with two of them."""
    photo = SAMPLES / "photo.jpg"
    automatic, hinted, hints = (directory / n for n in ("photo.jpg", "hinted.jpg", "hints.json"))
    hints.write_text(json.dumps(HINTS))
    vidcolor("colorize", photo, "-o", automatic)
    vidcolor("colorize", photo, "-o", hinted, "--hints", hints)
    compare(automatic, hinted, "hints.jpg", "--width", 960, "--names", "automatic", "two hints")


def show_sepia(directory: Path) -> None:
    """Compare a sepia print with its colorized version."""
    color = directory / "sepia.png"
    vidcolor("colorize", SAMPLES / "sepia.png", "-o", color)
    names = ("--names", "sepia print", "colorized")
    compare(SAMPLES / "sepia.png", color, "sepia.jpg", "--width", 800, *names)


if __name__ == "__main__":
    main()
