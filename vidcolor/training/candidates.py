"""Loads and checks all images of the source files, in parallel and in order."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from vidcolor.errors import InputError, OutputError
from vidcolor.training.film_sampling import GrayscaleVideoError, sample_film
from vidcolor.training.filtering import find_rejection_reason, perceptual_hash
from vidcolor.training.reading import read_image, read_member
from vidcolor.training.sources import iterate_shard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from vidcolor.imaging.types import Rgb
    from vidcolor.training.filtering import RejectionReason
    from vidcolor.training.sources import SourceFile

_PREFETCH = 8
"""Images per thread that are loaded in advance."""


@dataclass(frozen=True, slots=True)
class LoadedImage:
    """A decoded image and the digest of its file."""

    rgb: Rgb
    """(h, w, 3) uint8 sRGB."""
    file_digest: str
    """Digest of the content of an image file, or of the name and size of a film."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An image that may become part of the dataset."""

    name: str
    source: int
    load: Callable[[], LoadedImage | RejectionReason]
    """Loads the image, or returns the reason for its rejection."""


@dataclass(frozen=True, slots=True)
class CandidateResult:
    """A candidate after loading and checking."""

    name: str
    source: int
    loaded: LoadedImage | None
    reason: RejectionReason | None
    """Reason for the rejection; None for a suitable image."""
    hash: int
    """See `perceptual_hash`; 0 for a rejected image."""


def iterate_candidates(files: Iterable[SourceFile], short_side: int) -> Iterator[Candidate]:
    """Yield the images of all files, one file after the other.

    Args:
        files: the source files.
        short_side: maximum short side of the images.

    Raises:
        InputError: a shard is damaged. A damaged film or image becomes a rejected candidate.
    """
    for file in files:
        if file.kind == "image":
            load = partial(_load_file, file.path, short_side)
            yield Candidate(file.name, file.source, load)
        elif file.kind == "shard":
            for name, content in iterate_shard(file.path):
                load = partial(_load_member, name, content, short_side)
                yield Candidate(f"{file.name}/{name}", file.source, load)
        else:
            yield from _iterate_frames(file, short_side)


def _iterate_frames(file: SourceFile, short_side: int) -> Iterator[Candidate]:
    """Yield the sampled frames of a film; a damaged or gray film ends with a rejected candidate."""
    # The content of a film is too large to hash.
    identity = f"{file.path.name} {file.path.stat().st_size}"
    digest = _hash_content(os.fsencode(identity))

    def rejected(reason: RejectionReason) -> Candidate:
        return Candidate(file.name, file.source, lambda: reason)

    try:
        for time_s, rgb in sample_film(file.path, short_side):
            loaded = LoadedImage(rgb, digest)
            name = f"{file.name} at {time_s:.2f} s"
            yield Candidate(name, file.source, partial(_return_loaded, loaded))
    except GrayscaleVideoError:
        yield rejected("gray")
    except InputError:
        yield rejected("damaged or unreadable")


def _return_loaded(loaded: LoadedImage) -> LoadedImage:
    return loaded


def _load_file(path: Path, short_side: int) -> LoadedImage:
    return LoadedImage(read_image(path, short_side), _hash_content(path.read_bytes()))


def _load_member(name: str, content: bytes, short_side: int) -> LoadedImage:
    return LoadedImage(read_member(name, content, short_side), _hash_content(content))


def _hash_content(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def evaluate_candidates(candidates: Iterable[Candidate]) -> Iterator[CandidateResult]:
    """Load and check candidates on all cores; yield the results in the order of the candidates.

    At most `_PREFETCH` images per core are in memory. Decoders release the GIL, so threads suffice.
    """
    workers = os.cpu_count() or 1
    remaining = iter(candidates)
    with ThreadPoolExecutor(workers, "vidcolor-photographs") as pool:
        pending = deque(
            pool.submit(_evaluate, c) for c in itertools.islice(remaining, workers * _PREFETCH)
        )
        try:
            while pending:
                result = pending.popleft().result()
                # One new image for each finished one, so that the number in memory stays constant.
                pending.extend(pool.submit(_evaluate, c) for c in itertools.islice(remaining, 1))
                yield result
        finally:
            pool.shutdown(cancel_futures=True)


def _evaluate(candidate: Candidate) -> CandidateResult:
    loaded = _load(candidate)
    if isinstance(loaded, str):
        return CandidateResult(candidate.name, candidate.source, None, loaded, 0)
    reason = find_rejection_reason(loaded.rgb)
    image_hash = 0 if reason else perceptual_hash(loaded.rgb)
    return CandidateResult(candidate.name, candidate.source, loaded, reason, image_hash)


def _load(candidate: Candidate) -> LoadedImage | RejectionReason:
    try:
        return candidate.load()
    except (OutputError, MemoryError):  # the machine is the cause, not the image
        raise
    except Exception:  # decoders raise many types of exceptions for damaged files
        return "damaged or unreadable"
