"""Parsers of option values."""

from __future__ import annotations

import typer


def parse_counts(text: str) -> tuple[int, ...]:
    """Parse whole numbers separated by commas, for example ``1,5,10``.

    Raises:
        typer.BadParameter: one of them is not a whole number.
    """
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is not a list of whole numbers; write 1,5,10", param_hint="--hint-curve"
        ) from None
