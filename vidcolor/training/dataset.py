"""Training and validation photographs: reading, filtering, splitting and caching."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from vidcolor.errors import InputError, OutputError, UsageError
from vidcolor.fileio import atomic_output, describe_os_error
from vidcolor.progress import Progress
from vidcolor.training.cache import MAGIC, CacheWriter, Entry, PhotoStore, read_index
from vidcolor.training.candidates import evaluate_candidates, iterate_candidates
from vidcolor.training.filtering import DuplicateIndex
from vidcolor.training.sources import count_shard_images, find_source_files

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vidcolor.progress import ProgressCallback
    from vidcolor.training.candidates import CandidateResult
    from vidcolor.training.filtering import RejectionReason
    from vidcolor.training.sources import SourceFile


@dataclass(frozen=True, slots=True)
class SourceStatistics:
    """Number of photographs from one source."""

    source: str
    training: int
    validation: int
    dropped: dict[str, int]
    """Number of rejected images by reason."""

    def __str__(self) -> str:
        """For example ``album: 300 photographs (15 for validation), 9 dropped (7 gray, …)``."""
        total = self.training + self.validation
        text = f"{self.source}: {total:,} photographs"
        if self.validation:
            text += f" ({self.validation:,} for validation)"
        if self.dropped:
            reasons = ", ".join(f"{n:,} {reason}" for reason, n in sorted(self.dropped.items()))
            text += f", {sum(self.dropped.values()):,} dropped ({reasons})"
        return text


@dataclass(frozen=True, slots=True)
class PhotoDataset:
    """Photographs, split into training and validation."""

    train: PhotoStore
    """Training photographs; never empty."""
    validation: PhotoStore
    """Validation photographs; may be empty."""
    dropped: list[tuple[str, RejectionReason]]
    """Name and rejection reason of each rejected image or film."""
    counts: list[SourceStatistics]
    """Statistics of the training sources, then of the validation sources, in their order."""


def build_dataset(
    sources: Sequence[Path],
    cache: Path,
    *,
    validation: Sequence[Path] = (),
    holdout: float = 0.05,
    short_side: int = 256,
    progress: ProgressCallback | None = None,
) -> PhotoDataset:
    """Read, filter, split and cache photographs. An existing cache is reused.

    Damaged, small, blank, gray and toned images are rejected, and so are near-duplicates (found by
    a perceptual hash). A digest of the content of a file decides its side of the split, so that it
    does not depend on other files; for a film, its name and size decide, and all its frames are on
    one side. If the rule holds out none of two or more files, the file with the smallest digest is
    held out.

    Args:
        sources: directories, tar shards, films and image files.
        cache: directory of the cache files, created if necessary; about 200 kB per image.
        validation: validation sources. If there are any, nothing of `sources` is held out, and
            images that are in both are only used for validation.
        holdout: share of the files that is held out, in [0, 1).
        short_side: maximum short side of the cached images, in pixels.
        progress: called after every image.

    Raises:
        InputError: a source is missing or a damaged shard, or there are no suitable photographs.
        OutputError: the cache cannot be written.
        UsageError: an option is out of range.
    """
    if not sources:
        raise UsageError("no training photographs given; use directories, tar shards or films")
    if not 0 <= holdout < 1:
        raise UsageError(f"holdout must be in [0, 1), got {holdout}")
    if short_side < 1:
        raise UsageError(f"the short side must be at least 1 pixel, got {short_side}")
    files = find_source_files(validation) + find_source_files(sources, first=len(validation))
    split = _Split(files, (*validation, *sources), len(validation), holdout)
    path = cache / f"photographs-{split.digest(short_side)[:16]}.cache"
    index = read_index(path)
    if index is None:
        try:
            cache.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{cache}: {describe_os_error(error)}") from error
        with atomic_output(path) as partial:
            _write_cache(partial, split, short_side, progress)
        index = read_index(path)
        assert index is not None  # for the type checker: it was just written
    return split.dataset(path, *index)


@dataclass(frozen=True, slots=True)
class _Split:
    """The source files and the rule that splits them."""

    files: list[SourceFile]
    """In the order of `sources`."""
    sources: tuple[Path, ...]
    num_validation: int
    """Number of validation sources, which come first."""
    holdout: float

    def digest(self, short_side: int) -> str:
        """Return the SHA-256 of everything that the content of a cache depends on."""
        settings = [MAGIC.decode(), short_side, self.num_validation, self.holdout]
        files = [[f.source, f.name, *f.identity()] for f in self.files]
        return hashlib.sha256(json.dumps([*settings, files]).encode()).hexdigest()

    def is_validation_source(self, source: int) -> bool:
        """Return whether a source was given for validation."""
        return source < self.num_validation

    def held_out(self, files: Sequence[str]) -> list[bool]:
        """Return which images are held out, given the digests of their files."""
        limit = int(self.holdout * (1 << 32))
        held = {file for file in files if int(file[:8], 16) < limit}
        if not held and limit and len(set(files)) > 1:
            held = {min(files)}
        return [file in held for file in files]

    def dataset(self, path: Path, entries: list[Entry], index: dict[str, Any]) -> PhotoDataset:
        """Return the dataset of a cache file."""
        held: list[Entry] = [e for e in entries if e.held_out]
        taken = [e for e in entries if not e.held_out]
        training, validation = (Counter(e.source for e in side) for side in (taken, held))
        dropped: list[tuple[int, str, RejectionReason]] = index["dropped"]
        order = [*range(self.num_validation, len(self.sources)), *range(self.num_validation)]
        return PhotoDataset(
            train=PhotoStore(path, taken),
            validation=PhotoStore(path, held),
            dropped=[(name, reason) for _, name, reason in dropped],
            counts=[
                SourceStatistics(
                    source=str(self.sources[n]),
                    training=training[n],
                    validation=validation[n],
                    dropped=dict(Counter(reason for source, _, reason in dropped if source == n)),
                )
                for n in order
            ],
        )


def _write_cache(
    path: Path, split: _Split, short_side: int, progress: ProgressCallback | None
) -> None:
    entries: list[Entry] = []
    files: list[str] = []
    dropped: list[tuple[int, str, RejectionReason]] = []
    duplicates = _Duplicates()
    total = _count_images(split.files) if progress else None
    with path.open("wb") as file:
        writer = CacheWriter(file)
        results = evaluate_candidates(iterate_candidates(split.files, short_side))
        for done, result in enumerate(results, 1):
            for_validation = split.is_validation_source(result.source)
            reason = result.reason or duplicates.find_reason(result, for_validation)
            if reason is None and result.loaded is not None:
                duplicates.add(result, for_validation)
                entry = writer.add(result.name, result.source, result.loaded.rgb)
                entries.append(replace(entry, held_out=for_validation))
                files.append(result.loaded.file)
            elif reason is not None:
                dropped.append((result.source, result.name, reason))
            if progress:
                source = split.sources[result.source]
                progress(Progress(source, "images", done, total))
        if not split.num_validation:
            sides = split.held_out(files)
            entries = [replace(e, held_out=h) for e, h in zip(entries, sides, strict=True)]
        _check_not_empty(split, entries, dropped)
        writer.finish(entries, {"dropped": dropped})


class _Duplicates:
    """Hashes of the accepted images of each side."""

    def __init__(self) -> None:
        self._validation, self._training = DuplicateIndex(), DuplicateIndex()

    def find_reason(self, result: CandidateResult, for_validation: bool) -> RejectionReason | None:
        """Return the reason to reject a duplicate, or None."""
        if not for_validation and self._validation.contains_similar(result.hash):
            return "also in the validation set"
        index = self._validation if for_validation else self._training
        return "near-duplicate" if index.contains_similar(result.hash) else None

    def add(self, result: CandidateResult, for_validation: bool) -> None:
        """Add an accepted image."""
        (self._validation if for_validation else self._training).add(result.hash)


def _count_images(files: Sequence[SourceFile]) -> int | None:
    """Return the number of images; None if there are films, whose shots are not counted yet."""
    if any(file.kind == "film" for file in files):
        return None
    return sum(count_shard_images(f.path) if f.kind == "shard" else 1 for f in files)


def _check_not_empty(
    split: _Split, entries: Sequence[Entry], dropped: Sequence[tuple[int, str, RejectionReason]]
) -> None:
    """Check that the training side, and the validation side if requested, have photographs.

    Raises:
        InputError: a side is empty; the message has the reasons.
    """
    for validation in (False, True):
        numbers = [
            n for n in range(len(split.sources)) if split.is_validation_source(n) == validation
        ]
        if not numbers or any(e.source in numbers and e.held_out == validation for e in entries):
            continue
        named = ", ".join(str(split.sources[n]) for n in numbers)
        if any(e.source in numbers for e in entries):
            raise InputError(
                f"{named}: all photographs were held out for validation; reduce --holdout or add "
                "photographs"
            )
        reasons = Counter(reason for source, _, reason in dropped if source in numbers)
        if not reasons:
            raise InputError(f"{named}: contains no image, film or tar shard")
        if list(reasons) == ["also in the validation set"]:
            raise InputError(f"{named}: contains only images of the validation set; use others")
        counts = ", ".join(f"{n:,} {reason}" for reason, n in reasons.most_common())
        raise InputError(
            f"{named}: contains no suitable color photograph ({counts}); use complete color "
            "photographs"
        )
