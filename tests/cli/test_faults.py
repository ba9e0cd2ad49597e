"""Bad input: one line that names it, the right exit code, nothing left behind, no traceback."""

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

Words = list[object]


class Bench:
    """Makes broken files in the test's directory."""

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


FAULTS: dict[str, tuple[Callable[[Bench], Words], int, str]] = {
    # what cannot be read
    "missing": (lambda b: ["nowhere.mp4"], 1, "nowhere.mp4: no such file"),
    "empty folder": (lambda b: [b.folder("album")], 1, "album: holds no film and no picture"),
    "sound alone": (lambda b: [b.sound("song.m4a")], 1, "song.m4a: has no video stream"),
    "text": (lambda b: [b.file("notes.md", b"hello\n" * 99)], 1, "notes.md: not a film"),
    "empty film": (lambda b: [b.file("reel.mp4")], 1, "reel.mp4: not a film"),
    "empty photo": (lambda b: [b.file("photo.jpg")], 1, "photo.jpg: not a picture"),
    "zip as film": (lambda b: [b.zip("reel.mp4")], 1, "reel.mp4: not a film"),
    "zip as photo": (lambda b: [b.zip("photo.jpg")], 1, "photo.jpg: not a picture"),
    "MP4 without its end": (lambda b: [b.film("reel.mp4", 0.4)], 1, "reel.mp4: not a film"),
    "Matroska without a frame": (lambda b: [b.film("reel.mkv", 0.01)], 1, "reel.mkv: "),
    "photo without pixels": (lambda b: [b.photo("photo.jpg", 0.01)], 1, "photo.jpg: "),
    "other kind of picture": (lambda b: [b.file("a.HEIC", b"?" * 99)], 1, "a.HEIC: pictures cal"),
    "PNG bomb": (lambda b: [b.bomb("photo.png")], 1, "photo.png: declares 100000×100000"),
    "no such frames": (lambda b: ["scan_%06d.dpx"], 1, "scan_%06d.dpx: no such frames"),
    "two sequences": (
        lambda b: [b.frames("s/a_%d.png", 1, 2) and b.frames("s/b_%d.png", 1, 2)[0], "--fps", 24],
        1,
        "s: holds several sequences (a_%d.png, b_%d.png)",
    ),
    "frames of two sizes": (
        lambda b: [b.photo("a_002.png", size=(64, 64)) and b.frames("a_%03d.png", 1)],
        1,
        "a_002.png: is 64x64",
    ),
    "frame number twice": (
        lambda b: [b.photo("a_1.png") and b.photo("a_01.png") and "a_%d.png"],
        1,
        "has the same frame number as",
    ),
    # where it cannot be written
    "unknown container": (lambda b: [b.film(), "-o", "out.xyz"], 2, "out.xyz: cannot write a film"),
    "film to photo": (lambda b: [b.film(), "-o", "out.png"], 2, "out.png: cannot write a film"),
    "photo to film": (lambda b: [b.photo(), "-o", "out.mp4"], 2, "out.mp4: cannot write a pict"),
    "onto the source": (lambda b: [b.film(), "-o", "reel.mp4"], 2, "reel.mp4: is the source"),
    "onto the source, forced": (
        lambda b: [b.photo(), "-o", "photo.jpg", "--force"],
        2,
        "photo.jpg: is the source",
    ),
    "onto a link to the source": (
        lambda b: [b.film(), "-o", b.link("alias.mp4", Path("reel.mp4")), "--force"],
        2,
        "alias.mp4: is the source",
    ),
    "frames onto themselves": (
        lambda b: [b.frames("a_%03d.png", 1, 2), "-o", "a_%03d.png", "--force"],
        2,
        "a_001.png: is the source",
    ),
    "existing film": (lambda b: [b.film(), "-o", b.file("x.mp4", b"x")], 2, "x.mp4: exists alr"),
    "existing photo": (lambda b: [b.photo(), "-o", b.file("x.jpg", b"x")], 2, "x.jpg: exists alr"),
    "existing frame": (
        lambda b: [b.film(), "-o", b.file("f_07.png") and "f_%02d.png"],
        2,
        "f_07.png: exists already",
    ),
    "onto a folder": (lambda b: [b.film(), "-o", b.folder("out")], 2, "out: is a directory"),
    "unwritable place": (lambda b: [b.film(), "-o", "/proc/vidcolor/out.mp4"], 1, "/proc/vidcolor"),
    "unwritable place, photo": (lambda b: [b.photo(), "-o", "/sys/out.jpg"], 1, "/sys"),
    "--out-dir is a file": (
        lambda b: [b.film(), "--out-dir", b.file("out")],
        2,
        "out: is a file",
    ),
    "--out-dir is the folder": (
        lambda b: [b.photo("album/a.jpg").parent, "--out-dir", "album"],
        2,
        "album: is the folder of the sources",
    ),
    "two inputs, one --out": (lambda b: [b.film(), b.photo(), "-o", "x.mp4"], 2, "--out-dir"),
    "--out and --out-dir": (lambda b: [b.film(), "-o", "a.mp4", "--out-dir", "d"], 2, "not both"),
    "one name for two": (
        lambda b: [b.film("a/x.mp4"), b.film("b/x.mp4"), "--out-dir", "out"],
        2,
        "out/x.mp4",
    ),
    "odd report": (lambda b: [b.film(), "--report", "r.pdf"], 2, "r.pdf: a report is"),
    "unwritable report": (lambda b: [b.film(), "--report", "/proc/no/r.json"], 1, "/proc/no"),
    "report onto the source": (
        lambda b: [b.link("r.json", b.film().absolute()), "--report", "r.json", "--force"],
        2,
        "r.json: is the source",
    ),
    "odd confidence": (lambda b: [b.film(), "--confidence", "c.txt"], 2, "c.txt: cannot write"),
    "confidence onto a photo": (
        lambda b: [b.photo(), "--confidence", "photo.jpg", "--force"],
        2,
        "photo.jpg: is the source",
    ),
    # what cannot be encoded
    "unknown encoder": (lambda b: [b.film(), "--encoder", "h265"], 2, "no encoder called 'h265'"),
    "sound encoder": (lambda b: [b.film(), "--encoder", "aac"], 2, "aac encodes audio"),
    "unknown option": (
        lambda b: [b.film(), "--encoder-option", "crv=18"],
        2,
        "libx264 has no option crv",
    ),
    "option without value": (lambda b: [b.film(), "--encoder-option", "crf"], 2, "--encoder-opt"),
    "unknown pixel format": (lambda b: [b.film(), "--pix-fmt", "rgb24"], 2, "cannot write rgb24"),
    "ProRes in MP4": (
        lambda b: [b.film(), "-o", "out.mp4", "--encoder", "prores_ks"],
        2,
        "mp4 file cannot hold prores_ks",
    ),
    # what cannot be meant
    "odd time": (lambda b: [b.film(), "--start", "soon"], 2, "'--start': 'soon' is no time"),
    "negative time": (lambda b: [b.film(), "--end=-3"], 2, "'--end': '-3' is no time"),
    "start behind the end": (lambda b: [b.film(), "--start", "1:00"], 1, "reel.mp4: no frame"),
    "end before start": (lambda b: [b.film(), "--start", "5", "--end", "3"], 2, "after start"),
    "start behind the frames": (
        lambda b: [b.frames("a_%03d.png", 1, 2), "--start", 9],
        1,
        "a_%03d.png: no frame could be read between --start and --end",
    ),
    "no rate": (lambda b: [b.frames("a_%03d.png", 1), "--fps", 0], 2, "'--fps': '0' is no frame"),
    "too vivid": (lambda b: [b.film(), "--vividness", 2], 2, "'--vividness'"),
    "no batch": (lambda b: [b.film(), "--batch", 0], 2, "'--batch'"),
    "unknown purpose": (lambda b: [b.film(), "--for", "fun"], 2, "'--for'"),
    "unknown word": (lambda b: [b.film(), "--fast"], 2, "--fast"),
    "nothing named": (lambda b: [], 2, "INPUT"),
    "unknown device": (lambda b: [b.photo(), "--device", "tpu"], 2, "tpu"),
    "unknown precision": (lambda b: [b.photo(), "--device", "cpu", "--precision", "fp8"], 2, "fp8"),
    "unknown model": (lambda b: [b.photo(), "--model", "nosuch"], 1, "nosuch"),
    "damaged weights": (
        lambda b: [b.photo(), "--model", b.file("w.safetensors", b"\x08" + bytes(99))],
        1,
        "w.safetensors",
    ),
}


