"""Wheel and sdist contain all files that they need, and work in an empty environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

from vidcolor import __version__

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a newly built wheel and sdist."""
    directory = tmp_path_factory.mktemp("dist")
    code = (
        "import hatchling.build as b, sys; b.build_wheel(sys.argv[1]); b.build_sdist(sys.argv[1])"
    )
    command = [sys.executable, "-c", code, str(directory)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return directory


@pytest.fixture(scope="module")
def wheel(distributions: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(next(distributions.glob("*.whl")))


def list_package_files() -> set[str]:
    package = ROOT / "vidcolor"
    files = (p for p in package.rglob("*") if p.is_file() and "__pycache__" not in p.parts)
    return {p.relative_to(ROOT).as_posix() for p in files}


@pytest.mark.slow
def test_wheel_contains_package_weights_and_man_pages(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    assert list_package_files() <= names
    weights = {f"{n}.{s}" for n in ("embedded", "encoder") for s in ("safetensors", "md")}
    assert {f"vidcolor/models/{name}" for name in weights} <= names
    data = f"vidcolor-{__version__}.data/data/share"
    assert f"{data}/man/man1/vidcolor-colorize.1" in names
    assert f"{data}/vidcolor/schemas/report.json" in names
    assert not [n for n in names if not n.startswith(("vidcolor/", f"vidcolor-{__version__}."))]


@pytest.mark.slow
def test_wheel_has_metadata(wheel: zipfile.ZipFile) -> None:
    text = wheel.read(f"vidcolor-{__version__}.dist-info/METADATA").decode()
    metadata = HeaderParser().parsestr(text)
    assert metadata["Requires-Python"] == ">=3.11"
    assert len(metadata.get_all("Project-URL")) >= 4
    assert "# vidcolor" in metadata.get_payload()


@pytest.mark.slow
def test_sdist_contains_what_the_tests_need(distributions: Path) -> None:
    with tarfile.open(next(distributions.glob("*.tar.gz"))) as archive:
        names = {name.split("/", 1)[-1] for name in archive.getnames()}
    assert list_package_files() <= names
    assert {
        "Makefile",
        "constraints.txt",
        "CHANGELOG.md",
        "samples/reel.mkv",
        "mkdocs.yml",
    } <= names
    assert {"docs/architecture.md", "tests/test_packaging.py", "models/embedded.md"} <= names
    assert not [n for n in names if n.startswith((".venv", "site/", "demo/"))]


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("*.whl", id="wheel"),
        pytest.param("*.tar.gz", id="sdist", marks=pytest.mark.exhaustive),
    ],
)
def test_distribution_works_in_an_empty_environment(
    kind: str, distributions: Path, tmp_path: Path
) -> None:
    environment = tmp_path / "environment"
    python, scripts = create_environment(environment)
    install = [
        sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index",
        "--no-deps", "--no-build-isolation", str(next(distributions.glob(kind))),
    ]  # fmt: skip
    subprocess.run(install, check=True, capture_output=True)
    shutil.copy(ROOT / "samples" / "photo.jpg", tmp_path)

    def run(*arguments: str) -> str:
        return subprocess.run(
            [Path(scripts, "vidcolor"), *arguments],
            cwd=tmp_path,
            env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    assert run("--version") == f"vidcolor {__version__}\n"
    assert str(environment) in run("models", "path", "embedded")
    run("colorize", "photo.jpg", "-o", "color.jpg", "--report", "report.html", "-q")
    assert (tmp_path / "color.jpg").stat().st_size > 10_000
    assert "<html" in (tmp_path / "report.html").read_text()
    assert (environment / "share" / "man" / "man1" / "vidcolor.1").is_file()


def create_environment(directory: Path) -> tuple[str, str]:
    """Create an environment without vidcolor that sees the libraries of this one.

    Returns:
        The paths of its Python and of its directory of scripts.
    """
    builder = venv.EnvBuilder(symlinks=os.name != "nt")
    builder.create(directory)
    context = builder.ensure_directories(directory)
    site = sysconfig.get_path("purelib", "venv", {"base": str(directory)})
    # Directories of a .pth file are searched, but the .pth files in them are not read. The editable
    # vidcolor of this environment is therefore invisible.
    libraries = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    Path(site, "libraries.pth").write_text("\n".join(sorted(libraries)))
    return str(context.env_exe), str(context.bin_path)


def test_weights_and_samples_stay_small() -> None:
    weights = sum(p.stat().st_size for p in (ROOT / "models").glob("*.safetensors"))
    samples = sum(p.stat().st_size for p in (ROOT / "samples").rglob("*") if p.is_file())
    assert weights <= 40e6
    assert samples <= 10e6
