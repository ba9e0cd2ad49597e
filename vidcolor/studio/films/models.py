"""The models that shots of films may have: those of the project, and those that are installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidcolor.errors import UsageError, WeightsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vidcolor.project.document import ProjectDocument
    from vidcolor.studio.films.changes import SetShot
    from vidcolor.studio.films.pictures import FilmPictures
    from vidcolor.studio.films.rows import FilmRow
    from vidcolor.studio.settings import StudioSettings


def list_models(document: ProjectDocument, settings: StudioSettings) -> list[str]:
    """Return the models that a client may choose for shots: never files that a client names."""
    from vidcolor.generators.store.registry import EMBEDDED_MODEL, list_installed

    names = [document.options.get("model", EMBEDDED_MODEL), settings.model, EMBEDDED_MODEL]
    used = [row.model for row in document.shots if row.model is not None]
    return list(dict.fromkeys([*names, *used, *list_installed()]))


async def check_models(
    pictures: FilmPictures,
    row: FilmRow,
    document: ProjectDocument,
    change: SetShot,
    known: Sequence[str],
) -> None:
    """Check that shots can be colorized by their models after a change.

    Args:
        pictures: those of the films, whose process loads the models.
        row: the film.
        document: its project.
        change: a change of shots.
        known: the models that a client may choose.

    Raises:
        UsageError: a model is not installed or damaged, or does not support an option of the shot.
    """
    values = change.get_given("model", "vividness")
    model = values.get("model")
    if model is not None and model not in known:
        raise UsageError(_describe_missing(model, known))
    numbers = change.shots or ([] if change.shot is None else [change.shot])
    indices = [n - 1 for n in numbers if n <= len(document.shots)]
    own = [n for n in indices if values.get("model", document.shots[n].model) is not None]
    if values and own:
        try:
            await pictures.check_shots(row, own, values)
        except WeightsError as error:
            raise UsageError(str(error)) from error


def _describe_missing(model: str, known: Sequence[str]) -> str:
    from vidcolor.generators.store.registry import load_registry

    if model in load_registry():
        return f"model {model!r} is not installed; run `vidcolor models pull {model}` on the server"
    return f"model {model!r} is not installed on the server; choose from {', '.join(known)}"