LOSSES: dict[str, tuple[Callable[[Bench], Words], str]] = {
    "Matroska cut off": (lambda b: [b.film("reel.mkv", 0.6)], "reel.color.mkv"),
    "JPEG cut off": (lambda b: [b.photo("photo.jpg", 0.6)], "photo.color.jpg"),
    "PNG cut off": (lambda b: [b.photo("photo.png", 0.6)], "photo.color.png"),
    "frame cut off": (
        lambda b: [b.photo("a_3.jpg", 0.6) and b.frames("a_%d.jpg", 1, 2, 4), "--fps", 24],
        "a.color.mp4",
    ),
    "frame lost": (
        lambda b: [b.file("a_3.png", b"?") and b.frames("a_%d.png", 1, 2, 4), "--fps", 24],
        "a.color.mp4",
    ),
    "frame missing": (lambda b: [b.frames("a_%d.png", 1, 2, 4), "--fps", 24], "a.color.mp4"),
}


@pytest.fixture
def bench(clip: ClipMaker, vidcolor: Callable[..., Run]) -> Bench:
    return Bench(clip)


@pytest.mark.parametrize("name", FAULTS)
def test_one_line_and_nothing_left(
    name: str, bench: Bench, vidcolor: Callable[..., Run], tmp_path: Path
) -> None:
    make, code, said = FAULTS[name]
    words = make(bench)
    before = snapshot(tmp_path)
    run = vidcolor("colorize", *words)
    assert run.code == code, run
    assert len(run.err) == 1, run.err
    assert run.err[0].startswith("vidcolor: ")
    assert said in run.err[0]
    assert "a fault in" not in run.err[0]
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("name", LOSSES)
def test_what_is_left_of_a_damaged_source_is_colored(
    name: str, bench: Bench, vidcolor: Callable[..., Run], tmp_path: Path
) -> None:
    make, target = LOSSES[name]
    words = make(bench)
    before = snapshot(tmp_path)
    run = vidcolor("colorize", *words)
    assert run.code == 1
    assert "damaged" in run.err[-1]
    assert target in run.err[-1]
    assert len(run.err) == 2, run.err  # what was lost, and that it counts as failure
    assert snapshot(tmp_path).keys() == {*before, target}
    assert vidcolor("colorize", *words, "--allow-damaged", "--force").code == 0


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 1), (16, 2)])
@pytest.mark.parametrize("name", ["a_1.png", "a_1.jpg", "a_1.tif"])
def test_smallest_pictures(
    size: tuple[int, int], name: str, bench: Bench, vidcolor: Callable[..., Run]
) -> None:
    bench.photo(name, size=size)
    assert vidcolor("colorize", name).code == 0
    run = vidcolor("colorize", name.replace("1", "%d"), "--fps", 24, "--for", "archive")
    assert run.code == 0, run


