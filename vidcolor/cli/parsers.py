"""Parsers of option values.

Typer prints the name of the option before the message of a `typer.BadParameter`.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TypedDict

import typer

from vidcolor import timecode


def parse_time(text: str) -> Fraction:
    """Parse a time such as ``90.5``, ``1:30.5`` or ``0:01:30.5`` into seconds.

    Raises:
        typer.BadParameter: the text is not a time.
    """
    try:
        return timecode.parse_time(str(text))
    except (ValueError, ZeroDivisionError):
        raise typer.BadParameter(
            f"{text!r} is not a time; write 90.5 (seconds) or 0:01:30.5"
        ) from None


def parse_frame_rate(text: str) -> Fraction:
    """Parse a frame rate such as ``24``, ``23.976`` or ``24000/1001``.

    Decimal NTSC rates become exact: 23.976 is 24000/1001.

    Raises:
        typer.BadParameter: the text is not a frame rate.
    """
    try:
        rate = Fraction(str(text))
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if rate <= 0:
        raise typer.BadParameter(f"{text!r} is not a frame rate; write 24, 23.976 or 24000/1001")
    ntsc = Fraction(round(rate * Fraction(1001, 1000)) * 1000, 1001)
    is_ntsc = abs(float(rate - ntsc)) < 0.005 and rate.denominator != 1
    return ntsc if is_ntsc else rate


def parse_encoder_option(text: str) -> tuple[str, str]:
    """Parse ``KEY=VALUE``, for example ``crf=18``.

    Raises:
        typer.BadParameter: the text does not have this form.
    """
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise typer.BadParameter(
            f"{text!r} is not KEY=VALUE; write crf=18", param_hint="--encoder-option"
        )
    return key.strip(), value


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


def parse_reference(text: str) -> tuple[Path, Fraction | None]:
    """Parse ``frame.png`` or ``frame.png@0:01:23.5`` into a path and an optional film time.

    A file whose name contains ``@`` is found by its full name.

    Raises:
        typer.BadParameter: the file does not exist and the text after ``@`` is not a time.
    """
    name, separator, time = text.rpartition("@")
    if not separator or not name or Path(text).exists():
        return Path(text), None
    try:
        return Path(name), parse_time(time)
    except typer.BadParameter:
        raise typer.BadParameter(
            f"{text}: no such file, and the text after @ is not a time; write frame.png@0:01:23.5",
            param_hint="--reference",
        ) from None


class ReferenceOptions(TypedDict):
    """The fields of `ColorizeOptions` that ``--reference`` sets."""

    reference: Path | None
    reference_time: Fraction | None


def parse_reference_options(text: str | None) -> ReferenceOptions:
    """Parse the value of ``--reference``; None if it was not given."""
    path, time = (None, None) if text is None else parse_reference(text)
    return ReferenceOptions(reference=path, reference_time=time)


def parse_encoder_options(texts: list[str] | None) -> tuple[tuple[str, str], ...]:
    """Parse the values of ``--encoder-option``."""
    return tuple(parse_encoder_option(text) for text in texts or ())
