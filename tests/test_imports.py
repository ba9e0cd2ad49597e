"""Imports point to lower layers, and heavy libraries are imported only where they are used."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "vidcolor"
MODULES = sorted(PACKAGE.rglob("*.py"))

LAYERS = (
    ("_version", "errors", "cpu", "concurrency", "timecode", "progress", "imaging"),
    ("fileio", "options", "disk_array", "provenance", "color"),
    ("watermark",),
    ("media", "generators"),
    ("environment", "motion"),
    ("colorizer",),
    ("shots",),
    ("propagation", "recolor", "uncertainty"),
    ("hints",),
    ("film",),
    ("photo",),
    ("batch", "evaluation", "training"),
    ("cli",),
    ("__init__", "__main__"),
)
"""Modules and packages from the lowest layer to the highest. A module may import from its own
package and from lower layers; the packages of one layer are independent of each other."""
LEVELS = {name: level for level, names in enumerate(LAYERS) for name in names}

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
"""The only package that may import a library."""


def get_part(path: Path) -> str:
    """Return the top-level package or module that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def find_imports(path: Path) -> set[str]:
    """Return the names of all imported modules, including those for type checking."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_to_lower_layers(path: Path) -> None:
    importer = get_part(path)
    for name in find_imports(path):
        parts = name.split(".")
        if parts[0] != "vidcolor" or len(parts) < 2 or parts[1] not in LEVELS:
            continue
        is_lower = LEVELS[parts[1]] < LEVELS[importer]
        assert parts[1] == importer or is_lower, f"{importer} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_libraries_are_imported_by_one_package_only(path: Path) -> None:
    for name in find_imports(path):
        package = ONLY_IN.get(name.split(".")[0])
        assert package is None or get_part(path) == package, f"{path} imports {name}"


def test_every_module_has_a_layer() -> None:
    assert {get_part(p) for p in MODULES} <= set(LEVELS)


@pytest.mark.parametrize("library", ["torch", "cv2", "av"])
def test_command_line_imports_no_heavy_library(library: str) -> None:
    code = f"import sys, vidcolor, vidcolor.cli; sys.exit({library!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
