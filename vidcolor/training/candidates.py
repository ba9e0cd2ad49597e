"""Every picture in the files that were found, looked at: several at a time, in order."""

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
from vidcolor.training.film_sampling import GrayFilmError, sample_film
from vidcolor.training.filtering import find_fault, perceptual_hash
from vidcolor.training.reading import read_member, read_picture
from vidcolor.training.sources import pictures_in_shard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from vidcolor.training.filtering import Reason, Rgb
    from vidcolor.training.sources import Origin

_AHEAD = 8
"""Pictures for each thread that are looked at before their turn comes."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A picture, and the file that it is from."""

    rgb: Rgb
    file: str
    """Digest of a picture file's content, or of a film's name and size."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A picture that may be taken."""

    name: str
    source: int
    load: Callable[[], Loaded | Reason]
    """The picture, or why there is none."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a look at a candidate said."""

    name: str
    source: int
    loaded: Loaded | None
    fault: Reason | None
    """Why it is not fit; None if it is."""
    hash: int
    """See `perceptual_hash`; 0 if it is not fit."""


def candidates_in(origins: Iterable[Origin], short_side: int) -> Iterator[Candidate]:
    """The pictures of all files, one file after the other.

    Args:
        origins: the files.
        short_side: that pictures are reduced to.

    Raises:
        InputError: a shard is broken. Broken films and pictures become faulty candidates.
    """
    for origin in origins:
        if origin.kind == "picture":
            load = partial(_load_file, origin.path, short_side)
            yield Candidate(origin.name, origin.source, load)
        elif origin.kind == "shard":
            for name, content in pictures_in_shard(origin.path):
                load = partial(_load_member, name, content, short_side)
                yield Candidate(f"{origin.name}/{name}", origin.source, load)
        else:
            yield from _frames_of(origin, short_side)


def _frames_of(origin: Origin, short_side: int) -> Iterator[Candidate]:
    identity = f"{origin.path.name} {origin.path.stat().st_size}"
    file = _digest(os.fsencode(identity))

    def none(reason: Reason) -> Candidate:
        return Candidate(origin.name, origin.source, lambda: reason)

    try:
        for time_s, rgb in sample_film(origin.path, short_side):
            loaded = Loaded(rgb, file)
            name = f"{origin.name} at {time_s:.2f} s"
            yield Candidate(name, origin.source, partial(_already, loaded))
    except GrayFilmError:
        yield none("gray")
    except InputError:
        yield none("damaged or unreadable")


def _already(loaded: Loaded) -> Loaded:
    return loaded


def _load_file(path: Path, short_side: int) -> Loaded:
    return Loaded(read_picture(path, short_side), _digest(path.read_bytes()))


def _load_member(name: str, content: bytes, short_side: int) -> Loaded:
    return Loaded(read_member(name, content, short_side), _digest(content))


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def look_at(candidates: Iterable[Candidate]) -> Iterator[Verdict]:
    """Load and judge candidates on all cores; verdicts come in the candidates' order.

    No more than a few for each core are held at a time.
    """
    workers = os.cpu_count() or 1
    coming = iter(candidates)
    with ThreadPoolExecutor(workers, "vidcolor-photographs") as pool:
        waiting = deque(pool.submit(_judge, c) for c in itertools.islice(coming, workers * _AHEAD))
        try:
            while waiting:
                verdict = waiting.popleft().result()
                waiting.extend(pool.submit(_judge, c) for c in itertools.islice(coming, 1))
                yield verdict
        finally:
            pool.shutdown(cancel_futures=True)


def _judge(candidate: Candidate) -> Verdict:
    loaded = _load(candidate)
    if isinstance(loaded, str):
        return Verdict(candidate.name, candidate.source, None, loaded, 0)
    fault = find_fault(loaded.rgb)
    known = 0 if fault else perceptual_hash(loaded.rgb)
    return Verdict(candidate.name, candidate.source, loaded, fault, known)


def _load(candidate: Candidate) -> Loaded | Reason:
    try:
        return candidate.load()
    except (OutputError, MemoryError):  # our trouble, not the picture's
        raise
    except Exception:  # decoders raise nearly anything about a damaged file
        return "damaged or unreadable"
