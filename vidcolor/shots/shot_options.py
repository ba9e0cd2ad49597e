"""Options that shots may have their own values of: vividness, saturation and model."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vidcolor.options import ColorizeOptions, ShotOptions

    ValueFinder = Callable[[int], float | None]
    ModelFinder = Callable[[int], str | None]


def make_vividness_finder(options: ColorizeOptions) -> ValueFinder:
    """Return a function that returns the vividness of the frame with an index.

    A frame of a dissolve has that of the shot that it shows more of, because the predictions of
    both shots are cross-faded. None stands for the default of the model.
    """
    shots, values = _list_values(options, "vividness")
    find = _make_position_finder(shots)
    return lambda index: values[find(index)]


def make_model_finder(options: ColorizeOptions) -> ModelFinder:
    """Return a function that returns the model of the frame with an index.

    It is that of the shot that a frame shows more of. None stands for the model of the film.
    """
    shots = _list_shots(options)
    models = [shot.model for shot in shots] or [None]
    find = _make_position_finder(shots)
    return lambda index: models[find(index)]


def make_saturation_finder(options: ColorizeOptions) -> Callable[[int], float]:
    """Return a function that returns the saturation of the frame with an index.

    It changes gradually over a dissolve.
    """
    shots, values = _list_values(options, "saturation")
    firsts = [shot.first for shot in shots]

    def find(index: int) -> float:
        number = max(bisect_right(firsts, index) - 1, 0)
        value = values[number]
        assert value is not None, "the saturation of a film has a default"
        shot = shots[number] if shots else None
        if number == 0 or shot is None or index >= shot.first + shot.mixed_frames:
            return value
        before = values[number - 1]
        assert before is not None, "the saturation of a film has a default"
        share = (index - shot.first + 1) / (shot.mixed_frames + 1)
        return before + share * (value - before)

    return find


def _make_position_finder(shots: Sequence[ShotOptions]) -> Callable[[int], int]:
    """Return a function that returns the position of the shot that a frame shows more of."""
    boundaries = [shot.first + shot.mixed_frames // 2 for shot in shots]
    return lambda index: max(bisect_right(boundaries, index) - 1, 0)


def _list_shots(options: ColorizeOptions) -> tuple[ShotOptions, ...]:
    """Return the shots of the options; none if they are in a file, which has no options."""
    return options.shots if isinstance(options.shots, tuple) else ()


def _list_values(
    options: ColorizeOptions, name: Literal["vividness", "saturation"]
) -> tuple[Sequence[ShotOptions], list[float | None]]:
    """Return the shots of the options, and the value of each one; one value without shots."""
    default: float | None = getattr(options, name)
    shots = _list_shots(options)
    own = [getattr(shot, name) for shot in shots] or [None]
    return shots, [default if value is None else value for value in own]
