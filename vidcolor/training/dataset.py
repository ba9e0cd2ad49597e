"""Training and validation photographs: reading, filtering, splitting and caching."""

from __future__ import annotations

import csv
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
    """Number of photographs from one source, by use."""

    source: str
    """Path of the source."""
    training: int
    validation: int
    dropped: dict[str, int]
    """Number of rejected images by reason; see `RejectionReason`."""

    def __str__(self) -> str:
        """Return e.g. ``album: 300 photographs (15 for validation), 9 dropped (7 gray, …)``."""
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
    statistics: list[SourceStatistics]
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
    a perceptual hash). The split is stable: a digest of the content of a file decides whether the
    file is held out, independent of all other files. For a film, its name and size decide, and all
    its frames have the same use. If the rule holds out none of two or more files, the file with the
    smallest digest is held out.

    Args:
        sources: directories, tar shards, films and image files.
        cache: directory of the cache files, created if necessary; about 200 kB per image.
        validation: validation sources. If there are any, nothing of `sources` is held out, and
            images that are in both are used for validation only.
        holdout: share of the files that is held out, in [0, 1).
        short_side: maximum short side of the cached images, in pixels.
        progress: called after every image.

    Returns:
        The dataset. Its pixels stay in the cache file, which must not be removed.

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
    # A cache belongs to one set of files and settings. A change leads to another file name.
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
    return split.make_dataset(path, *index)


def write_photo_list(path: Path, dataset: PhotoDataset, replay: PhotoDataset | None) -> None:
    """List the use of every photograph, or the reason for its rejection, in a CSV file.

    Args:
        path: the file; replaced if it exists.
        dataset: training and validation photographs.
        replay: replay photographs, of which only the training part is used; or None.

    Raises:
        OutputError: the file cannot be written.
    """
    rows = [(name, "training", "") for name in dataset.train.names]
    rows += [(name, "validation", "") for name in dataset.validation.names]
    rows += [(name, "dropped", reason) for name, reason in dataset.dropped]
    if replay is not None:
        rows += [(name, "replay", "") for name in replay.train.names]
        rows += [(name, "dropped", reason) for name, reason in replay.dropped]
    with (
        atomic_output(path) as partial,
        partial.open("w", encoding="utf-8", newline="") as file,
    ):
        csv.writer(file).writerows([("photograph", "use", "reason"), *rows])


@dataclass(frozen=True, slots=True)
class _Split:
    """The source files and the rule that splits them."""

    files: list[SourceFile]
    """All files, in the order of `sources`."""
    sources: tuple[Path, ...]
    """Validation sources, then training sources."""
    num_validation: int
    """Number of validation sources."""
    holdout: float
    """Share of the files that is held out if there are no validation sources."""

    def digest(self, short_side: int) -> str:
        """Return the SHA-256 of everything that the content of a cache depends on."""
        settings = [MAGIC.decode(), short_side, self.num_validation, self.holdout]
        files = [[f.source, f.name, *f.identity()] for f in self.files]
        return hashlib.sha256(json.dumps([*settings, files]).encode()).hexdigest()

    def is_validation_source(self, source: int) -> bool:
        """Return whether a source was given for validation."""
        return source < self.num_validation

    def select_held_out(self, file_digests: Sequence[str]) -> list[bool]:
        """Return which images are held out, given the digest of the file of each image."""
        # The first 32 bits of a digest are a uniform random number that depends on the file only.
        limit = int(self.holdout * (1 << 32))
        held_out = {digest for digest in file_digests if int(digest[:8], 16) < limit}
        if not held_out and limit and len(set(file_digests)) > 1:
            held_out = {min(file_digests)}
        return [digest in held_out for digest in file_digests]

    def make_dataset(
        self, path: Path, entries: list[Entry], metadata: dict[str, Any]
    ) -> PhotoDataset:
        """Return the dataset of a cache file, given the value of `read_index`."""
        held_out = [e for e in entries if e.held_out]
        used = [e for e in entries if not e.held_out]
        training, validation = (Counter(e.source for e in part) for part in (used, held_out))
        dropped: list[tuple[int, str, RejectionReason]] = metadata["dropped"]
        order = [*range(self.num_validation, len(self.sources)), *range(self.num_validation)]
        return PhotoDataset(
            train=PhotoStore(path, used),
            validation=PhotoStore(path, held_out),
            dropped=[(name, reason) for _, name, reason in dropped],
            statistics=[
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
    """Load and check all images, and write the suitable ones to the cache.

    Raises:
        InputError: a shard is damaged, or there are no suitable photographs.
    """
    entries: list[Entry] = []
    file_digests: list[str] = []
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
                file_digests.append(result.loaded.file_digest)
            elif reason is not None:
                dropped.append((result.source, result.name, reason))
            if progress:
                source = split.sources[result.source]
                progress(Progress(source, "images", done, total))
        if not split.num_validation:
            # Only now are all files known, of which at least one must be held out.
            held_out = split.select_held_out(file_digests)
            entries = [replace(e, held_out=h) for e, h in zip(entries, held_out, strict=True)]
        _check_not_empty(split, entries, dropped)
        writer.finish(entries, {"dropped": dropped})


class _Duplicates:
    """Perceptual hashes of the accepted images, separately for validation and training."""

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
    """Check that there are photographs for training and, if requested, for validation.

    Raises:
        InputError: there are none; the message contains the reasons.
    """
    for for_validation in (False, True):
        numbers = [
            n for n in range(len(split.sources)) if split.is_validation_source(n) == for_validation
        ]
        if not numbers or any(
            e.source in numbers and e.held_out == for_validation for e in entries
        ):
            continue
        names = ", ".join(str(split.sources[n]) for n in numbers)
        if any(e.source in numbers for e in entries):
            raise InputError(
                f"{names}: all photographs were held out for validation; reduce --holdout or add "
                "photographs"
            )
        reasons = Counter(reason for source, _, reason in dropped if source in numbers)
        if not reasons:
            raise InputError(f"{names}: contains no image, film or tar shard")
        if list(reasons) == ["also in the validation set"]:
            raise InputError(f"{names}: contains only images of the validation set; use others")
        counts = ", ".join(f"{n:,} {reason}" for reason, n in reasons.most_common())
        raise InputError(
            f"{names}: contains no suitable color photograph ({counts}); use complete color "
            "photographs"
        )
