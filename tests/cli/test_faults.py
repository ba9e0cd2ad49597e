"""Faulty input: one error line that names the file, the exit code, and no file left behind."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.helpers.cli_runs import Run, spawn
from tests.helpers.clips import ffmpeg

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.helpers.clips import ClipMaker

Arguments = list[object]


class FaultyFiles:
    """Writes faulty files into the current directory."""

    def __init__(self, clip: ClipMaker) -> None:
        self._clip = clip

    def film(self, name: str = "reel.mp4", keep: float = 1.0) -> Path:
        suffix = name.rsplit(".", 1)[1]
        quick = ("-bf", "0", "-preset", "ultrafast")
        made = self._clip(suffix, "libx264", "yuv420p", *quick, frames=40).read_bytes()
        return self.file(name, made[: int(len(made) * keep)])

    def photo(
        self, name: str = "photo.jpg", keep: float = 1.0, size: tuple[int, int] = (96, 64)
    ) -> Path:
        import cv2

        grain = np.random.default_rng(0).integers(0, 255, size[::-1], np.uint8)
        made = cv2.imencode(Path(name).suffix, grain)[1].tobytes()
        return self.file(name, made[: int(len(made) * keep)])

    def frames(self, pattern: str, *numbers: int) -> str:
        for number in numbers:
            self.photo(pattern % number)
        return pattern

    def file(self, name: str, data: bytes = b"") -> Path:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def zip(self, name: str) -> Path:
        with zipfile.ZipFile(name, "w") as archive:
            archive.writestr("reel.txt", "no film" * 1000)
        return Path(name)

    def bomb(self, name: str) -> Path:
        def chunk(kind: bytes, data: bytes) -> bytes:
            return (
                struct.pack(">I", len(data))
                + kind
                + data
                + struct.pack(">I", zlib.crc32(kind + data))
            )

        header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0)
        pixels = zlib.compress(bytes(1_000_000))
        chunks = (chunk(b"IHDR", header), chunk(b"IDAT", pixels), chunk(b"IEND", b""))
        return self.file(name, b"\x89PNG\r\n\x1a\n" + b"".join(chunks))

    def sound(self, name: str) -> Path:
        ffmpeg("-f", "lavfi", "-i", "sine", "-t", "0.2", "-c:a", "aac", name)
        return Path(name)

    def link(self, name: str, to: Path) -> Path:
        Path(name).symlink_to(to)
        return Path(name)

    def folder(self, name: str) -> Path:
        Path(name).mkdir()
        return Path(name)


FAULTS: dict[str, tuple[Callable[[FaultyFiles], Arguments], int, str]] = {
    # sources that cannot be read
    "missing": (lambda f: ["nowhere.mp4"], 1, "nowhere.mp4: no such file"),
    "empty folder": (lambda f: [f.folder("album")], 1, "album: contains no film and no photo"),
    "audio file": (lambda f: [f.sound("song.m4a")], 1, "song.m4a: no video stream"),
    "text file": (lambda f: [f.file("notes.md", b"hello\n" * 99)], 1, "notes.md: not a video"),
    "empty film": (lambda f: [f.file("reel.mp4")], 1, "reel.mp4: is empty"),
    "empty photo": (lambda f: [f.file("photo.jpg")], 1, "photo.jpg: is empty; get a complete"),
    "zip as film": (lambda f: [f.zip("reel.mp4")], 1, "reel.mp4: not a video"),
    "zip as photo": (lambda f: [f.zip("photo.jpg")], 1, "photo.jpg: not a supported image"),
    "MP4 without its end": (lambda f: [f.film("reel.mp4", 0.4)], 1, "reel.mp4: not a video"),
    "Matroska without a frame": (lambda f: [f.film("reel.mkv", 0.01)], 1, "reel.mkv: "),
    "photo without pixels": (lambda f: [f.photo("photo.jpg", 0.01)], 1, "photo.jpg: "),
    "unsupported image format": (
        lambda f: [f.file("a.PSD", b"?" * 99)],
        1,
        "a.PSD: .PSD images are not supported",
    ),
    "PNG bomb": (
        lambda f: [f.bomb("photo.png")],
        1,
        "photo.png: declared size 100000×100000 exceeds",
    ),
    "no matching frames": (
        lambda f: ["scan_%06d.dpx"],
        1,
        "scan_%06d.dpx: no file matches this pattern",
    ),
    "two sequences": (
        lambda f: [f.frames("s/a_%d.png", 1, 2) and f.frames("s/b_%d.png", 1, 2)[0], "--fps", 24],
        1,
        "s: contains several sequences (a_%d.png, b_%d.png)",
    ),
    "frames of two sizes": (
        lambda f: [f.photo("a_002.png", size=(64, 64)) and f.frames("a_%03d.png", 1)],
        1,
        "a_002.png: has 64x64 pixels",
    ),
    "frame number twice": (
        lambda f: [f.photo("a_1.png") and f.photo("a_01.png") and "a_%d.png"],
        1,
        "has the same frame number as",
    ),
    # targets that cannot be written
    "unknown container": (lambda f: [f.film(), "-o", "out.xyz"], 2, "out.xyz: cannot write video"),
    "film to photo": (lambda f: [f.film(), "-o", "out.png"], 2, "out.png: cannot write video"),
    "photo to film": (
        lambda f: [f.photo(), "-o", "out.mp4"],
        2,
        "out.mp4: image format is not supported",
    ),
    "color to a format for gray": (
        lambda f: [f.photo(), "-o", "out.pgm"],
        2,
        "out.pgm: PGM stores gray only",
    ),
    "frames to a format for gray": (
        lambda f: [f.frames("s/a_%d.png", 1, 2), "-o", "b_%d.pgm"],
        2,
        "b_%d.pgm: PGM stores gray only",
    ),
    "photo to a folder": (
        lambda f: [f.photo("s/photo.jpg"), "-o", "s"],
        2,
        "s: is a directory; name a file in it or use --out-dir",
    ),
    "output onto the source": (
        lambda f: [f.film(), "-o", "reel.mp4"],
        2,
        "reel.mp4: is the source",
    ),
    "output onto the source, forced": (
        lambda f: [f.photo(), "-o", "photo.jpg", "--force"],
        2,
        "photo.jpg: is the source",
    ),
    "output onto a link to the source": (
        lambda f: [f.film(), "-o", f.link("alias.mp4", Path("reel.mp4")), "--force"],
        2,
        "alias.mp4: is the source",
    ),
    "output frames onto the source frames": (
        lambda f: [f.frames("a_%03d.png", 1, 2), "-o", "a_%03d.png", "--force"],
        2,
        "a_001.png: is the source",
    ),
    "existing film": (
        lambda f: [f.film(), "-o", f.file("x.mp4", b"x")],
        2,
        "x.mp4: already exists",
    ),
    "existing photo": (
        lambda f: [f.photo(), "-o", f.file("x.jpg", b"x")],
        2,
        "x.jpg: already exists",
    ),
    "existing frame": (
        lambda f: [f.film(), "-o", f.file("f_07.png") and "f_%02d.png"],
        2,
        "f_07.png: already exists",
    ),
    "output onto a folder": (lambda f: [f.film(), "-o", f.folder("out")], 2, "out: is a directory"),
    "unwritable folder": (
        lambda f: [f.film(), "-o", "/proc/vidcolor/out.mp4"],
        1,
        "/proc/vidcolor",
    ),
    "unwritable folder, photo": (lambda f: [f.photo(), "-o", "/sys/out.jpg"], 1, "/sys"),
    "name of the result is too long": (
        lambda f: [f.photo(f"{'n' * 246}.jpg")],
        1,
        "the name is too long for this file system; choose a shorter output name",
    ),
    "--out-dir is a file": (
        lambda f: [f.film(), "--out-dir", f.file("out")],
        2,
        "out: is a file",
    ),
    "--out-dir is the source folder": (
        lambda f: [f.photo("album/a.jpg").parent, "--out-dir", "album"],
        2,
        "album: is the folder of the sources",
    ),
    "two inputs, one --out": (lambda f: [f.film(), f.photo(), "-o", "x.mp4"], 2, "--out-dir"),
    "--out and --out-dir": (
        lambda f: [f.film(), "-o", "a.mp4", "--out-dir", "d"],
        2,
        "cannot be used together",
    ),
    "two results with one name": (
        lambda f: [f.film("a/x.mp4"), f.film("b/x.mp4"), "--out-dir", "out"],
        2,
        "out/x.mp4",
    ),
    "unknown report format": (
        lambda f: [f.film(), "--report", "r.pdf"],
        2,
        "r.pdf: unknown report format",
    ),
    "unwritable report": (lambda f: [f.film(), "--report", "/proc/no/r.json"], 1, "/proc/no"),
    "report onto the source": (
        lambda f: [f.link("r.json", f.film().absolute()), "--report", "r.json", "--force"],
        2,
        "r.json: is the source",
    ),
    "unsupported confidence format": (
        lambda f: [f.film(), "--confidence", "c.txt"],
        2,
        "c.txt: cannot write",
    ),
    "confidence onto a photo": (
        lambda f: [f.photo(), "--confidence", "photo.jpg", "--force"],
        2,
        "photo.jpg: is the source",
    ),
    # encoders that cannot be used
    "unknown encoder": (lambda f: [f.film(), "--encoder", "h265"], 2, "unknown encoder 'h265'"),
    "audio encoder": (lambda f: [f.film(), "--encoder", "aac"], 2, "aac encodes audio"),
    "unknown option": (
        lambda f: [f.film(), "--encoder-option", "crv=18"],
        2,
        "libx264 has no option crv",
    ),
    "option without value": (lambda f: [f.film(), "--encoder-option", "crf"], 2, "--encoder-opt"),
    "unknown pixel format": (lambda f: [f.film(), "--pix-fmt", "rgb24"], 2, "pixel format rgb24"),
    "ProRes in MP4": (
        lambda f: [f.film(), "-o", "out.mp4", "--encoder", "prores_ks"],
        2,
        "prores_ks is not supported in mp4",
    ),
    # invalid option values
    "invalid time": (lambda f: [f.film(), "--start", "soon"], 2, "'--start': 'soon' is not a time"),
    "negative time": (lambda f: [f.film(), "--end=-3"], 2, "'--end': '-3' is not a time"),
    "start after the end of the film": (
        lambda f: [f.film(), "--start", "1:00"],
        1,
        "reel.mp4: no frame",
    ),
    "end before start": (
        lambda f: [f.film(), "--start", "5", "--end", "3"],
        2,
        "later than --start",
    ),
    "start after the last frame": (
        lambda f: [f.frames("a_%03d.png", 1, 2), "--start", 9],
        1,
        "a_%03d.png: no frame could be read between --start and --end",
    ),
    "frame rate of zero": (
        lambda f: [f.frames("a_%03d.png", 1), "--fps", 0],
        2,
        "'--fps': '0' is not a frame",
    ),
    "vividness above 1": (lambda f: [f.film(), "--vividness", 2], 2, "'--vividness'"),
    "batch of zero": (lambda f: [f.film(), "--batch", 0], 2, "'--batch'"),
    "unknown purpose": (lambda f: [f.film(), "--for", "fun"], 2, "'--for'"),
    "unknown option name": (lambda f: [f.film(), "--fast"], 2, "--fast"),
    "no input": (lambda f: [], 2, "INPUT"),
    "unknown device": (lambda f: [f.photo(), "--device", "tpu"], 2, "tpu"),
    "unknown precision": (lambda f: [f.photo(), "--device", "cpu", "--precision", "fp8"], 2, "fp8"),
    "unknown model": (lambda f: [f.photo(), "--model", "nosuch"], 1, "nosuch"),
    "damaged weights": (
        lambda f: [f.photo(), "--model", f.file("w.safetensors", b"\x08" + bytes(99))],
        1,
        "w.safetensors",
    ),
}


LOSSES: dict[str, tuple[Callable[[FaultyFiles], Arguments], str]] = {
    "Matroska cut off": (lambda f: [f.film("reel.mkv", 0.6)], "reel.color.mkv"),
    "JPEG cut off": (lambda f: [f.photo("photo.jpg", 0.6)], "photo.color.jpg"),
    "PNG cut off": (lambda f: [f.photo("photo.png", 0.6)], "photo.color.png"),
    "frame cut off": (
        lambda f: [f.photo("a_3.jpg", 0.6) and f.frames("a_%d.jpg", 1, 2, 4), "--fps", 24],
        "a.color.mp4",
    ),
    "frame unreadable": (
        lambda f: [f.file("a_3.png", b"?") and f.frames("a_%d.png", 1, 2, 4), "--fps", 24],
        "a.color.mp4",
    ),
    "frame missing": (lambda f: [f.frames("a_%d.png", 1, 2, 4), "--fps", 24], "a.color.mp4"),
}


@pytest.fixture
def files(clip: ClipMaker, vidcolor: Callable[..., Run]) -> FaultyFiles:
    return FaultyFiles(clip)


@pytest.mark.parametrize("name", FAULTS)
def test_fault_prints_one_line_and_leaves_no_file(
    name: str, files: FaultyFiles, vidcolor: Callable[..., Run], tmp_path: Path
) -> None:
    make, code, message = FAULTS[name]
    arguments = make(files)
    before = read_tree(tmp_path)
    run = vidcolor("colorize", *arguments)
    assert run.code == code, run
    assert len(run.err) == 1, run.err
    assert run.err[0].startswith("vidcolor: ")
    assert message in run.err[0]
    assert "internal error" not in run.err[0]
    assert read_tree(tmp_path) == before


@pytest.mark.slow
@pytest.mark.parametrize("name", LOSSES)
def test_readable_part_of_a_damaged_source_is_colorized(
    name: str, files: FaultyFiles, vidcolor: Callable[..., Run], tmp_path: Path
) -> None:
    make, target = LOSSES[name]
    arguments = make(files)
    before = read_tree(tmp_path)
    run = vidcolor("colorize", *arguments)
    assert run.code == 1
    assert "damaged" in run.err[-1]
    assert target in run.err[-1]
    assert len(run.err) == 2, run.err  # one warning about the loss, one about the exit code
    assert read_tree(tmp_path).keys() == {*before, target}
    assert vidcolor("colorize", *arguments, "--allow-damaged", "--force").code == 0


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 1), (16, 2)])
@pytest.mark.parametrize("name", ["a_1.png", "a_1.jpg", "a_1.tif"])
def test_smallest_photos_and_frames_are_colorized(
    size: tuple[int, int], name: str, files: FaultyFiles, vidcolor: Callable[..., Run]
) -> None:
    files.photo(name, size=size)
    assert vidcolor("colorize", name).code == 0
    run = vidcolor("colorize", name.replace("1", "%d"), "--fps", 24, "--for", "archive")
    assert run.code == 0, run


@pytest.mark.slow
def test_8k_frame_is_colorized(files: FaultyFiles, vidcolor: Callable[..., Run]) -> None:
    still = "color=gray:size=7680x4320,format=yuv420p"
    quick = ("-c:v", "libx264", "-preset", "ultrafast")
    ffmpeg("-f", "lavfi", "-i", still, "-frames:v", "1", *quick, "8k.mp4")
    run = vidcolor("colorize", "8k.mp4", "--encoder-option", "preset=ultrafast")
    assert run.code == 0, run
    assert "1 frame in" in run.out[-1]


def test_missing_cuda_is_an_error_of_one_line(
    files: FaultyFiles, vidcolor: Callable[..., Run]
) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("CUDA is available")
    run = vidcolor("colorize", files.photo(), "--device", "cuda")
    assert run.code == 2
    assert len(run.err) == 1
    assert "cuda" in run.err[0]


@pytest.mark.slow
def test_internal_error_is_one_line_and_does_not_stop_other_tasks(
    files: FaultyFiles, vidcolor: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    from vidcolor import photo

    def fail(*_: object) -> None:
        raise ZeroDivisionError("not\nexpected")

    monkeypatch.setattr(photo, "predict_still", fail)
    run = vidcolor("colorize", files.photo(), files.film())
    assert run.code == 1
    assert run.err == [
        "vidcolor: photo.jpg: internal error (ZeroDivisionError: not expected); please report it"
    ]
    assert Path("reel.color.mp4").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments", [["nowhere.mp4"], ["--start", "soon", "x.mp4"], ["--report", "r.pdf", "x.mp4"], []]
)
def test_installed_command_prints_one_line_for_an_error(
    arguments: list[str], tmp_path: Path
) -> None:
    process = spawn("colorize", *arguments, cwd=tmp_path)
    out, err = process.communicate(timeout=60)
    assert process.returncode in (1, 2)
    assert out == ""
    assert len(err.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def read_tree(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file below a folder."""
    files = (p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}
