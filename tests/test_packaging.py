"""The wheel contains all files that are needed at run time, and no others."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of the files in a newly built wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    build = f"import hatchling.build as b; b.build_wheel({str(folder)!r})"
    subprocess.run([sys.executable, "-c", build], cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return set(zipfile.ZipFile(path).namelist())


@pytest.mark.slow
def test_wheel_contains_weights_and_model_cards(wheel: set[str]) -> None:
    names = [
        f"{name}.{suffix}" for name in ("embedded", "encoder") for suffix in ("safetensors", "md")
    ]
    assert {f"vidcolor/models/{name}" for name in names} <= wheel


def test_wheel_contains_all_package_data(wheel: set[str]) -> None:
    package = ROOT / "vidcolor"
    files = [p for p in package.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    assert {str(p.relative_to(ROOT)) for p in files} <= wheel


def test_wheel_contains_no_files_outside_the_package(wheel: set[str]) -> None:
    assert not [n for n in wheel if not n.startswith(("vidcolor/", "vidcolor-"))]


def test_weights_and_samples_stay_small() -> None:
    weights = sum(p.stat().st_size for p in (ROOT / "models").glob("*.safetensors"))
    samples = sum(p.stat().st_size for p in (ROOT / "samples").rglob("*") if p.is_file())
    assert weights <= 40e6
    assert samples <= 10e6
