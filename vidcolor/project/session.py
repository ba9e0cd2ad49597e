"""An opened project file: its document, the changes that are recorded, and saving."""

from __future__ import annotations

import getpass
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from vidcolor.errors import InputError, UsageError
from vidcolor.project.checks import check_document
from vidcolor.project.document import ProjectDocument
from vidcolor.project.history import (
    HAND_EDIT,
    apply_changes,
    compare,
    find_undone,
    restore,
)
from vidcolor.project.rows import Change
from vidcolor.project.store import StoredProject, lock_project, read_project, write_project

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Edit = Callable[[ProjectDocument], ProjectDocument]

UNKNOWN_PERSON = "unknown"
"""Who made changes by hand in the file."""


def get_user_name() -> str:
    """Return the name of the user, for the log."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container without a user database
        return UNKNOWN_PERSON


def format_now(seconds: float | None = None) -> str:
    """Return a time, by default the current one, as ISO 8601 in UTC with seconds."""
    moment = datetime.fromtimestamp(time.time() if seconds is None else seconds, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class ProjectSession:
    """A project file that was read, and changes that are not saved yet.

    Changes are made in memory and recorded one by one. `save` writes all of them at once, and
    refuses to do so if another process has changed the file meanwhile. Not thread-safe.
    """

    def __init__(self, path: Path, stored: StoredProject, by: str | None = None) -> None:
        """Open a file that was read; `by` is the name of the person, by default the user."""
        self.path = path
        self.by = by or get_user_name()
        self._document, self._file_digest = stored.document, stored.file_digest
        self._saved = stored.document
        self._has_checked_hand_edits = False

    # State

    @property
    def document(self) -> ProjectDocument:
        """The current content, with the changes that are not saved."""
        return self._document

    @property
    def stored(self) -> StoredProject:
        """The content of the file as it was read or written last."""
        return StoredProject(self._saved, self._file_digest)

    @property
    def folder(self) -> Path:
        """Folder of the project file, to which its paths are relative."""
        return self.path.parent

    @property
    def revision(self) -> int:
        """Number of the last change."""
        return self._document.revision

    @property
    def has_unsaved_changes(self) -> bool:
        """Whether there are changes that `save` would write."""
        return self._document is not self._saved

    # Changes

    def change(self, do: str, edit: Edit, evidence: str | None = None) -> Change | None:
        """Apply an edit in memory, check the result, and record the change.

        Args:
            do: name of the change in the log.
            edit: function that returns the edited document.
            evidence: text or link that supports the change.

        Returns:
            The recorded change; None if the edit changes nothing.

        Raises:
            UsageError: the edit is impossible, or its result is invalid.
        """
        self._record_hand_edits()
        before = self._document
        try:
            after = edit(before)
            check_document(str(self.path), after, before)
        except UsageError as error:
            prefix = f"{self.path}: "
            raise UsageError(f"{prefix}{str(error).removeprefix(prefix)}") from None
        return self._record(after, Change(revision=1, at="", by="", do=do, evidence=evidence))

    def _record(self, after: ProjectDocument, change: Change) -> Change | None:
        changes = compare(self._document, after)
        if not changes:
            return None
        change = change.replace(
            revision=self.revision + 1,
            at=change.at or format_now(),
            by=change.by or self.by,
            changes=changes,
        )
        self._document = after.replace(history=(*self._document.history, change))
        return change

    def _record_hand_edits(self) -> None:
        """Record changes that a person made in the file without a line in its history."""
        if self._has_checked_hand_edits:
            return
        self._has_checked_hand_edits = True
        before = self._restore(None)
        changes = compare(before, self._document)
        if not changes:
            return
        try:
            modified_s = self.path.stat().st_mtime
        except OSError:
            modified_s = time.time()
        change = Change(
            revision=self.revision + 1,
            at=format_now(modified_s),
            by=UNKNOWN_PERSON,
            do=HAND_EDIT,
            changes=changes,
        )
        self._document = self._document.replace(history=(*self._document.history, change))

    def _restore(self, revision: int | None) -> ProjectDocument:
        try:
            return restore(self._document, revision)
        except UsageError as error:
            raise UsageError(
                f"{self.path}: history contradicts itself ({error}); restore an earlier version "
                "of the file"
            ) from None

    # History

    @property
    def history(self) -> Sequence[Change]:
        """All changes, including those that were made by hand in the file."""
        self._record_hand_edits()
        return self._document.history

    def get_revision(self, revision: int) -> ProjectDocument:
        """Return the decisions of an earlier revision.

        Raises:
            UsageError: there is no such revision.
        """
        self._record_hand_edits()
        self._check_revision(revision)
        return self._restore(revision)

    def _check_revision(self, revision: int) -> None:
        if not 1 <= revision <= self.revision:
            raise UsageError(
                f"{self.path}: there is no revision {revision}; the last one is {self.revision}"
            )

    def undo(self, revision: int | None = None) -> tuple[Change, Change]:
        """Take back the last change that is not undone, or that of a revision.

        Returns:
            The new change, and the one that it takes back.

        Raises:
            UsageError: there is nothing to undo, or a later change depends on it.
        """
        self._record_hand_edits()
        done, _ = find_undone(self._document.history)
        if not done:
            raise UsageError(f"{self.path}: there is nothing to undo")
        if revision is not None:
            self._check_revision(revision)
        target = next((c for c in reversed(done) if revision in (None, c.revision)), None)
        if target is None:
            raise UsageError(
                f"{self.path}: revision {revision} cannot be undone; it made the project, is "
                "undone already, or undoes another one"
            )
        return self._revert(target, undoes=target.revision), target

    def redo(self) -> tuple[Change, Change]:
        """Make the change again that was undone last.

        Returns:
            The new change, and the one that it repeats.

        Raises:
            UsageError: there is nothing to redo.
        """
        self._record_hand_edits()
        _, undone = find_undone(self._document.history)
        if not undone:
            raise UsageError(f"{self.path}: there is nothing to redo")
        return self._revert(undone[-1], redoes=undone[-1].revision), undone[-1]

    def _revert(
        self, target: Change, undoes: int | None = None, redoes: int | None = None
    ) -> Change:
        before = self._document
        label = f"revision {target.revision} ({target.do})"
        try:
            after = apply_changes(before, target.changes, inverse=undoes is not None)
            check_document(str(self.path), after, before)
        except UsageError as error:
            text = str(error).removeprefix(f"{self.path}: ")
            raise UsageError(
                f"{self.path}: {label} cannot be {'undone' if undoes else 'redone'}: {text}; undo "
                "the later changes first"
            ) from None
        do = "undo" if undoes is not None else "redo"
        change = Change(revision=1, at="", by="", do=do, undoes=undoes, redoes=redoes)
        recorded = self._record(after, change)
        assert recorded is not None, "a recorded change changes something"
        return recorded

    # File

    def save(self) -> None:
        """Write the changes, if there are any.

        Raises:
            ConflictError: another process or person has changed the file since it was opened.
            BusyError: another process is changing it.
            OutputError: it cannot be written.
        """
        if not self.has_unsaved_changes:
            return
        if not self.path.exists():  # a lock would create the cache directory of a missing file
            raise InputError(f"{self.path}: no such file; it was there when it was opened")
        with lock_project(self.path):
            self._write()

    def _write(self) -> None:
        self._file_digest = write_project(self.path, self._document, self._file_digest)
        self._saved = self._document

    def reload(self) -> None:
        """Read the file again, and drop the changes that are not saved."""
        self.show(read_project(self.path))

    def show(self, stored: StoredProject) -> None:
        """Use what was read from the file elsewhere, and drop the changes that are not saved."""
        self._document = self._saved = stored.document
        self._file_digest = stored.file_digest
        self._has_checked_hand_edits = False


def resolve_path(path: Path | str) -> Path:
    """Return the path of a project file; that of the file itself for a link.

    Raises:
        InputError: there is no such file.
    """
    path = Path(path)
    if path.is_symlink():  # an atomic write would replace the link
        path = Path(os.path.realpath(path))
    return path
