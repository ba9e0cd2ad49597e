"""The stills of an opened project, for Python."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from vidcolor.project.options import make_options
from vidcolor.project.session import ProjectSession
from vidcolor.project.views import ShotSequence

if TYPE_CHECKING:
    from pathlib import Path

    from vidcolor.colorizer import Colorizer
    from vidcolor.film.analysis import FilmAnalysis
    from vidcolor.imaging.types import Rgb
    from vidcolor.project.still_frames import Still
    from vidcolor.project.still_renderer import StillRenderer

_CHANGEABLE_OPTIONS = ("vividness", "saturation")
"""Options that an open renderer reads from the document of each still."""


class ProjectStills(ProjectSession):
    """The methods of a project that return single frames in color. Not thread-safe."""

    _renderer: StillRenderer | None = None
    _renderer_key: Any = None

    @abstractmethod
    def find_source(self) -> Path:
        """Return the source."""

    @abstractmethod
    def analyze(self) -> FilmAnalysis:
        """Return timestamps and checksums of the frames."""

    def still(
        self,
        frame: int,
        *,
        max_size: tuple[int, int] | None = None,
        colorizer: Colorizer | None = None,
    ) -> Rgb:
        """Return one frame in color with the decisions of its shot, without rendering the film.

        Color is not propagated between key frames, and hints and references are not tracked, so a
        still differs slightly from the result. A reference without a frame is shown where it
        matches the shot; if it matches no shot, its palette is not shown.

        Args:
            frame: number of the frame, from 0.
            max_size: maximum width and height in pixels; None for the displayed size.
            colorizer: the generator; None to load that of the project at the first call.

        Returns:
            R'G'B', upright with square pixels: (H, W, 3) uint8.

        Raises:
            InputError: the source is missing, or has changed.
            UsageError: the frame does not exist.
        """
        return self.make_still(frame, max_size=max_size, colorizer=colorizer).color

    def make_still(
        self,
        frame: int,
        *,
        max_size: tuple[int, int] | None = None,
        colorizer: Colorizer | None = None,
    ) -> Still:
        """Return one frame in gray and in color, with its hints and its least certain regions.

        Arguments and errors are those of `still`.
        """
        ShotSequence(self).at(frame)  # reports a frame that does not exist
        renderer = self.open_renderer(colorizer)
        return renderer.render(self.document, frame, max_size)

    def open_renderer(self, colorizer: Colorizer | None = None) -> StillRenderer:
        """Return what renders single frames of the source, with any decisions.

        It stays the same while the source and the options are the same that its plan depends on.

        Raises:
            InputError: the source is missing, or has changed.
            VidcolorError: the generator cannot be loaded, or the result cannot be planned.
        """
        from vidcolor.colorizer import Colorizer
        from vidcolor.project.still_renderer import StillRenderer

        document = self.document
        planned = {k: v for k, v in document.options.items() if k not in _CHANGEABLE_OPTIONS}
        key = document.source, planned, colorizer
        if self._renderer is None or self._renderer_key != key:
            options = make_options(document.options, str(self.path))
            generator = colorizer or Colorizer.from_options(options)
            generator.check_options(options)
            if self._renderer is not None:
                self._renderer.close()
            self._renderer = StillRenderer(
                self.path, document, self.find_source(), self.analyze(), generator
            )
            self._renderer_key = key
        return self._renderer
