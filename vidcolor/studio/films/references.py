"""References of films: color images that people send, which are kept beside the project."""

from __future__ import annotations

import contextlib
import hashlib
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field
from starlette.concurrency import run_in_threadpool

from vidcolor.errors import VidcolorError
from vidcolor.fileio import temporary_path
from vidcolor.project import edits
from vidcolor.project.identity import to_stored_path
from vidcolor.project.session import format_now
from vidcolor.project.store import SUFFIX
from vidcolor.studio.content import detect_content
from vidcolor.studio.errors import RequestError, TooLargeError, UnsupportedError
from vidcolor.studio.films.changes import ChangeModel, Frame
from vidcolor.studio.names import DIGEST_LENGTH, REFERENCE_SUFFIX, clean_name

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from vidcolor.project.api import Project
    from vidcolor.studio.films.rows import FilmRow
    from vidcolor.studio.films.service import FilmService

_MAX_STEM_BYTES = 120
"""Maximum size of the part of a stored name that comes from people. With the rest it is less than
the 143 bytes that encrypted file systems allow."""
_SPECIAL = re.compile(r'[<>:"|?*%]')
"""Characters that Windows forbids in names, and the one that starts the number of a sequence."""


class AddReference(ChangeModel):
    """Add an image that was checked before as a reference."""

    path: Annotated[str, Field(min_length=1)]
    """Path of the image, as the project stores it."""
    frame: Frame | None = None
    """Frame that it shows; None to find the shots that it matches."""

    def apply(self, project: Project) -> None:
        """Make the change in memory."""
        values: dict[str, Any] = {
            "path": self.path, "frame": self.frame, "evidence": self.evidence, "by": project.by,
            "at": format_now(),
        }  # fmt: skip
        project.change(
            "add-reference", lambda document: edits.add_rows(document, "references", [values])
        )


async def receive_reference(
    films: FilmService,
    row: FilmRow,
    revision: int,
    name: str,
    parts: AsyncIterator[bytes],
    max_bytes: int,
    **values: Any,
) -> None:
    """Receive an image, check it in the compute process, and add it to the project of a film.

    Args:
        films: the films.
        row: the film.
        revision: revision of the project that the client has seen.
        name: name of the image for people, which becomes a part of the name that is stored.
        parts: the bytes of the image.
        max_bytes: maximum size of the image.
        values: `frame`, `evidence` and `by` of the reference.

    Raises:
        TooLargeError: the image has more bytes.
        StorageError: there is no room for it.
        UnsupportedError: it is no image that vidcolor reads.
        VidcolorError: it is gray or damaged, or the project cannot be changed.
    """
    project = row.project_path
    digest, size = hashlib.sha256(), 0
    await run_in_threadpool(films.storage.check_reference_room, project.parent)
    # Two clients may send images at a time, so the name is that of this object. It is not in the
    # folder of the references, which exists only while it has any.
    partial = temporary_path(project.with_name(f"{id(digest):x}"))
    try:
        with partial.open("wb") as file:
            async for part in parts:
                size += len(part)
                if size > max_bytes:
                    raise TooLargeError(f"the image has more than {max_bytes} bytes")
                digest.update(part)
                await run_in_threadpool(file.write, part)
        if not size:
            raise RequestError("the body is empty; send the image as the body")
        content = await run_in_threadpool(detect_content, partial)
        if content.kind != "photo":
            raise UnsupportedError("the file is no still image; send a color photo")
        try:
            await films.pictures.check_reference(row, partial)
        except VidcolorError as error:  # it names the file that was received
            raise type(error)(str(error).replace(str(partial), "the image")) from error
        folder = project.with_name(f"{project.name.removesuffix(SUFFIX)}{REFERENCE_SUFFIX}")
        async with films.get_reference_lock(row):
            target, is_new = await run_in_threadpool(
                _store, partial, folder, name, digest.hexdigest(), content.suffix
            )
            path = to_stored_path(target, project.parent)
            try:
                await run_in_threadpool(
                    films.change, row, revision, AddReference(path=path, **values)
                )
            except Exception:
                if is_new:
                    await run_in_threadpool(_remove, target)
                raise
    finally:
        partial.unlink(missing_ok=True)


def _store(partial: Path, folder: Path, name: str, digest: str, suffix: str) -> tuple[Path, bool]:
    """Move an image into a folder; return its path, and whether it was not there before."""
    folder.mkdir(exist_ok=True)
    target = _choose_target(folder, name, digest, suffix)
    is_new = not target.exists()
    partial.replace(target)
    return target, is_new


def _remove(image: Path) -> None:
    """Remove an image that the project does not use, and its folder if it has no other one."""
    image.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        image.parent.rmdir()


def _choose_target(folder: Path, name: str, digest: str, suffix: str) -> Path:
    """Return the path of an image in a folder; that of an image with the same content if any."""
    ending = f"-{digest[:DIGEST_LENGTH]}{suffix}"
    stored = next(folder.glob(f"*{ending}"), None)
    return stored or folder / f"{_make_stem(name)}{ending}"


def _make_stem(name: str) -> str:
    """Return the start of a name of a file, without folders and special characters."""
    stem = PurePosixPath(_SPECIAL.sub("_", clean_name(name))).stem
    # A character at the limit is dropped, not cut.
    kept = stem.encode()[:_MAX_STEM_BYTES].decode(errors="ignore").strip(" .")
    return kept or "reference"
