"""Overlays of earlier renderings of a project, by everything that they depend on.

One file per hinted shot: a line of JSON, then the overlays as in `OVERLAYS_FILE`. A file that
cannot be read, or that is damaged, counts as missing. The directory may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import with_config

from vidcolor.errors import OutputError
from vidcolor.fileio import atomic_output, sha256_file
from vidcolor.schema import STORED, dump_json, load_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from vidcolor.hints.overlays import OverlayWriter
    from vidcolor.hints.timeline import HintedFrame
    from vidcolor.options import Reference
    from vidcolor.shots.detector import Shot

_KEPT_FACTOR = 3
"""Number of shots that are kept, relative to that of the last rendering."""
_BLOCK_BYTES = 2**20


@with_config(STORED)
@dataclass(frozen=True, slots=True)
class TrackedShot:
    """What tracking finds besides the overlays of a shot."""

    lost: tuple[tuple[int, int, int], ...]
    """Intervals in which objects are not found: position of the first hint of the object among the
    hints of the shot, first frame and last frame."""
    coverage: dict[int, float]
    """Coverage of the reference of each frame that has one, 0-1; see `transfer_color`."""


@with_config(STORED)
@dataclass(frozen=True, slots=True)
class _Header:
    """The first line of a file."""

    shape: tuple[int, ...]
    records: tuple[tuple[int, int], ...]
    """Index and size in bytes of the overlay of each frame, in the order of the file."""
    sha256: str
    """SHA-256 of the overlays."""
    tracked: TrackedShot


@dataclass(frozen=True, slots=True)
class OverlayCache:
    """The overlays of the hinted shots of one film. A failure of the file system empties it."""

    folder: Path
    shared: Mapping[str, Any]
    """What all overlays of the film depend on: weights, versions, size of the frames."""
    checksums: Sequence[int]
    """Checksum of each frame of the film."""
    mixed: Sequence[range]
    """Frames of each dissolve."""

    def make_keys(
        self,
        hinted_shots: Mapping[range, Sequence[HintedFrame]],
        references: Sequence[Reference],
        find_vividness: Callable[[int], float | None],
    ) -> dict[range, str]:
        """Return the key of each hinted shot: a digest of all that its overlays depend on.

        Raises:
            InputError: a reference cannot be read.
        """
        used = {f.reference for hinted in hinted_shots.values() for f in hinted} - {None}
        digests = {n: sha256_file(references[n].path) for n in used if n is not None}
        keys = {}
        for shot, hinted in hinted_shots.items():
            frames = [_describe_hinted_frame(frame, digests) for frame in hinted]
            has_reference = any(frame.reference is not None for frame in hinted)
            value = {
                "shared": self.shared,
                "frames": [shot.start, shot.stop],
                "checksums": list(self.checksums[shot.start : shot.stop]),
                "mixed": [
                    [max(shot.start, mixed.start), min(shot.stop, mixed.stop)]
                    for mixed in self.mixed
                    if mixed.start < shot.stop and shot.start < mixed.stop
                ],
                "hinted": frames,
                # Only the color of references is predicted by the generator.
                "vividness": find_vividness(shot.start) if has_reference else None,
            }
            text = json.dumps(value, sort_keys=True, default=str)
            keys[shot] = hashlib.sha256(text.encode()).hexdigest()[:32]
        return keys

    def load(self, key: str, writer: OverlayWriter) -> TrackedShot | None:
        """Append the overlays with a key to a file; return None if they are missing or damaged."""
        try:
            file = self._path(key).open("rb")
        except OSError:
            return None
        with file:
            try:
                header = load_json(_Header, file.readline())
                start, digest = file.tell(), hashlib.sha256()
                while block := file.read(_BLOCK_BYTES):
                    digest.update(block)
            except (OSError, ValueError):
                return None
            if digest.hexdigest() != header.sha256:
                return None
            file.seek(start)
            writer.append_file(file, header.shape, header.records)
        with contextlib.suppress(OSError):
            os.utime(self._path(key))
        return header.tracked

    def save(
        self, key: str, writer: OverlayWriter, shot: range, start: int, tracked: TrackedShot
    ) -> None:
        """Save the overlays of a shot: the file of a writer from the offset `start` to its end."""
        records = [(n, writer.records[n]) for n in shot if n in writer.records]
        records.sort(key=lambda record: record[1])  # overlays are not written in order of frames
        digest = hashlib.sha256()
        for block in writer.read(start):
            digest.update(block)
        sizes = tuple((n, size) for n, (_, size) in records)
        header = _Header(writer.shape, sizes, digest.hexdigest(), tracked)
        with contextlib.suppress(OSError, OutputError):
            self.folder.mkdir(parents=True, exist_ok=True)
            with atomic_output(self._path(key)) as partial, partial.open("wb") as file:
                file.write(json.dumps(json.loads(dump_json(header))).encode() + b"\n")
                for block in writer.read(start):
                    file.write(block)

    def prune(self, keys: Sequence[str]) -> None:
        """Remove the files that were not used for the longest time, except those with `keys`."""
        names = {self._path(key).name for key in keys}
        with contextlib.suppress(OSError):
            others = [path for path in self.folder.glob("[!.]*") if path.name not in names]
            others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
            for path in others[(_KEPT_FACTOR - 1) * len(names) :]:
                path.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.bin"


def find_mixed_ranges(shots: Sequence[Shot]) -> tuple[range, ...]:
    """Return the frames of each dissolve of a film."""
    return tuple(shot.mixed_range for shot in shots if shot.mixed_frames)


def _describe_hinted_frame(hinted: HintedFrame, digests: Mapping[int, str]) -> list[Any]:
    # Names are for messages, and `frame` is the place of hints that are given by time, too.
    hints = [hint.replace(name="", time=None, frame=None).to_json() for hint in hinted.hints]
    reference = None if hinted.reference is None else digests[hinted.reference]
    return [hinted.frame, hints, reference]
