"""Downloads weights into the cache. Downloads are resumable, verified, and published atomically.

Libraries for model files are not used: pooch does not resume, and huggingface_hub downloads from
one host only.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from vidcolor._version import __version__
from vidcolor.errors import BusyError, DownloadError, OutputError
from vidcolor.fileio import describe_os_error, publish, sha256_file
from vidcolor.generators.store.registry import (
    CACHE_VARIABLE,
    CacheRecord,
    DownloadSource,
    cache_dir,
    delete_other_formats,
    delete_record,
    list_installed,
    write_record,
)
from vidcolor.system import fsync_path

if TYPE_CHECKING:
    from vidcolor.generators.store.registry import RegistryEntry

DownloadProgressCallback = Callable[[int, int | None], None]
"""Called with the number of received bytes and the total; the total is None if it is unknown."""

_BLOCK_SIZE = 1 << 18
"""Bytes per read. An attempt that receives at least one block counts as progress."""

_WEB_PAGE = "the server sent a web page instead of the file"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The rules for retrying a download from one URL."""

    timeout_s: float = 30.0
    """Maximum time without data from the server, in seconds."""
    max_attempts: int = 4
    """Maximum number of consecutive attempts without progress; each resumes the one before."""
    pause_s: float = 1.0
    """Pause before the second attempt, in seconds; doubled for each further attempt."""


DEFAULT_RETRY_POLICY = RetryPolicy()
"""Retry policy of `vidcolor models pull`."""


class _AttemptError(Exception):
    """A failed attempt to download a file."""

    def __init__(self, message: str, is_permanent: bool = False) -> None:
        super().__init__(message)
        self.is_permanent = is_permanent
        """Whether the source does not provide the file, so that a retry would not help."""


def pull_weights(
    entry: RegistryEntry,
    report: DownloadProgressCallback = lambda *_: None,
    force: bool = False,
    policy: RetryPolicy = DEFAULT_RETRY_POLICY,
) -> Path:
    """Download weights into the cache, unless they are installed.

    The sources are tried in order. A partial download is kept, and the next call resumes it. The
    file gets its name only after its size and its published digest, if any, are verified.

    Args:
        entry: registry entry of the model.
        report: called after each received block.
        force: download installed weights again; the old file stays until the new one is verified.
        policy: timeouts and retries.

    Raises:
        DownloadError: no source provides the file.
        OutputError: the file cannot be written.
        BusyError: another process is downloading the model.
    """
    from filelock import FileLock, Timeout

    directory = cache_dir()
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{directory}: {describe_os_error(error)}") from error
    lock = FileLock(directory / f".{entry.name}.lock", timeout=0)
    try:
        with lock:
            installed = list_installed().get(entry.name)
            if installed and not force:
                return installed
            return _pull_locked(entry, directory, report, policy)
    except Timeout:
        raise BusyError(f"{entry.name}: another process is downloading it") from None
    except OSError as error:
        raise OutputError(f"{directory}: {describe_os_error(error)}") from error


def _pull_locked(
    entry: RegistryEntry, directory: Path, report: DownloadProgressCallback, policy: RetryPolicy
) -> Path:
    """Download weights while holding the lock of the model; see `pull_weights`."""
    failures = []
    for number, source in enumerate(entry.sources):
        target = directory / f"{entry.name}{source.suffix}"
        partial = directory / f".{entry.name}.{number}.part"
        try:
            digest = _Download(source, partial, report, policy).run()
        except _AttemptError as error:
            failures.append(f"{source.url}: {error}")
            continue
        record = CacheRecord(
            sha256=digest,
            bytes=partial.stat().st_size,
            origin=source.url,
            digest_verified=source.sha256 is not None,
            architecture=entry.architecture,
            license=entry.license,
            commercial=entry.commercial,
        )
        fsync_path(partial)
        # If this process dies before `write_record`, no record is better than a wrong one.
        delete_record(target)
        publish(partial, target, force=True)
        write_record(target, record)
        delete_other_formats(target)
        # Partial files of other sources are useless now.
        for leftover in directory.glob(f".{entry.name}.*.part*"):
            leftover.unlink()
        return target
    raise DownloadError(_manual_instructions(entry, directory, failures))


