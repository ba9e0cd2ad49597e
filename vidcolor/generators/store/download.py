"""Weights fetched over the network: resumed, checked, and there under their name or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from vidcolor import __version__
from vidcolor.errors import BusyError, DownloadError, OutputError
from vidcolor.fileio import describe_os_error, publish, sync
from vidcolor.generators.store.registry import (
    Record,
    Source,
    cache_dir,
    drop_record,
    forget,
    installed,
    keep_record,
)

if TYPE_CHECKING:
    from vidcolor.generators.store.registry import Entry

Report = Callable[[int, int | None], None]
"""Told how many bytes of how many have come; None if nobody knows."""

STALL_S = 30.0
"""How long a server may say nothing."""
TRIES = 4
"""Of one address, each going on where the one before stopped; those that get far do not count."""
PAUSE_S = 1.0
"""Before the second try; doubled each time."""
_BLOCK = 1 << 18
_FULL = 200
_PARTIAL = 206
_PAST_END = 416


class _BrokenError(Exception):
    """A try that failed, and that may go better next time."""


class _RefusedError(Exception):
    """An address that will not do."""


def pull(
    entry: Entry,
    report: Report = lambda *_: None,
    force: bool = False,
) -> Path:
    """Fetch weights into the cache; nothing is done if they are there.

    Mirrors are tried in turn. What has come so far is kept, and gone on with by the next call. A
    proxy is found where every program looks for it (``HTTPS_PROXY``, ``NO_PROXY``). Nothing has
    the final name before its size and, if one is stated, its digest are right.

    Args:
        entry: what to fetch.
        report: told how far it is.
        force: fetch them again if they are there; those stay until the new ones are good.

    Raises:
        DownloadError: no address gave the file.
        OutputError: it cannot be written.
        BusyError: another process is fetching it.
    """
    from filelock import FileLock, Timeout

    place_for = cache_dir()
    try:
        place_for.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{place_for}: {describe_os_error(error)}") from error
    lock = FileLock(place_for / f".{entry.name}.lock", timeout=0)
    try:
        with lock:
            here = installed().get(entry.name)
            return here if here and not force else _pull_locked(entry, place_for, report)
    except Timeout:
        raise BusyError(f"{entry.name}: another process is fetching it") from None
    except OSError as error:
        raise OutputError(f"{place_for}: {describe_os_error(error)}") from error


def _pull_locked(entry: Entry, place_for: Path, report: Report) -> Path:
    refusals = []
    for number, source in enumerate(entry.sources):
        target = place_for / f"{entry.name}{source.suffix}"
        partial = place_for / f".{entry.name}.{number}.part"
        try:
            digest = _fetch(source, partial, report)
        except (_BrokenError, _RefusedError) as error:
            refusals.append(f"{source.url}: {error}")
            continue
        record = Record(
            sha256=digest,
            bytes=partial.stat().st_size,
            origin=source.url,
            stated=source.sha256 is not None,
            architecture=entry.architecture,
            license=entry.license,
            commercial=entry.commercial,
        )
        sync(partial)
        drop_record(target)  # of what had the name before: nothing known is better than wrong
        publish(partial, target, force=True)
        keep_record(target, record)
        forget(entry.name, but=target)
        for leftover in place_for.glob(f".{entry.name}.*.part*"):  # other mirrors' as well
            leftover.unlink()
        return target
    raise DownloadError(_by_hand(entry, place_for, refusals))


def _fetch(source: Source, partial: Path, report: Report) -> str:
    """The whole file, checked; its digest.

    Raises:
        _BrokenError: it broke off again and again; what has come is kept.
        _RefusedError: this address does not have it; nothing is kept.
    """
    failures = 0
    while True:
        before = _size_of(partial)
        try:
            _receive(source, partial, report)
            break
        except _BrokenError as error:
            have = _size_of(partial)
            failures = 1 if have - before >= _BLOCK else failures + 1
            if failures == TRIES:
                kept = f"; {have} bytes have come and are kept, go on with the same command"
                raise _BrokenError(f"{error}{kept if have else ''}") from None
        time.sleep(PAUSE_S * 2 ** (failures - 1))
    return _checked(source, partial)


def _size_of(partial: Path) -> int:
    return partial.stat().st_size if partial.exists() else 0


def _checked(source: Source, partial: Path) -> str:
    """The digest of what has come."""
    try:
        size, digest = partial.stat().st_size, hashlib.sha256()
        with partial.open("rb") as file:
            begin = file.read(512)
            file.seek(0)
            while block := file.read(1 << 20):
                digest.update(block)
        problem = ""
        if begin.lstrip()[:1] == b"<":
            problem = "sends a web page instead of the file"
        elif source.bytes is not None and size != source.bytes:
            problem = f"sends {size} bytes, not {source.bytes}"
        elif source.sha256 is not None and digest.hexdigest() != source.sha256:
            problem = (
                f"sends something else: its SHA-256 is {digest.hexdigest()[:12]}…,"
                f" not {source.sha256[:12]}…"
            )
        if problem:
            partial.unlink()
            _notes_of(partial).unlink(missing_ok=True)
            raise _RefusedError(problem)
        return digest.hexdigest()
    except OSError as error:
        raise OutputError(f"{partial}: {describe_os_error(error)}") from error


def _receive(source: Source, partial: Path, report: Report) -> None:
    """What is still missing of a file, appended to what there is."""
    have = _size_of(partial)
    if source.bytes is not None and have == source.bytes:
        return
    request = urllib.request.Request(
        source.url, headers={"User-Agent": f"vidcolor/{__version__}", "Accept-Encoding": "identity"}
    )
    if have:
        request.add_header("Range", f"bytes={have}-")
        if tag := _tag_of(partial):
            request.add_header("If-Range", tag)
    try:
        # An opener of its own: the common one remembers the proxies of its first use.
        answer = urllib.request.build_opener().open(request, timeout=STALL_S)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == _PAST_END and have:
                partial.unlink()
                raise _BrokenError("the server has less than has come already") from None
            kind = _RefusedError if error.code < 500 and error.code != 429 else _BrokenError
            raise kind(f"the server says {error.code} {error.reason}") from None
    except (OSError, HTTPException, ValueError) as error:
        unknown_host = isinstance(getattr(error, "reason", None), socket.gaierror)
        raise (_RefusedError if unknown_host else _BrokenError)(_reason(error)) from None
    with answer:
        _append(source, answer, partial, have, report)


def _append(
    source: Source,
    answer: Any,
    partial: Path,
    have: int,
    report: Report,
) -> None:
    if answer.headers.get_content_type() == "text/html":
        raise _RefusedError("sends a web page instead of the file")
    begin = 0
    if answer.status == _PARTIAL:
        begin = int(answer.headers.get("Content-Range", "bytes 0-").split()[1].split("-")[0])
        if begin != have:
            raise _BrokenError("the server goes on at another place")
    length = answer.headers.get("Content-Length")
    total = begin + int(length) if length and length.isdecimal() else source.bytes
    _check_room(partial, begin, total)
    if not begin:
        tag = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
        _notes_of(partial).write_text(json.dumps({"url": source.url, "tag": tag}), "utf-8")
    came = begin
    with partial.open("ab" if begin else "wb") as file:
        while True:
            try:
                block = answer.read(_BLOCK)
            except (OSError, HTTPException) as error:
                raise _BrokenError(_reason(error)) from None
            if not block:
                break
            file.write(block)
            came += len(block)
            report(came, total)
    if total is not None and came < total:
        raise _BrokenError(f"the connection broke off at {came} of {total} bytes")


def _check_room(partial: Path, begin: int, total: int | None) -> None:
    free = shutil.disk_usage(partial.parent).free
    if total is not None and free < total - begin:
        raise OutputError(
            f"{partial.parent}: has room for {free / 1e6:.0f} MB, and"
            f" {(total - begin) / 1e6:.0f} MB are to come; make room, or set"
            " VIDCOLOR_HOME to a folder elsewhere"
        )


def _tag_of(partial: Path) -> str:
    """What the server called the state of the file that has begun to come; empty if nothing.

    A weak tag or nothing does not say that bytes are the same: then the digest has to.
    """
    with contextlib.suppress(OSError, ValueError):
        tag = str(json.loads(_notes_of(partial).read_text("utf-8")).get("tag", ""))
        return "" if tag.startswith("W/") else tag
    return ""


def _notes_of(partial: Path) -> Path:
    return partial.with_name(partial.name + ".json")


def _reason(error: Exception) -> str:
    inner = getattr(error, "reason", error)
    if isinstance(inner, TimeoutError):
        return f"nothing came for {STALL_S:g} s"
    return str(getattr(inner, "strerror", None) or inner or type(error).__name__)


def _by_hand(entry: Entry, place_for: Path, refusals: list[str]) -> str:
    """What to do without a network."""
    best = entry.sources[0]
    host = urlsplit(best.url).hostname
    check = f", check that its SHA-256 is {best.sha256}" if best.sha256 else ""
    return (
        f"{entry.name}: cannot be fetched ({'; '.join(refusals)}). Without a way to {host} from"
        f" here (a proxy is taken from HTTPS_PROXY), fetch {best.url} elsewhere{check}, and put"
        f" it at {place_for / (entry.name + best.suffix)}"
    )
