"""Dependencies point one way; heavy libraries load only where they are used."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "vidcolor"
MODULES = sorted(PACKAGE.rglob("*.py"))

LAYERS = {
    "cpu": 0, "errors": 0, "progress": 0, "__init__": 0,
    "options": 1, "files": 1, "color": 1, "provenance": 1,
    "mark": 2,
    "generators": 3, "media": 3, "temporal": 3,
    "digests": 4, "hints": 4,
    "colorizer": 5, "recolor": 6, "told": 6,
    "film": 7, "photos": 7, "training": 7,
    "items": 8, "joblist": 9, "work": 9, "evaluation": 10,
    "cli": 11, "__main__": 12,
}  # fmt: skip
"""A module may import its own layer's package and lower layers."""

ONLY_IN = {
    "av": "media",
    "ffmpeg": "media",
    "imageio_ffmpeg": "media",
    "tifffile": "media",
    "ray": "film",
    "onnx": "generators",
    "onnxruntime": "generators",
    "platformdirs": "generators",
}


def part_of(path: Path) -> str:
    """The top-level part that a module belongs to."""
    inside = path.relative_to(PACKAGE)
    return inside.parts[0].removesuffix(".py")


def imports_of(path: Path, at_run_time: bool = False) -> set[str]:
    """Names of imported modules; with `at_run_time`, only those loaded with the module."""
    tree = ast.parse(path.read_text())
    skipped: set[ast.AST] = set()
    if at_run_time:
        for node in ast.walk(tree):
            typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or typing_only:
                skipped.update(ast.walk(node))
    names: set[str] = set()
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    own = part_of(path)
    for name in imports_of(path):
        parts = name.split(".")
        if parts[0] != "vidcolor" or len(parts) < 2 or parts[1] not in LAYERS:
            continue
        allowed = parts[1] == own or LAYERS[parts[1]] < LAYERS[own]
        assert allowed or own == "__init__", f"{own} -> {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_ffmpeg_stays_in_media(path: Path) -> None:
    for name in imports_of(path):
        home = ONLY_IN.get(name.split(".")[0])
        assert home is None or part_of(path) == home, f"{path} imports {name}"


def test_every_part_has_a_layer() -> None:
    assert {part_of(p) for p in MODULES} <= set(LAYERS)


@pytest.mark.parametrize("heavy", ["torch", "cv2"])
def test_help_loads_nothing_heavy(heavy: str) -> None:
    code = f"import sys, vidcolor, vidcolor.cli; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
