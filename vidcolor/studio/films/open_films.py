"""The films that the compute process has open: projects with their networks and decoded frames."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

from vidcolor.colorizer import Colorizer
from vidcolor.errors import InputError
from vidcolor.project.api import Project
from vidcolor.project.cache import load_analysis
from vidcolor.project.options import make_options
from vidcolor.project.review import ShotReview
from vidcolor.project.store import StoredProject
from vidcolor.studio.films.paths import read_signature

if TYPE_CHECKING:
    from pathlib import Path

    from vidcolor.options import ColorizeOptions
    from vidcolor.project.document import ProjectDocument
    from vidcolor.project.still_renderer import StillRenderer
    from vidcolor.studio.compute.state import ComputeState
    from vidcolor.studio.films.paths import Signature
    from vidcolor.studio.settings import StudioSettings

MAX_BYTES = 1 << 30
"""Maximum size of what is kept of all films, in bytes."""
_CACHE = "films"
_ANALYZED_BYTES = 12 << 20
"""Approximate size of what a renderer keeps of one analyzed frame, in bytes."""
_GENERATOR_OPTIONS = ("size", "bins", "precision")
"""Options, besides the model, by which a project may name another generator than the server."""


class OpenFilm:
    """A project whose frames are examined, with the decisions that the server has read."""

    def __init__(self, path: Path, state: ComputeState) -> None:
        """Open a project.

        Raises:
            VidcolorError: it cannot be read, its source is missing, or was not analyzed yet.
        """
        self.project = Project.open(path)
        self._key: str | None = None
        self._state = state
        self._own_colorizer: tuple[Any, Colorizer] | None = None
        self._analyzed_source: str | None = None
        self._source: tuple[Path, Signature | None] | None = None
        """The source whose frames are read, and what it was when it was opened."""
        self._review: tuple[object, ShotReview] | None = None

    @property
    def document(self) -> ProjectDocument:
        """The content of the project."""
        return self.project.document

    @property
    def nbytes(self) -> int:
        """Approximate size in memory, in bytes."""
        source = self.document.source
        return 32 * _ANALYZED_BYTES + 4 * 6 * source.width * source.height

    @property
    def has_other_source(self) -> bool:
        """Whether the file of the source was changed, replaced or removed since it was opened."""
        return self._source is not None and read_signature(self._source[0]) != self._source[1]

    def show(self, key: str, packed: bytes) -> None:
        """Use the decisions that the server has read, which `pack_decisions` has packed.

        They are unpacked only if their key is new. That is much faster than reading the file.
        """
        if key != self._key:
            self.project.show(StoredProject(pickle.loads(packed), ""))
            self._key = key

    def read(self) -> Project:
        """Return the project as it is in its file, with its history."""
        project = Project.open(self.project.path)
        _ = project.history  # changes that were made by hand count as a revision
        return project

    @property
    def options(self) -> ColorizeOptions:
        """The options of the film."""
        return make_options(self.document.options, str(self.project.path))

    @property
    def colorizer(self) -> Colorizer:
        """The generator of the film: that of the server, unless the project names another one."""
        options, settings = self.options, self._state.settings
        if not needs_own_colorizer(options, settings):
            return self._state.colorizer
        values = {name: getattr(options, name) for name in ("model", *_GENERATOR_OPTIONS)}
        key = tuple(values.items())
        if self._own_colorizer is None or self._own_colorizer[0] != key:
            self._own_colorizer = key, Colorizer.load(device=settings.device, **values)
        return self._own_colorizer[1]

    def check_analyzed(self) -> None:
        """Check that the source is there and analyzed.

        Raises:
            InputError: the source is missing, has changed, or is not analyzed yet.
        """
        digest = self.document.source.digest
        if self._analyzed_source == digest:
            return
        # The analysis of a long film takes minutes, which is the work of a job.
        if load_analysis(self.project.path, self.document.source) is None:
            raise InputError("the film is not analyzed yet; try again in a moment")
        source = self.project.find_source()
        self._source = source, read_signature(source)
        self._analyzed_source = digest

    @property
    def renderer(self) -> StillRenderer:
        """The renderer of the frames.

        Raises:
            InputError: the source is missing, has changed, or is not analyzed yet.
        """
        self.check_analyzed()
        renderer = self.project.open_renderer(self.colorizer)
        renderer.checkpoint = self._state.check_canceled
        return renderer

    def review_shot(self, index: int, rev: str) -> ShotReview:
        """Return the examination of a shot with a revision, of which a part may be done."""
        key = index, rev
        if self._review is None or self._review[0] != key:
            self._review = key, ShotReview(self.document, index, self.renderer)
        return self._review[1]


def needs_own_colorizer(options: ColorizeOptions, settings: StudioSettings) -> bool:
    """Return whether a film needs another generator than the one that a server has loaded."""
    defaults = type(options)()
    return options.model != settings.model or any(
        getattr(options, name) != getattr(defaults, name) for name in _GENERATOR_OPTIONS
    )


def open_film(state: ComputeState, path: Path) -> OpenFilm:
    """Return the film of a project, which is opened if it is not open yet.

    Raises:
        VidcolorError: see `OpenFilm`.
    """
    cache = state.get_cache(_CACHE, MAX_BYTES)
    film = cache.get(path, lambda: OpenFilm(path, state))
    if film.has_other_source:  # its decoder would read the frames of another film
        close_film(state, path)
        film = cache.get(path, lambda: OpenFilm(path, state))
    return film


def close_film(state: ComputeState, path: Path) -> None:
    """Close the film of a project that was deleted."""
    state.get_cache(_CACHE, MAX_BYTES).discard(lambda key: key == path)
