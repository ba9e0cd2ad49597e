"""From what the user named to two stores of photographs: to learn from, and to judge by."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from vidcolor.errors import InputError, OutputError, UsageError
from vidcolor.fileio import atomic_output, describe_os_error
from vidcolor.progress import Progress
from vidcolor.training.cache import MAGIC, CacheWriter, Entry, PhotographStore, read_index
from vidcolor.training.candidates import candidates_in, look_at
from vidcolor.training.filtering import DuplicateIndex
from vidcolor.training.sources import count_in_shard, find_origins

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vidcolor.progress import ProgressCallback
    from vidcolor.training.filtering import Reason
    from vidcolor.training.sources import Origin


@dataclass(frozen=True, slots=True)
class SourceCount:
    """What came of one named source."""

    source: str
    training: int
    validation: int
    dropped: dict[str, int]
    """How many were left out, by reason."""

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
class Collection:
    """Photographs, divided."""

    train: PhotographStore
    """To learn from; never empty."""
    validation: PhotographStore
    """To judge by; empty if nothing was held out."""
    dropped: list[tuple[str, Reason]]
    """Name of each picture (or whole film) that was left out, and why."""
    counts: list[SourceCount]
    """In the order in which the sources were named, those for validation last."""


def gather_photographs(
    sources: Sequence[Path],
    cache: Path,
    *,
    validation: Sequence[Path] = (),
    holdout: float = 0.05,
    short_side: int = 256,
    progress: ProgressCallback | None = None,
) -> Collection:
    """Read, sift, divide and keep photographs; what was kept before is used again.

    Left out are damaged, small, blank, gray and toned pictures, and all but the first of those
    that look the same (a perceptual hash says so). The same file is always on the same side,
    whatever else is named: a digest of its content decides, and of a film its name and size. All
    frames of a film are on one side. If none of two or more files is held out by that rule, the
    one whose digest is the smallest is.

    Args:
        sources: folders, tar shards, films, pictures.
        cache: folder of the cache files, made if need be; about 200 kB a picture.
        validation: sources to judge by; then nothing of `sources` is held out, and what is the
            same picture in both is not learned from.
        holdout: share of files that are held out, in [0, 1).
        short_side: pixels that pictures are reduced to; smaller ones stay as they are.
        progress: told after every picture; stage ``pictures``.

    Raises:
        InputError: a source is missing or a broken shard, or there is nothing to learn from.
        OutputError: the cache cannot be written.
        UsageError: an option is out of range.
    """
    if not sources:
        raise UsageError("name photographs to learn from: folders, tar shards or films")
    if not 0 <= holdout < 1:
        raise UsageError(f"the share that is held out must be at least 0 and below 1: {holdout}")
    if short_side < 1:
        raise UsageError(f"the short side must be at least 1 pixel: {short_side}")
    origins = find_origins(validation) + find_origins(sources, first=len(validation))
    division = _Division(origins, (*validation, *sources), len(validation), holdout)
    path = cache / f"photographs-{division.digest(short_side)[:16]}.cache"
    found = read_index(path)
    if found is None:
        try:
            cache.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{cache}: {describe_os_error(error)}") from error
        with atomic_output(path) as unfinished:
            _write(unfinished, division, short_side, progress)
        found = read_index(path)
        assert found is not None  # for the type checker: it was just written
    return division.collection(path, *found)


@dataclass(frozen=True, slots=True)
class _Division:
    """The files, and which side they are on."""

    origins: list[Origin]
    """In the order of `sources`."""
    sources: tuple[Path, ...]
    num_validation: int
    """The first so many sources are for validation."""
    holdout: float

    def digest(self, short_side: int) -> str:
        """Of everything that a cache depends on."""
        facts = [MAGIC.decode(), short_side, self.num_validation, self.holdout]
        files = [[o.source, o.name, *o.identity()] for o in self.origins]
        return hashlib.sha256(json.dumps([*facts, files]).encode()).hexdigest()

    def is_named_for_validation(self, source: int) -> bool:
        """Whether a source was named as one to judge by."""
        return source < self.num_validation

    def held_out(self, files: Sequence[str]) -> list[bool]:
        """Which of the pictures are held out, given the digests of the files they are from."""
        limit = int(self.holdout * (1 << 32))
        held = {file for file in files if int(file[:8], 16) < limit}
        if not held and limit and len(set(files)) > 1:
            held = {min(files)}
        return [file in held for file in files]

    def collection(self, path: Path, entries: list[Entry], facts: dict[str, Any]) -> Collection:
        """What a cache holds."""
        held: list[Entry] = [e for e in entries if e.held_out]
        taken = [e for e in entries if not e.held_out]
        training, judging = (Counter(e.source for e in side) for side in (taken, held))
        dropped: list[tuple[int, str, Reason]] = facts["dropped"]
        order = [*range(self.num_validation, len(self.sources)), *range(self.num_validation)]
        return Collection(
            train=PhotographStore(path, taken),
            validation=PhotographStore(path, held),
            dropped=[(name, reason) for _, name, reason in dropped],
            counts=[
                SourceCount(
                    source=str(self.sources[n]),
                    training=training[n],
                    validation=judging[n],
                    dropped=dict(Counter(reason for source, _, reason in dropped if source == n)),
                )
                for n in order
            ],
        )


def _write(
    path: Path, division: _Division, short_side: int, progress: ProgressCallback | None
) -> None:
    """Fill a cache file."""
    entries: list[Entry] = []
    files: list[str] = []
    dropped: list[tuple[int, str, Reason]] = []
    judged_by, learned_from = DuplicateIndex(), DuplicateIndex()
    total = _count(division.origins) if progress else None
    with path.open("wb") as file:
        writer = CacheWriter(file)
        verdicts = look_at(candidates_in(division.origins, short_side))
        for done, verdict in enumerate(verdicts, 1):
            fault = verdict.fault
            named = division.is_named_for_validation(verdict.source)
            if fault is None and not named and judged_by.has_like(verdict.hash):
                fault = "also in the validation set"
            if fault is None and (judged_by if named else learned_from).has_like(verdict.hash):
                fault = "near-duplicate"
            if fault is None and verdict.loaded is not None:
                (judged_by if named else learned_from).add(verdict.hash)
                entry = writer.add(verdict.name, verdict.source, verdict.loaded.rgb)
                entries.append(replace(entry, held_out=named))
                files.append(verdict.loaded.file)
            elif fault is not None:
                dropped.append((verdict.source, verdict.name, fault))
            if progress:
                source = division.sources[verdict.source]
                progress(Progress(source, "pictures", done, total))
        if not division.num_validation:
            sides = division.held_out(files)
            entries = [replace(e, held_out=h) for e, h in zip(entries, sides, strict=True)]
        _check_enough(division, entries, dropped)
        writer.finish(entries, {"dropped": dropped})


def _count(origins: Sequence[Origin]) -> int | None:
    """How many pictures there are to look at; None if there are films, whose shots nobody knows."""
    if any(origin.kind == "film" for origin in origins):
        return None
    return sum(count_in_shard(o.path) if o.kind == "shard" else 1 for o in origins)


def _check_enough(
    division: _Division, entries: Sequence[Entry], dropped: Sequence[tuple[int, str, Reason]]
) -> None:
    """Refuse a collection with nothing on a side that was asked for.

    Raises:
        InputError: with what became of the pictures.
    """
    for validation in (False, True):
        numbers = [
            n
            for n in range(len(division.sources))
            if division.is_named_for_validation(n) == validation
        ]
        if not numbers or any(e.source in numbers and e.held_out == validation for e in entries):
            continue
        named = ", ".join(str(division.sources[n]) for n in numbers)
        if any(e.source in numbers for e in entries):
            raise InputError(
                f"{named}: every photograph fell into the share that is held out; "
                "lower it, or name more photographs"
            )
        reasons = Counter(reason for source, _, reason in dropped if source in numbers)
        if not reasons:
            raise InputError(f"{named}: no picture, film or tar shard in it; name photographs")
        if list(reasons) == ["also in the validation set"]:
            raise InputError(
                f"{named}: holds nothing but pictures of the validation set; name others"
            )
        said = ", ".join(f"{n:,} {reason}" for reason, n in reasons.most_common())
        raise InputError(
            f"{named}: no picture in it is fit to learn color from ({said}); "
            "name whole color photographs"
        )
