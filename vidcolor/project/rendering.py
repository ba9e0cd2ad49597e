"""Rendering of an opened project, for Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidcolor.errors import UsageError
from vidcolor.options import ColorizeOptions
from vidcolor.project.describe import count_decisions
from vidcolor.project.review import ProjectReview
from vidcolor.project.store import cache_path
from vidcolor.provenance import ProjectRevision

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from vidcolor.colorizer import Colorizer
    from vidcolor.film.engines.base import Engine
    from vidcolor.film.request import Excerpt, FilmResult
    from vidcolor.progress import ProgressCallback
    from vidcolor.project.views import ProjectShot


class ProjectRendering(ProjectReview):
    """The methods of a project that render the film or an excerpt of it."""

    def describe_revision(self) -> ProjectRevision:
        """Return what the metadata of a result say about the project."""
        self._record_hand_edits()
        return ProjectRevision(self.path.name, self.revision, count_decisions(self.document))

    def render(
        self,
        target: Path | str | None = None,
        run: ColorizeOptions | None = None,
        *,
        shots: Iterable[ProjectShot] | None = None,
        colorizer: Colorizer | None = None,
        engine: Engine | None = None,
        progress: ProgressCallback | None = None,
    ) -> FilmResult:
        """Colorize the film with the decisions of the project.

        Segments of an earlier rendering on which no decision has changed are reused.

        Args:
            target: path of the result; None for NAME.color.EXT beside the project, or for
                NAME.shots-12-15.EXT.
            run: options of this run, such as `device`, `workers` and `force`. Those that the
                project stores are ignored.
            shots: consecutive shots, to render these only; None for the whole film. Shots that
                dissolve into them are added.
            colorizer, engine, progress: as in `colorize_film`.

        Raises:
            InputError: the source or a reference is missing.
            UsageError: the shots are not consecutive.
            VidcolorError: see `colorize_film`.
        """
        from vidcolor.film.api import colorize_film, colorize_sequence
        from vidcolor.project.render import make_render_options, make_target

        source, document = self.find_source(), self.document
        excerpt = None if shots is None else self.choose_excerpt(shot.index for shot in shots)
        colorize = colorize_sequence if document.source.kind == "sequence" else colorize_film
        return colorize(
            source,
            target or make_target(self.path, document, source, excerpt=excerpt),
            make_render_options(self.path, document, run or ColorizeOptions()),
            colorizer=colorizer,
            engine=engine,
            progress=progress,
            project=self.describe_revision(),
            cache=cache_path(self.path),
            excerpt=excerpt,
        )

    def choose_excerpt(self, indices: Iterable[int]) -> Excerpt | None:
        """Return the excerpt with the shots of these indices; None if they are the whole film.

        Raises:
            UsageError: the shots are not consecutive.
        """
        from vidcolor.project.excerpt import choose_excerpt

        try:
            return choose_excerpt(self.document, sorted(indices))
        except UsageError as error:
            raise UsageError(f"{self.path}: {error}") from None
