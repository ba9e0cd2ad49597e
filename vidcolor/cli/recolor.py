"""`vidcolor recolor`: color originals whose color has faded, or never was right."""

from __future__ import annotations

import inspect
from typing import Annotated, Any

import typer

from vidcolor.cli.colorize import LOOK, colorize, run_colorize

DEFAULT_TRUST = 0.7
_LEFT_OUT = ("hints", "reference", "gray_from")
"""Options of `colorize` that have no meaning beside the original's own color."""

Trust = Annotated[
    float,
    typer.Option(
        min=0,
        max=1,
        help="In the original's color, where it can be believed: 0 leaves it aside, 1 follows it.",
        rich_help_panel=LOOK,
    ),
]


def recolor(**given: Any) -> None:
    """Give faded or wrongly lit color originals believable color.

    For prints that have gone pink, tapes without color to speak of, scenes under
    lamps of one color. The luma goes through bit for bit. What the original's
    color still tells (its cast undone, shot by shot) leads the network's guess;
    where it tells nothing, the guess stands alone. All else is as in colorize.

    [bold]Examples[/bold]

      vidcolor recolor eastman-1962.mov --for editing
      vidcolor recolor slides/ --out-dir slides-restored/ --trust 0.9
      vidcolor recolor club.mp4 --trust 0.4 --start 1:30 --end 2:00
    """
    run_colorize(**given)


def _signature() -> inspect.Signature:
    """What `colorize` takes, but for what is left out, and trust first among the looks."""
    taken = inspect.signature(colorize, eval_str=True).parameters
    parameters = []
    for name, parameter in taken.items():
        if name == "vividness":
            keyword = inspect.Parameter.KEYWORD_ONLY
            kind = keyword if parameter.kind is keyword else parameter.kind
            trust = inspect.Parameter("trust", kind, default=DEFAULT_TRUST, annotation=Trust)
            parameters.append(trust)
        if name not in _LEFT_OUT:
            parameters.append(parameter)
    return inspect.Signature(parameters)


# One list of options for both commands: Typer reads it from here.
recolor.__signature__ = _signature()  # type: ignore[attr-defined]
recolor.__annotations__ = {
    name: parameter.annotation for name, parameter in _signature().parameters.items()
}
