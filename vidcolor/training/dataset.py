"""Training and validation photographs: split, and cached in one memory-mapped file.

The cache is a file with the pixels of all images (uint8, interleaved R, G, B), which all processes
map, and a `CacheIndex` as JSON, which is written last.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, NamedTuple

import numpy as np

from vidcolor.errors import InputError, OutputError, UsageError
from vidcolor.fileio import atomic_output, describe_os_error
from vidcolor.progress import Progress
from vidcolor.schema import Record
from vidcolor.training.filtering import SHORT_SIDE, DuplicateIndex, RejectionReason
from vidcolor.training.sources import find_source_files, iterate_photos

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from vidcolor.imaging.types import Rgb
    from vidcolor.progress import ProgressCallback
    from vidcolor.training.sources import SourceFile

Use = Literal["training", "validation", "replay", "dropped"]

CACHE_VERSION = 3


class Entry(NamedTuple):
    """An image of the sources: one row of the index of a cache."""

    name: str
    source: int
    """Number of the source that contains the image."""
    use: Use
    reason: RejectionReason | None
    """Why the image was dropped; a dropped image has no pixels."""
    offset: int = 0
    """Offset of the pixels in the file, in bytes."""
    height: int = 0
    width: int = 0
    digest: str = ""
    """BLAKE2b of the pixels."""


class CacheIndex(Record):
    """Index of a cache file."""

    images: tuple[Entry, ...]

    def select(self, use: str) -> list[Entry]:
        """Return the images with a use."""
        return [entry for entry in self.images if entry.use == use]


class PhotoStore:
    """A selection of the images of a cache, by number."""

    def __init__(self, path: Path, entries: Sequence[Entry]) -> None:
        self.path, self.entries = path, tuple(entries)
        self._pixels: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, number: int) -> Rgb:
        """Return an image as a read-only view of the file, (h, w, 3) uint8 sRGB."""
        entry = self.entries[number]
        # Each process opens its own map, also after unpickling.
        if self._pixels is None:
            self._pixels = np.memmap(self.path, np.uint8, "r")
        end = entry.offset + entry.height * entry.width * 3
        return self._pixels[entry.offset : end].reshape(entry.height, entry.width, 3)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_pixels": None}  # pickling a memmap copies the whole file

    def without(self, other: PhotoStore) -> PhotoStore:
        """Return the store without images whose pixels are also in another store."""
        excluded = {entry.digest for entry in other.entries}
        return PhotoStore(self.path, [e for e in self.entries if e.digest not in excluded])

    @property
    def names(self) -> list[str]:
        """Names of the images, for example ``album/3.jpg`` or ``reel.mp4 at 12.50 s``."""
        return [entry.name for entry in self.entries]

    @property
    def digest(self) -> str:
        """SHA-256 over the names and pixel digests of all images, in order."""
        listed = [(entry.name, entry.digest) for entry in self.entries]
        return hashlib.sha256(json.dumps(listed).encode()).hexdigest()


class SourceStatistics:
    """Number of photographs from one source, by use, and of dropped images, by reason."""

    def __init__(self, source: Path, images: Sequence[Entry]) -> None:
        self.source = source
        uses = Counter(entry.use for entry in images)
        self.training, self.validation = uses["training"], uses["validation"]
        self.dropped = uses["dropped"]
        reasons = Counter(entry.reason for entry in images if entry.reason)
        self.reasons = ", ".join(f"{n:,} {reason}" for reason, n in sorted(reasons.items()))

    def __str__(self) -> str:
        """Return e.g. ``album: 300 photographs (15 for validation), 9 dropped (7 gray, …)``."""
        text = f"{self.source}: {self.training + self.validation:,} photographs"
        if self.validation:
            text += f" ({self.validation:,} for validation)"
        return text + (f", {self.dropped:,} dropped ({self.reasons})" if self.dropped else "")


@dataclass(frozen=True, slots=True)
class PhotoDataset:
    """Photographs, split into training and validation."""

    train: PhotoStore
    """Training photographs; never empty."""
    validation: PhotoStore
    """Validation photographs; may be empty."""
    dropped: list[Entry]
    statistics: list[SourceStatistics]
    """Statistics of the training sources, then of the validation sources, in their order."""


def build_dataset(
    sources: Sequence[Path],
    cache: Path,
    *,
    validation: Sequence[Path] = (),
    holdout: float = 0.05,
    progress: ProgressCallback | None = None,
) -> PhotoDataset:
    """Read, filter, split and cache photographs. An existing cache is reused.

    Damaged, small, blank, gray and toned images are rejected, and so are near-duplicates (found by
    a perceptual hash). The split is stable: a digest of the content of a file decides whether the
    file is held out, independent of all other files. For a film, its name and size decide, and all
    its frames have the same use. If the rule holds out none of two or more files, the file with the
    smallest digest is held out.

    Args:
        sources: directories, tar shards, films and image files.
        cache: directory of the cache files, created if necessary; about 200 kB per image. They must
            exist as long as the dataset is used.
        validation: validation sources. If there are any, nothing of `sources` is held out, and
            images that are in both are used for validation only.
        holdout: share of the files that is held out, in [0, 1).
        progress: called after every image.

    Raises:
        InputError: a source is missing or a damaged shard, or there are no suitable photographs.
        OutputError: the cache cannot be written.
        UsageError: there are no sources.
    """
    if not sources:
        raise UsageError("no training photographs given; use directories, tar shards or films")
    files = find_source_files(validation) + find_source_files(sources, first=len(validation))
    builder = _CacheBuilder(files, (*validation, *sources), len(validation), holdout)
    # A cache belongs to one set of files and settings. A change leads to another file name.
    pixels = cache / f"photographs-{builder.digest()[:16]}.rgb"
    index_path = pixels.with_suffix(".json")
    try:
        if index_path.exists():
            return builder.make_dataset(
                pixels, CacheIndex.model_validate_json(index_path.read_bytes())
            )
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{cache}: {describe_os_error(error)}") from error
    with atomic_output(pixels) as partial, partial.open("wb") as file:
        index = builder.write(file, progress)
    with atomic_output(index_path) as partial:
        partial.write_text(index.model_dump_json(), encoding="utf-8")
    return builder.make_dataset(pixels, index)


@dataclass(frozen=True, slots=True)
class _CacheBuilder:
    """The source files, and the rule that selects and splits their images."""

    files: list[SourceFile]
    """All files, in the order of `sources`."""
    sources: tuple[Path, ...]
    """Validation sources, then training sources."""
    num_validation: int
    """Number of validation sources."""
    holdout: float

    def digest(self) -> str:
        """Return the SHA-256 of everything that the content of a cache depends on."""
        settings = [CACHE_VERSION, SHORT_SIDE, self.num_validation, self.holdout]
        files: list[list[object]] = []
        for file in self.files:  # the status changes when the file changes, without reading it
            status = file.path.stat()
            identity = [file.kind, str(file.path.absolute()), status.st_size, status.st_mtime_ns]
            files.append([file.source, file.name, *identity])
        return hashlib.sha256(json.dumps([*settings, files]).encode()).hexdigest()

    def write(self, file: BinaryIO, progress: ProgressCallback | None) -> CacheIndex:
        """Decode and check all images, and write the suitable ones."""
        images: list[Entry] = []
        file_digests: list[str] = []
        hashes: dict[Use, DuplicateIndex]
        hashes = {"validation": DuplicateIndex(), "training": DuplicateIndex()}
        # Shards and films contain an unknown number of images.
        total = len(self.files) if all(f.kind == "image" for f in self.files) else None
        offset = 0
        for done, photo in enumerate(iterate_photos(self.files), 1):
            use: Use = "validation" if photo.source < self.num_validation else "training"
            # Neither JSON nor CSV holds names that are not UTF-8.
            name = photo.name.encode(errors="replace").decode()
            reason = photo.reason
            similar = {u for u in hashes if not reason and hashes[u].contains_similar(photo.hash)}
            if use == "training" and "validation" in similar:
                reason = "also in the validation set"
            elif use in similar:
                reason = "near-duplicate"
            if reason is None and photo.rgb is not None:
                hashes[use].add(photo.hash)
                pixels = photo.rgb.tobytes()
                file.write(pixels)
                digest = hashlib.blake2b(pixels, digest_size=8).hexdigest()
                height, width, _ = photo.rgb.shape
                entry = Entry(name, photo.source, use, None, offset, height, width, digest)
                offset += len(pixels)
            else:
                entry = Entry(name, photo.source, "dropped", reason)
            images.append(entry)
            file_digests.append(photo.file_digest)
            if progress:
                progress(Progress(self.sources[photo.source], "images", done, total))
        index = CacheIndex(images=tuple(self._hold_out(images, file_digests)))
        self._check_not_empty(index)
        return index

    def _hold_out(self, images: list[Entry], file_digests: list[str]) -> list[Entry]:
        """Mark the images that are held out, given the digest of the file of each image."""
        if self.num_validation:
            return images
        # The first 32 bits of a digest are a uniform random number that depends on the file only.
        pairs = zip(images, file_digests, strict=True)
        digests = {digest for entry, digest in pairs if entry.use == "training"}
        limit = int(self.holdout * (1 << 32))
        held_out = {digest for digest in digests if int(digest[:8], 16) < limit}
        if not held_out and limit and len(digests) > 1:
            held_out = {min(digests)}
        return [
            entry._replace(use="validation") if entry.use == "training" and d in held_out else entry
            for entry, d in zip(images, file_digests, strict=True)
        ]

    def make_dataset(self, path: Path, index: CacheIndex) -> PhotoDataset:
        """Return the dataset of a cache file with this index."""
        statistics = [
            SourceStatistics(source, [e for e in index.images if e.source == n])
            for n, source in enumerate(self.sources)
        ]
        split = self.num_validation
        return PhotoDataset(
            PhotoStore(path, index.select("training")),
            PhotoStore(path, index.select("validation")),
            index.select("dropped"),
            statistics[split:] + statistics[:split],
        )

    def _check_not_empty(self, index: CacheIndex) -> None:
        split = self.num_validation
        numbers = {"training": range(split, len(self.sources)), "validation": range(split)}
        for use, sources in numbers.items():
            own = [entry for entry in index.images if entry.source in sources]
            uses = {entry.use for entry in own}
            if not sources or use in uses:
                continue
            names = ", ".join(str(self.sources[n]) for n in sources)
            if "validation" in uses:
                raise InputError(
                    f"{names}: all photographs were held out for validation; reduce --holdout or "
                    "add photographs"
                )
            reasons = Counter(entry.reason for entry in own)
            if not reasons:
                raise InputError(f"{names}: contains no image, film or tar shard")
            if list(reasons) == ["also in the validation set"]:
                raise InputError(f"{names}: contains only images of the validation set; use others")
            counts = ", ".join(f"{n:,} {reason}" for reason, n in reasons.most_common())
            raise InputError(
                f"{names}: contains no suitable color photograph ({counts}); use complete color "
                "photographs"
            )


def write_photo_list(path: Path, dataset: PhotoDataset, replay: PhotoDataset | None) -> None:
    """List the use of every photograph, or the reason for its rejection, in a CSV file.

    Of the replay photographs, only the training part is used.
    """
    entries = [*dataset.train.entries, *dataset.validation.entries, *dataset.dropped]
    if replay is not None:
        entries += [entry._replace(use="replay") for entry in replay.train.entries]
        entries += replay.dropped
    rows = [(entry.name, entry.use, entry.reason or "") for entry in entries]
    with (
        atomic_output(path) as partial,
        partial.open("w", encoding="utf-8", newline="") as file,
    ):
        csv.writer(file).writerows([("photograph", "use", "reason"), *rows])