def test_largest_frames(bench: Bench, vidcolor: Callable[..., Run]) -> None:
    still = "color=gray:size=7680x4320,format=yuv420p"
    quick = ("-c:v", "libx264", "-preset", "ultrafast")
    ffmpeg("-f", "lavfi", "-i", still, "-frames:v", "1", *quick, "8k.mp4")
    run = vidcolor("colorize", "8k.mp4", "--encoder-option", "preset=ultrafast")
    assert run.code == 0, run
    assert "1 frame in" in run.out[-1]


def test_no_card_is_said_in_one_line(bench: Bench, vidcolor: Callable[..., Run]) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a card")
    run = vidcolor("colorize", bench.photo(), "--device", "cuda")
    assert run.code == 2
    assert len(run.err) == 1
    assert "cuda" in run.err[0]


def test_a_fault_of_ours_is_one_line_too(
    bench: Bench, vidcolor: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    from vidcolor import photos

    def fail(*_: object) -> None:
        raise ZeroDivisionError("nobody\nexpected")

    monkeypatch.setattr(photos, "predict_still", fail)
    run = vidcolor("colorize", bench.photo(), bench.film())
    assert run.code == 1
    assert run.err == [
        "vidcolor: photo.jpg: a fault in vidcolor (ZeroDivisionError: nobody expected); "
        "please report it"
    ]
    assert Path("reel.color.mp4").exists()


@pytest.mark.parametrize(
    "words", [["nowhere.mp4"], ["--start", "soon", "x.mp4"], ["--report", "r.pdf", "x.mp4"], []]
)
def test_the_real_command_says_one_line(words: list[str], tmp_path: Path) -> None:
    process = spawn("colorize", *words, cwd=tmp_path)
    out, err = process.communicate(timeout=60)
    assert process.returncode in (1, 2)
    assert out == ""
    assert len(err.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file below, with its bytes."""
    files = (p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}
