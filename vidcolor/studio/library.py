"""Photos and films that were named on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidcolor.studio.links import API_CLIENT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidcolor.studio.discovery import Source
    from vidcolor.studio.services import Services


def register_sources(services: Services, sources: Sequence[Source]) -> None:
    """Show the files of the command line. A file that is known already stays as it is."""
    for source in sources:
        path, size = source.path, source.size
        if source.kind == "photo":
            services.photos.add(path, path.name, API_CLIENT, False, size, "")
        else:
            services.films.add(path, path.name, API_CLIENT, False, size, "", source.project)
