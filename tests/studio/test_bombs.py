"""Files that state or hold far more pixels than a server accepts, in the processes that decode."""

from __future__ import annotations

import asyncio
import struct
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.studio_compute import load_flat
from tests.helpers.studio_photos import Photos, encode, make_scene
from vidcolor.errors import InputError
from vidcolor.media.stills import types as still_types
from vidcolor.studio.compute.lane import ComputeLane
from vidcolor.studio.settings import StudioSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.helpers.studio_server import StudioApp

SIDE = 100_000


def _make_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def make_png(width: int, height: int, data: bytes, *others: bytes) -> bytes:
    head = _make_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    packed = _make_chunk(b"IDAT", zlib.compress(data))
    end = _make_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(others) + packed + end


def make_tiff(width: int, height: int) -> bytes:
    tags = [(256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1),
            (278, height), (279, 64)]  # fmt: skip
    rows = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return (
        b"II*\0"
        + struct.pack("<I", 72)
        + bytes(64)
        + struct.pack("<H", len(tags))
        + rows
        + (bytes(4))
    )


def make_webp(width: int, height: int) -> bytes:
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    chunks = b"VP8X" + struct.pack("<II", 10, 0) + size + encode(make_scene(), "webp")[12:]
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks


def make_jpeg(width: int, height: int) -> bytes:
    data = bytearray(encode(make_scene(), "jpeg"))
    start = data.find(b"\xff\xc0") + 5
    data[start : start + 4] = struct.pack(">HH", height, width)
    return bytes(data)


BOMBS = {
    "huge.png": make_png(SIDE, SIDE, bytes(100)),
    "huge.tif": make_tiff(SIDE, SIDE),
    "huge.webp": make_webp(SIDE, SIDE),
    "huge.jpg": make_jpeg(65_500, 65_500),
    "huge.pgm": b"P5 %d %d 255\n" % (SIDE, SIDE) + bytes(100),
}
TEXT_BOMB = make_png(
    64, 64, bytes(64 * 65), _make_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(1 << 27)))
)
"""A picture of 64×64 pixels with a comment of 128 MiB."""


@pytest.fixture
def photos(studio_app: StudioApp) -> Iterator[Photos]:
    yield Photos(studio_app)
    still_types.limit_pixels(still_types.MAX_PIXELS)


def test_a_photo_job_refuses_bombs_and_the_next_photo_is_colorized(photos: Photos) -> None:
    ids = {name: photos.upload(name, data) for name, data in BOMBS.items()}
    good = photos.upload("mill.png", encode(make_scene()))
    jobs = {job.subject: job for job in photos.run_jobs()}
    for name, photo in ids.items():
        assert jobs[photo].state == "failed"
        shown = photos.get(photo).json()["error"]
        assert shown == jobs[photo].error and name in shown and "\n" not in shown
        assert photos.get(photo, "/image").json()["error"] == shown
    assert jobs[good].state == "done"


def test_the_compute_process_refuses_bombs_and_lives_on(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in BOMBS]
    for path, data in zip(paths, BOMBS.values(), strict=True):
        path.write_bytes(data)
    good, text = tmp_path / "mill.png", tmp_path / "text.png"
    good.write_bytes(encode(make_scene()))
    text.write_bytes(TEXT_BOMB)
    assert text.stat().st_size < 200_000
    lane = ComputeLane(StudioSettings(data_dir=tmp_path), load_flat)
    lane.start()

    async def examine(path: Path) -> Any:
        return await lane.call("photo-examine", {"path": str(path)})

    async def run() -> None:
        async with asyncio.timeout(120):
            for path in paths:
                with pytest.raises(InputError, match=path.name):
                    await examine(path)
            try:  # whether the comment is refused or ignored, it must not end the process
                assert (await examine(text))["width"] == 64
            except InputError as error:
                assert "text.png" in str(error)
            assert (await examine(good))["width"] == 90
            assert (lane.statistics.restarts, lane.statistics.finished) == (0, len(paths) + 2)
            await lane.close()

    asyncio.run(run())
