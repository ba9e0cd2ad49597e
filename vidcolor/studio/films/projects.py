"""The opened projects of a server: each is read again when its file has changed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import pickle
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vidcolor.errors import VidcolorError
from vidcolor.project.api import Project
from vidcolor.studio.films.describe import dump_shot_revs
from vidcolor.studio.films.paths import read_signature

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from vidcolor.project.document import ProjectDocument
    from vidcolor.studio.films.paths import Signature

MAX_OPENED = 16
"""Number of projects that are kept in memory."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """The decisions about a film, as its project has them at one time."""

    document: ProjectDocument
    revs: list[str]
    """Revision of each shot."""
    packed: bytes
    """The decisions for the compute process; see `pack_decisions`."""
    key: str
    """Text that differs for other decisions."""

    def find_shot(self, number: int, rev: str | None) -> int | None:
        """Return the index of a shot; None if there is none.

        Args:
            number: its number, from 1, as a client knows it.
            rev: its revision, by which it is found after earlier shots were split or merged.
        """
        if rev in self.revs:
            return self.revs.index(rev)
        return number - 1 if 1 <= number <= len(self.revs) else None


def pack_decisions(document: ProjectDocument) -> bytes:
    """Return the decisions of a document, without their history, for `OpenFilm.show`."""
    return pickle.dumps(document.replace(history=()), pickle.HIGHEST_PROTOCOL)


@dataclass(eq=False)
class OpenedProject:
    """A project in memory, which one thread at a time uses."""

    path: Path
    lock: threading.RLock = field(default_factory=threading.RLock)
    project: Project | None = None
    signature: Signature | None = None
    views: dict[str, tuple[ProjectDocument, bytes]] = field(default_factory=dict)
    """What was computed from a document, by name."""

    def load(self) -> Project:
        """Return the project as its file is now, with changes that were made by hand in the log.

        Raises:
            InputError: it cannot be read.
            UsageError: it is not a project, or a row is invalid.
        """
        signature = read_signature(self.path)
        if self.project is None or signature is None or signature != self.signature:
            self.project = None
            self.project = Project.open(self.path)
            self.signature = signature
            _ = self.project.history  # records changes that were made by hand
        return self.project

    def save(self, project: Project) -> None:
        """Write the changes of a project.

        Raises:
            VidcolorError: see `Project.save`. The changes are dropped.
        """
        try:
            project.save()
        except VidcolorError:
            self.project = None
            raise
        self.signature = read_signature(self.path)
        # Another process may have written the file after it was saved.
        with contextlib.suppress(OSError):
            digest = hashlib.sha256(self.path.read_bytes()).hexdigest()
            if digest == project.stored.file_digest:
                return
        self.project = None

    def get_view(self, name: str, make: Callable[[ProjectDocument], bytes]) -> bytes:
        """Return what `make` returns for the current document, which is kept until it changes."""
        document = self.load().document
        kept = self.views.get(name)
        if kept is None or kept[0] is not document:
            kept = self.views[name] = document, make(document)
        return kept[1]

    def get_revs(self, model: str) -> list[str]:
        """Return the revisions of all shots; see `make_shot_rev`."""
        data = self.get_view("revs", lambda document: dump_shot_revs(document, model))
        revs: list[str] = json.loads(data)
        return revs


class OpenedProjects:
    """The projects that were used last. Thread-safe."""

    def __init__(self, max_count: int = MAX_OPENED) -> None:
        """Keep up to `max_count` projects."""
        self._max_count, self._lock = max_count, threading.Lock()
        self._opened: OrderedDict[Path, OpenedProject] = OrderedDict()

    @contextlib.contextmanager
    def use(self, path: Path) -> Iterator[OpenedProject]:
        """Give the block a project that no other thread uses meanwhile."""
        with self._lock:
            opened = self._opened.setdefault(path, OpenedProject(path))
            self._opened.move_to_end(path)
            while len(self._opened) > self._max_count:
                self._opened.popitem(last=False)
        with opened.lock:
            yield opened

    def discard(self, path: Path) -> None:
        """Forget a project that was deleted."""
        with self._lock:
            self._opened.pop(path, None)