@dataclass(frozen=True, slots=True)
class _Download:
    """A download of one file from one source."""

    source: DownloadSource
    partial: Path
    report: DownloadProgressCallback
    policy: RetryPolicy

    @property
    def validator_file(self) -> Path:
        """File that stores the HTTP validator of the partial file, for resuming."""
        return self.partial.with_name(f"{self.partial.name}.json")

    def run(self) -> str:
        """Download and verify the file; return its SHA-256."""
        num_failures = 0
        while True:
            before = self._count_received()
            try:
                self._attempt()
                return self._verify()
            except _AttemptError as error:
                if error.is_permanent:
                    raise
                received = self._count_received()
                num_failures = 1 if received - before >= _BLOCK_SIZE else num_failures + 1
                if num_failures == self.policy.max_attempts:
                    kept = f"; {received} bytes are kept, run the same command again to resume"
                    raise _AttemptError(f"{error}{kept if received else ''}") from None
            time.sleep(self.policy.pause_s * 2 ** (num_failures - 1))

    def _count_received(self) -> int:
        return self.partial.stat().st_size if self.partial.exists() else 0

    def _attempt(self) -> None:
        """Request the missing part of the file and append it to the partial file."""
        received = self._count_received()
        if self.source.bytes is not None and received == self.source.bytes:
            return
        headers = {"User-Agent": f"vidcolor/{__version__}", "Accept-Encoding": "identity"}
        if received:
            headers["Range"] = f"bytes={received}-"
            if validator := self._read_validator():
                headers["If-Range"] = validator
        try:
            request = urllib.request.Request(self.source.url, headers=headers)
            # `urlopen` would cache the proxy settings of its first use.
            opener = urllib.request.build_opener()
            response = opener.open(request, timeout=self.policy.timeout_s)
        except urllib.error.HTTPError as error:
            with error:
                raise self._classify_http_error(error, received) from None
        except (OSError, HTTPException, ValueError) as error:
            is_unknown_host = isinstance(getattr(error, "reason", None), socket.gaierror)
            raise _AttemptError(self._describe_error(error), is_unknown_host) from None
        with response:
            self._append(response, received)

    def _classify_http_error(self, error: urllib.error.HTTPError, received: int) -> _AttemptError:
        if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and received:
            self.partial.unlink()
            return _AttemptError("the partial file is larger than the file on the server")
        is_permanent = error.code < 500 and error.code != HTTPStatus.TOO_MANY_REQUESTS
        return _AttemptError(f"HTTP {error.code} {error.reason}", is_permanent)

    def _append(self, response: Any, received: int) -> None:
        """Write the body of a response to the partial file, at the offset of the response."""
        if response.headers.get_content_type() == "text/html":
            raise _AttemptError(_WEB_PAGE, is_permanent=True)
        start = 0  # a server that ignores the Range header sends the whole file again
        if response.status == HTTPStatus.PARTIAL_CONTENT:
            content_range = response.headers.get("Content-Range", "bytes 0-")
            start = int(content_range.split()[1].split("-")[0])
            if start != received:
                raise _AttemptError("the server resumed at another offset")
        length = response.headers.get("Content-Length")
        total = start + int(length) if length and length.isdecimal() else self.source.bytes
        self._check_free_space(start, total)
        if not start:
            validator = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
            content = {"url": self.source.url, "validator": validator}
            self.validator_file.write_text(json.dumps(content), "utf-8")
        received = start
        with self.partial.open("ab" if start else "wb") as file:
            while block := self._read_block(response):
                file.write(block)
                received += len(block)
                self.report(received, total)
        if total is not None and received < total:
            raise _AttemptError(f"connection closed at {received} of {total} bytes")

    def _read_block(self, response: Any) -> bytes:
        try:
            block: bytes = response.read(_BLOCK_SIZE)
        except (OSError, HTTPException) as error:
            raise _AttemptError(self._describe_error(error)) from None
        return block

    def _check_free_space(self, start: int, total: int | None) -> None:
        """Raise an OutputError if the rest of the file, from `start`, does not fit on the disk."""
        directory = self.partial.parent
        free = shutil.disk_usage(directory).free
        if total is not None and free < total - start:
            raise OutputError(
                f"{directory}: {free / 1e6:.0f} MB free, {(total - start) / 1e6:.0f} MB needed;"
                f" free some space, or set {CACHE_VARIABLE} to another directory"
            )

    def _read_validator(self) -> str:
        """Return the validator of the partial file (RFC 9110, section 8.8); empty if it is weak.

        A weak validator does not guarantee equal bytes; then the digest detects a changed file.
        """
        with contextlib.suppress(OSError, ValueError):
            content = json.loads(self.validator_file.read_text("utf-8"))
            validator = str(content.get("validator", ""))
            return "" if validator.startswith("W/") else validator
        return ""

    def _verify(self) -> str:
        """Check content, size and digest of the complete file; return its SHA-256."""
        source, size, problem = self.source, self._count_received(), ""
        try:
            with self.partial.open("rb") as file:
                head = file.read(512)
            digest = sha256_file(self.partial)
            if head.lstrip()[:1] == b"<":
                problem = _WEB_PAGE
            elif source.bytes is not None and size != source.bytes:
                problem = f"the server sent {size} bytes, expected {source.bytes}"
            elif source.sha256 is not None and digest != source.sha256:
                problem = (
                    f"the server sent another file: its SHA-256 is {digest[:12]}…, expected"
                    f" {source.sha256[:12]}…"
                )
            if problem:
                self.partial.unlink()
                self.validator_file.unlink(missing_ok=True)
                raise _AttemptError(problem, is_permanent=True)
        except OSError as error:
            raise OutputError(f"{self.partial}: {describe_os_error(error)}") from error
        return digest

    def _describe_error(self, error: Exception) -> str:
        """Return the cause of a network error, for the error message."""
        reason = getattr(error, "reason", error)
        if isinstance(reason, TimeoutError):
            return f"no data for {self.policy.timeout_s:g} s"
        return str(getattr(reason, "strerror", None) or reason or type(error).__name__)


def _manual_instructions(entry: RegistryEntry, directory: Path, failures: list[str]) -> str:
    """Return the error message with instructions for a manual installation."""
    source = entry.sources[0]
    host = urlsplit(source.url).hostname
    check = f", check that its SHA-256 is {source.sha256}" if source.sha256 else ""
    return (
        f"{entry.name}: download failed ({'; '.join(failures)}). If {host} cannot be reached from"
        f" this machine (HTTPS_PROXY sets a proxy), download {source.url} elsewhere{check}, and"
        f" copy it to {directory / (entry.name + source.suffix)}"
    )
