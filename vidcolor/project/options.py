"""The options of a whole film that a project stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vidcolor.errors import UsageError
from vidcolor.options import ColorizeOptions
from vidcolor.schema import suggest

if TYPE_CHECKING:
    from collections.abc import Mapping

_OTHERS = ("shots", "hints", "references", "per_frame", "trust", "precision", "confidence")
"""Options that the tables of a project replace, that contradict hints, or that belong to a run."""
PROJECT_OPTIONS = tuple(
    name
    for name, option in ColorizeOptions.options().items()
    if {"film", "sequence"} & {*option.tasks}
    if (option.in_fingerprint or name == "model") and name not in _OTHERS
)
"""Names of the options that a project stores."""
FRAME_OPTIONS = ("start", "end", "fps", "gray_from")
"""Options that the numbers and the luma of the frames depend on. They cannot be changed later."""
SHOT_OPTIONS = ("vividness", "saturation", "model")
"""Options that each shot may have its own value of."""


def make_options(values: Mapping[str, Any], name: str) -> ColorizeOptions:
    """Return the options of a film from the values of a project; `name` starts messages.

    Raises:
        UsageError: an option is unknown or invalid, or a project cannot store it.
    """
    for key in values:
        if key not in PROJECT_OPTIONS:
            remedy = suggest(key, PROJECT_OPTIONS)
            raise UsageError(f"{name}: options: a project has no option {key!r}{remedy}")
    try:
        return ColorizeOptions(**values)
    except UsageError as error:
        raise UsageError(f"{name}: options: {error}") from None


def store_options(options: ColorizeOptions) -> dict[str, Any]:
    """Return the options that a project stores and that differ from the defaults."""
    values, defaults = options.to_json(), ColorizeOptions().to_json()
    return {name: values[name] for name in PROJECT_OPTIONS if values[name] != defaults[name]}


def select_color_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that the color of every shot depends on."""
    groups = ColorizeOptions.options()
    return {
        name: value
        for name, value in options.items()
        if groups[name].group == "Color" or name in FRAME_OPTIONS
    }
